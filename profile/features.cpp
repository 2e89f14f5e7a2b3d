#include "profile/features.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "runtime/error.h"

namespace limner {
namespace {

constexpr size_t most_categories = 20;

// Columns gathered one by one; constant ones stay out.
class TableBuilder {
 public:
  void add(Feature feature, std::vector<double> values) {
    const auto known = [](double value) { return !std::isnan(value); };
    const auto first = std::find_if(values.begin(), values.end(), known);
    const bool varies = std::any_of(first, values.end(), [&](double v) { return known(v) && v != *first; });
    if (!varies) return;
    features_.push_back(std::move(feature));
    columns_.push_back(std::move(values));
  }
  FeatureTable table(int64_t customers) const {
    FeatureTable table{features_, Matrix(customers, std::ssize(columns_))};
    for (size_t column = 0; column < columns_.size(); ++column) {
      table.values.col(static_cast<int64_t>(column)) =
          Eigen::Map<const Vector>(columns_[column].data(), customers);
    }
    return table;
  }

 private:
  std::vector<Feature> features_;
  std::vector<std::vector<double>> columns_;
};

void add_number(TableBuilder& builder, const CustomerColumn& column) {
  std::vector<double> missing;
  for (const double value : column.numbers) missing.push_back(std::isnan(value) ? 1 : 0);
  Feature feature{column.name, FeatureSource::attribute, ""};
  feature.field = column.field;
  feature.category = column.category;
  builder.add(feature, column.numbers);
  feature.name += " missing";
  feature.reference = "known";
  feature.part = Feature::Part::missing_number;
  builder.add(feature, std::move(missing));
}

void add_category(TableBuilder& builder, const CustomerColumn& column, int64_t least_customers) {
  const size_t categories = column.categories.size() + 1;  // the last one: missing
  const auto place = [&](int32_t code) { return code < 0 ? categories - 1 : static_cast<size_t>(code); };
  std::vector<int64_t> counts(categories);
  for (const int32_t code : column.codes) ++counts[place(code)];
  std::vector<size_t> order(categories);
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return counts[a] > counts[b]; });
  const auto name = [&](size_t category) {
    return category == categories - 1 ? std::string("missing") : column.categories[category];
  };
  for (size_t position = 1; position < std::min(order.size(), most_categories + 1); ++position) {
    const size_t category = order[position];
    if (counts[category] < least_customers) break;
    std::vector<double> values;
    for (const int32_t code : column.codes) values.push_back(place(code) == category ? 1 : 0);
    Feature feature{column.name + " = " + name(category), FeatureSource::attribute, name(order[0])};
    feature.field = column.field;
    feature.part = category == categories - 1 ? Feature::Part::missing_value : Feature::Part::value;
    if (feature.part == Feature::Part::value) feature.value = name(category);
    builder.add(std::move(feature), std::move(values));
  }
}

}  // namespace

FeatureTable attribute_features(const std::vector<CustomerColumn>& columns, int64_t least_customers) {
  TableBuilder builder;
  size_t customers = 0;
  for (const CustomerColumn& column : columns) {
    customers = column.is_number ? column.numbers.size() : column.codes.size();
    if (column.is_number) {
      add_number(builder, column);
    } else {
      add_category(builder, column, least_customers);
    }
  }
  return builder.table(static_cast<int64_t>(customers));
}

FeatureTable prediction_features(const std::vector<HeadAverages>& heads) {
  TableBuilder builder;
  int64_t customers = 0;
  for (const HeadAverages& head : heads) {
    customers = head.mean.rows();
    int64_t reference = -1;
    if (head.kind == "single_label") head.mean.colwise().mean().maxCoeff(&reference);
    for (int64_t column = 0; column < head.mean.cols(); ++column) {
      if (column == reference) continue;
      const Vector values = head.mean.col(column);
      const std::string name = head.kind == "regression"
                                   ? head.name
                                   : head.name + " = " + head.classes[static_cast<size_t>(column)];
      Feature feature{"predicted " + name, FeatureSource::prediction,
                      reference < 0 ? "" : head.classes[static_cast<size_t>(reference)]};
      feature.field = head.name;
      feature.category = head.classes[static_cast<size_t>(column)];
      builder.add(std::move(feature), {values.data(), values.data() + values.size()});
    }
  }
  return builder.table(customers);
}

FeatureTable topic_features(const Matrix& shares) {
  TableBuilder builder;
  Vector sums = Vector::Zero(shares.cols());
  for (int64_t row = 0; row < shares.rows(); ++row) {
    if (shares.cols() > 0 && !std::isnan(shares(row, 0))) sums += shares.row(row);
  }
  Eigen::Index reference = -1;
  if (shares.cols() > 0) sums.maxCoeff(&reference);
  for (Eigen::Index topic = 0; topic < shares.cols(); ++topic) {
    if (topic == reference) continue;
    Feature feature{fmt::format("topic {}", topic + 1), FeatureSource::topic,
                    fmt::format("topic {}", reference + 1)};
    feature.field = "topic";
    feature.category = std::to_string(topic);
    const Vector values = shares.col(topic);
    builder.add(std::move(feature), {values.begin(), values.end()});
  }
  return builder.table(shares.rows());
}

FeatureTable word_vector_features(const Matrix& vectors) {
  TableBuilder builder;
  for (Eigen::Index place = 0; place < vectors.cols(); ++place) {
    Feature feature{fmt::format("word vector {}", place + 1), FeatureSource::word_vector, ""};
    feature.field = "word vector";
    feature.category = std::to_string(place);
    const Vector values = vectors.col(place);
    builder.add(std::move(feature), {values.begin(), values.end()});
  }
  return builder.table(vectors.rows());
}

FeatureTable behaviour_features(const std::vector<CustomerColumn>& columns) {
  FeatureTable table = attribute_features(columns);
  for (Feature& feature : table.features) feature.source = FeatureSource::behaviour;
  return table;
}

AttributeVectors attribute_vectors(const std::vector<CustomerColumn>& columns) {
  FeatureTable table = attribute_features(columns);
  if (table.features.empty()) {
    fail(ExitCode::bad_data, "no field of customers has two different values: nothing tells customers apart");
  }
  const Standardizer standardizer{MatrixRows(table.values)};
  return {std::move(table.features), standardizer, standardizer.apply(table.values)};
}

FeatureTable join(const FeatureTable& left, const FeatureTable& right) {
  if (left.features.empty()) return right;
  if (right.features.empty()) return left;
  FeatureTable table = left;
  table.features.insert(table.features.end(), right.features.begin(), right.features.end());
  table.values.resize(left.values.rows(), left.values.cols() + right.values.cols());
  table.values << left.values, right.values;
  return table;
}

}  // namespace limner
