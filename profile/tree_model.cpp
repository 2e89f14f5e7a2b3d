// Decision tree, random forest and gradient boosting, by XGBoost. A tree and a forest are fitted to squared
// error also for two classes: the mean of a leaf's zeros and ones is its share of the second class, and the
// gain of a split is that of the Gini impurity (Breiman 2001). Every fit runs on one thread, so that sums
// have one order; folds run beside each other.
#include <xgboost/c_api.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "profile/customer_model.h"
#include "runtime/error.h"

namespace limner {
namespace {

void check(int status) {
  if (status != 0) throw Error(ExitCode::internal, std::string("XGBoost: ") + XGBGetLastError());
}

// A customer is a row; XGBoost wants at least one column.
class TreeRows {
 public:
  explicit TreeRows(const Rows& features) {
    const auto columns = static_cast<size_t>(std::max<int64_t>(1, features.columns()));
    std::vector<float> values(static_cast<size_t>(features.count()) * columns);
    if (features.columns() > 0) {
      for_row_blocks(features, 1, [&](int64_t first, const Matrix& block) {
        std::transform(block.data(), block.data() + block.size(), values.begin() + first * features.columns(),
                       [](double value) { return static_cast<float>(value); });
      });
    }
    check(XGDMatrixCreateFromMat(values.data(), static_cast<bst_ulong>(features.count()),
                                 static_cast<bst_ulong>(columns), std::numeric_limits<float>::quiet_NaN(),
                                 &handle_));
  }
  ~TreeRows() { XGDMatrixFree(handle_); }
  TreeRows(const TreeRows&) = delete;
  TreeRows& operator=(const TreeRows&) = delete;
  DMatrixHandle get() const { return handle_; }

 private:
  DMatrixHandle handle_ = nullptr;
};

class Booster {
 public:
  Booster() { check(XGBoosterCreate(nullptr, 0, &handle_)); }
  explicit Booster(const TreeRows& rows) {
    const DMatrixHandle matrix = rows.get();
    check(XGBoosterCreate(&matrix, 1, &handle_));
  }
  ~Booster() {
    if (handle_) XGBoosterFree(handle_);
  }
  Booster(Booster&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Booster(const Booster&) = delete;
  Booster& operator=(const Booster&) = delete;
  BoosterHandle get() const { return handle_; }
  void set(const std::string& name, const std::string& value) {
    check(XGBoosterSetParam(handle_, name.c_str(), value.c_str()));
  }

 private:
  BoosterHandle handle_ = nullptr;
};

class TreeModel : public CustomerModel {
 public:
  TreeModel(Booster booster, Outcome outcome) : booster_(std::move(booster)), outcome_(outcome) {}

  Vector predict(const Matrix& features) const override {
    if (features.rows() == 0) return Vector(0);
    const TreeRows rows{MatrixRows(features)};
    bst_ulong count = 0;
    const float* values = nullptr;
    check(XGBoosterPredict(booster_.get(), rows.get(), 0, 0, 0, &count, &values));
    require(count == static_cast<bst_ulong>(features.rows()), "XGBoost gave {} predictions for {} customers",
            count, features.rows());
    const Vector result = Eigen::Map<const Eigen::VectorXf>(values, features.rows()).cast<double>();
    return outcome_ == Outcome::two_classes ? Vector(result.cwiseMax(0).cwiseMin(1)) : result;
  }
  Json to_json() const override { return {{"kind", "trees"}, {"outcome", outcome_name(outcome_)}}; }
  std::string booster() const override {
    bst_ulong size = 0;
    const char* bytes = nullptr;
    check(XGBoosterSaveModelToBuffer(booster_.get(), R"({"format": "json"})", &size, &bytes));
    return {bytes, size};
  }

 private:
  Booster booster_;
  Outcome outcome_;
};

std::map<std::string, std::string> parameters(const RegressionSettings& settings, Outcome outcome,
                                              int64_t features, double mean, uint64_t seed) {
  std::map<std::string, std::string> values{{"nthread", "1"},
                                            {"verbosity", "0"},
                                            {"seed", std::to_string(seed % 2147483647)},
                                            {"base_score", fmt::format("{}", mean)},
                                            {"objective", "reg:squarederror"},
                                            {"tree_method", "hist"},
                                            {"min_child_weight", std::to_string(settings.min_leaf)}};
  int64_t depth = 4;
  if (settings.kind == "boosting") {
    values["eta"] = fmt::format("{}", settings.learning_rate);
    values["lambda"] = fmt::format("{}", settings.penalty());
    if (outcome == Outcome::two_classes) values["objective"] = "binary:logistic";
  } else {
    values["eta"] = "1";
    values["lambda"] = "0";
  }
  if (settings.kind == "tree") {
    depth = 5;
    values["tree_method"] = "exact";
  }
  if (settings.kind == "forest") {
    depth = 12;
    const auto count = static_cast<double>(std::max<int64_t>(1, features));
    const double share = outcome == Outcome::number ? 1.0 / 3 : std::sqrt(count) / count;
    values["num_parallel_tree"] = std::to_string(settings.trees);
    values["subsample"] = "0.632";
    values["colsample_bynode"] = fmt::format("{}", std::max(share, 1 / count));
  }
  values["max_depth"] = std::to_string(settings.depth.value_or(depth));
  return values;
}

}  // namespace

CustomerModelPointer fit_tree_model(const RegressionSettings& settings, Outcome outcome, const Rows& features,
                                    const Vector& target, uint64_t seed) {
  const TreeRows rows(features);
  const Eigen::VectorXf labels = target.cast<float>();
  check(XGDMatrixSetFloatInfo(rows.get(), "label", labels.data(), static_cast<bst_ulong>(labels.size())));
  Booster booster(rows);
  for (const auto& [name, value] : parameters(settings, outcome, features.columns(), target.mean(), seed))
    booster.set(name, value);
  const int rounds = settings.kind == "boosting" ? static_cast<int>(settings.trees) : 1;
  for (int round = 0; round < rounds; ++round)
    check(XGBoosterUpdateOneIter(booster.get(), round, rows.get()));
  return std::make_unique<TreeModel>(std::move(booster), outcome);
}

CustomerModelPointer read_tree_model(const Json& json, const std::string& bytes) {
  Booster booster;
  if (XGBoosterLoadModelFromBuffer(booster.get(), bytes.data(), bytes.size()) != 0)
    fail(ExitCode::bad_data, "XGBoost cannot read a saved model: {}", XGBGetLastError());
  booster.set("nthread", "1");
  return std::make_unique<TreeModel>(std::move(booster),
                                     outcome_named(json.at("outcome").get<std::string>()));
}

}  // namespace limner
