// Small matrix products and data movement for attention: one row and one head at a time, in f32, from scratch
// memory that stays in L1 or L2.
#if defined(LIMNER_KERNELS_CPU_ATTENTION_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIMNER_KERNELS_CPU_ATTENTION_INL_H
#undef LIMNER_KERNELS_CPU_ATTENTION_INL_H
#else
#define LIMNER_KERNELS_CPU_ATTENTION_INL_H
#endif

#include "kernels/cpu/attention.h"
#include "kernels/cpu/vector_inl.h"

HWY_BEFORE_NAMESPACE();
namespace limner::HWY_NAMESPACE {

// A register tile: rows x vectors of accumulators, leaving registers for the operands.
inline constexpr int kTileRows = HWY_LANES(float) == 16 ? 8 : 4;
inline constexpr int kTileVectors = HWY_LANES(float) == 16 ? 3 : 2;

// Left operand: element (row, k) at data[row * row_stride + k * depth_stride]; read one number at a time.
struct Left {
  const float* data;
  int64_t row_stride, depth_stride;
};
// Right operand: vector v of step k at data[k * depth_stride + v * vector_stride].
struct Right {
  const float* data;
  int64_t depth_stride, vector_stride;
};

template <int kRows, int kVectors, Write kWrite>
HWY_INLINE void multiply_tile(float* out, int64_t out_stride, Left left, Right right, int64_t depth) {
  FloatVector sums[kRows][kVectors];
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) {
      sums[r][v] = kWrite == Write::add ? load(out + r * out_stride + v * kLanes) : hn::Zero(Floats());
    }
  }
  for (int64_t k = 0; k < depth; ++k) {
    FloatVector b[kVectors];
    for (int v = 0; v < kVectors; ++v)
      b[v] = load(right.data + k * right.depth_stride + v * right.vector_stride);
    for (int r = 0; r < kRows; ++r) {
      const FloatVector a = constant(left.data[r * left.row_stride + k * left.depth_stride]);
      for (int v = 0; v < kVectors; ++v) sums[r][v] = hn::MulAdd(a, b[v], sums[r][v]);
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) store(sums[r][v], out + r * out_stride + v * kLanes);
  }
}

template <int kRows, Write kWrite>
void multiply_rows(float* out, int64_t out_stride, Left left, Right right, int64_t vectors, int64_t depth) {
  int64_t v = 0;
  while (v < vectors) {
    // 4 vectors are 2 + 2, not 3 + 1.
    const int64_t left_over = vectors - v;
    const int64_t take = left_over == kTileVectors + 1 ? 2 : std::min<int64_t>(left_over, kTileVectors);
    float* to = out + v * kLanes;
    const Right from{right.data + v * right.vector_stride, right.depth_stride, right.vector_stride};
    if (take >= 3) {
      multiply_tile<kRows, kTileVectors, kWrite>(to, out_stride, left, from, depth);
    } else if (take == 2) {
      multiply_tile<kRows, 2, kWrite>(to, out_stride, left, from, depth);
    } else {
      multiply_tile<kRows, 1, kWrite>(to, out_stride, left, from, depth);
    }
    v += take;
  }
}

// out [rows, vectors * kLanes] = or += left * right.
template <Write kWrite>
void multiply(float* out, int64_t out_stride, Left left, Right right, int64_t rows, int64_t vectors,
              int64_t depth) {
  int64_t r = 0;
  const auto rest = [&](int64_t row) {
    return Left{left.data + row * left.row_stride, left.row_stride, left.depth_stride};
  };
  for (; r + kTileRows <= rows; r += kTileRows) {
    multiply_rows<kTileRows, kWrite>(out + r * out_stride, out_stride, rest(r), right, vectors, depth);
  }
  if (kTileRows > 4 && r + 4 <= rows) {
    multiply_rows<4, kWrite>(out + r * out_stride, out_stride, rest(r), right, vectors, depth);
    r += 4;
  }
  if (r + 2 <= rows) {
    multiply_rows<2, kWrite>(out + r * out_stride, out_stride, rest(r), right, vectors, depth);
    r += 2;
  }
  if (r < rows) multiply_rows<1, kWrite>(out + r * out_stride, out_stride, rest(r), right, vectors, depth);
}

// Where a group of heads lies: in a packed tensor, token by token, heads side by side; in scratch as
// [heads][tokens][stride] f32, stride whole vectors, the columns beyond head_size 0.
struct HeadGroup {
  int64_t heads, head_size, tokens;
  int64_t token_stride;  // of the packed tensor
  int64_t stride, head_stride;
  bool whole() const { return stride == head_size; }
};

// to = scale * from. Reads each token's heads in one go: neighbouring cache lines.
template <class T>
void gather_heads(float* to, const T* from, const HeadGroup& group, float scale) {
  const FloatVector factor = constant(scale);
  for (int64_t token = 0; token < group.tokens; ++token) {
    for (int64_t head = 0; head < group.heads; ++head) {
      const T* source = from + token * group.token_stride + head * group.head_size;
      float* target = to + head * group.head_stride + token * group.stride;
      if (group.whole()) {
        for (int64_t c = 0; c < group.stride; c += kLanes)
          store(hn::Mul(load(source + c), factor), target + c);
      } else {
        for (int64_t c = 0; c < group.stride; c += kLanes) {
          const int64_t left = group.head_size - c;
          const FloatVector value = left > 0 ? load_some(source + c, left) : hn::Zero(Floats());
          store(hn::Mul(value, factor), target + c);
        }
      }
    }
  }
}

