#include "train/labels.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "runtime/error.h"
#include "runtime/log.h"

namespace limner {
namespace {

const char* type_name(FieldType type) {
  switch (type) {
    case FieldType::number:
      return "number";
    case FieldType::category:
      return "category";
    case FieldType::multi_category:
      return "multi_category";
  }
  return "unknown";
}

[[noreturn]] void wrong_type(const HeadSettings& head, const Field& field, const char* wanted) {
  fail(ExitCode::bad_config, "train.heads: head '{}' is {}, which wants a {} field, but '{}' is of type {}",
       head.name, head.kind, wanted, field.name, type_name(field.type));
}

HeadSpec named_like(const HeadSettings& settings) {
  HeadSpec head;
  head.name = settings.name;
  head.field = settings.field;
  head.kind = settings.kind;
  head.weight = settings.weight;
  head.label_use = {static_cast<float>(settings.label_smoothing), static_cast<float>(settings.focal_gamma)};
  return head;
}

// Classes weigh inversely to their frequency: total / (classes * count), over the classes that occur.
std::vector<float> balanced_weights(const std::vector<int64_t>& counts) {
  int64_t total = 0, occurring = 0;
  for (const int64_t count : counts) {
    total += count;
    occurring += count > 0 ? 1 : 0;
  }
  std::vector<float> weights;
  for (const int64_t count : counts) {
    weights.push_back(
        count == 0 ? 1.0f
                   : static_cast<float>(static_cast<double>(total) / static_cast<double>(occurring * count)));
  }
  return weights;
}

void check_counts(const HeadSpec& head, const std::vector<int64_t>& counts) {
  std::vector<std::string> present, absent;
  for (size_t i = 0; i < counts.size(); ++i) (counts[i] > 0 ? present : absent).push_back(head.classes[i]);
  if (present.empty()) {
    fail(ExitCode::bad_data, "head '{}': field '{}' is missing in every training row", head.name, head.field);
  }
  if (present.size() == 1) {
    fail(ExitCode::bad_data,
         "head '{}': the training rows have only one class of field '{}': '{}'; there is nothing to learn",
         head.name, head.field, present.front());
  }
  if (!absent.empty()) {
    log_warning("head {}: {} of {} classes of field {} are not in the training rows", head.name,
                absent.size(), counts.size(), head.field);
  }
}

}  // namespace

std::string shortest_form(double value) { return fmt::format("{}", value == 0.0 ? 0.0 : value); }

std::vector<double> number_classes(const std::vector<double>& numbers, const HeadSettings& head) {
  std::set<double> distinct;
  for (const double value : numbers) {
    if (std::isnan(value)) continue;
    distinct.insert(value);
    if (static_cast<int64_t>(distinct.size()) > most_number_classes) {
      fail(ExitCode::bad_config,
           "train.heads: head '{}': field '{}' has more than {} distinct numbers; use kind: regression",
           head.name, head.field, most_number_classes);
    }
  }
  return {distinct.begin(), distinct.end()};
}

void check_heads(const std::vector<HeadSettings>& heads) {
  std::set<std::string> names;
  for (const HeadSettings& head : heads) {
    if (head.name.empty() || head.name.find_first_of("/. \t") != std::string::npos) {
      fail(ExitCode::bad_config,
           "train.heads: '{}' is no name for a head: it must not be empty nor hold '/', "
           "'.' or blanks",
           head.name);
    }
    if (head.field.empty()) {
      fail(ExitCode::bad_config, "train.heads: head '{}' names no field to predict", head.name);
    }
    if (!names.insert(head.name).second) {
      fail(ExitCode::bad_config, "train.heads: two heads are named '{}'", head.name);
    }
  }
}

Labels::Labels(const PreparedReader& prepared, const std::vector<HeadSettings>& heads,
               const std::vector<Split>& split) {
  check_heads(heads);
  for (const HeadSettings& head : heads) {
    const Field& field = prepared.field(head.field);
    const FieldValues values = prepared.values(head.field, 0, prepared.rows());
    if (head.kind == "single_label") {
      add_single_label(head, field, values, split);
    } else if (head.kind == "multi_label") {
      add_multi_label(head, field, values, split);
    } else {
      add_regression(head, field, values, split);
    }
  }
}

void Labels::add_single_label(const HeadSettings& settings, const Field& field, const FieldValues& values,
                              const std::vector<Split>& split) {
  HeadSpec head = named_like(settings);
  Column column;
  if (field.type == FieldType::category) {
    head.classes = field.categories;
    column.codes = values.codes;
  } else if (field.type == FieldType::number) {
    const std::vector<double> classes = number_classes(values.numbers, settings);
    for (const double value : classes) head.classes.push_back(shortest_form(value));
    for (const double value : values.numbers) {
      const auto found = std::lower_bound(classes.begin(), classes.end(), value);
      column.codes.push_back(std::isnan(value) ? -1 : static_cast<int32_t>(found - classes.begin()));
    }
  } else {
    wrong_type(settings, field, "category or number");
  }
  std::vector<int64_t> counts(head.classes.size(), 0);
  for (size_t row = 0; row < split.size(); ++row) {
    if (split[row] == Split::train && column.codes[row] >= 0)
      counts[static_cast<size_t>(column.codes[row])]++;
  }
  check_counts(head, counts);
  if (settings.class_weight == "auto") head.class_weight = balanced_weights(counts);
  heads_.push_back(std::move(head));
  columns_.push_back(std::move(column));
}

void Labels::add_multi_label(const HeadSettings& settings, const Field& field, const FieldValues& values,
                             const std::vector<Split>& split) {
  if (field.type == FieldType::number) wrong_type(settings, field, "multi_category or category");
  HeadSpec head = named_like(settings);
  head.classes = field.categories;
  Column column;
  std::vector<int64_t> counts(head.classes.size(), 0);
  column.offsets.push_back(0);
  for (size_t row = 0; row < split.size(); ++row) {
    if (field.type == FieldType::multi_category) {
      const std::vector<int32_t>& codes = values.multi_codes[row];
      column.codes.insert(column.codes.end(), codes.begin(), codes.end());
    } else if (values.codes[row] >= 0) {
      column.codes.push_back(values.codes[row]);
    }
    if (split[row] == Split::train) {
      for (auto i = static_cast<size_t>(column.offsets.back()); i < column.codes.size(); ++i) {
        counts[static_cast<size_t>(column.codes[i])]++;
      }
    }
    column.offsets.push_back(static_cast<int64_t>(column.codes.size()));
  }
  check_counts(head, counts);
  if (settings.class_weight == "auto") head.class_weight = balanced_weights(counts);
  heads_.push_back(std::move(head));
  columns_.push_back(std::move(column));
}

void Labels::add_regression(const HeadSettings& settings, const Field& field, const FieldValues& values,
                            const std::vector<Split>& split) {
  if (field.type != FieldType::number) wrong_type(settings, field, "number");
  if (settings.class_weight == "auto") {
    fail(ExitCode::bad_config,
         "train.heads: head '{}' is regression and has no classes to weigh; remove "
         "class_weight",
         settings.name);
  }
  if (settings.label_smoothing > 0 || settings.focal_gamma > 0) {
    fail(ExitCode::bad_config,
         "train.heads: head '{}' is regression and has no classes to smooth or to focus on; remove "
         "label_smoothing and focal_gamma",
         settings.name);
  }
  HeadSpec head = named_like(settings);
  Column column;
  double sum = 0.0, squares = 0.0;
  int64_t count = 0;
  for (size_t row = 0; row < split.size(); ++row) {
    column.targets.push_back(static_cast<float>(values.numbers[row]));
    if (split[row] != Split::train || std::isnan(values.numbers[row])) continue;
    sum += values.numbers[row];
    ++count;
  }
  if (count == 0) {
    fail(ExitCode::bad_data, "head '{}': field '{}' is missing in every training row", head.name, head.field);
  }
  column.training_mean = sum / static_cast<double>(count);
  for (size_t row = 0; row < split.size(); ++row) {
    if (split[row] != Split::train || std::isnan(values.numbers[row])) continue;
    const double difference = values.numbers[row] - column.training_mean;
    squares += difference * difference;
  }
  if (squares == 0.0) {
    fail(ExitCode::bad_data,
         "head '{}': field '{}' has the same value in every training row; there is nothing to learn",
         head.name, head.field);
  }
  if (settings.standardize == "auto") {
    head.target_mean = column.training_mean;
    head.target_scale = std::sqrt(squares / static_cast<double>(count));
  }
  heads_.push_back(std::move(head));
  columns_.push_back(std::move(column));
}

std::vector<HeadLabels> Labels::of_rows(std::span<const int64_t> rows) const {
  std::vector<HeadLabels> labels(heads_.size());
  for (size_t head = 0; head < heads_.size(); ++head) {
    const Column& column = columns_[head];
    HeadLabels& out = labels[head];
    const auto classes = static_cast<size_t>(heads_[head].outputs());
    if (heads_[head].kind == "single_label") {
      for (const int64_t row : rows) out.classes.push_back(column.codes[static_cast<size_t>(row)]);
    } else if (heads_[head].kind == "regression") {
      for (const int64_t row : rows) out.targets.push_back(column.targets[static_cast<size_t>(row)]);
    } else {
      for (const int64_t row : rows) {
        const auto begin = static_cast<size_t>(column.offsets[static_cast<size_t>(row)]);
        const auto end = static_cast<size_t>(column.offsets[static_cast<size_t>(row) + 1]);
        const size_t start = out.targets.size();
        out.targets.resize(start + classes, begin == end ? std::numeric_limits<float>::quiet_NaN() : 0.0f);
        for (size_t i = begin; i < end; ++i) out.targets[start + static_cast<size_t>(column.codes[i])] = 1.0f;
      }
    }
  }
  return labels;
}

int64_t Labels::bytes() const {
  int64_t bytes = 0;
  for (const Column& column : columns_) {
    bytes +=
        static_cast<int64_t>(column.codes.size() * sizeof(int32_t) + column.offsets.size() * sizeof(int64_t) +
                             column.targets.size() * sizeof(float));
  }
  return bytes;
}

}  // namespace limner
