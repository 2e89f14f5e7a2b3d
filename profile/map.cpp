#include "profile/map.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numeric>
#include <vector>

#include "runtime/parallel.h"

namespace limner {
namespace {

constexpr int64_t fewest = 30, most = 5000;
constexpr int64_t most_dimensions = 50;
constexpr double largest_perplexity = 30;

using Plane = std::vector<std::array<float, 2>>;

// The Gaussian's precision at which the neighbours' entropy is log(perplexity), by bisection.
void neighbour_probabilities(const std::vector<double>& squared, double perplexity,
                             std::vector<double>& weights) {
  const double nearest = *std::min_element(squared.begin(), squared.end());
  double low = 0, high = std::numeric_limits<double>::infinity();
  double precision = 1 / std::max(1e-12, *std::max_element(squared.begin(), squared.end()) - nearest);
  weights.assign(squared.size(), 0);
  for (int step = 0; step < 60; ++step) {
    double sum = 0, weighted = 0;
    for (size_t i = 0; i < squared.size(); ++i) {
      weights[i] = std::exp(-(squared[i] - nearest) * precision);
      sum += weights[i];
      weighted += weights[i] * (squared[i] - nearest);
    }
    const double entropy = std::log(sum) + precision * weighted / sum;
    for (double& weight : weights) weight /= sum;
    const double difference = entropy - std::log(perplexity);
    if (std::abs(difference) < 1e-5) return;
    if (difference > 0) {
      low = precision;
      precision = std::isinf(high) ? precision * 2 : (precision + high) / 2;
    } else {
      high = precision;
      precision = (precision + low) / 2;
    }
    if (!std::isfinite(precision) || precision > 1e300) return;  // all neighbours at one distance
  }
}

// The repulsive half of the gradient: for each point sum q^2 (y_i - y_j) and sum q, q = 1 / (1 + |y_i -
// y_j|^2). Eight running sums a point keep the order of additions fixed and let the compiler vectorise.
struct Repulsion {
  std::vector<float> x, y, normaliser;
};

void repel(const std::vector<float>& x, const std::vector<float>& y, Repulsion& result, int threads) {
  constexpr int64_t lanes = 8, points_per_block = 64;
  const int64_t count = std::ssize(x), whole = count / lanes * lanes;
  parallel_for((count + points_per_block - 1) / points_per_block, threads, [&](int64_t block) {
    const int64_t end = std::min(count, (block + 1) * points_per_block);
    for (int64_t i = block * points_per_block; i < end; ++i) {
      const auto at = static_cast<size_t>(i);
      std::array<float, lanes> sum_x{}, sum_y{}, sum_q{};
      const auto add = [&](int64_t lane, size_t j) {
        const float dx = x[at] - x[j], dy = y[at] - y[j];
        const float q = 1 / (1 + dx * dx + dy * dy);
        const auto to = static_cast<size_t>(lane);
        sum_q[to] += q;
        sum_x[to] += q * q * dx;
        sum_y[to] += q * q * dy;
      };
      for (int64_t j = 0; j < whole; j += lanes) {
        for (int64_t lane = 0; lane < lanes; ++lane) add(lane, static_cast<size_t>(j + lane));
      }
      for (int64_t j = whole; j < count; ++j) add(j - whole, static_cast<size_t>(j));
      result.x[at] = std::accumulate(sum_x.begin(), sum_x.end(), 0.0f);
      result.y[at] = std::accumulate(sum_y.begin(), sum_y.end(), 0.0f);
      result.normaliser[at] = std::accumulate(sum_q.begin(), sum_q.end(), 0.0f) - 1;  // without itself
    }
  });
}

// One coordinate's state of the descent with momentum and per-coordinate gains.
struct Descent {
  std::vector<float> place, speed, gain;
  explicit Descent(const Vector& start)
      : place(start.begin(), start.end()), speed(place.size()), gain(place.size(), 1.0f) {}
  void step(size_t i, float gradient, float momentum, float rate) {
    const bool against = (gradient > 0) != (speed[i] > 0);
    gain[i] = std::max(0.01f, against ? gain[i] + 0.2f : gain[i] * 0.8f);
    speed[i] = momentum * speed[i] - rate * gain[i] * gradient;
    place[i] += speed[i];
  }
};

Matrix t_sne(const Matrix& components, int threads) {
  const int64_t count = components.rows();
  const Matrix points = components.leftCols(std::min(components.cols(), most_dimensions));
  const double perplexity = std::min(largest_perplexity, static_cast<double>(count - 1) / 3);
  const Affinities attraction = affinities(points, perplexity, threads);

  const double scale =
      1e-4 / std::max(1e-12, std::sqrt(points.col(0).squaredNorm() / static_cast<double>(count)));
  Descent x(points.col(0) * scale);
  Descent y(points.cols() > 1 ? Vector(points.col(1) * scale) : Vector(Vector::Zero(count)));
  Repulsion repulsion{x.place, x.place, x.place};
  constexpr int exaggerated_steps = 250;
  const int steps = count <= 2000 ? 750 : 500;
  const float rate = std::max(50.0f, static_cast<float>(count) / 12 / 4);
  for (int step = 0; step < steps; ++step) {
    const bool exaggerated = step < exaggerated_steps;
    const float exaggeration = exaggerated ? 12.0f : 1.0f, momentum = exaggerated ? 0.5f : 0.8f;
    repel(x.place, y.place, repulsion, threads);
    const double normaliser = std::accumulate(repulsion.normaliser.begin(), repulsion.normaliser.end(), 0.0);
    const float repulsion_scale = static_cast<float>(1 / normaliser);
    const std::vector<float> old_x = x.place, old_y = y.place;
    for (size_t i = 0; i < old_x.size(); ++i) {
      float pull_x = 0, pull_y = 0;
      for (int64_t entry = attraction.starts[i]; entry < attraction.starts[i + 1]; ++entry) {
        const auto j = static_cast<size_t>(attraction.other[static_cast<size_t>(entry)]);
        const float dx = old_x[i] - old_x[j], dy = old_y[i] - old_y[j];
        const float force = attraction.weight[static_cast<size_t>(entry)] / (1 + dx * dx + dy * dy);
        pull_x += force * dx;
        pull_y += force * dy;
      }
      x.step(i, 4 * (exaggeration * pull_x - repulsion_scale * repulsion.x[i]), momentum, rate);
      y.step(i, 4 * (exaggeration * pull_y - repulsion_scale * repulsion.y[i]), momentum, rate);
    }
  }
  Matrix places(count, 2);
  for (int64_t i = 0; i < count; ++i) {
    places(i, 0) = x.place[static_cast<size_t>(i)];
    places(i, 1) = y.place[static_cast<size_t>(i)];
  }
  return places;
}

// Into [-1, 1], one scale for both axes.
Matrix fit_into_square(const Matrix& places) {
  const Eigen::RowVectorXd low = places.colwise().minCoeff(), high = places.colwise().maxCoeff();
  const double half = (high - low).maxCoeff() / 2;
  const Matrix centred = places.rowwise() - (low + high) / 2;
  return half > 0 ? Matrix(centred / half) : centred;
}

}  // namespace

Affinities affinities(const Matrix& points, double perplexity, int threads) {
  const int64_t count = points.rows();
  const auto neighbours = std::min<int64_t>(count - 1, static_cast<int64_t>(3 * perplexity) + 1);
  const Vector squares = points.rowwise().squaredNorm();
  std::vector<std::vector<std::pair<int32_t, double>>> nearest(static_cast<size_t>(count));
  parallel_for(count, threads, [&](int64_t i) {
    const Vector products = points * points.row(i).transpose();
    std::vector<double> squared(static_cast<size_t>(count));
    std::vector<int32_t> order;
    for (int64_t j = 0; j < count; ++j) {
      squared[static_cast<size_t>(j)] = std::max(0.0, squares[i] + squares[j] - 2 * products[j]);
      if (j != i) order.push_back(static_cast<int32_t>(j));
    }
    const auto closer = [&](int32_t a, int32_t b) {
      const double left = squared[static_cast<size_t>(a)], right = squared[static_cast<size_t>(b)];
      return left != right ? left < right : a < b;
    };
    std::partial_sort(order.begin(), order.begin() + neighbours, order.end(), closer);
    order.resize(static_cast<size_t>(neighbours));
    std::vector<double> near, weights;
    for (const int32_t j : order) near.push_back(squared[static_cast<size_t>(j)]);
    neighbour_probabilities(near, perplexity, weights);
    for (size_t k = 0; k < order.size(); ++k)
      nearest[static_cast<size_t>(i)].emplace_back(order[k], weights[k]);
  });

  std::vector<std::map<int32_t, double>> symmetric(static_cast<size_t>(count));
  for (size_t i = 0; i < nearest.size(); ++i) {
    for (const auto& [j, weight] : nearest[i]) {
      const double half = weight / (2 * static_cast<double>(count));
      symmetric[i][j] += half;
      symmetric[static_cast<size_t>(j)][static_cast<int32_t>(i)] += half;
    }
  }
  Affinities result;
  result.starts.push_back(0);
  for (const auto& row : symmetric) {
    for (const auto& [j, weight] : row) {
      result.other.push_back(j);
      result.weight.push_back(static_cast<float>(weight));
    }
    result.starts.push_back(std::ssize(result.other));
  }
  return result;
}

CustomerMap map_customers(const Matrix& components, int threads) {
  const int64_t count = components.rows();
  if (count >= fewest && count <= most && components.cols() > 0) {
    return {"t-SNE", fit_into_square(t_sne(components, threads))};
  }
  Matrix places = Matrix::Zero(count, 2);
  const int64_t kept = std::min<int64_t>(2, components.cols());
  places.leftCols(kept) = components.leftCols(kept);
  return {"principal components", fit_into_square(places)};
}

}  // namespace limner
