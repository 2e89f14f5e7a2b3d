#include "prepare/curve.h"

#include <algorithm>

#include "runtime/error.h"

namespace limner {

Curve::Curve(CurveKind kind, std::vector<std::pair<double, double>> points) : kind_(kind) {
  require(!points.empty(), "a curve without points");
  std::sort(points.begin(), points.end());
  for (size_t first = 0; first < points.size();) {
    size_t last = first;
    double sum = 0;
    for (; last < points.size() && points[last].first == points[first].first; ++last)
      sum += points[last].second;
    times_.push_back(points[first].first);
    values_.push_back(sum / static_cast<double>(last - first));
    first = last;
  }
  if (kind_ == CurveKind::cubic_spline) fit_slopes();
}

void Curve::fit_slopes() {
  const size_t count = times_.size();
  slopes_.assign(count, 0.0);
  if (count == 1) return;
  std::vector<double> width(count - 1), slope(count - 1);
  for (size_t piece = 0; piece + 1 < count; ++piece) {
    width[piece] = times_[piece + 1] - times_[piece];
    slope[piece] = (values_[piece + 1] - values_[piece]) / width[piece];
  }
  if (count == 2) {
    slopes_.assign(2, slope[0]);
    return;
  }
  if (count == 3) {
    const double bend = (slope[1] - slope[0]) / (width[0] + width[1]);  // half the second derivative
    slopes_ = {slope[0] - bend * width[0], slope[0] + bend * width[0], slope[1] + bend * width[1]};
    return;
  }
  // below[i] s[i-1] + middle[i] s[i] + above[i] s[i+1] = right[i]: the second derivative does not jump.
  std::vector<double> below(count), middle(count), above(count), right(count);
  const size_t last = count - 1;
  const double head = width[0] + width[1], tail = width[last - 1] + width[last - 2];
  middle[0] = width[1];
  above[0] = head;
  right[0] = ((width[0] + 2 * head) * width[1] * slope[0] + width[0] * width[0] * slope[1]) / head;
  for (size_t i = 1; i < last; ++i) {
    below[i] = width[i];
    middle[i] = 2 * (width[i - 1] + width[i]);
    above[i] = width[i - 1];
    right[i] = 3 * (width[i] * slope[i - 1] + width[i - 1] * slope[i]);
  }
  below[last] = tail;
  middle[last] = width[last - 2];
  right[last] = (width[last - 1] * width[last - 1] * slope[last - 2] +
                 (2 * tail + width[last - 1]) * width[last - 2] * slope[last - 1]) /
                tail;
  for (size_t i = 1; i < count; ++i) {
    const double factor = below[i] / middle[i - 1];
    middle[i] -= factor * above[i - 1];
    right[i] -= factor * right[i - 1];
  }
  slopes_[last] = right[last] / middle[last];
  for (size_t i = last; i-- > 0;) slopes_[i] = (right[i] - above[i] * slopes_[i + 1]) / middle[i];
}

double Curve::at(double time) const {
  if (time <= times_.front()) return values_.front();
  if (time >= times_.back()) return values_.back();
  const auto next =
      static_cast<size_t>(std::upper_bound(times_.begin(), times_.end(), time) - times_.begin());
  const size_t piece = next - 1;
  const double width = times_[next] - times_[piece];
  const double place = (time - times_[piece]) / width, rest = 1 - place;
  if (kind_ == CurveKind::linear) return values_[piece] + place * (values_[next] - values_[piece]);
  // Hermite's form.
  return values_[piece] * rest * rest * (1 + 2 * place) + values_[next] * place * place * (1 + 2 * rest) +
         width * place * rest * (slopes_[piece] * rest - slopes_[next] * place);
}

}  // namespace limner
