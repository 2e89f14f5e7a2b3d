// How much of the texts the model cannot read: the share of tokens that its tokenizer does not know.
#pragma once

#include <filesystem>
#include <string>

#include "runtime/communicator.h"
#include "tables/prepared.h"

namespace limner {

struct UnknownTokens {
  std::string tokenizer;            // WordPiece, BPE, Unigram
  bool has_unknown = false;         // false: every text can be read
  int64_t tokens = 0, unknown = 0;  // of all texts, whole, without special tokens; tokens 0: not measured
  int64_t texts_with_unknown = 0;
};

// A collective; the result is on rank 0. Not measured, with a log line, where the folder is gone or its
// tokenizer is another than `tokenizer_sha256`, which the vectors were made with.
UnknownTokens count_unknown_tokens(const PreparedReader& prepared, const std::filesystem::path& checkpoint,
                                   const std::string& tokenizer_sha256, int threads,
                                   const Communicator& communicator);

}  // namespace limner
