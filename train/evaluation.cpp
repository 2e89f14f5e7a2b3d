#include "train/evaluation.h"

#include <algorithm>
#include <cmath>

#include "runtime/error.h"
#include "runtime/random.h"
#include "text/batcher.h"

namespace limner {
namespace {

constexpr int64_t block_rows = 512;
constexpr int64_t comfortable_tokens = 2048;

// Everything a block of rows contributes, in row order. It travels to rank 0 as bytes.
struct BlockResult {
  std::vector<double> loss_sum, loss_weight;    // one an objective
  std::vector<std::vector<float>> predictions;  // one a head: rows x outputs

  BlockResult(const Model& model, int64_t rows)
      : loss_sum(model.objectives().size(), 0.0), loss_weight(model.objectives().size(), 0.0) {
    for (const HeadSpec& head : model.heads())
      predictions.emplace_back(static_cast<size_t>(rows * head.outputs()));
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

// Puts a batch's predictions where its rows stand in the block.
void take_predictions(BlockResult& result, const Model& model,
                      const std::vector<std::vector<float>>& predictions, const std::vector<int64_t>& batch) {
  for (size_t head = 0; head < predictions.size(); ++head) {
    const int64_t width = model.heads()[head].outputs();
    for (size_t i = 0; i < batch.size(); ++i) {
      std::copy_n(predictions[head].data() + static_cast<int64_t>(i) * width, width,
                  result.predictions[head].data() + batch[i] * width);
    }
  }
}

// The contrastive objective over the block's rows, each with a partner from anywhere in the part.
void add_pairs(BlockResult& result, Model& model, const TrainingData& data, const SplitRows& part,
               const BlockRange& block, int64_t max_tokens) {
  const uint64_t key = stable_hash("evaluation");
  std::vector<int64_t> partners;
  std::vector<int32_t> lengths;
  for (int64_t index = block.first; index < block.first + block.count; ++index) {
    partners.push_back(part.partner(index, key));
    lengths.push_back(part.lengths[static_cast<size_t>(index)] +
                      part.lengths[static_cast<size_t>(partners.back())]);
  }
  for (const std::vector<int64_t>& batch : range_batches(lengths, max_tokens)) {
    std::vector<int64_t> rows;
    for (const int64_t index : batch) {
      rows.push_back(part.rows[static_cast<size_t>(block.first + index)]);
      rows.push_back(part.rows[static_cast<size_t>(partners[static_cast<size_t>(index)])]);
    }
    const Batch packed = pack_pairs(data.tokens, rows);
    model.forward(packed, Purpose::inference);
    const Model::Loss loss = model.evaluate_loss(packed, data.labels.of_rows(rows));
    result.loss_sum.back() += loss.sum.back();
    result.loss_weight.back() += loss.weight.back();
  }
}

BlockResult evaluate_block(Model& model, const TrainingData& data, const SplitRows& part,
                           const BlockRange& block, int64_t max_tokens) {
  BlockResult result(model, block.count);
  const auto add_loss = [&](const Model::Loss& loss, size_t objective) {
    result.loss_sum[objective] += loss.sum[objective];
    result.loss_weight[objective] += loss.weight[objective];
  };
  const size_t heads = model.heads().size();
  const std::span<const int32_t> lengths =
      std::span(part.lengths).subspan(static_cast<size_t>(block.first), static_cast<size_t>(block.count));
  for (const std::vector<int64_t>& batch : range_batches(lengths, max_tokens)) {
    std::vector<int64_t> rows;
    for (const int64_t index : batch) rows.push_back(part.rows[static_cast<size_t>(block.first + index)]);
    const std::vector<HeadLabels> labels = data.labels.of_rows(rows);
    Batch packed = pack_rows(data.tokens, rows);
    if (heads > 0) {
      const Model::Output output = model.forward(packed, Purpose::inference);
      const Model::Loss loss = model.evaluate_loss(packed, labels);
      for (size_t head = 0; head < heads; ++head) add_loss(loss, head);
      take_predictions(result, model, model.predictions(output), batch);
    }
    if (data.language()) {  // the heads' metrics are of whole texts, so this is a forward of its own
      data.set_targets(packed, stable_hash("evaluation"));
      model.forward(packed, Purpose::inference);
      add_loss(model.evaluate_loss(packed, labels), heads);
    }
  }
  if (data.pairs) add_pairs(result, model, data, part, block, max_tokens);
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

// The mean loss of an objective; undefined without a label.
double mean_loss(const std::vector<BlockResult>& blocks, size_t objective) {
  double sum = 0.0, weight = 0.0;
  for (const BlockResult& block : blocks) {
    sum += block.loss_sum[objective];
    weight += block.loss_weight[objective];
  }
  return weight > 0.0 ? sum / weight : undefined_metric;
}

// Rank 0: blocks in row order become metrics.
Evaluation combine(const Model& model, const SplitRows& part, const Labels& labels,
                   const std::vector<BlockResult>& blocks) {
  Evaluation evaluation;
  evaluation.rows = part.count();
  const auto add_loss = [&](size_t objective) {
    const double loss = mean_loss(blocks, objective);
    if (std::isnan(loss)) return loss;
    evaluation.loss =
        (std::isnan(evaluation.loss) ? 0.0 : evaluation.loss) + model.objectives()[objective].weight * loss;
    return loss;
  };
  const std::vector<HeadLabels> truth = labels.of_rows(part.rows);
  for (size_t head = 0; head < model.heads().size(); ++head) {
    std::vector<float> predictions;
    for (const BlockResult& block : blocks) {
      predictions.insert(predictions.end(), block.predictions[head].begin(), block.predictions[head].end());
    }
    HeadMetrics metrics =
        head_metrics(model.heads()[head], truth[head], predictions, labels.training_mean(head));
    metrics.loss = add_loss(head);
    evaluation.heads.push_back(std::move(metrics));
  }
  if (model.config().has_language_head()) {
    evaluation.language_objective = model.config().language_objective();
    evaluation.language_loss = add_loss(model.heads().size());
  }
  if (model.config().contrastive.weight > 0) {
    evaluation.contrastive_loss = add_loss(model.objectives().size() - 1);
  }
  return evaluation;
}

}  // namespace

int64_t evaluation_tokens(int64_t max_tokens_per_batch, int64_t longest_row) {
  return std::max<int64_t>(std::min(max_tokens_per_batch, comfortable_tokens), longest_row);
}

std::optional<Evaluation> evaluate(Model& model, const TrainingData& data, const SplitRows& part,
                                   const Communicator& ranks, int64_t max_tokens,
                                   const std::function<bool()>& stop) {
  const std::vector<BlockRange> blocks = blocks_of(part);
  std::string mine;
  for (size_t round = 0; round < blocks.size(); round += static_cast<size_t>(ranks.size())) {
    if (ranks.any(stop(), "agree on stopping an evaluation")) return std::nullopt;
    const size_t own = round + static_cast<size_t>(ranks.rank());
    if (own >= blocks.size()) continue;
    evaluate_block(model, data, part, blocks[own], max_tokens).append_to(mine);
  }
  const std::vector<std::string> gathered = ranks.gather(mine, 0, "gather predictions");
  if (!ranks.root()) return Evaluation();
  std::vector<std::string_view> parts(gathered.begin(), gathered.end());
  std::vector<BlockResult> results;
  for (size_t i = 0; i < blocks.size(); ++i) {
    results.emplace_back(model, blocks[i].count);
    results.back().take_from(parts[i % parts.size()]);
  }
  return combine(model, part, data.labels, results);
}

Json evaluation_json(const Evaluation& evaluation) {
  Json heads = Json::array();
  for (const HeadMetrics& metrics : evaluation.heads) heads.push_back(metrics_json(metrics));
  const auto number = [](double value) { return std::isnan(value) ? Json(nullptr) : Json(value); };
  Json json{{"rows", evaluation.rows}, {"loss", number(evaluation.loss)}, {"heads", heads}};
  if (!std::isnan(evaluation.language_loss)) {
    json[evaluation.language_objective] = {{"loss", evaluation.language_loss},
                                           {"perplexity", std::exp(evaluation.language_loss)}};
  }
  if (!std::isnan(evaluation.contrastive_loss)) {
    json["contrastive"] = {{"loss", evaluation.contrastive_loss}};
  }
  return json;
}

}  // namespace limner
