// Any tokenizer.json as the steps it names: normalizers, pre-tokenizers, a model, a post-processor. BERT's
// usual combination has a faster way of its own (word_reader.h).
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "runtime/files.h"
#include "text/added_tokens.h"
#include "text/normalizers.h"
#include "text/pre_tokenizers.h"
#include "text/token_model.h"

namespace limner {

// What the post-processor adds to a text and does to offsets.
struct PostProcessing {
  std::vector<int32_t> ids_before, ids_behind;
  // Offsets without the white space at a token's ends; one for each processor that asks for it.
  struct Trim {
    bool add_prefix_space;  // leaves one space at the beginning, which was not in the text
    bool behind_special;    // ids_before stand already when it is done
  };
  std::vector<Trim> trims;
};

struct Pipeline {
  std::string kind;  // of the model: BPE, Unigram, WordPiece
  std::vector<Normalizer> normalizers;
  PreTokenizers pre_tokenizers;
  std::unique_ptr<const TokenModel> model;
  PostProcessing post_processing;
  std::vector<AddedToken> added_tokens;  // ids ascending
  std::vector<std::string> contents;     // of each id; empty where there is none
  std::optional<int32_t> unknown_id;
  std::string document;  // tokenizer.json, for saving
};

// A tokenizer.json, as a value and as text. Errors: bad_data, unsupported parts by key and value.
Pipeline read_pipeline(const nlohmann::json& value, std::string document, const std::string& file);

// "post_processor" of a tokenizer.json.
PostProcessing read_post_processing(const JsonObject& file);

// "added_tokens" of a tokenizer.json whose vocabulary is `ids`, ids ascending. `entries`: equal ones counted
// each.
std::vector<AddedToken> read_added_tokens(const JsonObject& file,
                                          const std::unordered_map<std::string, int32_t>& ids,
                                          size_t entries);

}  // namespace limner
