// What an extraction computes, decided from the settings, the checkpoint and the prepared rows before any
// work is done, the same on every rank.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "extract/shards.h"
#include "model/model.h"
#include "runtime/run.h"

namespace limner {

struct ExtractionPlan {
  std::filesystem::path checkpoint;
  ModelConfig config;  // unpooled_tokens: once the tokenizer is there
  std::vector<HeadSpec> heads;
  HeadInput head_input = HeadInput::mean;
  DType precision = DType::f32;
  SentenceConfig sentence;            // what the checkpoint says, with the settings over it
  std::optional<int64_t> dimensions;  // leading numbers of a vector that are kept; absent: all
  std::string prompt;                 // before every text
  int64_t max_length = 0;             // tokens of a row
  int64_t max_tokens = 0;             // of a batch; at least max_length
  int64_t max_rows = 0;               // of a batch
  int64_t width() const { return dimensions.value_or(sentence.width(config.hidden)); }
};

// Errors: no such checkpoint (missing_input, "run `limner train`"), max_length beyond the model's positions
// (bad_config), more dimensions than the vectors have, a prompt that is none (bad_config), precision or
// device that this machine lacks (bad_config).
ExtractionPlan plan_extraction(const Run& run);

// Rows of one shard: the unit of work and of recovery. At most extract.rows_per_shard; small tables are cut
// into about 64 shards, so that ranks share the work evenly. A function of the table's size alone, never of
// the number of ranks: the same command gives the same files anywhere.
int64_t shard_rows(int64_t rows, int64_t rows_per_shard);
int64_t most_batch_rows(int64_t max_tokens, const ExtractSettings& settings);

// Everything but model_sha256, tokenizer_sha256 and prepared_sha256, which are read from whole files.
ShardProvenance describe_extraction(const ExtractionPlan& plan, const ExtractSettings& settings,
                                    int64_t rows);

const char* pooling_name(Pooling pooling);

}  // namespace limner
