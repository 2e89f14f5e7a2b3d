#include "profile/behaviour.h"
#include "profile/results.h"

namespace limner {
namespace {

template <class Values>
CustomerColumn numbers(const std::string& name, const Values& values) {
  CustomerColumn column;
  column.name = name;
  column.numbers.assign(values.begin(), values.end());
  return column;
}

}  // namespace

std::vector<CustomerColumn> customer_table(const ProfileResults& results) {
  const Customers& customers = results.customers;
  std::vector<CustomerColumn> table = results.columns;
  table.push_back(numbers("texts", customers.texts));
  table.push_back(numbers("tokens", customers.tokens));
  if (customers.has_time()) table.push_back(days_since_last_text(customers));
  if (!customers.change.empty()) table.push_back(numbers("change of what is written", customers.change));
  if (!customers.sentiment.empty()) table.push_back(numbers("sentiment by lexicon", customers.sentiment));
  table.push_back(numbers("segment", results.segmentation.segment));
  for (double& segment : table.back().numbers) segment += 1;
  for (const HeadAverages& head : customers.heads) {
    for (Eigen::Index column = 0; column < head.mean.cols(); ++column) {
      const Vector values = head.mean.col(column);
      const std::string& name = head.classes[static_cast<size_t>(column)];
      table.push_back(numbers(head.kind == "regression" ? head.name : head.name + " = " + name, values));
    }
  }
  for (const Regression& regression : results.regressions)
    table.push_back(numbers(regression.name + " predicted", regression.predicted));
  for (const Classification& classification : results.classifications) {
    for (size_t index = 0; index < classification.classes.size(); ++index) {
      const Vector chances = classification.predicted.col(static_cast<Eigen::Index>(index));
      table.push_back(numbers(
          fmt::format("{} = {} predicted", classification.name, classification.classes[index]), chances));
    }
  }
  for (const AppliedModel& model : results.applied) {
    for (size_t index = 0; index < model.classes.size(); ++index) {
      const Vector chances = model.chances.col(static_cast<Eigen::Index>(index));
      table.push_back(numbers(fmt::format("{} = {} predicted", model.name, model.classes[index]), chances));
    }
    if (model.classes.empty()) table.push_back(numbers(model.name + " predicted", model.predicted));
  }
  for (Eigen::Index topic = 0; topic < results.topics.customers.cols(); ++topic) {
    const Vector values = results.topics.customers.col(topic);
    table.push_back(numbers(fmt::format("topic {}", topic + 1), values));
  }
  if (!results.recommendations.empty()) {
    CustomerColumn& items = table.emplace_back();
    items.name = "items";
    for (const int64_t index : customers.table_index) {
      items.numbers.push_back(static_cast<double>(results.recommendations.taken[static_cast<size_t>(index)]));
    }
  }
  return table;
}

}  // namespace limner
