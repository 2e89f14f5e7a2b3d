#include "compare.h"
#include "operand.h"
#include "reference.h"
#include "runtime/error.h"

namespace limner::test {

const Pooling kPoolings[] = {Pooling::mean, Pooling::cls, Pooling::max, Pooling::last,
                             Pooling::weighted_mean};

// Widths, and tokens left out: none, less than the shortest row has, all that some rows have.
const std::pair<int64_t, int64_t> kSizes[] = {{1, 0},   {15, 2},  {16, 0}, {17, 1},
                                              {101, 0}, {101, 3}, {8, 39}, {8, 40}};

class PoolingTest : public KernelTest {};

TEST_P(PoolingTest, ForwardEqualsReference) {
  const Rows rows({3, 0, 1, 40});
  for (const auto& [width, skipped] : kSizes) {
    for (const Pooling pooling : kPoolings) {
      const Operand x(dtype(), {44, width}, 1), pooled(DType::f32, {4, width}),
          argmax(DType::i32, {4, width});
      backend_->pool_forward(pooled, pooling == Pooling::max ? argmax.tensor() : Tensor(), x, rows, pooling,
                             skipped);
      expect_close(pooled.values(), reference::pool(x.values(), rows, width, pooling, skipped),
                   tolerance(DType::f32, 40), "pooled");
      if (pooling != Pooling::max) continue;
      const Operand without(DType::f32, {4, width});
      backend_->pool_forward(without, Tensor(), x, rows, pooling, skipped);
      EXPECT_EQ(without.bytes(), pooled.bytes()) << "with and without argmax";
    }
  }
}

TEST_P(PoolingTest, BackwardEqualsCentralDifferences) {
  const Rows rows({3, 0, 1, 9});
  for (const auto& [columns, left_out] :
       {std::pair<int64_t, int64_t>{1, 0}, {17, 0}, {17, 1}, {5, 4}, {5, 9}}) {
    const int64_t width = columns, skipped = left_out;  // for the lambda
    for (const Pooling pooling : kPoolings) {
      for (const Write write : {Write::overwrite, Write::add}) {
        const Operand x(dtype(), {13, width}, 2), pooled(DType::f32, {4, width}),
            argmax(DType::i32, {4, width});
        const Operand dpooled(DType::f32, {4, width}, 3), dx(dtype(), {13, width}, 4);
        backend_->pool_forward(pooled, argmax, x, rows, pooling, skipped);
        const Doubles gradient = dpooled.values();
        Doubles expected = numeric_gradient(
            [&](const Doubles& at) {
              return dot(reference::pool(at, rows, width, pooling, skipped), gradient);
            },
            x.values());
        const Doubles before = dx.values();
        if (write == Write::add) {
          for (size_t i = 0; i < expected.size(); ++i) expected[i] += before[i];
        }
        backend_->pool_backward(dx, write, dpooled, argmax, rows, pooling, skipped);
        expect_close(dx.values(), expected, tolerance(dtype(), 1), "dx");
      }
    }
  }
}

TEST_P(PoolingTest, OfEqualValuesTheFirstIsTheLargest) {
  const int64_t width = 19;
  const Rows rows({40, 0, 7, 1});
  for (const int64_t skipped : {0, 2}) {
    Doubles values(static_cast<size_t>(48 * width));
    const Random random(5, "ties");
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(random.below(i, 3)) - 3.0;
    const Operand x(dtype(), {48, width}, values), pooled(DType::f32, {4, width}),
        argmax(DType::i32, {4, width});
    backend_->pool_forward(pooled, argmax, x, rows, Pooling::max, skipped);
    Doubles expected(static_cast<size_t>(4 * width), -1.0);
    for (int64_t row = 0; row < 4; ++row) {
      for (int64_t c = 0; c < width && rows.length(row) > skipped; ++c) {
        const auto value = [&](int64_t i) {
          return values[static_cast<size_t>((rows.first(row) + i) * width + c)];
        };
        int64_t best = skipped;
        for (int64_t i = skipped + 1; i < rows.length(row); ++i) best = value(i) > value(best) ? i : best;
        expected[static_cast<size_t>(row * width + c)] = static_cast<double>(best);
      }
    }
    EXPECT_EQ(argmax.values(), expected);
  }
}

TEST(NormalizeRows, LengthsAreOneAndZeroStays) {
  const auto backend = make_backend(2);
  for (const int64_t width : {1, 15, 17, 384}) {
    Doubles values = random_values(3 * width, 5, 3.0);
    std::fill(values.begin() + width, values.begin() + 2 * width, 0.0);
    const Operand x(DType::f32, {3, width}, values);
    const Doubles before = x.values();
    backend->normalize_rows(x);
    Doubles expected = before;
    for (const int64_t row : {0, 2}) {
      double squares = 0.0;
      for (int64_t c = 0; c < width; ++c)
        squares += std::pow(before[static_cast<size_t>(row * width + c)], 2);
      for (int64_t c = 0; c < width; ++c)
        expected[static_cast<size_t>(row * width + c)] /= std::sqrt(squares);
    }
    expect_close(x.values(), expected, tolerance(DType::f32, width), "x");
  }
  const Operand rounded(DType::bf16, {2, 8}, 6);
  EXPECT_THROW(backend->normalize_rows(rounded), Error);
}

LIMNER_FOR_BOTH_TYPES(PoolingTest);

}  // namespace limner::test
