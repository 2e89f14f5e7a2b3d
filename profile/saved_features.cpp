// Features of a fitted model, written down and made again of other customers.
#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "profile/features.h"
#include "runtime/error.h"

namespace limner {
namespace {

constexpr std::array<std::pair<const char*, Feature::Part>, 4> parts{
    {{"number", Feature::Part::number},
     {"missing_number", Feature::Part::missing_number},
     {"value", Feature::Part::value},
     {"missing_value", Feature::Part::missing_value}}};

constexpr std::array<const char*, 6> sources{"attribute", "prediction",  "topic",
                                             "behaviour", "word_vector", "component"};

bool of_number(const Feature& feature) {
  return feature.part == Feature::Part::number || feature.part == Feature::Part::missing_number;
}

Vector of_column(const Feature& feature, const CustomerColumn& column, int64_t customers) {
  Vector values(customers);
  for (int64_t row = 0; row < customers; ++row) {
    const auto i = static_cast<size_t>(row);
    const bool missing = column.is_number ? std::isnan(column.numbers[i]) : column.codes[i] < 0;
    if (feature.part == Feature::Part::number) {
      values[row] = column.numbers[i];
    } else if (feature.part != Feature::Part::value) {
      values[row] = missing ? 1 : 0;
    } else {
      values[row] =
          !missing && column.categories[static_cast<size_t>(column.codes[i])] == feature.value ? 1 : 0;
    }
  }
  return values;
}

Vector of_head(const Feature& feature, const Customers& customers, const std::string& wanted_by) {
  for (const HeadAverages& head : customers.heads) {
    if (head.name != feature.field) continue;
    const auto found = std::find(head.classes.begin(), head.classes.end(), feature.category);
    if (found != head.classes.end()) return head.mean.col(found - head.classes.begin());
  }
  fail(ExitCode::bad_data,
       "{} wants what the head '{}' predicts; extract with the checkpoint it was fitted on", wanted_by,
       feature.field);
}

// The column that the feature's category is the number of.
Vector numbered_column(const Feature& feature, const Matrix& columns, const char* file,
                       const std::string& wanted_by) {
  for (Eigen::Index column = 0; column < columns.cols(); ++column) {
    if (feature.category == std::to_string(column)) return columns.col(column);
  }
  fail(ExitCode::bad_data, "{} wants {}, but profile.fitted_from has no {} with it", wanted_by, feature.name,
       file);
}

const CustomerColumn& of_behaviour(const Feature& feature, const std::vector<CustomerColumn>& behaviour,
                                   const std::string& wanted_by) {
  for (const CustomerColumn& column : behaviour) {
    if (column.field == feature.field) return column;
  }
  fail(ExitCode::bad_data,
       "{} wants '{}' of customers; map the time and the item of their rows in prepare.sources", wanted_by,
       feature.field);
}

}  // namespace

const char* source_name(FeatureSource source) { return sources.at(static_cast<size_t>(source)); }

Matrix same_features(const std::vector<Feature>& features, const FeatureSources& from,
                     const std::string& wanted_by) {
  const Customers& customers = from.customers;
  Matrix values(customers.count(), std::ssize(features));
  std::map<std::pair<std::string, std::string>, CustomerColumn> columns;
  for (size_t i = 0; i < features.size(); ++i) {
    const Feature& feature = features[i];
    const auto column = static_cast<int64_t>(i);
    switch (feature.source) {
      case FeatureSource::prediction:
        values.col(column) = of_head(feature, customers, wanted_by);
        break;
      case FeatureSource::topic:
        values.col(column) = numbered_column(feature, from.topics, "topics.h5", wanted_by);
        break;
      case FeatureSource::word_vector:
        values.col(column) = numbered_column(feature, from.word_vectors, "models/word_vectors.h5", wanted_by);
        break;
      case FeatureSource::component:
        fail(ExitCode::bad_data, "{} wants `{}`, which is no column", wanted_by, feature.name);
      case FeatureSource::behaviour:
        values.col(column) =
            of_column(feature, of_behaviour(feature, from.behaviour, wanted_by), customers.count());
        break;
      case FeatureSource::attribute: {
        auto [entry, absent] = columns.try_emplace({feature.field, feature.category});
        if (absent) {
          entry->second = same_column(from.prepared, customers, feature.field, feature.category,
                                      of_number(feature), wanted_by);
        }
        values.col(column) = of_column(feature, entry->second, customers.count());
        break;
      }
    }
  }
  return values;
}

Json to_json(const std::vector<Feature>& features) {
  Json json = Json::array();
  for (const Feature& feature : features) {
    json.push_back({{"name", feature.name},
                    {"source", source_name(feature.source)},
                    {"reference", feature.reference},
                    {"part", parts.at(static_cast<size_t>(feature.part)).first},
                    {"field", feature.field},
                    {"category", feature.category},
                    {"value", feature.value}});
  }
  return json;
}

std::vector<Feature> read_features(const Json& json) {
  std::vector<Feature> features;
  for (const Json& entry : json) {
    Feature& feature = features.emplace_back();
    const auto text = [&](const char* key) { return entry.at(key).get<std::string>(); };
    feature.name = text("name");
    const auto source = std::find(sources.begin(), sources.end(), text("source"));
    if (source == sources.end()) {
      fail(ExitCode::bad_data, "a saved feature comes from the unknown source `{}`", text("source"));
    }
    feature.source = static_cast<FeatureSource>(source - sources.begin());
    feature.reference = text("reference");
    for (const auto& [name, part] : parts) {
      if (text("part") == name) feature.part = part;
    }
    feature.field = text("field");
    feature.category = text("category");
    feature.value = text("value");
  }
  return features;
}

}  // namespace limner
