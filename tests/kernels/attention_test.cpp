#include <fmt/ranges.h>

#include "compare.h"
#include "operand.h"
#include "reference.h"
#include "runtime/error.h"

namespace limner::test {

struct AttentionCase {
  std::vector<int32_t> lengths;
  int64_t heads, head_size;
};
struct SharedCase {
  std::vector<int32_t> lengths;
  int64_t heads, key_heads, head_size, window;
};
// Empty rows, one token; around 16, 32, 64 and 128, where kernels change their ways; every usual head size
// and odd ones, which only a CPU has (has_attention).
const AttentionCase kForwardCases[] = {{{1}, 1, 1},
                                       {{0, 5, 0}, 2, 12},
                                       {{17, 1, 15, 16}, 3, 32},
                                       {{31, 7}, 2, 5},
                                       {{33, 8, 64}, 1, 64},
                                       {{65, 2}, 2, 80},
                                       {{9, 23}, 1, 96},
                                       {{40}, 2, 128},
                                       {{200, 3, 71}, 2, 32},
                                       {{5}, 1, 131},
                                       {{1, 63, 0, 127, 129}, 1, 64},
                                       {{128, 32}, 1, 80},
                                       {{131, 2}, 1, 96},
                                       {{139, 0, 65}, 1, 128}};
const AttentionCase kBackwardCases[] = {{{1}, 1, 1},        {{0, 5, 3}, 2, 12},  {{17, 4}, 1, 7},
                                        {{67}, 1, 4},       {{1, 0, 19}, 2, 32}, {{70, 33, 128}, 2, 32},
                                        {{129, 63}, 1, 64}, {{20, 65}, 2, 80},   {{131, 0, 2}, 1, 96},
                                        {{64, 67}, 1, 128}};

AttentionShape shape_of(const AttentionCase& sizes, Masking masking, float dropout = 0.0f) {
  return {sizes.heads, sizes.head_size, masking, {dropout, 0x123456789abcdefULL}};
}

// Both maskings, with and without dropout, of the cases that the device has kernels for.
template <class Cases, class Check>
void for_all(const Cases& cases, const Check& check) {
  for (const AttentionCase& sizes : cases) {
    if (!has_attention(sizes.head_size)) continue;
    for (const Masking masking : {Masking::bidirectional, Masking::causal}) {
      for (const float probability : {0.0f, 0.2f}) {
        SCOPED_TRACE(fmt::format("rows of {}, {} heads of {}{}{}", fmt::join(sizes.lengths, ", "),
                                 sizes.heads, sizes.head_size, masking == Masking::causal ? ", causal" : "",
                                 probability > 0.0f ? ", dropout" : ""));
        check(Rows(sizes.lengths), shape_of(sizes, masking, probability));
      }
    }
  }
}

double exact(double value) { return value; }
double rounded(double value) { return static_cast<float>(bfloat16(static_cast<float>(value))); }

// Oracle of the oracle.
TEST(AttentionReference, GradientEqualsCentralDifferences) {
  for (const SharedCase& sizes : {SharedCase{{1}, 1, 1, 1, 0},
                                  {{0, 5, 3}, 2, 2, 4, 0},
                                  {{13}, 1, 1, 3, 0},
                                  {{7, 2}, 4, 2, 3, 0},
                                  {{9}, 3, 1, 2, 3}}) {
    for (const Masking masking : {Masking::bidirectional, Masking::causal}) {
      const Rows rows(sizes.lengths);
      const AttentionShape shape{sizes.heads, sizes.head_size, masking,
                                 {0.3f, 11},  sizes.key_heads, sizes.window};
      const Doubles qkv = random_values(rows.tokens() * shape.packed_width(), 2),
                    dy = random_values(rows.tokens() * shape.width(), 3);
      const Doubles expected = numeric_gradient(
          [&](const Doubles& at) { return dot(reference::attention(at, {}, rows, shape).y, dy); }, qkv);
      expect_close(reference::attention_gradient(qkv, {}, dy, rows, shape, exact), expected, 1e-7, "dqkv");
    }
  }
}

TEST(AttentionReference, BiasGradientEqualsCentralDifferences) {
  for (const SharedCase& sizes : {SharedCase{{0, 5, 3}, 2, 2, 4, 0}, {{7, 2}, 4, 2, 3, 3}}) {
    for (const Masking masking : {Masking::bidirectional, Masking::causal}) {
      const Rows rows(sizes.lengths);
      const AttentionShape shape{sizes.heads, sizes.head_size, masking,
                                 {0.3f, 11},  sizes.key_heads, sizes.window};
      const Doubles qkv = random_values(rows.tokens() * shape.packed_width(), 2),
                    dy = random_values(rows.tokens() * shape.width(), 3),
                    bias = random_values(17 * shape.heads, 4);
      Doubles dbias(bias.size());
      const Doubles dqkv = reference::attention_gradient(qkv, bias, dy, rows, shape, exact, &dbias);
      expect_close(
          dqkv,
          numeric_gradient(
              [&](const Doubles& at) { return dot(reference::attention(at, bias, rows, shape).y, dy); }, qkv),
          1e-7, "dqkv");
      expect_close(
          dbias,
          numeric_gradient(
              [&](const Doubles& at) { return dot(reference::attention(qkv, at, rows, shape).y, dy); }, bias),
          1e-7, "dbias");
    }
  }
}

class Attention : public KernelTest {
 protected:
  Doubles gradient(const Operand& qkv, const Operand& dy, const Rows& rows, const AttentionShape& shape) {
    const Operand y(dtype(), {rows.tokens(), shape.heads * shape.head_size}),
        lse(DType::f32, {shape.heads, rows.tokens()}),
        dqkv(dtype(), {rows.tokens(), 3 * shape.heads * shape.head_size});
    backend_->attention_forward(y, lse, qkv, Tensor(), rows, shape);
    backend_->attention_backward(dqkv, Tensor(), dy, y, lse, qkv, Tensor(), rows, shape);
    return dqkv.values();
  }
};

TEST_P(Attention, ForwardEqualsReference) {
  for_all(kForwardCases, [&](const Rows& rows, const AttentionShape& shape) {
    const int64_t hidden = shape.heads * shape.head_size;
    const Operand qkv(dtype(), {rows.tokens(), 3 * hidden}, 1, 1.5), y(dtype(), {rows.tokens(), hidden});
    const Operand lse(DType::f32, {shape.heads, rows.tokens()});
    backend_->attention_forward(y, lse, qkv, Tensor(), rows, shape);
    const reference::Attention expected = reference::attention(qkv.values(), {}, rows, shape);
    expect_close(y.values(), expected.y, 2.0 * tolerance(dtype(), shape.head_size), "y");
    expect_close(lse.values(), expected.lse, 2.0 * tolerance(DType::f32, shape.head_size), "lse");
    const Operand y_inference(dtype(), {rows.tokens(), hidden});
    backend_->attention_forward(y_inference, Tensor(), qkv, Tensor(), rows, shape);
    EXPECT_EQ(y_inference.bytes(), y.bytes()) << "with and without the log-sum-exp";
  });
}

TEST_P(Attention, BackwardEqualsReference) {
  for_all(kBackwardCases, [&](const Rows& rows, const AttentionShape& shape) {
    const int64_t hidden = shape.heads * shape.head_size;
    const Operand qkv(dtype(), {rows.tokens(), 3 * hidden}, 2), dy(dtype(), {rows.tokens(), hidden}, 3);
    expect_close(gradient(qkv, dy, rows, shape),
                 reference::attention_gradient(qkv.values(), {}, dy.values(), rows, shape, exact),
                 4.0 * tolerance(dtype(), shape.head_size), "dqkv");
  });
}

// Grouped key heads and windows: even and odd groups, windows of one token, below and above a vector, beyond
// the row, and wider than a tile of keys; rows that are empty, shorter than the window, longer than a block
// of queries and than several tiles.
const SharedCase kSharedCases[] = {
    {{1, 0, 9}, 2, 1, 12, 0},     {{17, 4}, 6, 2, 7, 3},      {{0, 33, 5}, 3, 3, 32, 1},
    {{70, 2, 131}, 4, 2, 32, 17}, {{150}, 3, 1, 64, 64},      {{40, 19}, 4, 4, 5, 33},
    {{23}, 8, 2, 16, 100},        {{200, 3}, 2, 2, 33, 5},    {{300, 0, 97}, 2, 1, 32, 66},
    {{65, 128}, 3, 1, 64, 0},     {{129, 16}, 2, 1, 80, 40},  {{150}, 2, 2, 96, 9},
    {{33, 161}, 2, 1, 128, 70},   {{31, 2, 32}, 4, 2, 64, 7}, {{20}, 2, 1, 128, 0}};

// Without a window, with one of a token, below and above a vector and wider than a tile; a row of several
// tiles.
const SharedCase kBiasCases[] = {
    {{1, 0, 9}, 2, 1, 12, 0},     {{17, 4}, 6, 2, 7, 3},        {{40, 19}, 4, 4, 5, 33},
    {{23}, 8, 2, 16, 100},        {{200, 3}, 2, 2, 33, 5},      {{0, 33, 5}, 3, 3, 32, 1},
    {{70, 2, 131}, 2, 1, 32, 17}, {{97, 0, 200}, 1, 1, 32, 66}, {{31, 2, 32}, 2, 1, 64, 7},
    {{65, 128}, 1, 1, 64, 0},     {{129, 16}, 1, 1, 80, 40},    {{70}, 1, 1, 96, 9},
    {{33, 65}, 1, 1, 128, 70},    {{1, 0, 1}, 1, 1, 32, 0}};

struct Form {
  Masking masking;
  float dropout;
};
const Form kForms[] = {{Masking::bidirectional, 0.0f},
                       {Masking::bidirectional, 0.2f},
                       {Masking::causal, 0.0f},
                       {Masking::causal, 0.2f}};
const Form kBiasForms[] = {{Masking::bidirectional, 0.2f}, {Masking::causal, 0.0f}};

template <class Cases, class Forms, class Check>
void for_all_shared(const Cases& cases, const Forms& forms, const Check& check) {
  for (const SharedCase& sizes : cases) {
    if (!has_attention(sizes.head_size)) continue;
    for (const auto [masking, probability] : forms) {
      SCOPED_TRACE(fmt::format("rows of {}, {} heads of {} on {}, window {}{}{}",
                               fmt::join(sizes.lengths, ", "), sizes.heads, sizes.head_size, sizes.key_heads,
                               sizes.window, masking == Masking::causal ? ", causal" : "",
                               probability > 0.0f ? ", dropout" : ""));
      check(Rows(sizes.lengths),
            AttentionShape{
                sizes.heads, sizes.head_size, masking, {probability, 0x77}, sizes.key_heads, sizes.window});
    }
  }
}

TEST_P(Attention, GroupedHeadsAndWindowsEqualReference) {
  for_all_shared(kSharedCases, kForms, [&](const Rows& rows, const AttentionShape& shape) {
    const Operand qkv(dtype(), {rows.tokens(), shape.packed_width()}, 14, 1.5),
        y(dtype(), {rows.tokens(), shape.width()}), dy(dtype(), {rows.tokens(), shape.width()}, 15),
        dqkv(dtype(), {rows.tokens(), shape.packed_width()}), lse(DType::f32, {shape.heads, rows.tokens()});
    backend_->attention_forward(y, lse, qkv, Tensor(), rows, shape);
    const reference::Attention expected = reference::attention(qkv.values(), {}, rows, shape);
    expect_close(y.values(), expected.y, 2.0 * tolerance(dtype(), shape.head_size), "y");
    expect_close(lse.values(), expected.lse, 2.0 * tolerance(DType::f32, shape.head_size), "lse");
    backend_->attention_backward(dqkv, Tensor(), dy, y, lse, qkv, Tensor(), rows, shape);
    expect_close(dqkv.values(),
                 reference::attention_gradient(qkv.values(), {}, dy.values(), rows, shape, exact),
                 4.0 * tolerance(dtype(), shape.head_size), "dqkv");
  });
}

// Just the distances of the longest row, or some beyond it, which get no gradient; what dbias held is added
// to.
TEST_P(Attention, BiasByDistanceEqualsReference) {
  for_all_shared(kBiasCases, kBiasForms, [&](const Rows& rows, const AttentionShape& shape) {
    const int64_t beyond = shape.masking == Masking::causal ? 0 : 3;  // on either side
    const int64_t distances = 2 * (rows.packing().max_length + beyond) - 1;
    const Operand qkv(dtype(), {rows.tokens(), shape.packed_width()}, 21, 1.5),
        bias(DType::f32, {distances, shape.heads}, 22, 2.0), y(dtype(), {rows.tokens(), shape.width()}),
        dy(dtype(), {rows.tokens(), shape.width()}, 23), dqkv(dtype(), {rows.tokens(), shape.packed_width()}),
        dbias(DType::f32, {distances, shape.heads}, 24), lse(DType::f32, {shape.heads, rows.tokens()});
    backend_->attention_forward(y, lse, qkv, bias, rows, shape);
    const reference::Attention expected = reference::attention(qkv.values(), bias.values(), rows, shape);
    expect_close(y.values(), expected.y, 2.0 * tolerance(dtype(), shape.head_size), "y");
    expect_close(lse.values(), expected.lse, 2.0 * tolerance(DType::f32, shape.head_size), "lse");
    Doubles expected_dbias = dbias.values();
    const Doubles expected_dqkv = reference::attention_gradient(qkv.values(), bias.values(), dy.values(),
                                                                rows, shape, exact, &expected_dbias);
    backend_->attention_backward(dqkv, dbias, dy, y, lse, qkv, bias, rows, shape);
    expect_close(dqkv.values(), expected_dqkv, 4.0 * tolerance(dtype(), shape.head_size), "dqkv");
    // A key that is seen alone has probability 1 whatever its score: its gradient is the rounding of dy . y,
    // which may be several times dbias, summed over the tokens.
    const bool alone = shape.window == 1 || rows.packing().max_length == 1;
    const double roundings = alone ? 4.0 * std::sqrt(static_cast<double>(rows.tokens())) : 1.0;
    expect_close(dbias.values(), expected_dbias, 4.0 * roundings * tolerance(dtype(), shape.head_size),
                 "dbias");
    const Operand without(dtype(), {rows.tokens(), shape.packed_width()});
    backend_->attention_backward(without, Tensor(), dy, y, lse, qkv, bias, rows, shape);
    EXPECT_EQ(without.bytes(), dqkv.bytes()) << "with and without the bias' gradient";
  });
}

TEST_P(Attention, WrongBiasIsRefused) {
  const AttentionShape shape{2, 32, Masking::bidirectional, {}};
  const Operand qkv(dtype(), {9, 192}, 9), y(dtype(), {9, 64}), lse(DType::f32, {2, 9});
  const auto forward = [&](const std::vector<int64_t>& dims, DType type) {
    const Operand bias(type, dims, 10);
    backend_->attention_forward(y, lse, qkv, bias, Rows({4, 5}), shape);
  };
  EXPECT_NO_THROW(forward({9, 2}, DType::f32));
  EXPECT_THROW(forward({7, 2}, DType::f32), Error);   // for rows of 4
  EXPECT_THROW(forward({10, 2}, DType::f32), Error);  // no middle
  EXPECT_THROW(forward({9, 1}, DType::f32), Error);
  EXPECT_THROW(forward({9, 2}, DType::bf16), Error);
  const Operand bias(DType::f32, {9, 2}, 10), short_dbias(DType::f32, {7, 2}, 11), dy(dtype(), {9, 64}, 12),
      dqkv(dtype(), {9, 192});
  EXPECT_THROW(backend_->attention_backward(dqkv, short_dbias, dy, y, lse, qkv, bias, Rows({4, 5}), shape),
               Error);
  EXPECT_THROW(backend_->attention_backward(dqkv, bias, dy, y, lse, qkv, Tensor(), Rows({4, 5}), shape),
               Error);
}

TEST_P(Attention, HeadsThatDoNotDivideAreRefused) {
  const Operand qkv(dtype(), {3, 7 * 32}, 16), y(dtype(), {3, 3 * 32});
  EXPECT_THROW(
      backend_->attention_forward(y, Tensor(), qkv, Tensor(), Rows({3}), {3, 32, Masking::causal, {}, 2, 0}),
      Error);
  const Operand plain(dtype(), {3, 3 * 32}, 17), out(dtype(), {3, 32});
  EXPECT_THROW(backend_->attention_forward(out, Tensor(), plain, Tensor(), Rows({3}),
                                           {1, 32, Masking::causal, {}, 1, -4}),
               Error);
}

// More rows than a warp has lanes, and more than its square: how a block finds its row.
TEST_P(Attention, ManyShortRows) {
  std::vector<int32_t> lengths;
  for (int32_t row = 0; row < 1100; ++row) lengths.push_back(row % 7 == 3 ? 3 : row % 2);
  lengths[700] = 40;
  const Rows rows(lengths);
  const AttentionShape shape{1, 32, Masking::bidirectional, {0.1f, 5}};
  const Operand qkv(dtype(), {rows.tokens(), 96}, 10), dy(dtype(), {rows.tokens(), 32}, 11);
  expect_close(gradient(qkv, dy, rows, shape),
               reference::attention_gradient(qkv.values(), {}, dy.values(), rows, shape, exact),
               4.0 * tolerance(dtype(), 32), "dqkv");
}

TEST_P(Attention, GradientsAreTheSameBytesEveryTime) {
  const Rows rows({150, 40});
  const AttentionShape shape{2, 32, Masking::causal, {0.1f, 5}};
  const Operand qkv(dtype(), {190, 192}, 12), dy(dtype(), {190, 64}, 13);
  EXPECT_EQ(gradient(qkv, dy, rows, shape), gradient(qkv, dy, rows, shape));
}

// bf16 with every intermediate rounded: what a plain implementation would give. One row, no dropout.
Doubles plain_bf16_attention(const Doubles& qkv, const Rows& rows, const AttentionShape& shape) {
  const int64_t size = shape.head_size;
  Doubles y(static_cast<size_t>(rows.tokens() * shape.width()));
  for (int64_t head = 0; head < shape.heads; ++head) {
    const auto part = [&](int64_t token, int64_t which) {
      return qkv.data() + reference::part_of(shape, token, which, head);
    };
    for (int64_t i = 0; i < rows.tokens(); ++i) {
      Doubles p(static_cast<size_t>(rows.tokens()));
      double sum = 0.0;
      for (int64_t j = 0; j < rows.tokens(); ++j) {
        if (!reference::sees(shape, i, j)) continue;
        double score = 0.0;
        for (int64_t d = 0; d < size; ++d) score += part(i, 0)[d] * part(j, 1)[d];
        p[static_cast<size_t>(j)] = std::exp(rounded(rounded(score) / std::sqrt(static_cast<double>(size))));
        sum += p[static_cast<size_t>(j)];
      }
      for (int64_t d = 0; d < size; ++d) {
        double total = 0.0;
        for (int64_t j = 0; j < rows.tokens(); ++j)
          total += rounded(p[static_cast<size_t>(j)] / sum) * part(j, 2)[d];
        y[static_cast<size_t>(i * shape.width() + head * size + d)] = rounded(total);
      }
    }
  }
  return y;
}

// On a GPU rows of 97 and of 193 tokens meet different kernels.
TEST(AttentionAccuracy, Bf16ErrorIsWithinTwiceAPlainVersion) {
  const auto backend = make_backend(1);
  constexpr Masking kBoth = Masking::bidirectional, kCausal = Masking::causal;
  const std::pair<int32_t, AttentionShape> cases[] = {
      {97, {4, 32, kBoth, {}}},         {97, {2, 128, kBoth, {}}},        {193, {2, 64, kBoth, {}}},
      {150, {1, 96, kBoth, {}}},        {97, {2, 64, kCausal, {}}},       {193, {2, 64, kCausal, {}}},
      {97, {4, 32, kBoth, {}, 2, 20}},  {193, {2, 64, kBoth, {}, 1, 70}}, {97, {3, 64, kCausal, {}, 1, 33}},
      {193, {4, 32, kCausal, {}, 1, 9}}};
  for (const auto& [length, shape] : cases) {
    SCOPED_TRACE(fmt::format("{} tokens, {} heads of {} on {}, window {}{}", length, shape.heads,
                             shape.head_size, shape.key_head_count(), shape.window,
                             shape.masking == kCausal ? ", causal" : ""));
    const Rows rows({length});
    const Operand qkv(DType::bf16, {length, shape.packed_width()}, 6, 1.5),
        y(DType::bf16, {length, shape.width()}), dy(DType::bf16, {length, shape.width()}, 7),
        dqkv(DType::bf16, {length, shape.packed_width()}), lse(DType::f32, {shape.heads, length});
    backend->attention_forward(y, lse, qkv, Tensor(), rows, shape);
    const Doubles expected = reference::attention(qkv.values(), {}, rows, shape).y;
    EXPECT_LE(largest_error(y.values(), expected),
              2.0 * largest_error(plain_bf16_attention(qkv.values(), rows, shape), expected));
    backend->attention_backward(dqkv, Tensor(), dy, y, lse, qkv, Tensor(), rows, shape);
    const auto plain = [&](double (*round)(double)) {
      return reference::attention_gradient(qkv.values(), {}, dy.values(), rows, shape, round);
    };
    EXPECT_LE(largest_error(dqkv.values(), plain(exact)), 2.0 * largest_error(plain(rounded), plain(exact)));
  }
}

TEST_P(Attention, LargeScoresDoNotOverflow) {
  const Rows rows({19});
  const Operand qkv(dtype(), {19, 3 * 32}, 7, 60.0), y(dtype(), {19, 32}), lse(DType::f32, {1, 19});
  const AttentionShape shape{1, 32, Masking::bidirectional, {}};
  backend_->attention_forward(y, lse, qkv, Tensor(), rows, shape);
  const reference::Attention expected = reference::attention(qkv.values(), {}, rows, shape);
  expect_close(y.values(), expected.y, 1e-2, "y");
  expect_close(lse.values(), expected.lse, 1e-5, "lse");
}

// Scores so low that 1 / (sum of their exponentials) is infinite in f32: what lies behind a row's end, whose
// score is 0, must not take part even with weight 0.
TEST_P(Attention, VeryLowScoresHaveFiniteGradients) {
  for (const auto& lengths : {std::vector<int32_t>{19, 31}, {40, 70, 131}}) {
    const Rows rows(lengths);
    const AttentionShape shape{1, 32, Masking::bidirectional, {}};
    Doubles values = random_values(rows.tokens() * 96, 19);
    for (size_t token = 0; token < values.size(); token += 96) {
      values[token] = 30.0;        // of the query
      values[token + 32] = -30.0;  // of the key
    }
    const Operand qkv(dtype(), {rows.tokens(), 96}, values), dy(dtype(), {rows.tokens(), 32}, 20);
    expect_close(gradient(qkv, dy, rows, shape),
                 reference::attention_gradient(qkv.values(), {}, dy.values(), rows, shape, exact),
                 dtype() == DType::f32 ? 1e-4 : 3e-2, "dqkv");
  }
}

TEST_P(Attention, ARowIsTheSameInAnyBatch) {
  const AttentionShape shape{4, 32, Masking::bidirectional, {0.25f, 99}, 2, 50};
  const std::vector<int32_t> lengths{11, 45, 180};
  const Rows batch(lengths, 1);  // row keys 1, 2, 3
  const int64_t tokens = batch.tokens(), width = shape.width(), packed = shape.packed_width();
  const Operand qkv(dtype(), {tokens, packed}, 8), dy(dtype(), {tokens, width}, 18);
  const auto results = [&](const Rows& rows, int64_t first) {
    const int64_t count = rows.tokens();
    const Operand y(dtype(), {count, width}), lse(DType::f32, {shape.heads, count}),
        dqkv(dtype(), {count, packed});
    const Tensor own = qkv.tensor().slice_rows(first, count);
    backend_->attention_forward(y, lse, own, Tensor(), rows, shape);
    backend_->attention_backward(dqkv, Tensor(), dy.tensor().slice_rows(first, count), y, lse, own, Tensor(),
                                 rows, shape);
    return std::pair{y.values(), dqkv.values()};
  };
  const auto [y, dqkv] = results(batch, 0);
  for (int64_t row = 0; row < batch.count(); ++row) {
    const int64_t first = batch.first(row), last = first + batch.length(row);
    const auto [y_alone, dqkv_alone] = results(Rows({lengths[static_cast<size_t>(row)]}, row + 1), first);
    EXPECT_EQ(y_alone, Doubles(y.begin() + first * width, y.begin() + last * width)) << row;
    EXPECT_EQ(dqkv_alone, Doubles(dqkv.begin() + first * packed, dqkv.begin() + last * packed)) << row;
  }
}

TEST_P(Attention, WrongPackingIsRefused) {
  const AttentionShape shape{1, 8, Masking::bidirectional, {}};
  const Operand qkv(dtype(), {9, 24}, 9), y(dtype(), {9, 8});
  EXPECT_THROW(backend_->attention_forward(y, Tensor(), qkv, Tensor(), Rows({4, 4}), shape), Error);
  const std::vector<int32_t> descending{0, 6, 3, 9};
  const std::vector<int64_t> keys{1, 2, 3};
  EXPECT_THROW(backend_->attention_forward(y, Tensor(), qkv, Tensor(), Packing{descending, keys, 6}, shape),
               Error);
  const AttentionShape certain{1, 8, Masking::bidirectional, {1.0f, 1}};
  EXPECT_THROW(backend_->attention_forward(y, Tensor(), qkv, Tensor(), Rows({9}), certain), Error);
}

TEST_P(Attention, HeadSizesWithoutKernelsAreRefused) {
  for (const int64_t size : {8, 31, 32, 33, 48, 64, 72, 80, 96, 112, 128, 136}) {
    const AttentionShape shape{1, size, Masking::bidirectional, {}};
    const Operand qkv(dtype(), {3, 3 * size}, 9), dy(dtype(), {3, size}, 10);
    if (has_attention(size)) {
      EXPECT_NO_THROW(gradient(qkv, dy, Rows({3}), shape)) << size;
    } else {
      EXPECT_THROW(gradient(qkv, dy, Rows({3}), shape), Error) << size;
    }
  }
}

LIMNER_FOR_BOTH_TYPES(Attention);

}  // namespace limner::test
