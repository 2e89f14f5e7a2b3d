#include "extract/extractor.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "runtime/error.h"
#include "text/batcher.h"

namespace limner {

Extractor::Extractor(const ExtractionPlan& plan, Model& model, SentenceVectors& vectors,
                     const Tokenizer& tokenizer, const PreparedReader& prepared, int threads)
    : plan_(plan),
      model_(model),
      vectors_(vectors),
      tokenizer_(tokenizer),
      prepared_(prepared),
      threads_(threads),
      customers_(prepared.customer_ids(0, prepared.customers())) {}

std::optional<ShardData> Extractor::compute(int64_t first, int64_t rows, const std::function<bool()>& stop) {
  const std::vector<std::vector<int32_t>> encoded =
      tokenizer_.encode_all(prepared_.texts(first, rows), plan_.max_length, threads_);
  const std::vector<std::span<const int32_t>> tokens(encoded.begin(), encoded.end());
  std::vector<int64_t> row_ids(static_cast<size_t>(rows));
  std::iota(row_ids.begin(), row_ids.end(), first);

  ShardData shard;
  shard.first = first;
  for (const auto& row : encoded) shard.tokens.push_back(static_cast<int32_t>(row.size()));
  for (const int64_t customer : prepared_.customer_index(first, rows)) {
    shard.customers.push_back(customers_.at(static_cast<size_t>(customer)));
  }
  shard.embedding.resize(static_cast<size_t>(rows * plan_.width()));
  for (const HeadSpec& head : plan_.heads) {
    shard.predictions.emplace_back(static_cast<size_t>(rows * head.outputs()));
  }
  for (const std::vector<int64_t>& batch : range_batches(shard.tokens, plan_.max_tokens)) {
    if (stop()) return std::nullopt;
    compute_batch(shard, batch, tokens, row_ids);
  }
  return shard;
}

void Extractor::compute_batch(ShardData& shard, const std::vector<int64_t>& batch,
                              const std::vector<std::span<const int32_t>>& tokens,
                              const std::vector<int64_t>& row_ids) {
  const Batch packed = pack(batch, tokens, row_ids);
  const Model::Output output = model_.forward(packed, Purpose::inference);
  const std::vector<std::vector<float>> predictions = model_.predictions(output);
  const std::vector<float> computed = vectors_.compute(model_, packed);

  const int64_t width = plan_.width();
  for (size_t row = 0; row < batch.size(); ++row) {
    const float* source = computed.data() + static_cast<int64_t>(row) * width;
    if (!std::all_of(source, source + width, [](float value) { return std::isfinite(value); })) {
      fail(ExitCode::bad_data,
           "{}: the vector of row {} is not finite; the weights or precision are at fault",
           plan_.checkpoint.string(), shard.first + batch[row]);
    }
    std::copy_n(source, width, shard.embedding.data() + batch[row] * width);
    for (size_t head = 0; head < predictions.size(); ++head) {
      const int64_t classes = plan_.heads[head].outputs();
      std::copy_n(predictions[head].data() + static_cast<int64_t>(row) * classes, classes,
                  shard.predictions[head].data() + batch[row] * classes);
    }
  }
  tokens_done_ += packed.token_count();
}

}  // namespace limner
