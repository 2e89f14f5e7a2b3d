#include "compare.h"
#include "operand.h"
#include "reference.h"
#include "runtime/error.h"

namespace limner::test {

struct AttentionCase {
  std::vector<int32_t> lengths;
  int64_t heads, head_size;
};
// Empty rows, one token, a vector less and more one, a block of queries and one more; every usual head size
// and odd ones.
const AttentionCase kForwardCases[] = {{{1}, 1, 1},      {{0, 5, 0}, 2, 12},   {{17, 1, 15, 16}, 3, 32},
                                       {{31, 7}, 2, 5},  {{33, 8, 64}, 1, 64}, {{65, 2}, 2, 80},
                                       {{9, 23}, 1, 96}, {{40}, 2, 128},       {{200, 3, 71}, 2, 32},
                                       {{5}, 1, 131}};

AttentionShape shape_of(const AttentionCase& sizes, Masking masking, float dropout = 0.0f) {
  return {sizes.heads, sizes.head_size, masking, {dropout, 0x123456789abcdefULL}};
}

class Attention : public KernelTest {};

TEST_P(Attention, ForwardEqualsReference) {
  for (const AttentionCase& sizes : kForwardCases) {
    for (const Masking masking : {Masking::bidirectional, Masking::causal}) {
      for (const float probability : {0.0f, 0.2f}) {
        const Rows rows(sizes.lengths);
        const AttentionShape shape = shape_of(sizes, masking, probability);
        const int64_t hidden = sizes.heads * sizes.head_size;
        const Operand qkv(dtype(), {rows.tokens(), 3 * hidden}, 1, 1.5), y(dtype(), {rows.tokens(), hidden});
        const Operand lse(DType::f32, {sizes.heads, rows.tokens()});
        backend_->attention_forward(y, lse, qkv, rows, shape);
        const reference::Attention expected = reference::attention(qkv.values(), rows, shape);
        expect_close(y.values(), expected.y, 2.0 * tolerance(dtype(), sizes.head_size), "y");
        expect_close(lse.values(), expected.lse, 2.0 * tolerance(DType::f32, sizes.head_size), "lse");
        const Operand y_inference(dtype(), {rows.tokens(), hidden});
        backend_->attention_forward(y_inference, Tensor(), qkv, rows, shape);
        EXPECT_EQ(y_inference.bytes(), y.bytes()) << "with and without the log-sum-exp";
      }
    }
  }
}

TEST_P(Attention, BackwardEqualsCentralDifferences) {
  const AttentionCase cases[] = {
      {{1}, 1, 1}, {{0, 5, 3}, 2, 12}, {{17, 4}, 1, 7}, {{15, 2}, 2, 3}, {{67}, 1, 4}};
  for (const AttentionCase& sizes : cases) {
    for (const Masking masking : {Masking::bidirectional, Masking::causal}) {
      for (const float probability : {0.0f, 0.3f}) {
        const Rows rows(sizes.lengths);
        const AttentionShape shape = shape_of(sizes, masking, probability);
        const int64_t hidden = sizes.heads * sizes.head_size, tokens = rows.tokens();
        const Operand qkv(dtype(), {tokens, 3 * hidden}, 2), dy(dtype(), {tokens, hidden}, 3);
        const Operand y(dtype(), {tokens, hidden}), lse(DType::f32, {sizes.heads, tokens}),
            dqkv(dtype(), {tokens, 3 * hidden});
        backend_->attention_forward(y, lse, qkv, rows, shape);
        backend_->attention_backward(dqkv, dy, y, lse, qkv, rows, shape);
        const Doubles gradient = dy.values();
        const Doubles expected = numeric_gradient(
            [&](const Doubles& at) { return dot(reference::attention(at, rows, shape).y, gradient); },
            qkv.values());
        expect_close(dqkv.values(), expected, 4.0 * tolerance(dtype(), sizes.head_size), "dqkv");
      }
    }
  }
}

// Wide heads and long rows, where central differences cost too much: the gradient along a random direction.
TEST_P(Attention, BackwardAlongADirection) {
  for (const AttentionCase& sizes :
       {AttentionCase{{70, 33}, 2, 32}, AttentionCase{{129}, 1, 64}, AttentionCase{{20}, 2, 80}}) {
    const Rows rows(sizes.lengths);
    const AttentionShape shape = shape_of(sizes, Masking::bidirectional, 0.1f);
    const int64_t hidden = sizes.heads * sizes.head_size, tokens = rows.tokens();
    const Operand qkv(dtype(), {tokens, 3 * hidden}, 4), dy(dtype(), {tokens, hidden}, 5);
    const Operand y(dtype(), {tokens, hidden}), lse(DType::f32, {sizes.heads, tokens}),
        dqkv(dtype(), {tokens, 3 * hidden});
    backend_->attention_forward(y, lse, qkv, rows, shape);
    backend_->attention_backward(dqkv, dy, y, lse, qkv, rows, shape);
    const Doubles at = qkv.values(), gradient = dy.values(), found = dqkv.values();
    for (uint64_t seed = 10; seed < 14; ++seed) {
      const Doubles direction = random_values(tokens * 3 * hidden, seed);
      const auto value = [&](double step) {
        Doubles moved = at;
        for (size_t i = 0; i < moved.size(); ++i) moved[i] += step * direction[i];
        return dot(reference::attention(moved, rows, shape).y, gradient);
      };
      const double expected = (value(1e-4) - value(-1e-4)) / 2e-4;
      const double length = std::sqrt(dot(found, found));
      EXPECT_NEAR(dot(found, direction), expected, 4.0 * tolerance(dtype(), sizes.head_size) * length);
    }
  }
}

double rounded(double value) { return static_cast<float>(bfloat16(static_cast<float>(value))); }

// bf16 with every intermediate rounded: what a plain implementation would give.
Doubles plain_bf16_attention(const Doubles& qkv, const Rows& rows, int64_t heads, int64_t size) {
  const int64_t hidden = heads * size;
  Doubles y(static_cast<size_t>(rows.tokens() * hidden));
  for (int64_t head = 0; head < heads; ++head) {
    const auto part = [&](int64_t token, int64_t which) {
      return qkv.data() + token * 3 * hidden + which * hidden + head * size;
    };
    for (int64_t i = 0; i < rows.tokens(); ++i) {
      Doubles p(static_cast<size_t>(rows.tokens()));
      double sum = 0.0;
      for (int64_t j = 0; j < rows.tokens(); ++j) {
        double score = 0.0;
        for (int64_t d = 0; d < size; ++d) score += part(i, 0)[d] * part(j, 1)[d];
        p[static_cast<size_t>(j)] = std::exp(rounded(rounded(score) / std::sqrt(static_cast<double>(size))));
        sum += p[static_cast<size_t>(j)];
      }
      for (int64_t d = 0; d < size; ++d) {
        double total = 0.0;
        for (int64_t j = 0; j < rows.tokens(); ++j)
          total += rounded(p[static_cast<size_t>(j)] / sum) * part(j, 2)[d];
        y[static_cast<size_t>(i * hidden + head * size + d)] = rounded(total);
      }
    }
  }
  return y;
}

TEST(AttentionAccuracy, Bf16ErrorIsWithinTwiceAPlainVersion) {
  const auto backend = make_backend(1);
  const int64_t heads = 4, size = 32;
  const Rows rows({97});
  const Operand qkv(DType::bf16, {97, 3 * heads * size}, 6, 1.5), y(DType::bf16, {97, heads * size});
  const AttentionShape shape{heads, size, Masking::bidirectional, {}};
  backend->attention_forward(y, Tensor(), qkv, rows, shape);
  const Doubles exact = reference::attention(qkv.values(), rows, shape).y;
  EXPECT_LE(largest_error(y.values(), exact),
            2.0 * largest_error(plain_bf16_attention(qkv.values(), rows, heads, size), exact));
}

TEST_P(Attention, LargeScoresDoNotOverflow) {
  const Rows rows({19});
  const Operand qkv(dtype(), {19, 3 * 32}, 7, 60.0), y(dtype(), {19, 32}), lse(DType::f32, {1, 19});
  const AttentionShape shape{1, 32, Masking::bidirectional, {}};
  backend_->attention_forward(y, lse, qkv, rows, shape);
  const reference::Attention expected = reference::attention(qkv.values(), rows, shape);
  expect_close(y.values(), expected.y, 1e-2, "y");
  expect_close(lse.values(), expected.lse, 1e-5, "lse");
}

TEST_P(Attention, ARowIsTheSameInAnyBatch) {
  const AttentionShape shape{3, 32, Masking::bidirectional, {0.25f, 99}};
  const int64_t hidden = 96;
  const Rows batch({11, 45, 8}, 1), alone({45}, 2);  // row keys 1, 2, 3 and 2
  const Operand qkv(dtype(), {64, 3 * hidden}, 8), y(dtype(), {64, hidden}), y_alone(dtype(), {45, hidden});
  backend_->attention_forward(y, Tensor(), qkv, batch, shape);
  backend_->attention_forward(y_alone, Tensor(), qkv.tensor().slice_rows(11, 45), alone, shape);
  const Doubles all = y.values();
  EXPECT_EQ(y_alone.values(), Doubles(all.begin() + 11 * hidden, all.begin() + 56 * hidden));
}

TEST_P(Attention, WrongPackingIsRefused) {
  const AttentionShape shape{1, 8, Masking::bidirectional, {}};
  const Operand qkv(dtype(), {9, 24}, 9), y(dtype(), {9, 8});
  EXPECT_THROW(backend_->attention_forward(y, Tensor(), qkv, Rows({4, 4}), shape), Error);
  const std::vector<int32_t> descending{0, 6, 3, 9};
  const std::vector<int64_t> keys{1, 2, 3};
  EXPECT_THROW(backend_->attention_forward(y, Tensor(), qkv, Packing{descending, keys, 6}, shape), Error);
  const AttentionShape certain{1, 8, Masking::bidirectional, {1.0f, 1}};
  EXPECT_THROW(backend_->attention_forward(y, Tensor(), qkv, Rows({9}), certain), Error);
}

LIMNER_FOR_BOTH_TYPES(Attention);

}  // namespace limner::test
