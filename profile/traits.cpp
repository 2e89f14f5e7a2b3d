#include "profile/traits.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace limner {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double microseconds_per_day = 86400e6;
constexpr size_t most_classes = 8, most_categories = 6;

// The places of the largest counts, in their own order; with two categories the second stands for both.
std::vector<size_t> largest(const std::vector<double>& counts, size_t most, double least) {
  if (counts.size() == 2) return {1};
  std::vector<size_t> order(counts.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return counts[a] > counts[b]; });
  while (!order.empty() && (order.size() > most || counts[order.back()] < least)) order.pop_back();
  std::sort(order.begin(), order.end());
  return order;
}

void add_behaviour(std::vector<Trait>& traits, const Customers& customers) {
  Trait& texts = traits.emplace_back(Trait{TraitGroup::behaviour, "texts per customer", false, 0, 0, {}, {}});
  texts.values.assign(customers.texts.begin(), customers.texts.end());
  if (!customers.has_time()) return;
  const int64_t newest = *std::max_element(customers.last_time.begin(), customers.last_time.end());
  Trait& age = traits.emplace_back(Trait{TraitGroup::behaviour, "days since last text", false, 0, 0, {}, {}});
  for (const int64_t time : customers.last_time) {
    age.values.push_back(time == missing_time ? nan
                                              : static_cast<double>(newest - time) / microseconds_per_day);
  }
}

void add_measured(std::vector<Trait>& traits, const char* name, const std::vector<double>& values) {
  if (!values.empty()) traits.push_back({TraitGroup::behaviour, name, false, 0, 0, values, {}});
}

void add_predictions(std::vector<Trait>& traits, const HeadAverages& head) {
  const auto column = [&](size_t index) {
    const Vector values = head.mean.col(static_cast<int64_t>(index));
    return std::vector<double>(values.begin(), values.end());
  };
  if (head.kind == "regression") {
    traits.push_back({TraitGroup::prediction, "predicted " + head.name, false, 0, 0, column(0), {}});
    return;
  }
  const Eigen::RowVectorXd shares = head.mean.colwise().mean();
  const bool single = head.kind == "single_label";
  std::vector<size_t> shown(head.classes.size());
  std::iota(shown.begin(), shown.end(), size_t{0});
  if (single || shown.size() > most_classes) shown = largest({shares.begin(), shares.end()}, most_classes, 0);
  for (const size_t index : shown) {
    traits.push_back(
        {TraitGroup::prediction, head.name + " = " + head.classes[index], true, 0, 0, column(index), {}});
  }
}

void add_attribute(std::vector<Trait>& traits, const CustomerColumn& column) {
  if (column.is_number) {
    const bool share = std::all_of(column.numbers.begin(), column.numbers.end(),
                                   [](double v) { return std::isnan(v) || v == 0 || v == 1; });
    traits.push_back({TraitGroup::attribute, column.name, share, 0, 0, column.numbers, {}});
    return;
  }
  std::vector<double> counts(column.categories.size());
  for (const int32_t code : column.codes) {
    if (code >= 0) counts[static_cast<size_t>(code)] += 1;
  }
  for (const size_t index : largest(counts, most_categories, static_cast<double>(column.codes.size()) / 20)) {
    Trait& trait = traits.emplace_back(
        Trait{TraitGroup::attribute, column.name + " = " + column.categories[index], true, 0, 0, {}, {}});
    for (const int32_t code : column.codes) {
      trait.values.push_back(code < 0 ? nan : static_cast<size_t>(code) == index ? 1 : 0);
    }
  }
}

void average(Trait& trait, const Segmentation& segmentation) {
  std::vector<double> sums(segmentation.sizes.size()), counts(sums.size());
  for (size_t i = 0; i < trait.values.size(); ++i) {
    if (std::isnan(trait.values[i])) continue;
    sums[static_cast<size_t>(segmentation.segment[i])] += trait.values[i];
    counts[static_cast<size_t>(segmentation.segment[i])] += 1;
  }
  const double count = std::accumulate(counts.begin(), counts.end(), 0.0);
  trait.mean = count > 0 ? std::accumulate(sums.begin(), sums.end(), 0.0) / count : nan;
  double squares = 0;
  for (const double value : trait.values) {
    if (!std::isnan(value)) squares += (value - trait.mean) * (value - trait.mean);
  }
  trait.deviation = count > 0 ? std::sqrt(squares / count) : nan;
  for (size_t segment = 0; segment < sums.size(); ++segment) {
    trait.by_segment.push_back(counts[segment] > 0 ? sums[segment] / counts[segment] : nan);
  }
}

}  // namespace

double Trait::difference(size_t segment) const {
  if (!(deviation > 1e-9 * std::abs(mean)) || std::isnan(by_segment[segment])) return 0;
  return (by_segment[segment] - mean) / deviation;
}

std::vector<Trait> describe_traits(const Customers& customers, const std::vector<CustomerColumn>& columns,
                                   const Segmentation& segmentation) {
  std::vector<Trait> traits;
  if (customers.have_texts()) add_behaviour(traits, customers);
  add_measured(traits, "change of what is written", customers.change);
  add_measured(traits, "sentiment by lexicon", customers.sentiment);
  for (const HeadAverages& head : customers.heads) add_predictions(traits, head);
  for (const CustomerColumn& column : columns) add_attribute(traits, column);
  for (Trait& trait : traits) average(trait, segmentation);
  std::erase_if(traits, [](const Trait& trait) { return std::isnan(trait.mean); });
  return traits;
}

}  // namespace limner
