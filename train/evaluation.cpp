#include "train/evaluation.h"

#include <algorithm>
#include <cmath>

#include "runtime/error.h"
#include "text/batcher.h"

namespace limner {
namespace {

constexpr int64_t block_rows = 512;
constexpr int64_t comfortable_tokens = 2048;

// Everything a block of rows contributes, in row order. It travels to rank 0 as bytes.
struct BlockResult {
  std::vector<double> loss_sum, loss_weight;    // one a head
  std::vector<std::vector<float>> predictions;  // one a head: rows x outputs

  BlockResult(const std::vector<HeadSpec>& heads, int64_t rows)
      : loss_sum(heads.size(), 0.0), loss_weight(heads.size(), 0.0) {
    for (const HeadSpec& head : heads) predictions.emplace_back(static_cast<size_t>(rows * head.outputs()));
  }

  // Calls f(data, bytes) for each part: one list for writing and reading.
  template <class F>
  void for_parts(F&& f) {
    f(loss_sum.data(), loss_sum.size() * sizeof(double));
    f(loss_weight.data(), loss_weight.size() * sizeof(double));
    for (std::vector<float>& values : predictions) f(values.data(), values.size() * sizeof(float));
  }
  void append_to(std::string& bytes) {
    for_parts([&](void* data, size_t size) { bytes.append(static_cast<const char*>(data), size); });
  }
  void take_from(std::string_view& bytes) {
    for_parts([&](void* data, size_t size) {
      require(bytes.size() >= size, "an evaluation block of {} bytes is short of {}", bytes.size(), size);
      std::copy_n(bytes.data(), size, static_cast<char*>(data));
      bytes.remove_prefix(size);
    });
  }
};

struct BlockRange {
  int64_t first, count;
};

std::vector<BlockRange> blocks_of(const SplitRows& part) {
  std::vector<BlockRange> blocks;
  for (int64_t first = 0; first < part.count(); first += block_rows) {
    blocks.push_back({first, std::min(block_rows, part.count() - first)});
  }
  return blocks;
}

BlockResult evaluate_block(Model& model, const SplitRows& part, const BlockRange& block,
                           const TokenCache& tokens, const Labels& labels, int64_t max_tokens) {
  BlockResult result(model.heads(), block.count);
  const std::span<const int32_t> lengths =
      std::span(part.lengths).subspan(static_cast<size_t>(block.first), static_cast<size_t>(block.count));
  for (const std::vector<int64_t>& batch : range_batches(lengths, max_tokens)) {
    std::vector<int64_t> rows;
    for (const int64_t index : batch) rows.push_back(part.rows[static_cast<size_t>(block.first + index)]);
    const Model::Output output = model.forward(pack_rows(tokens, rows), Purpose::inference);
    const Model::Loss loss = model.evaluate_loss(labels.of_rows(rows));
    const std::vector<std::vector<float>> predictions = model.predictions(output);
    for (size_t head = 0; head < predictions.size(); ++head) {
      result.loss_sum[head] += loss.sum[head];
      result.loss_weight[head] += loss.weight[head];
      const int64_t width = model.heads()[head].outputs();
      for (size_t i = 0; i < batch.size(); ++i) {
        std::copy_n(predictions[head].data() + static_cast<int64_t>(i) * width, width,
                    result.predictions[head].data() + batch[i] * width);
      }
    }
  }
  return result;
}

HeadMetrics head_metrics(const HeadSpec& head, const HeadLabels& truth, const std::vector<float>& predictions,
                         double training_mean) {
  HeadMetrics metrics;
  if (head.kind == "single_label") {
    metrics = single_label_metrics(truth.classes, predictions, head.outputs());
  } else if (head.kind == "multi_label") {
    metrics = multi_label_metrics(truth.targets, predictions, head.outputs());
  } else {
    metrics = regression_metrics(truth.targets, predictions, training_mean);
  }
  metrics.name = head.name;
  metrics.classes = head.classes;
  return metrics;
}

// Rank 0: blocks in row order become metrics.
Evaluation combine(const Model& model, const SplitRows& part, const Labels& labels,
                   const std::vector<BlockResult>& blocks) {
  Evaluation evaluation;
  evaluation.rows = part.count();
  const std::vector<HeadLabels> truth = labels.of_rows(part.rows);
  for (size_t head = 0; head < model.heads().size(); ++head) {
    const HeadSpec& spec = model.heads()[head];
    std::vector<float> predictions;
    double sum = 0.0, weight = 0.0;
    for (const BlockResult& block : blocks) {
      predictions.insert(predictions.end(), block.predictions[head].begin(), block.predictions[head].end());
      sum += block.loss_sum[head];
      weight += block.loss_weight[head];
    }
    HeadMetrics metrics = head_metrics(spec, truth[head], predictions, labels.training_mean(head));
    if (weight > 0.0) {
      metrics.loss = sum / weight;
      evaluation.loss = (std::isnan(evaluation.loss) ? 0.0 : evaluation.loss) + spec.weight * metrics.loss;
    }
    evaluation.heads.push_back(std::move(metrics));
  }
  return evaluation;
}

}  // namespace

int64_t evaluation_tokens(int64_t max_tokens_per_batch, int32_t longest_row) {
  return std::max<int64_t>(std::min(max_tokens_per_batch, comfortable_tokens), longest_row);
}

std::optional<Evaluation> evaluate(Model& model, const SplitRows& part, const TokenCache& tokens,
                                   const Labels& labels, const Communicator& ranks, int64_t max_tokens,
                                   const std::function<bool()>& stop) {
  const std::vector<BlockRange> blocks = blocks_of(part);
  std::string mine;
  for (size_t round = 0; round < blocks.size(); round += static_cast<size_t>(ranks.size())) {
    if (ranks.any(stop(), "agree on stopping an evaluation")) return std::nullopt;
    const size_t own = round + static_cast<size_t>(ranks.rank());
    if (own >= blocks.size()) continue;
    evaluate_block(model, part, blocks[own], tokens, labels, max_tokens).append_to(mine);
  }
  const std::vector<std::string> gathered = ranks.gather(mine, 0, "gather predictions");
  if (!ranks.root()) return Evaluation();
  std::vector<std::string_view> parts(gathered.begin(), gathered.end());
  std::vector<BlockResult> results;
  for (size_t i = 0; i < blocks.size(); ++i) {
    results.emplace_back(model.heads(), blocks[i].count);
    results.back().take_from(parts[i % parts.size()]);
  }
  return combine(model, part, labels, results);
}

Json evaluation_json(const Evaluation& evaluation) {
  Json heads = Json::array();
  for (const HeadMetrics& metrics : evaluation.heads) heads.push_back(metrics_json(metrics));
  return {{"rows", evaluation.rows},
          {"loss", std::isnan(evaluation.loss) ? Json(nullptr) : Json(evaluation.loss)},
          {"heads", heads}};
}

}  // namespace limner
