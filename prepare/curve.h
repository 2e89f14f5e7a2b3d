// A curve through points in time.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace limner {

enum class CurveKind : uint8_t { linear, cubic_spline };

// Between the first and the last point: straight lines, or the cubic spline whose third derivative does not
// jump at the second and the last but one point ("not a knot"; de Boor, A Practical Guide to Splines, chapter
// IV). Through three points that is a parabola, through two a line. Outside, the value of the nearest point.
class Curve {
 public:
  // points: (time, value), at least one, in any order; values of equal times are averaged.
  Curve(CurveKind kind, std::vector<std::pair<double, double>> points);
  double at(double time) const;

 private:
  CurveKind kind_;
  std::vector<double> times_, values_;
  std::vector<double> slopes_;  // of a spline, at each point
  void fit_slopes();
};

}  // namespace limner
