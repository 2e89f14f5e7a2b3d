// What the heads predict: their classes and scales, found in the prepared rows, and every row's label.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/config.h"
#include "model/model.h"
#include "runtime/settings.h"
#include "tables/prepared.h"

namespace limner {

class Labels {
 public:
  // Classes are sorted: a category field's categories, or the distinct values of a number field by their
  // size, written in their shortest form. Weights of classes, means and scales come from training rows only.
  // Errors: no such field (bad_config with the fields there are), a kind that the field's type cannot have
  // (bad_config), training rows with fewer than two classes or values (bad_data).
  Labels(const PreparedReader& prepared, const std::vector<HeadSettings>& heads,
         const std::vector<Split>& split);

  const std::vector<HeadSpec>& heads() const { return heads_; }
  // Mean of a regression head's training targets: the baseline to beat.
  double training_mean(size_t head) const { return columns_[head].training_mean; }
  // One entry a head, for these prepared rows.
  std::vector<HeadLabels> of_rows(std::span<const int64_t> rows) const;
  int64_t bytes() const;

 private:
  struct Column {
    std::vector<int32_t> codes;    // single_label: -1 missing; multi_label: codes of all rows end to end
    std::vector<int64_t> offsets;  // multi_label: rows + 1
    std::vector<float> targets;    // regression: NaN missing
    double training_mean = 0.0;
  };
  std::vector<HeadSpec> heads_;
  std::vector<Column> columns_;

  void add_single_label(const HeadSettings& head, const Field& field, const FieldValues& values,
                        const std::vector<Split>& split);
  void add_multi_label(const HeadSettings& head, const Field& field, const FieldValues& values,
                       const std::vector<Split>& split);
  void add_regression(const HeadSettings& head, const Field& field, const FieldValues& values,
                      const std::vector<Split>& split);
};

// Names that are given and used once: they become names of tensors and of HDF5 datasets (bad_config).
void check_heads(const std::vector<HeadSettings>& heads);

// Distinct values, ascending; NaN is none of them. More than most_number_classes: bad_config, it is a
// quantity.
constexpr int64_t most_number_classes = 1000;
std::vector<double> number_classes(const std::vector<double>& numbers, const HeadSettings& head);
std::string shortest_form(double value);

}  // namespace limner
