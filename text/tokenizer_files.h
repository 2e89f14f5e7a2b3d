// The parts of a WordPiece tokenizer, and the files of a Hugging Face folder that hold them.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "runtime/files.h"
#include "text/added_tokens.h"
#include "text/character_table.h"
#include "text/tokenizer.h"

namespace limner {

struct TokenizerParts {
  NormalizerOptions normalizer;
  std::string unknown_token = "[UNK]";
  std::string continuing_prefix = "##";
  int64_t max_word_characters = 100;  // a longer word is unknown
  std::vector<std::pair<std::string, int32_t>>
      vocabulary;                                     // entry and id, ids ascending, added tokens not counted
  std::vector<AddedToken> added_tokens;               // ids ascending; some are entries of the vocabulary too
  std::vector<int32_t> ids_before, ids_behind;        // of a text: [CLS] and [SEP]
  std::map<std::string, std::string> special_tokens;  // "pad_token" → "[PAD]" and so on

  // Saved as they were read; they do not decide ids here.
  Json truncation, padding, decoder, post_processor;
  Json config = Json::object();  // tokenizer_config.json
};

// Does this tokenizer.json have BERT's combination of steps?
bool is_bert(const nlohmann::json& value);

// The parts of such a tokenizer.json, of the file named. Errors: an unsupported or malformed part, by name
// and value (bad_data).
TokenizerParts read_bert_json(const nlohmann::json& value, const std::string& file_name);

// The same of a folder, from that tokenizer.json or, where there is none (null), from vocab.txt.
TokenizerParts read_bert_folder(const std::filesystem::path& folder, const nlohmann::json& value);

// tokenizer_config.json or another file that may be missing: then an empty object.
Json read_optional_object(const std::filesystem::path& path);

NormalizerOptions normalizer_of(const WordPieceOptions& options);

// Of a new tokenizer with BERT's five special tokens, which the vocabulary must hold.
TokenizerParts bert_parts(std::vector<std::string> vocabulary, const NormalizerOptions& normalizer);

// tokenizer.json, tokenizer_config.json, special_tokens_map.json, and vocab.txt where line numbers can be
// ids.
void write_tokenizer_files(const std::filesystem::path& folder, const TokenizerParts& parts,
                           int64_t model_max_length);

// What decides ids, as text: equal tokenizers have equal descriptions.
std::string describe_tokenizer(const TokenizerParts& parts);

}  // namespace limner
