// Where the tokenizer comes from: the checkpoint, or a vocabulary learned from the training texts.
#pragma once

#include <filesystem>
#include <functional>

#include "runtime/communicator.h"
#include "runtime/settings.h"
#include "tables/prepared.h"
#include "text/tokenizer.h"

namespace limner {

// Learns a WordPiece vocabulary from the training rows, ranks counting words in turn; the result does not
// depend on their number. A vocabulary learned from the same rows with the same settings is read back from
// `folder` instead. All ranks together; `stop` is asked between blocks of rows.
Tokenizer learn_tokenizer(const std::filesystem::path& folder, const VocabularySettings& settings,
                          int64_t max_length, const PreparedReader& prepared,
                          const std::string& prepared_sha256, const std::vector<Split>& split,
                          const Communicator& ranks, int threads, const std::function<bool()>& stop);

WordPieceOptions word_piece_options(const VocabularySettings& settings);

// bad_data, "does not fit the model", if the tokenizer has ids beyond the embedding table.
void check_vocabulary(const Tokenizer& tokenizer, int64_t embeddings, const std::filesystem::path& where);

}  // namespace limner
