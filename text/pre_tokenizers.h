// The pre-tokenizers of tokenizer.json: they cut pieces of text into smaller ones.
#pragma once

#include <functional>
#include <vector>

#include "text/json_reader.h"
#include "text/piece_list.h"

namespace limner {

struct PreTokenizers {
  std::vector<std::function<void(PieceList&)>> steps;  // in order
  // The last step turns each byte into a character of its own; here the bytes stay, and the vocabulary is
  // turned back.
  bool byte_level = false;
};

// `file` may have "pre_tokenizer". Errors: bad_data, unsupported parts by key and value.
PreTokenizers read_pre_tokenizers(const JsonObject& file);

}  // namespace limner
