#include "profile/feature_sets.h"

#include <algorithm>
#include <functional>
#include <set>

#include "runtime/error.h"
#include "runtime/random.h"

namespace limner {
namespace {

// "a", "a and b", "a, b and c".
std::string listed(const std::vector<FeatureSet>& sets) {
  std::string text;
  for (size_t i = 0; i < sets.size(); ++i)
    text += (i == 0 ? "" : i + 1 == sets.size() ? " and " : ", ") + sets[i].name;
  return text;
}

}  // namespace

std::vector<FeatureSet> feature_sets(const RegressionInputs& inputs, const std::vector<std::string>& chosen,
                                     const std::string& target) {
  std::vector<FeatureSet> sets;
  const auto wanted = [&](const char* group) {
    return std::find(chosen.begin(), chosen.end(), group) != chosen.end();
  };
  const auto add_table = [&](const char* group, const FeatureTable& table, const char* name) {
    if (!wanted(group)) return;
    if (table.features.empty()) {
      fail(ExitCode::bad_data, "regression of '{}': its features name {}, but there are none of customers",
           target, group);
    }
    sets.push_back({name, table, nullptr});
  };
  if (wanted("attributes") && !inputs.attributes.features.empty())
    sets.push_back({"attributes", inputs.attributes, nullptr});
  add_table("behaviour", inputs.behaviour, "behaviour");
  if (wanted("texts") && inputs.texts) sets.push_back({"texts", inputs.predictions, &inputs.components});
  add_table("topics", inputs.topics, "topics");
  add_table("word_vectors", inputs.word_vectors, "word vectors");
  if (sets.empty())
    fail(ExitCode::bad_data, "regression of '{}': there is nothing to predict it from", target);
  if (sets.size() == 1) return sets;
  FeatureSet all{listed(sets), {}, nullptr};
  for (const FeatureSet& set : sets) {
    all.fixed = join(all.fixed, set.fixed);
    if (set.components) all.components = set.components;
  }
  sets.push_back(std::move(all));
  return sets;
}

Matrix Design::block(int64_t first, int64_t rows) const {
  const Matrix& fixed = set_.fixed.values;
  Matrix result(rows, columns());
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t customer = customers_[static_cast<size_t>(first + row)];
    if (fixed.cols() > 0) result.row(row).head(fixed.cols()) = fixed.row(customer);
    if (components_ > 0) result.row(row).tail(components_) = set_.components->row(customer).head(components_);
  }
  return result;
}

Indices deal_folds(const std::vector<double>& target, bool by_class, int64_t folds, uint64_t seed,
                   const std::string& purpose) {
  const Indices order = permutation(std::ssize(target), Random(seed, purpose));
  const std::set<double, std::greater<>> classes =
      by_class ? std::set<double, std::greater<>>(target.begin(), target.end())
               : std::set<double, std::greater<>>{0};
  Indices result(target.size());
  int64_t dealt = 0;
  for (const double wanted : classes) {
    for (const int64_t index : order) {
      if (by_class && target[static_cast<size_t>(index)] != wanted) continue;
      result[static_cast<size_t>(index)] = dealt++ % folds;
    }
  }
  return result;
}

void split_fold(const Indices& rows, const Indices& folds, int64_t fold, Indices& fitting, Indices& asked) {
  for (size_t i = 0; i < rows.size(); ++i) (folds[i] == fold ? asked : fitting).push_back(rows[i]);
}

Indices sample_rows(const Indices& rows, int64_t most, uint64_t seed, const std::string& purpose) {
  if (std::ssize(rows) <= most) return rows;
  Indices places = permutation(std::ssize(rows), Random(seed, purpose));
  places.resize(static_cast<size_t>(most));
  std::sort(places.begin(), places.end());
  Indices result;
  for (const int64_t place : places) result.push_back(rows[static_cast<size_t>(place)]);
  return result;
}

Vector pick(const Vector& values, const Indices& rows) {
  Vector result(std::ssize(rows));
  for (int64_t i = 0; i < result.size(); ++i) result[i] = values[rows[static_cast<size_t>(i)]];
  return result;
}

}  // namespace limner
