#include "model/contrastive.h"

#include <cmath>

#include "tests/model/model_testing.h"

namespace limner {
namespace {

using testing::expect_error;
using testing::tiny_config;
using Doubles = std::vector<double>;

constexpr int64_t pairs = 5;

ModelConfig config_of(const std::vector<int64_t>& widths) {
  ModelConfig config = tiny_config();
  config.contrastive = {.weight = 1.0, .temperature = 0.2, .widths = widths};
  return config;
}

Doubles random_vectors(int64_t hidden) {
  const Random random(3, "vectors");
  Doubles vectors(static_cast<size_t>(2 * pairs * hidden));
  for (size_t i = 0; i < vectors.size(); ++i) vectors[i] = static_cast<float>(random.normal(i));
  return vectors;
}

// The mean over widths of -log softmax(cosines / temperature) at the right place, in double.
double reference(const Doubles& vectors, int64_t hidden, const std::vector<int64_t>& widths,
                 double temperature, int64_t first_pair, int64_t last_pair) {
  double total = 0.0;
  for (const int64_t width : widths) {
    const auto cosine = [&](int64_t a, int64_t b) {
      double dot = 0.0, aa = 0.0, bb = 0.0;
      for (int64_t i = 0; i < width; ++i) {
        const double x = vectors[static_cast<size_t>(a * hidden + i)];
        const double y = vectors[static_cast<size_t>(b * hidden + i)];
        dot += x * y;
        aa += x * x;
        bb += y * y;
      }
      return dot / std::sqrt(aa * bb);
    };
    for (int64_t pair = first_pair; pair < last_pair; ++pair) {
      double sum = 0.0;
      for (int64_t other = 0; other < pairs; ++other) {
        sum += std::exp(cosine(2 * pair, 2 * other + 1) / temperature);
      }
      total +=
          (std::log(sum) - cosine(2 * pair, 2 * pair + 1) / temperature) / static_cast<double>(widths.size());
    }
  }
  return total;
}

std::vector<float> floats(const Doubles& values) { return {values.begin(), values.end()}; }

TEST(Contrastive, LossAndGradientEqualReference) {
  const auto backend = make_cpu_backend(2);
  for (const std::vector<int64_t>& widths : {std::vector<int64_t>{}, std::vector<int64_t>{3, 8}}) {
    const ModelConfig config = config_of(widths);
    const int64_t hidden = config.hidden;
    const std::vector<int64_t> used = widths.empty() ? std::vector<int64_t>{hidden} : widths;
    Contrastive contrastive(*backend, config);
    Doubles vectors = random_vectors(hidden);
    // Rows 4 to 9 are this rank's.
    const Contrastive::Result result = contrastive.evaluate({floats(vectors), 4, 6}, 0.5);
    EXPECT_NEAR(result.loss, reference(vectors, hidden, used, 0.2, 2, 5), 1e-5);
    ASSERT_EQ(result.gradient.size(), static_cast<size_t>(6 * hidden));
    for (size_t i = 0; i < result.gradient.size(); ++i) {
      double& value = vectors[static_cast<size_t>(4 * hidden) + i];
      const double at = value;
      constexpr double step = 1e-4;
      value = at + step;
      const double above = reference(vectors, hidden, used, 0.2, 0, pairs);
      value = at - step;
      const double below = reference(vectors, hidden, used, 0.2, 0, pairs);
      value = at;
      ASSERT_NEAR(result.gradient[i], 0.5 * (above - below) / (2 * step), 2e-6) << i;
    }
  }
}

TEST(Contrastive, VectorsOfZerosAndNoRowsAreLegal) {
  const auto backend = make_cpu_backend(1);
  const ModelConfig config = config_of({});
  Contrastive contrastive(*backend, config);
  const std::vector<float> zeros(static_cast<size_t>(4 * config.hidden));
  const Contrastive::Result result = contrastive.evaluate({zeros, 0, 4}, 1.0);
  EXPECT_NEAR(result.loss, 2 * std::log(2.0), 1e-6);
  for (const float value : result.gradient) EXPECT_EQ(value, 0.0f);
  EXPECT_EQ(contrastive.evaluate({zeros, 4, 0}, 1.0).loss, 0.0);
  EXPECT_EQ(contrastive.evaluate({{}, 0, 0}, 1.0).loss, 0.0);
}

TEST(Contrastive, WidthsBeyondTheVectorAreRefused) {
  const auto backend = make_cpu_backend(1);
  const ModelConfig config = config_of({4, 4096});
  expect_error(ExitCode::bad_config, {"train.contrastive.widths", "4096"},
               [&] { Contrastive(*backend, config); });
}

}  // namespace
}  // namespace limner
