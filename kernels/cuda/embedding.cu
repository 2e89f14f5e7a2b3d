#include <algorithm>
#include <array>
#include <vector>

#include "kernels/cuda/check_device.h"
#include "kernels/cuda/chunk.h"
#include "kernels/cuda/column_sums.h"
#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/gpu.h"
#include "kernels/cuda/tuning.h"

namespace limner {

namespace {

constexpr int kTables = 3;  // word, position, segment

template <class T>
struct Lookups {
  const T* table[kTables];      // may be null
  const int32_t* row[kTables];  // [tokens]
};

// One warp a token.
template <class T>
__global__ void __launch_bounds__(kTokenThreads)
    embedding_forward_kernel(T* y, Lookups<T> lookups, int64_t tokens, int64_t width) {
  const int64_t token = token_index();
  if (token >= tokens) return;
  const T* from[kTables];
#pragma unroll
  for (int i = 0; i < kTables; ++i) {
    from[i] = lookups.table[i] == nullptr ? nullptr : lookups.table[i] + lookups.row[i][token] * width;
  }
  for (int64_t c = lane_index() * kChunk; c < width; c += kWarpChunk) {
    const int64_t left = width - c;
    Chunk sum{};
#pragma unroll
    for (int i = 0; i < kTables; ++i) {
      if (from[i] != nullptr) add_to(sum, load_chunk(from[i] + c, left));
    }
    store_chunk(y + token * width + c, sum, left);
  }
}

// Tokens that take the same table row, one group after the other, and how their gradients are summed: in
// pieces of at most `piece` tokens, and where a row has several pieces, these once more.
struct Groups {
  std::vector<int32_t> order;               // tokens by (row, token)
  std::vector<int32_t> first, target;       // the pieces, as in RowSegments
  std::vector<int32_t> joined, joined_row;  // ranges of partial sums and the table row of each
  int64_t partials = 0;
};

Groups group_tokens(std::span<const int32_t> rows, int64_t piece) {
  const size_t tokens = rows.size();
  std::vector<uint64_t> keys(tokens);
  for (size_t token = 0; token < tokens; ++token) {
    keys[token] = static_cast<uint64_t>(rows[token]) << 32 | token;
  }
  std::sort(keys.begin(), keys.end());
  Groups groups;
  groups.order.resize(tokens);
  for (size_t i = 0; i < tokens; ++i) groups.order[i] = static_cast<int32_t>(keys[i] & 0xffffffffu);
  for (size_t start = 0; start < tokens;) {
    const uint64_t row = keys[start] >> 32;
    size_t end = start;
    while (end < tokens && keys[end] >> 32 == row) ++end;
    const bool several = end - start > static_cast<size_t>(piece);
    if (several) {
      groups.joined.push_back(static_cast<int32_t>(groups.partials));
      groups.joined_row.push_back(static_cast<int32_t>(row));
    }
    for (; start < end; start = std::min(end, start + static_cast<size_t>(piece))) {
      groups.first.push_back(static_cast<int32_t>(start));
      groups.target.push_back(several ? ~static_cast<int32_t>(groups.partials++) : static_cast<int32_t>(row));
    }
  }
  groups.first.push_back(static_cast<int32_t>(tokens));
  groups.joined.push_back(static_cast<int32_t>(groups.partials));
  return groups;
}

struct Lookup {
  const char* name;
  Tensor table;
  std::span<const int32_t> rows;
};

// Of a table that is there: type, width, as many rows as tokens, every id in range.
void check_lookup(const char* operation, const Lookup& lookup, DType dtype, const Tensor& tokens) {
  if (lookup.table.absent()) return;
  check_device_tensor(operation, lookup.name, lookup.table, dtype, {lookup.table.rows(), tokens.columns()});
  check_ids(operation, lookup.name, lookup.rows, tokens.rows(), lookup.table.rows());
}

}  // namespace

void CudaBackend::embedding_forward(Tensor y, Tensor word, Tensor position, Tensor segment,
                                    std::span<const int32_t> ids, std::span<const int32_t> positions,
                                    std::span<const int32_t> segments) {
  const char* const name = "embedding_forward";
  check_float(name, "y", y);
  const int64_t tokens = y.rows(), width = y.columns();
  check_device_tensor(name, "y", y, y.dtype, {tokens, width});
  require(!word.absent(), "{}: the word table is absent", name);
  const std::array<Lookup, kTables> tables{
      {{"word", word, ids}, {"position", position, positions}, {"segment", segment, segments}}};
  for (const Lookup& lookup : tables) check_lookup(name, lookup, y.dtype, y);
  with_device_type(y.dtype, [&]<class T>() {
    Lookups<T> lookups{};
    for (size_t i = 0; i < tables.size(); ++i) {
      if (tables[i].table.absent()) continue;
      lookups.table[i] = device_data<T>(tables[i].table);
      lookups.row[i] = send(tables[i].rows);
    }
    launch(embedding_forward_kernel<T>, token_blocks(tokens), kTokenThreads, 0, stream_, device_data<T>(y),
           lookups, tokens, width);
  });
}

void CudaBackend::embedding_backward(Tensor dword, Tensor dposition, Tensor dsegment, Tensor dy,
                                     std::span<const int32_t> ids, std::span<const int32_t> positions,
                                     std::span<const int32_t> segments) {
  const char* const name = "embedding_backward";
  check_float(name, "dy", dy);
  const int64_t tokens = dy.rows(), width = dy.columns();
  check_device_tensor(name, "dy", dy, dy.dtype, {tokens, width});
  const std::array<Lookup, kTables> tables{
      {{"word", dword, ids}, {"position", dposition, positions}, {"segment", dsegment, segments}}};
  for (const Lookup& lookup : tables) check_lookup(name, lookup, DType::f32, dy);

  const int64_t piece = std::max(tuning::kSumRows, (tokens + tuning::kSumPieces - 1) / tuning::kSumPieces);
  // A row of several pieces has more than `piece` tokens, so that it at most doubles their number.
  const int64_t joins = tokens / piece, partials = 2 * joins;
  for (const Lookup& lookup : tables) {
    if (lookup.table.absent() || tokens == 0) continue;
    Groups groups = group_tokens(lookup.rows, piece);
    // The grid follows from the shape alone; segments that are not needed stay empty.
    groups.first.resize(static_cast<size_t>(tokens) + 1, static_cast<int32_t>(tokens));
    groups.target.resize(static_cast<size_t>(tokens), 0);
    groups.joined.resize(static_cast<size_t>(joins) + 1, groups.joined.back());
    groups.joined_row.resize(static_cast<size_t>(joins), 0);
    std::vector<int32_t> all;
    all.reserve(static_cast<size_t>(3 * tokens + 2 * joins + 2));
    for (const auto* part :
         {&groups.order, &groups.first, &groups.target, &groups.joined, &groups.joined_row}) {
      all.insert(all.end(), part->begin(), part->end());
    }
    const int32_t* const order = send(std::span<const int32_t>(all));
    const int32_t *const first = order + tokens, *const target = first + tokens + 1;
    const int32_t *const joined = target + tokens, *const joined_row = joined + joins + 1;
    float* const table = device_data<float>(lookup.table);
    float* const partial = scratch<float>(std::max<int64_t>(partials, 1) * width);
    sum_segments(stream_, table, partial, dy, {first, target, order, tokens});
    sum_segments(stream_, table, nullptr,
                 Tensor(partial, DType::f32, {std::max<int64_t>(partials, 1), width}, Device::cuda),
                 {joined, joined_row, nullptr, joins});
  }
}

}  // namespace limner
