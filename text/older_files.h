// Tokenizers without tokenizer.json: vocab.json with merges.txt, or a SentencePiece model. They are read by
// writing the tokenizer.json that Hugging Face makes of them.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "runtime/files.h"

namespace limner {

struct OlderFiles {
  Json document;       // a tokenizer.json
  std::string source;  // the file it comes from
};

// Nothing if the folder has no such files. Errors: bad_data, what is malformed or not supported, such as a
// tokenizer_class other than GPT2Tokenizer and RobertaTokenizer, or what read_sentencepiece refuses.
std::optional<OlderFiles> read_older_files(const std::filesystem::path& folder, const Json& config);

}  // namespace limner
