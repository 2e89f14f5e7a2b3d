#include "profile/evaluation.h"

#include <cmath>

namespace limner {
namespace {

Json interval_json(const Interval& interval) {
  return std::isnan(interval.low) ? Json() : Json{rounded(interval.low), rounded(interval.high)};
}

Json groups_json(const std::vector<LiftGroup>& groups, const char* name, bool two_classes) {
  Json list = Json::array();
  for (const LiftGroup& group : groups) {
    Json entry{{name, group.name},
               {"customers", group.customers},
               {"mean_prediction", rounded(group.predicted)},
               {"mean_outcome", rounded(group.observed)},
               {"lift", rounded(group.lift)},
               {"gain", rounded(group.gain)}};
    if (two_classes && group.probability.count > 0) {
      entry["accuracy"] = rounded(group.probability.accuracy);
      entry["auc"] = rounded(group.probability.auc);
    }
    if (!two_classes && group.number.count > 0) {
      entry["rmse"] = rounded(group.number.rmse);
      entry["bias"] = rounded(group.number.bias);
    }
    list.push_back(std::move(entry));
  }
  return list;
}

void add_of_classes(Json& json, const Regression& regression, const Predictions& told) {
  Json calibrations = Json::array(), groups = Json::array();
  for (const CalibrationScores& scores : regression.calibrations) {
    calibrations.push_back({{"method", scores.method},
                            {"applied", scores.method == regression.settings.calibration},
                            {"calibration_error", rounded(scores.error)},
                            {"log_loss", rounded(scores.log_loss)},
                            {"brier", rounded(scores.brier)}});
  }
  for (const ReliabilityGroup& group : reliability(told.observed, told.predicted)) {
    groups.push_back({{"customers", group.customers},
                      {"mean_prediction", rounded(group.predicted)},
                      {"share_observed", rounded(group.observed)}});
  }
  const Decision& decision = regression.decision;
  json["calibration"] = calibrations;
  json["reliability"] = groups;
  json["decision"] = {{"threshold", rounded(decision.threshold)},
                      {"selected", decision.selected},
                      {"cost", rounded(decision.cost)},
                      {"cost_at_half", rounded(decision.cost_at_half)},
                      {"cost_of_all", rounded(decision.cost_of_all)},
                      {"cost_of_none", rounded(decision.cost_of_none)}};
}

}  // namespace

Predictions predictions_of(const Regression& regression, const Segmentation& segmentation) {
  Predictions result;
  for (size_t i = 0; i < regression.predicted.size(); ++i) {
    if (std::isnan(regression.predicted[i])) continue;
    result.observed.push_back(regression.target.values[i]);
    result.predicted.push_back(regression.predicted[i]);
    result.baseline.push_back(regression.baseline[i]);
    result.segment.push_back(segmentation.segment[i]);
  }
  return result;
}

std::vector<LiftGroup> deciles_of(const Regression& regression, const ProfileResults& results) {
  const Predictions told = predictions_of(regression, results.segmentation);
  return lift_by_decile(told.observed, told.predicted);
}

std::vector<LiftGroup> segments_of(const Regression& regression, const ProfileResults& results) {
  const Predictions told = predictions_of(regression, results.segmentation);
  std::vector<std::string> titles;
  for (size_t segment = 0; segment < results.segmentation.sizes.size(); ++segment)
    titles.push_back(results.segment_title(segment));
  return lift_by_group(told.observed, told.predicted, told.baseline, told.segment, titles,
                       regression.two_classes());
}

void add_evaluation(Json& json, const ProfileResults& results, const Regression& regression) {
  const ScoreIntervals& intervals = regression.intervals;
  const bool two_classes = regression.two_classes();
  json["intervals"] = two_classes ? Json{{"auc", interval_json(intervals.auc)},
                                         {"accuracy", interval_json(intervals.accuracy)},
                                         {"brier", interval_json(intervals.brier)}}
                                  : Json{{"r2", interval_json(intervals.r2)},
                                         {"rmse", interval_json(intervals.rmse)},
                                         {"mae", interval_json(intervals.mae)}};
  if (two_classes) add_of_classes(json, regression, predictions_of(regression, results.segmentation));
  json["deciles"] = groups_json(deciles_of(regression, results), "decile", two_classes);
  json["segments"] = groups_json(segments_of(regression, results), "segment", two_classes);
  Json importance = Json::array(), associations = Json::array();
  for (const Importance& entry : regression.importance) {
    importance.push_back({{"feature", entry.feature.name},
                          {"source", source_name(entry.feature.source)},
                          {two_classes ? "auc_lost" : "r2_lost", rounded(entry.loss)},
                          {"deviation", rounded(entry.deviation)}});
  }
  for (const Association& entry : regression.associations) {
    associations.push_back({{"feature", entry.feature.name},
                            {"source", source_name(entry.feature.source)},
                            {"customers", entry.customers},
                            {"pearson", rounded(entry.pearson)},
                            {"spearman", rounded(entry.spearman)},
                            {"mutual_information", rounded(entry.mutual_information)}});
  }
  json["importance"] = importance;
  json["associations"] = associations;
}

}  // namespace limner
