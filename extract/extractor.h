// Computes the vectors and predictions of one range of rows.
#pragma once

#include <functional>
#include <optional>

#include "extract/plan.h"
#include "extract/shards.h"
#include "model/model.h"
#include "model/sentence_vectors.h"
#include "tables/prepared.h"
#include "text/tokenizer.h"

namespace limner {

// The rows of a range are tokenized, sorted by length, packed into batches by a token budget, computed, and
// put back into their order. Batches depend on nothing but the rows of the range, so its bytes are the same
// whoever computes it.
class Extractor {
 public:
  Extractor(const ExtractionPlan& plan, Model& model, SentenceVectors& vectors, const Tokenizer& tokenizer,
            const PreparedReader& prepared, int threads);
  // Nothing: `stop`, asked before each batch, said so.
  std::optional<ShardData> compute(int64_t first, int64_t rows, const std::function<bool()>& stop);
  int64_t tokens_done() const { return tokens_done_; }

 private:
  const ExtractionPlan& plan_;
  Model& model_;
  SentenceVectors& vectors_;
  const Tokenizer& tokenizer_;
  const PreparedReader& prepared_;
  int threads_;
  std::vector<std::string> customers_;
  int64_t tokens_done_ = 0;

  void compute_batch(ShardData& shard, const std::vector<int64_t>& batch,
                     const std::vector<std::span<const int32_t>>& tokens,
                     const std::vector<int64_t>& row_ids);
};

}  // namespace limner
