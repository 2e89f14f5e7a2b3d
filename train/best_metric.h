// Which number decides the best checkpoint.
#pragma once

#include <string>
#include <vector>

#include "model/config.h"
#include "train/evaluation.h"

namespace limner {

struct BestMetric {
  std::string head, metric;  // no head: the loss of all heads

  // Takes train.metric_for_best_model apart and checks it against the heads (bad_config).
  static BestMetric parse(const std::string& setting, const std::vector<HeadSpec>& heads);
  double of(const Evaluation& evaluation) const;
  bool better(double value, double than) const;
  std::string name() const { return head.empty() ? metric : head + "/" + metric; }
};

}  // namespace limner
