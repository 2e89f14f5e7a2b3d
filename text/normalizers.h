// The normalizers of tokenizer.json.
#pragma once

#include <functional>
#include <vector>

#include "text/aligned_text.h"
#include "text/json_reader.h"

namespace limner {

using Normalizer = std::function<void(AlignedText&)>;

// `file` may have "normalizer"; a Sequence is its members in order. Errors: bad_data, unsupported parts by
// key and value.
std::vector<Normalizer> read_normalizers(const JsonObject& file);

}  // namespace limner
