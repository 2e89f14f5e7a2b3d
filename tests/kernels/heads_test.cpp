// What happens to query and key heads before attention: norm and rotation.
#include <cmath>

#include "compare.h"
#include "operand.h"
#include "reference.h"
#include "runtime/error.h"

namespace limner::test {

constexpr float kEpsilon = 1e-5f;

struct HeadCase {
  std::vector<int32_t> lengths;
  int64_t heads, key_heads, head_size;
};
const HeadCase kCases[] = {{{1}, 1, 1, 2}, {{3, 0, 5}, 3, 1, 14}, {{40, 1}, 4, 2, 34}, {{70}, 2, 2, 32}};

AttentionShape shape_of(const HeadCase& sizes) {
  return {sizes.heads, sizes.head_size, Masking::causal, {}, sizes.key_heads};
}

class HeadNorm : public KernelTest {};

TEST_P(HeadNorm, ForwardEqualsReference) {
  for (const HeadCase& sizes : kCases) {
    const Rows rows(sizes.lengths);
    const AttentionShape shape = shape_of(sizes);
    const int64_t tokens = rows.tokens(), size = sizes.head_size;
    const Operand x(dtype(), {tokens, shape.packed_width()}, 1), y(dtype(), {tokens, shape.packed_width()});
    const Operand query_gamma(DType::f32, {size}, 2), key_gamma(DType::f32, {size}, 3);
    const Operand rstd(DType::f32, {tokens, sizes.heads + sizes.key_heads});
    backend_->head_norm_forward(y, rstd, x, query_gamma, key_gamma, kEpsilon, shape);
    const Doubles expected =
        reference::head_norm(x.values(), query_gamma.values(), key_gamma.values(), kEpsilon, shape);
    expect_close(y.values(), expected, tolerance(dtype(), size), "y");
    backend_->head_norm_forward(x, Tensor(), x, query_gamma, key_gamma, kEpsilon, shape);
    EXPECT_EQ(x.bytes(), y.bytes()) << "in place";
  }
}

TEST_P(HeadNorm, BackwardEqualsCentralDifferences) {
  for (const HeadCase& sizes : {HeadCase{{2}, 1, 1, 2}, {{3, 0, 2}, 3, 1, 14}, {{4}, 2, 2, 33}}) {
    const Rows rows(sizes.lengths);
    const AttentionShape shape = shape_of(sizes);
    const int64_t tokens = rows.tokens(), size = sizes.head_size, packed = shape.packed_width();
    const Operand x(dtype(), {tokens, packed}, 4), y(dtype(), {tokens, packed}),
        dy(dtype(), {tokens, packed}, 5);
    const Operand query_gamma(DType::f32, {size}, 6), key_gamma(DType::f32, {size}, 7);
    const Operand dquery_gamma(DType::f32, {size}, 8), dkey_gamma(DType::f32, {size}, 9);
    const Operand rstd(DType::f32, {tokens, sizes.heads + sizes.key_heads}), dx(dtype(), {tokens, packed});
    const Doubles values = x.values(), queries = query_gamma.values(), keys = key_gamma.values(),
                  gradient = dy.values();
    const auto loss = [&](const Doubles& at, const Doubles& q, const Doubles& k) {
      return dot(reference::head_norm(at, q, k, kEpsilon, shape), gradient);
    };
    const auto plus = [](Doubles sum, const Doubles& other) {
      for (size_t i = 0; i < sum.size(); ++i) sum[i] += other[i];
      return sum;
    };
    const Doubles expected_queries =
        plus(numeric_gradient([&](const Doubles& at) { return loss(values, at, keys); }, queries),
             dquery_gamma.values());
    const Doubles expected_keys =
        plus(numeric_gradient([&](const Doubles& at) { return loss(values, queries, at); }, keys),
             dkey_gamma.values());
    backend_->head_norm_forward(y, rstd, x, query_gamma, key_gamma, kEpsilon, shape);
    backend_->head_norm_backward(dx, dquery_gamma, dkey_gamma, dy, x, rstd, query_gamma, key_gamma, shape);
    expect_close(dx.values(),
                 numeric_gradient([&](const Doubles& at) { return loss(at, queries, keys); }, values),
                 8.0 * tolerance(dtype(), size), "dx");
    expect_close(dquery_gamma.values(), expected_queries, 2.0 * tolerance(DType::f32, tokens * sizes.heads),
                 "dquery_gamma");
    expect_close(dkey_gamma.values(), expected_keys, 2.0 * tolerance(DType::f32, tokens * sizes.heads),
                 "dkey_gamma");
    const Operand alone(dtype(), {tokens, packed});
    backend_->head_norm_backward(alone, Tensor(), Tensor(), dy, x, rstd, query_gamma, key_gamma, shape);
    EXPECT_EQ(alone.bytes(), dx.bytes()) << "frozen scales";
    backend_->head_norm_backward(dy, dquery_gamma, dkey_gamma, dy, x, rstd, query_gamma, key_gamma, shape);
    EXPECT_EQ(dy.bytes(), dx.bytes()) << "in place";
  }
}

LIMNER_FOR_BOTH_TYPES(HeadNorm);

class Rotate : public KernelTest {};

TEST_P(Rotate, EqualsReferenceAndItsTranspose) {
  for (const HeadCase& sizes : kCases) {
    const Rows rows(sizes.lengths);
    const AttentionShape shape = shape_of(sizes);
    // Any numbers, not only cosines and sines: yarn scales them.
    const Operand table(DType::f32, {rows.packing().max_length + 1, sizes.head_size}, 10);
    const Operand qkv(dtype(), {rows.tokens(), shape.packed_width()}, 11);
    const Operand other(dtype(), {rows.tokens(), shape.packed_width()}, 12);
    const Doubles before = qkv.values(), gradient = other.values();
    backend_->rotate(qkv, table, rows, shape, Rotation::forward);
    const Doubles expected = reference::rotate(before, table.values(), rows, shape, 1.0);
    expect_close(qkv.values(), expected, tolerance(dtype(), 2), "forward");
    backend_->rotate(other, table, rows, shape, Rotation::backward);
    expect_close(other.values(), reference::rotate(gradient, table.values(), rows, shape, -1.0),
                 tolerance(dtype(), 2), "backward");
    // <R x, g> = <x, R^T g>.
    EXPECT_NEAR(dot(reference::rotate(before, table.values(), rows, shape, 1.0), gradient),
                dot(before, reference::rotate(gradient, table.values(), rows, shape, -1.0)), 1e-8);
  }
}

TEST_P(Rotate, OddHeadsAndShortTablesAreRefused) {
  const Operand qkv(dtype(), {4, 3 * 5}, 13), table(DType::f32, {9, 5}, 14);
  EXPECT_THROW(backend_->rotate(qkv, table, Rows({4}), shape_of({{4}, 1, 1, 5}), Rotation::forward), Error);
  const Operand even(dtype(), {4, 3 * 6}, 15), low(DType::f32, {3, 6}, 16);
  EXPECT_THROW(backend_->rotate(even, low, Rows({4}), shape_of({{4}, 1, 1, 6}), Rotation::forward), Error);
  EXPECT_THROW(backend_->head_norm_forward(even, Tensor(), qkv, low, low, kEpsilon, shape_of({{4}, 1, 1, 6})),
               Error);
}

LIMNER_FOR_BOTH_TYPES(Rotate);

}  // namespace limner::test
