// Probabilities that mean what they say: corrections learned from predictions of customers left out.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/files.h"

namespace limner {

// none; platt: 1 / (1 + exp(-(slope z + offset))) of the log odds z (Platt 1999, targets smoothed as there);
// temperature: the same without an offset, targets as they are (Guo et al. 2017, T = 1 / slope); isotonic:
// the rising function of least squares (pool adjacent violators), linear between its points and flat beyond.
struct Calibration {
  std::string method = "none";
  double slope = 1, offset = 0;
  std::vector<double> from, to;  // isotonic: points, rising
  double apply(double probability) const;
  std::vector<double> apply(const std::vector<double>& probabilities) const;
};

// observed: 0 or 1, both there; predicted: probabilities of 1.
Calibration fit_calibration(const std::string& method, const std::vector<double>& observed,
                            const std::vector<double>& predicted);

// Every customer corrected by a calibration fitted on the predictions of the other folds. A fold whose
// complement has one class only stays as it is.
std::vector<double> calibrate_out_of_fold(const std::string& method, const std::vector<double>& observed,
                                          const std::vector<double>& predicted,
                                          const std::vector<int64_t>& folds);

// One point of the reliability plot.
struct ReliabilityGroup {
  int64_t customers = 0;
  double predicted = 0, observed = 0;  // means
};
// Customers by rising prediction in `groups` groups of equal size; fewer where there are fewer customers.
std::vector<ReliabilityGroup> reliability(const std::vector<double>& observed,
                                          const std::vector<double>& predicted, int64_t groups = 10);
// Expected calibration error: the mean over customers of |predicted - observed| of their group.
double calibration_error(const std::vector<double>& observed, const std::vector<double>& predicted);

Json to_json(const Calibration& calibration);
Calibration read_calibration(const Json& json);

}  // namespace limner
