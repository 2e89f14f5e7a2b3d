// Sums of rows, column by column, in a fixed order: bias gradients, gamma and beta, embedding tables.
#pragma once

#include "kernels/backend.h"
#include "kernels/cuda/stream.h"

namespace limner {

class CudaBackend;

// sums [columns] f32 += the columns of `matrix` [rows, columns], f32 or bf16; the order of additions depends
// on the shape only. Takes the operation's scratch.
void add_column_sums(CudaBackend& backend, float* sums, Tensor matrix);

// The same in one pass, for up to a few hundred rows.
void add_few_rows(GpuStream& stream, float* sums, Tensor rows);

// Rows that are summed together; device arrays. Segment s takes rows [first[s], first[s + 1]) of `order`, or
// of the matrix itself when `order` is null. Their sum goes to row target[s] of `sums`, where it is added,
// or, when target[s] is negative, to row ~target[s] of `partial`, which it overwrites. No two segments have
// the same target; one without rows does nothing.
struct RowSegments {
  const int32_t* first;   // [count + 1]
  const int32_t* target;  // [count]
  const int32_t* order;
  int64_t count;
};
// sums and partial [any, columns] f32; matrix [rows, columns] f32 or bf16.
void sum_segments(GpuStream& stream, float* sums, float* partial, Tensor matrix, const RowSegments& segments);

}  // namespace limner
