#include "train/best_metric.h"

#include <algorithm>

#include <fmt/ranges.h>

#include "runtime/error.h"

namespace limner {

BestMetric BestMetric::parse(const std::string& setting, const std::vector<HeadSpec>& heads) {
  if (setting == "auto") return {"", "loss"};
  const size_t slash = setting.find('/');
  const std::string head = setting.substr(0, slash);
  const auto found =
      std::find_if(heads.begin(), heads.end(), [&](const HeadSpec& spec) { return spec.name == head; });
  if (slash == std::string::npos || found == heads.end()) {
    fail(ExitCode::bad_config,
         "train.metric_for_best_model: '{}' is neither auto nor HEAD/METRIC with one of train.heads",
         setting);
  }
  const std::string metric = setting.substr(slash + 1);
  std::vector<std::string> known{"loss", "accuracy", "macro_precision", "macro_recall", "macro_f1"};
  if (found->kind == "single_label" && found->classes.size() == 2) known.emplace_back("auc");
  if (found->kind == "multi_label") known.emplace_back("micro_f1");
  if (found->kind == "regression") known = {"loss", "r2", "rmse", "mae"};
  if (std::find(known.begin(), known.end(), metric) == known.end()) {
    fail(ExitCode::bad_config, "train.metric_for_best_model: head '{}' ({}) has no metric '{}'; it has {}",
         head, found->kind, metric, fmt::join(known, ", "));
  }
  return {head, metric};
}

double BestMetric::of(const Evaluation& evaluation) const {
  if (head.empty()) return evaluation.loss;
  for (const HeadMetrics& metrics : evaluation.heads) {
    if (metrics.name == head) return *metrics.find(metric);
  }
  fail(ExitCode::internal, "no metrics of head {}", head);
}

bool BestMetric::better(double value, double than) const {
  return larger_is_better(metric) ? value > than : value < than;
}

}  // namespace limner