// to (in T) = scale * from.
template <class T>
void scatter_heads(T* to, const float* from, const HeadGroup& group, float scale) {
  const FloatVector factor = constant(scale);
  for (int64_t token = 0; token < group.tokens; ++token) {
    for (int64_t head = 0; head < group.heads; ++head) {
      const float* source = from + head * group.head_stride + token * group.stride;
      T* target = to + token * group.token_stride + head * group.head_size;
      if (group.whole()) {
        for (int64_t c = 0; c < group.stride; c += kLanes)
          store(hn::Mul(load(source + c), factor), target + c);
      } else {
        for (int64_t c = 0; c < group.head_size; c += kLanes) {
          store_some(hn::Mul(load(source + c), factor), target + c, group.head_size - c);
        }
      }
    }
  }
}

// Four numbers of each of kLanes rows: block b of the vector is from[4 b].
HWY_INLINE FloatVector every_fourth_row(const float* from, int64_t stride) {
  FloatVector rows = hn::LoadDup128(Floats(), from);
  for (int64_t block = 1; block < kLanes / 4; ++block) {
    const auto before = hn::FirstN(Floats(), static_cast<size_t>(4 * block));
    rows = hn::IfThenElse(before, rows, hn::LoadDup128(Floats(), from + 4 * block * stride));
  }
  return rows;
}

// One head's rows transposed into panels of kLanes tokens: panels[token / kLanes][column][token % kLanes].
// `rows` has memory for whole vectors of tokens; those beyond `tokens` are set to 0.
HWY_INLINE void pack_panels(float* panels, float* rows, int64_t stride, int64_t tokens) {
  const hn::Repartition<double, Floats> pairs;
  const int64_t whole = (tokens + kLanes - 1) / kLanes * kLanes;
  std::fill(rows + tokens * stride, rows + whole * stride, 0.0f);
  for (int64_t token = 0; token < whole; token += kLanes) {
    for (int64_t c = 0; c < stride; c += 4) {
      const float* from = rows + token * stride + c;
      const FloatVector r0 = every_fourth_row(from, stride), r1 = every_fourth_row(from + stride, stride);
      const FloatVector r2 = every_fourth_row(from + 2 * stride, stride);
      const FloatVector r3 = every_fourth_row(from + 3 * stride, stride);
      const auto low01 = hn::BitCast(pairs, hn::InterleaveLower(Floats(), r0, r1));
      const auto low23 = hn::BitCast(pairs, hn::InterleaveLower(Floats(), r2, r3));
      const auto high01 = hn::BitCast(pairs, hn::InterleaveUpper(Floats(), r0, r1));
      const auto high23 = hn::BitCast(pairs, hn::InterleaveUpper(Floats(), r2, r3));
      float* to = panels + token * stride + c * kLanes;
      store(hn::BitCast(Floats(), hn::InterleaveLower(pairs, low01, low23)), to);
      store(hn::BitCast(Floats(), hn::InterleaveUpper(pairs, low01, low23)), to + kLanes);
      store(hn::BitCast(Floats(), hn::InterleaveLower(pairs, high01, high23)), to + 2 * kLanes);
      store(hn::BitCast(Floats(), hn::InterleaveUpper(pairs, high01, high23)), to + 3 * kLanes);
    }
  }
}

// Panels as the right operand of scores = q k^T, rows of a head as the right operand of probabilities * v.
inline Right as_panels(const float* panels, int64_t stride) { return {panels, kLanes, stride * kLanes}; }
inline Right as_rows(const float* rows, int64_t stride) { return {rows, stride, kLanes}; }

// A head's bias for a row of `length` tokens, times log2(e) as its scores are.
inline void gather_bias(float* to, const Tensor& bias, int64_t head, int64_t length) {
  const int64_t heads = bias.dim(1);
  const float* from = bias.as<float>() + first_distance(bias, length) * heads + head;
  for (int64_t d = 0; d < 2 * length - 1; ++d) to[d] = from[d * heads] * kLog2E;
}
// scores += bias of `keys` keys, from the bias of the first on; whole vectors are written.
HWY_INLINE void add_bias(float* scores, const float* bias, int64_t keys) {
  for (int64_t k = 0; k < keys; k += kLanes) {
    store(hn::Add(load(scores + k), load(bias + k)), scores + k);
  }
}

// Lanes begin..end - 1 keep their value, the others become `otherwise`.
HWY_INLINE FloatVector lanes_between(FloatVector value, int64_t begin, int64_t end, FloatVector otherwise) {
  if (begin <= 0 && end >= kLanes) return value;
  const auto lanes = [](int64_t count) {
    return hn::FirstN(Floats(), static_cast<size_t>(std::clamp<int64_t>(count, 0, kLanes)));
  };
  return hn::IfThenElse(hn::AndNot(lanes(begin), lanes(end)), value, otherwise);
}

}  // namespace limner::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
