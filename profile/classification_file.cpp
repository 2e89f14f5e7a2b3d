// The classifications of regression.json.
#include <algorithm>

#include "profile/results.h"

namespace limner {
namespace {

Json scores_json(const ClassScores& scores, const std::vector<std::string>& classes) {
  Json per_class = Json::array();
  for (size_t index = 0; index < classes.size(); ++index) {
    const OneClassScores& entry = scores.per_class[index];
    per_class.push_back({{"class", classes[index]},
                         {"customers", entry.customers},
                         {"predicted", entry.predicted},
                         {"precision", rounded(entry.precision)},
                         {"recall", rounded(entry.recall)},
                         {"f1", rounded(entry.f1)},
                         {"auc", rounded(entry.auc)},
                         {"pr_auc", rounded(entry.pr_auc)}});
  }
  return {{"count", scores.count},
          {"accuracy", rounded(scores.accuracy)},
          {"macro_precision", rounded(scores.macro_precision)},
          {"macro_recall", rounded(scores.macro_recall)},
          {"macro_f1", rounded(scores.macro_f1)},
          {"micro_precision", rounded(scores.micro_precision)},
          {"micro_recall", rounded(scores.micro_recall)},
          {"micro_f1", rounded(scores.micro_f1)},
          {"auc_one_against_rest", rounded(scores.auc)},
          {"log_loss", rounded(scores.log_loss)},
          {"brier", rounded(scores.brier)},
          {"baseline_accuracy", rounded(scores.baseline_accuracy)},
          {"baseline_log_loss", rounded(scores.baseline_log_loss)},
          {"per_class", per_class},
          {"confusion", scores.confusion}};
}

Json set_json(const ClassSetScores& set, const std::vector<std::string>& classes) {
  return {{"features", set.name},
          {"columns", set.features},
          {"text_components", set.components},
          {"out_of_fold", scores_json(set.scores, classes)}};
}

Json interval_json(const Interval& interval) { return {rounded(interval.low), rounded(interval.high)}; }

// Where it fails: shares of the classes, observed and predicted, and accuracy, segment by segment.
Json segments_json(const ProfileResults& results, const Classification& classification) {
  Json list = Json::array();
  for (size_t segment = 0; segment < results.segmentation.sizes.size(); ++segment) {
    Indices customers;
    std::vector<int64_t> observed;
    for (size_t i = 0; i < classification.observed.size(); ++i) {
      if (classification.observed[i] < 0 || results.segmentation.segment[i] != static_cast<int32_t>(segment))
        continue;
      customers.push_back(static_cast<int64_t>(i));
      observed.push_back(classification.observed[i]);
    }
    if (customers.empty()) continue;
    const Matrix predicted = gather_rows(MatrixRows(classification.predicted), customers);
    const ClassScores scores =
        score_classes(observed, predicted, gather_rows(MatrixRows(classification.baseline), customers));
    Json shares = Json::object();
    for (size_t index = 0; index < classification.classes.size(); ++index) {
      const auto count = static_cast<double>(customers.size());
      shares[classification.classes[index]] = {
          {"observed", rounded(static_cast<double>(scores.per_class[index].customers) / count)},
          {"predicted", rounded(predicted.col(static_cast<Eigen::Index>(index)).mean())}};
    }
    list.push_back({{"segment", results.segment_title(segment)},
                    {"customers", customers.size()},
                    {"accuracy", rounded(scores.accuracy)},
                    {"log_loss", rounded(scores.log_loss)},
                    {"shares", shares}});
  }
  return list;
}

}  // namespace

Json classification_json(const ProfileResults& results, const Classification& classification) {
  const std::vector<std::string>& classes = classification.classes;
  Json sets = Json::array(), coefficients = Json::array();
  for (const ClassSetScores& set : classification.sets) sets.push_back(set_json(set, classes));
  for (const ClassCoefficient& entry : classification.coefficients) {
    coefficients.push_back({{"feature", entry.feature.name},
                            {"source", source_name(entry.feature.source)},
                            {"class", classes[entry.of_class]},
                            {"per_deviation", rounded(entry.per_deviation)}});
  }
  return {{"name", classification.name},
          {"target", classification.settings.target},
          {"kind", classification.settings.kind},
          {"l2", classification.settings.penalty()},
          {"folds", classification.folds},
          {"customers", classification.customers},
          {"missing", classification.missing},
          {"classes", classes},
          {"feature_sets", sets},
          {"coefficients", coefficients},
          {"intervals",
           {{"accuracy", interval_json(classification.accuracy)},
            {"log_loss", interval_json(classification.log_loss)}}},
          {"segments", segments_json(results, classification)},
          {"head_was_trained_on_target", classification.head_saw_target},
          {"held_out_customers", classification.held_out_customers},
          {"held_out", classification.held_out ? set_json(*classification.held_out, classes) : Json()}};
}

}  // namespace limner
