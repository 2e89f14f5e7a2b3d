#include "kernels/cpu/targets.h"
// Highway compiles what follows once per instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/embedding.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/check.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/vector_inl.h"
#include "kernels/tuning.h"
#include "runtime/parallel.h"

#ifndef LIMNER_EMBEDDING_ARGUMENTS
#define LIMNER_EMBEDDING_ARGUMENTS
namespace limner {

// One table and the row of it that each token takes.
struct Lookup {
  const char* name;
  Tensor table;
  std::span<const int32_t> rows;
};

}  // namespace limner
#endif

HWY_BEFORE_NAMESPACE();
namespace limner::HWY_NAMESPACE {

template <class T>
void gather(const Tensor& y, std::span<const Lookup> lookups, int64_t first, int64_t last) {
  const int64_t width = y.columns();
  for (int64_t token = first; token < last; ++token) {
    T* to = y.as<T>() + token * width;
    for (int64_t c = 0; c < width; c += kLanes) {
      FloatVector sum = hn::Zero(Floats());
      for (const Lookup& lookup : lookups) {
        const int64_t row = lookup.rows[static_cast<size_t>(token)];
        sum = hn::Add(sum, load_some(static_cast<const T*>(lookup.table.data) + row * width + c, width - c));
      }
      store_some(sum, to + c, width - c);
    }
  }
}

// Adds columns first..first + count of every token's gradient, in the order of tokens.
template <class T>
void scatter(std::span<const Lookup> lookups, const Tensor& dy, int64_t first, int64_t count) {
  const int64_t width = dy.columns(), tokens = dy.rows();
  for (int64_t token = 0; token < tokens; ++token) {
    const T* from = dy.as<T>() + token * width + first;
    for (const Lookup& lookup : lookups) {
      const int64_t row = lookup.rows[static_cast<size_t>(token)];
      float* to = static_cast<float*>(lookup.table.data) + row * width + first;
      for (int64_t c = 0; c < count; c += kLanes) {
        const int64_t left = count - c;
        store_some(hn::Add(load_some(to + c, left), load_some(from + c, left)), to + c, left);
      }
    }
  }
}

void embedding_gather(const Tensor& y, std::span<const Lookup> lookups, int64_t first, int64_t last) {
  if (y.dtype == DType::f32) {
    gather<float>(y, lookups, first, last);
  } else {
    gather<bfloat16>(y, lookups, first, last);
  }
}

void embedding_scatter(std::span<const Lookup> lookups, const Tensor& dy, int64_t first, int64_t count) {
  if (dy.dtype == DType::f32) {
    scatter<float>(lookups, dy, first, count);
  } else {
    scatter<bfloat16>(lookups, dy, first, count);
  }
}

}  // namespace limner::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace limner {

HWY_EXPORT(embedding_gather);
HWY_EXPORT(embedding_scatter);

namespace {

// The tables that are there, checked: type, width, as many rows as tokens, every id in range.
struct Lookups {
  std::array<Lookup, 3> all;
  size_t count = 0;
  std::span<const Lookup> present() const { return {all.data(), count}; }

  Lookups(const char* operation, DType dtype, const Tensor& tokens, const std::array<Lookup, 3>& candidates) {
    for (const Lookup& lookup : candidates) {
      if (lookup.table.absent()) continue;
      check_tensor(operation, lookup.name, lookup.table, dtype, {lookup.table.rows(), tokens.columns()});
      check_ids(operation, lookup.name, lookup.rows, tokens.rows(), lookup.table.rows());
      all[count++] = lookup;
    }
  }
};

}  // namespace

void CpuBackend::embedding_forward(Tensor y, Tensor word, Tensor position, Tensor segment,
                                   std::span<const int32_t> ids, std::span<const int32_t> positions,
                                   std::span<const int32_t> segments) {
  const char* const name = "embedding_forward";
  check_float(name, "y", y);
  check_tensor(name, "y", y, y.dtype, {y.rows(), y.columns()});
  require(!word.absent(), "{}: the word table is absent", name);
  const Lookups lookups(
      name, y.dtype, y,
      {{{"word", word, ids}, {"position", position, positions}, {"segment", segment, segments}}});
  const int64_t tokens = y.rows(), piece = tuning::kTokensPerTask;
  parallel_for((tokens + piece - 1) / piece, threads_, [&](int64_t task) {
    HWY_DYNAMIC_DISPATCH(embedding_gather)
    (y, lookups.present(), task * piece, std::min(tokens, (task + 1) * piece));
  });
}

void CpuBackend::embedding_backward(Tensor dword, Tensor dposition, Tensor dsegment, Tensor dy,
                                    std::span<const int32_t> ids, std::span<const int32_t> positions,
                                    std::span<const int32_t> segments) {
  const char* const name = "embedding_backward";
  check_float(name, "dy", dy);
  check_tensor(name, "dy", dy, dy.dtype, {dy.rows(), dy.columns()});
  const Lookups lookups(
      name, DType::f32, dy,
      {{{"word", dword, ids}, {"position", dposition, positions}, {"segment", dsegment, segments}}});
  // A task owns a range of columns of every table, so no two threads add to the same element.
  const int64_t width = dy.columns(), piece = tuning::kEmbeddingColumns;
  parallel_for((width + piece - 1) / piece, threads_, [&](int64_t task) {
    const int64_t first = task * piece;
    HWY_DYNAMIC_DISPATCH(embedding_scatter)(lookups.present(), dy, first, std::min(piece, width - first));
  });
}

}  // namespace limner
#endif
