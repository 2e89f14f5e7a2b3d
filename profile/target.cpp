// What a regression predicts, from a column of customers.
#include <algorithm>
#include <cmath>
#include <limits>

#include "profile/regression.h"
#include "runtime/error.h"

namespace limner {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

}  // namespace

Target make_target(const CustomerColumn& column, const RegressionSettings& settings) {
  Target target{settings.target, {}, "", "", Outcome::number};
  const auto wrong = [&](const std::string& what) {
    fail(ExitCode::bad_config, "profile.regressions: target '{}' {}", settings.target, what);
  };
  std::vector<double> values;
  if (column.is_number) {
    values = column.numbers;
  } else {
    for (const int32_t code : column.codes) values.push_back(code < 0 ? nan : code);
  }
  std::vector<double> distinct;
  for (const double value : values) {
    if (!std::isnan(value)) distinct.push_back(value);
  }
  if (distinct.empty())
    fail(ExitCode::bad_data, "target '{}' is missing for every customer", settings.target);
  std::sort(distinct.begin(), distinct.end());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());

  const bool wants_classes = settings.kind == "logistic" || settings.kind == "naive_bayes";
  const bool wants_numbers = settings.kind == "ridge" || settings.kind == "elastic_net";
  const bool classes = wants_classes || (!wants_numbers && (!column.is_number || distinct.size() == 2));
  if (!column.is_number && wants_numbers)
    wrong("is a category; " + refuse_outcome(settings.kind, Outcome::two_classes));
  if (classes && distinct.size() > 2)
    wrong(fmt::format("has {} different values; {} wants two", distinct.size(), settings.kind));
  const auto name = [&](double value) {
    return column.is_number ? fmt::format("{}", value) : column.categories[static_cast<size_t>(value)];
  };
  if (classes && distinct.size() == 2) {
    target.outcome = Outcome::two_classes;
    target.negative = name(distinct[0]);
    target.positive = name(distinct[1]);
    for (double& value : values) {
      if (!std::isnan(value)) value = value == distinct[1] ? 1 : 0;
    }
  }
  if (distinct.size() < 2) {
    fail(ExitCode::bad_data, "target '{}' has the same value for every customer: nothing can be predicted",
         settings.target);
  }
  target.values = std::move(values);
  return target;
}

}  // namespace limner
