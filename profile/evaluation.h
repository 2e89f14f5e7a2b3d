// How good a regression is and where it fails, from its out-of-fold predictions: as tables and as JSON.
#pragma once

#include "profile/results.h"

namespace limner {

// The out-of-fold predictions of customers with a target, which all tables below are made of.
struct Predictions {
  std::vector<double> observed, predicted, baseline;
  std::vector<int32_t> segment;
};
Predictions predictions_of(const Regression& regression, const Segmentation& segmentation);

// Deciles by falling prediction, and segments in their order.
std::vector<LiftGroup> deciles_of(const Regression& regression, const ProfileResults& results);
std::vector<LiftGroup> segments_of(const Regression& regression, const ProfileResults& results);

// Adds intervals, calibration, reliability, decision, deciles, segments, importance and associations.
void add_evaluation(Json& json, const ProfileResults& results, const Regression& regression);

}  // namespace limner
