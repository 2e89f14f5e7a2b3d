#include "profile/fairness.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "runtime/error.h"

namespace limner {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr int64_t least_customers = 20;  // fewer: a gap would be mostly chance

double mean(const std::vector<double>& values) {
  return values.empty()
             ? nan
             : std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// Share of predictions of at least 0.5 among customers whose outcome is `observed`; any outcome when it is
// NaN.
double selection_rate(const std::vector<double>& seen, const std::vector<double>& predicted,
                      double observed) {
  double selected = 0, count = 0;
  for (size_t i = 0; i < seen.size(); ++i) {
    if (!std::isnan(observed) && seen[i] != observed) continue;
    count += 1;
    selected += predicted[i] >= 0.5 ? 1 : 0;
  }
  return count > 0 ? selected / count : nan;
}

GroupScores score_group(const std::string& name, const std::vector<size_t>& members,
                        const Regression& regression) {
  std::vector<double> observed, predicted, baseline;
  for (const size_t member : members) {
    observed.push_back(regression.target.values[member]);
    predicted.push_back(regression.predicted[member]);
    baseline.push_back(regression.baseline[member]);
  }
  GroupScores scores;
  scores.group = name;
  scores.customers = std::ssize(members);
  scores.observed = mean(observed);
  scores.predicted = mean(predicted);
  if (regression.two_classes()) {
    scores.probability = score_probabilities(observed, predicted, baseline);
    scores.selected = selection_rate(observed, predicted, nan);
    scores.true_positive_rate = selection_rate(observed, predicted, 1);
    scores.false_positive_rate = selection_rate(observed, predicted, 0);
  } else {
    scores.number = score_numbers(observed, predicted, baseline);
  }
  return scores;
}

Gap gap_of(const std::string& measure, const std::vector<GroupScores>& groups,
           const std::function<double(const GroupScores&)>& value) {
  Gap gap{measure, nan, "", ""};
  const GroupScores *lowest = nullptr, *highest = nullptr;
  for (const GroupScores& group : groups) {
    if (group.customers < least_customers || std::isnan(value(group))) continue;
    if (!lowest || value(group) < value(*lowest)) lowest = &group;
    if (!highest || value(group) > value(*highest)) highest = &group;
  }
  if (!lowest || lowest == highest) return gap;
  gap.value = value(*highest) - value(*lowest);
  gap.lowest = lowest->group;
  gap.highest = highest->group;
  return gap;
}

}  // namespace

GroupComparison compare_groups(const CustomerColumn& column, const Regression& regression) {
  if (column.is_number) {
    fail(ExitCode::bad_config,
         "profile.fairness.groups: field '{}' is a number; name a category field of customers", column.name);
  }
  GroupComparison result;
  result.field = column.name;
  result.target = regression.name;
  result.kind = regression.settings.kind;
  result.two_classes = regression.two_classes();
  result.least_customers = least_customers;
  std::vector<std::vector<size_t>> members(column.categories.size() + 1);  // the last one: missing
  for (size_t i = 0; i < column.codes.size(); ++i) {
    if (std::isnan(regression.predicted[i])) continue;
    members[column.codes[i] < 0 ? column.categories.size() : static_cast<size_t>(column.codes[i])].push_back(
        i);
  }
  for (size_t group = 0; group < members.size(); ++group) {
    if (members[group].empty()) continue;
    result.groups.push_back(score_group(
        group < column.categories.size() ? column.categories[group] : "missing", members[group], regression));
  }
  std::stable_sort(result.groups.begin(), result.groups.end(),
                   [](const GroupScores& a, const GroupScores& b) { return a.customers > b.customers; });

  const auto gap = [&](const char* measure, const std::function<double(const GroupScores&)>& value) {
    result.gaps.push_back(gap_of(measure, result.groups, value));
  };
  gap("mean outcome", [](const GroupScores& g) { return g.observed; });
  gap("mean prediction", [](const GroupScores& g) { return g.predicted; });
  gap("bias", [](const GroupScores& g) { return g.predicted - g.observed; });
  if (regression.two_classes()) {
    gap("share selected", [](const GroupScores& g) { return g.selected; });
    gap("true positive rate", [](const GroupScores& g) { return g.true_positive_rate; });
    gap("false positive rate", [](const GroupScores& g) { return g.false_positive_rate; });
    gap("accuracy", [](const GroupScores& g) { return g.probability.accuracy; });
    gap("AUC", [](const GroupScores& g) { return g.probability.auc; });
  } else {
    gap("RMSE", [](const GroupScores& g) { return g.number.rmse; });
    gap("MAE", [](const GroupScores& g) { return g.number.mae; });
  }
  return result;
}

}  // namespace limner
