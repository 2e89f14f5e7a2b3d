#include "profile/class_scores.h"

#include <algorithm>
#include <cmath>

#include "profile/scores.h"

namespace limner {
namespace {

double share(double part, double whole) { return whole > 0 ? part / whole : 0; }

int64_t largest(const Matrix& probabilities, int64_t row) {
  Eigen::Index index = 0;
  probabilities.row(row).maxCoeff(&index);
  return index;
}

double log_loss(const std::vector<int64_t>& observed, const Matrix& probabilities) {
  double loss = 0;
  for (int64_t row = 0; row < probabilities.rows(); ++row)
    loss -= std::log(std::max(1e-15, probabilities(row, observed[static_cast<size_t>(row)])));
  return loss / static_cast<double>(observed.size());
}

double accuracy(const std::vector<int64_t>& observed, const Matrix& probabilities) {
  double right = 0;
  for (int64_t row = 0; row < probabilities.rows(); ++row)
    right += largest(probabilities, row) == observed[static_cast<size_t>(row)] ? 1 : 0;
  return right / static_cast<double>(observed.size());
}

OneClassScores score_class(const ClassScores& all, const std::vector<int64_t>& observed,
                           const Matrix& predicted, size_t index) {
  OneClassScores scores;
  for (size_t other = 0; other < all.confusion.size(); ++other) {
    scores.customers += all.confusion[index][other];
    scores.predicted += all.confusion[other][index];
  }
  const auto hits = static_cast<double>(all.confusion[index][index]);
  scores.precision = share(hits, static_cast<double>(scores.predicted));
  scores.recall = share(hits, static_cast<double>(scores.customers));
  scores.f1 = share(2 * hits, static_cast<double>(scores.predicted + scores.customers));
  std::vector<double> of_class, told;
  for (int64_t row = 0; row < predicted.rows(); ++row) {
    of_class.push_back(observed[static_cast<size_t>(row)] == static_cast<int64_t>(index) ? 1 : 0);
    told.push_back(predicted(row, static_cast<int64_t>(index)));
  }
  scores.auc = area_under_curve(of_class, told);
  scores.pr_auc = average_precision(of_class, told);
  return scores;
}

}  // namespace

ClassScores score_classes(const std::vector<int64_t>& observed, const Matrix& predicted,
                          const Matrix& baseline) {
  ClassScores scores;
  scores.count = std::ssize(observed);
  const auto classes = static_cast<size_t>(predicted.cols());
  scores.confusion.assign(classes, std::vector<int64_t>(classes));
  for (int64_t row = 0; row < predicted.rows(); ++row) {
    const auto wanted = static_cast<size_t>(observed[static_cast<size_t>(row)]);
    ++scores.confusion[wanted][static_cast<size_t>(largest(predicted, row))];
    Eigen::RowVectorXd error = predicted.row(row);
    error[static_cast<int64_t>(wanted)] -= 1;
    scores.brier += error.squaredNorm() / static_cast<double>(observed.size());
  }
  scores.accuracy = accuracy(observed, predicted);
  scores.log_loss = log_loss(observed, predicted);
  scores.baseline_accuracy = accuracy(observed, baseline);
  scores.baseline_log_loss = log_loss(observed, baseline);
  scores.micro_precision = scores.micro_recall = scores.micro_f1 = scores.accuracy;
  double occurring = 0, with_auc = 0;
  for (size_t index = 0; index < classes; ++index) {
    const OneClassScores& entry =
        scores.per_class.emplace_back(score_class(scores, observed, predicted, index));
    if (entry.customers + entry.predicted > 0) {
      occurring += 1;
      scores.macro_precision += entry.precision;
      scores.macro_recall += entry.recall;
      scores.macro_f1 += entry.f1;
    }
    if (std::isnan(entry.auc)) continue;
    with_auc += 1;
    scores.auc += entry.auc;
  }
  scores.macro_precision /= occurring;
  scores.macro_recall /= occurring;
  scores.macro_f1 /= occurring;
  scores.auc /= with_auc;  // 0 / 0 is NaN
  return scores;
}

}  // namespace limner
