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
    const int64_t take = left_over > kTileVectors && left_over < 2 * kTileVectors - 1
                             ? 2
                             : std::min<int64_t>(left_over, kTileVectors);
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

// to [tokens, stride] = scale * from, one head's numbers of each token; columns beyond head_size are 0.
template <class T>
HWY_INLINE void gather_head(float* to, int64_t stride, const T* from, int64_t token_stride, int64_t tokens,
                            int64_t head_size, float scale) {
  for (int64_t token = 0; token < tokens; ++token) {
    const T* source = from + token * token_stride;
    float* target = to + token * stride;
    for (int64_t c = 0; c < stride; c += kLanes) {
      const int64_t left = head_size - c;
      const FloatVector value = left > 0 ? load_some(source + c, left) : hn::Zero(Floats());
      store(hn::Mul(value, constant(scale)), target + c);
    }
  }
}

// The same numbers, transposed into panels of kLanes tokens: panels[token / kLanes][column][token % kLanes],
// columns up to `stride`. `rows` is what gather_head wrote, followed by memory for kLanes more tokens, which
// are set to 0.
HWY_INLINE void pack_panels(float* panels, float* rows, int64_t stride, int64_t tokens) {
  const int64_t whole = (tokens + kLanes - 1) / kLanes * kLanes;
  std::fill(rows + tokens * stride, rows + whole * stride, 0.0f);
  float quads[4 * kLanes];
  for (int64_t token = 0; token < whole; token += kLanes) {
    for (int64_t c = 0; c < stride; c += 4) {
      for (int64_t lane = 0; lane < kLanes; ++lane) {
        std::memcpy(quads + 4 * lane, rows + (token + lane) * stride + c, 4 * sizeof(float));
      }
      FloatVector v0, v1, v2, v3;
      hn::LoadInterleaved4(Floats(), quads, v0, v1, v2, v3);
      float* to = panels + token * stride + c * kLanes;
      store(v0, to);
      store(v1, to + kLanes);
      store(v2, to + 2 * kLanes);
      store(v3, to + 3 * kLanes);
    }
  }
}

// to (in T) = scale * from, for one head of consecutive tokens.
template <class T>
HWY_INLINE void scatter_head(T* to, int64_t token_stride, const float* from, int64_t stride, int64_t tokens,
                             int64_t head_size, float scale) {
  for (int64_t token = 0; token < tokens; ++token) {
    for (int64_t c = 0; c < head_size; c += kLanes) {
      const auto value = hn::Mul(load(from + token * stride + c), constant(scale));
      store_some(value, to + token * token_stride + c, head_size - c);
    }
  }
}

// Panels as the right operand of scores = q k^T, rows of a head as the right operand of probabilities * v.
inline Right as_panels(const float* panels, int64_t stride) { return {panels, kLanes, stride * kLanes}; }
inline Right as_rows(const float* rows, int64_t stride) { return {rows, stride, kLanes}; }

// Lanes below `count` keep their value, the others become 0.
HWY_INLINE FloatVector first_lanes(FloatVector value, int64_t count) {
  return hn::IfThenElseZero(hn::FirstN(Floats(), static_cast<size_t>(count)), value);
}

}  // namespace limner::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
