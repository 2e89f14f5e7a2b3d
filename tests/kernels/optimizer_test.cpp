#include "compare.h"
#include "operand.h"
#include "reference.h"
#include "runtime/error.h"

namespace limner::test {

TEST(AdamWTest, EqualsReferenceOverThreeSteps) {
  const auto backend = make_backend(2);
  for (const int64_t count : {1, 15, 17, 16385}) {
    const Operand weights(DType::f32, {count}, 1), shadow(DType::bf16, {count}),
        first(DType::f32, {count}, Doubles(static_cast<size_t>(count)));
    const Operand second(DType::f32, {count}, Doubles(static_cast<size_t>(count)));
    Doubles w = weights.values(), m(w.size()), v(w.size());
    for (int64_t step = 1; step <= 3; ++step) {
      const AdamW update{1e-2f, 0.9f, 0.999f, 1e-8f, 0.1f, step, 0.5f};
      const Operand gradient(DType::f32, {count}, static_cast<uint64_t>(10 + step));
      const Doubles g = gradient.values();
      const double lr = update.learning_rate, b1 = update.beta1, b2 = update.beta2;
      for (size_t i = 0; i < w.size(); ++i) {
        const double scaled = 0.5 * g[i];
        w[i] -= lr * update.weight_decay * w[i];
        m[i] = b1 * m[i] + (1.0 - b1) * scaled;
        v[i] = b2 * v[i] + (1.0 - b2) * scaled * scaled;
        const double mean = m[i] / (1.0 - std::pow(b1, step)), variance = v[i] / (1.0 - std::pow(b2, step));
        w[i] -= lr * mean / (std::sqrt(variance) + update.epsilon);
      }
      backend->adamw(weights, shadow, first, second, gradient, update);
    }
    expect_close(weights.values(), w, tolerance(DType::f32, 9), "weights");
    expect_close(first.values(), m, tolerance(DType::f32, 9), "first");
    expect_close(second.values(), v, tolerance(DType::f32, 9), "second");
    const Operand rounded(DType::bf16, {count}, weights.values());
    EXPECT_EQ(shadow.bytes(), rounded.bytes());
  }
}

TEST(AdamWTest, StepZeroIsRefused) {
  const auto backend = make_backend(1);
  const Operand x(DType::f32, {4}, 1);
  EXPECT_THROW(backend->adamw(x, Tensor(), x, x, x, {1e-3f, 0.9f, 0.999f, 1e-8f, 0.0f, 0, 1.0f}), Error);
}

TEST(MoveAverage, EqualsReference) {
  const auto backend = make_backend(2);
  for (const int64_t count : {1, 15, 17, 16385}) {
    const Operand average(DType::f32, {count}, 1), x(DType::f32, {count}, 2);
    Doubles expected = average.values();
    const Doubles to = x.values();
    for (size_t i = 0; i < expected.size(); ++i) expected[i] += 0.125 * (to[i] - expected[i]);
    backend->move_average(average, x, 0.125f);
    expect_close(average.values(), expected, tolerance(DType::f32, 1), "average");
    EXPECT_EQ(x.values(), to);
  }
}

TEST(SumOfSquares, EqualsReference) {
  const auto backend = make_backend(2);
  for (const int64_t count : {0, 1, 15, 16, 17, 16385, 50000, 2100001}) {
    const Operand x(DType::f32, {count}, 2);
    EXPECT_NEAR(backend->sum_of_squares(x), dot(x.values(), x.values()), 1e-12 * static_cast<double>(count));
  }
}

}  // namespace limner::test
