#include <cstring>

#include "kernels/check.h"
#include "kernels/cpu/activation.h"
#include "kernels/cpu/column_sums.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/tuning.h"
#include "runtime/parallel.h"

namespace limner {

namespace {

int64_t tiles(int64_t count, int64_t size) { return (count + size - 1) / size; }

const std::byte* element(const Tensor& tensor, int64_t row, int64_t column) {
  return static_cast<const std::byte*>(tensor.data) +
         (row * tensor.columns() + column) * dtype_bytes(tensor.dtype);
}
std::byte* element_of(const Tensor& tensor, int64_t row, int64_t column) {
  return const_cast<std::byte*>(element(tensor, row, column));
}

// Copies `count` whole rows from `first` on and fills up with zero rows to `rows`.
void copy_padded(std::byte* padded, const Tensor& tensor, int64_t first, int64_t count, int64_t rows) {
  const size_t row_bytes = static_cast<size_t>(tensor.columns() * dtype_bytes(tensor.dtype));
  std::memcpy(padded, element(tensor, first, 0), static_cast<size_t>(count) * row_bytes);
  std::memset(padded + static_cast<size_t>(count) * row_bytes, 0,
              static_cast<size_t>(rows - count) * row_bytes);
}

}  // namespace

// c [tokens, columns] = or += a [tokens, depth] * b, in fixed tiles of tokens and columns, each one product
// on one thread; `finish` sees each tile of c while it is in cache.
template <class Finish>
void CpuBackend::multiply_tiles(Tensor c, Write write, Tensor a, Tensor b, Layout layout_b, Tensor bias,
                                Finish&& finish) {
  const int64_t tokens = a.rows(), depth = a.columns(), columns = c.columns();
  if (tokens == 0) return;
  const int64_t tile_columns = std::min(columns, tuning::kLinearColumns);
  const int64_t column_tiles = tiles(columns, tile_columns);
  const int64_t tile_rows = tuning::linear_tile_rows(tokens, column_tiles);
  const int64_t row_tiles = tiles(tokens, tile_rows);

  // The last tile of tokens, when ragged, is multiplied in padded copies.
  const int64_t last_rows = tokens - (row_tiles - 1) * tile_rows;
  const int64_t padded_rows =
      std::min(tile_rows, tiles(last_rows, tuning::kLinearRowGrain) * tuning::kLinearRowGrain);
  const bool padded = padded_rows != last_rows;
  std::byte *padded_a = nullptr, *padded_c = nullptr;
  if (padded) {
    const int64_t a_bytes = padded_rows * depth * dtype_bytes(a.dtype);
    padded_a = shared_scratch_.at_least(a_bytes + padded_rows * columns * dtype_bytes(c.dtype));
    padded_c = padded_a + a_bytes;
    copy_padded(padded_a, a, tokens - last_rows, last_rows, padded_rows);
    if (write == Write::add) copy_padded(padded_c, c, tokens - last_rows, last_rows, padded_rows);
  }

  // A kernel for whole and last tiles in each direction.
  const MatmulKernel* kernels[2][2];
  int64_t scratch = 0;
  for (const int last_row : {0, 1}) {
    for (const int last_column : {0, 1}) {
      const int64_t kernel_rows = last_row ? padded_rows : row_tiles == 1 ? padded_rows : tile_rows;
      const int64_t kernel_columns = last_column ? columns - (column_tiles - 1) * tile_columns : tile_columns;
      kernels[last_row][last_column] =
          &matmul_.kernel({kernel_rows, kernel_columns, depth, depth, b.columns(), columns, Layout::plain,
                           layout_b, a.dtype, c.dtype, !bias.absent(), write});
      scratch = std::max(scratch, scratch_bytes(*kernels[last_row][last_column]));
    }
  }
  thread_scratch_.ensure(scratch);

  const OneThreadAProduct one_thread;
  parallel_for(row_tiles * column_tiles, threads_, [&](int64_t tile) {
    const int64_t row_tile = tile / column_tiles, column_tile = tile % column_tiles;
    const int64_t row = row_tile * tile_rows, column = column_tile * tile_columns;
    const bool last_row = row_tile == row_tiles - 1, last_column = column_tile == column_tiles - 1;
    const int64_t rows = last_row ? last_rows : tile_rows;
    const int64_t width = last_column ? columns - column : tile_columns;
    const bool use_padded = last_row && padded;
    const void* from = use_padded ? padded_a : element(a, row, 0);
    void* to = use_padded ? padded_c + column * dtype_bytes(c.dtype) : element_of(c, row, column);
    const void* weights = layout_b == Layout::transposed ? element(b, column, 0) : element(b, 0, column);
    const void* offsets = bias.absent() ? nullptr : element(bias, 0, column);
    run(*kernels[last_row][last_column], to, from, weights, offsets, thread_scratch_.mine());
    if (use_padded) {
      for (int64_t index = 0; index < rows; ++index) {
        std::memcpy(element_of(c, row + index, column),
                    padded_c + (index * columns + column) * dtype_bytes(c.dtype),
                    static_cast<size_t>(width * dtype_bytes(c.dtype)));
      }
    }
    finish(row, column, rows, width);
  });
}

void CpuBackend::linear_forward(Tensor y, Tensor pre, Tensor x, Tensor weight, Tensor bias,
                                Activation activation) {
  const char* const name = "linear_forward";
  check_float(name, "x", x);
  const int64_t tokens = x.rows(), in = x.columns(), out = y.columns();
  check_tensor(name, "x", x, x.dtype, {tokens, in});
  check_tensor(name, "y", y, x.dtype, {tokens, out});
  check_optional(name, "pre", pre, x.dtype, {tokens, out});
  check_tensor(name, "weight", weight, x.dtype, {out, in});
  check_optional(name, "bias", bias, x.dtype, {out});
  const Tensor product = pre.absent() ? y : pre;
  multiply_tiles(product, Write::overwrite, x, weight, Layout::transposed, bias,
                 [&](int64_t row, int64_t column, int64_t rows, int64_t columns) {
                   if (pre.absent() && activation == Activation::none) return;
                   activation_tile(y, product, activation, {row, column, rows, columns});
                 });
}

void CpuBackend::linear_backward_input(Tensor dx, Write write, Tensor dy, Tensor weight) {
  const char* const name = "linear_backward_input";
  check_float(name, "dy", dy);
  const int64_t tokens = dy.rows(), out = dy.columns(), in = dx.columns();
  check_tensor(name, "dy", dy, dy.dtype, {tokens, out});
  check_tensor(name, "dx", dx, dy.dtype, {tokens, in});
  check_tensor(name, "weight", weight, dy.dtype, {out, in});
  multiply_tiles(dx, write, dy, weight, Layout::plain, Tensor(), [](int64_t, int64_t, int64_t, int64_t) {});
}

void CpuBackend::linear_backward_weight(Tensor dweight, Tensor dbias, Tensor dy, Tensor x) {
  const char* const name = "linear_backward_weight";
  check_float(name, "x", x);
  const int64_t tokens = x.rows(), in = x.columns(), out = dy.columns();
  check_tensor(name, "x", x, x.dtype, {tokens, in});
  check_tensor(name, "dy", dy, x.dtype, {tokens, out});
  check_tensor(name, "dweight", dweight, DType::f32, {out, in});
  check_optional(name, "dbias", dbias, DType::f32, {out});
  if (tokens == 0) return;

  // Tokens are summed in fixed pieces: whole ones, one multiple of the grain, and the rest padded with zeros.
  const int64_t whole = tokens / tuning::kWeightTokens * tuning::kWeightTokens;
  const int64_t middle = (tokens - whole) / tuning::kWeightTokenGrain * tuning::kWeightTokenGrain;
  const int64_t rest = tokens - whole - middle;
  Tensor padded_dy, padded_x;
  if (rest > 0) {
    const int64_t rows = tuning::kWeightTokenGrain;
    const int64_t dy_bytes = rows * out * dtype_bytes(dy.dtype);
    std::byte* memory = shared_scratch_.at_least(dy_bytes + rows * in * dtype_bytes(x.dtype));
    padded_dy = Tensor(memory, dy.dtype, {rows, out});
    padded_x = Tensor(memory + dy_bytes, x.dtype, {rows, in});
    copy_padded(memory, dy, whole + middle, rest, rows);
    copy_padded(memory + dy_bytes, x, whole + middle, rest, rows);
  }

  const int64_t tile_columns = std::min(in, tuning::kWeightColumns);
  const int64_t column_tiles = tiles(in, tile_columns);
  const int64_t tile_rows = std::min(out, tuning::weight_tile_rows(out, column_tiles));
  const int64_t row_tiles = tiles(out, tile_rows);
  int64_t scratch = 0;
  const auto kernel = [&](int64_t rows, int64_t columns, int64_t depth) {
    const MatmulKernel* built = &matmul_.kernel({rows, columns, depth, out, in, in, Layout::transposed,
                                                 Layout::plain, x.dtype, DType::f32, false, Write::add});
    scratch = std::max(scratch, scratch_bytes(*built));
    return built;
  };
  struct Kernels {
    const MatmulKernel *whole, *middle, *rest;
  } kernels[2][2];
  for (const int last_row : {0, 1}) {
    for (const int last_column : {0, 1}) {
      const int64_t rows = last_row ? out - (row_tiles - 1) * tile_rows : tile_rows;
      const int64_t columns = last_column ? in - (column_tiles - 1) * tile_columns : tile_columns;
      kernels[last_row][last_column] = {
          whole > 0 ? kernel(rows, columns, tuning::kWeightTokens) : nullptr,
          middle > 0 ? kernel(rows, columns, middle) : nullptr,
          rest > 0 ? kernel(rows, columns, tuning::kWeightTokenGrain) : nullptr};
    }
  }
  thread_scratch_.ensure(scratch);

  const OneThreadAProduct one_thread;
  parallel_for(row_tiles * column_tiles, threads_, [&](int64_t tile) {
    const int64_t row_tile = tile / column_tiles, column_tile = tile % column_tiles;
    const int64_t row = row_tile * tile_rows, column = column_tile * tile_columns;
    const Kernels& mine = kernels[row_tile == row_tiles - 1][column_tile == column_tiles - 1];
    void* to = element_of(dweight, row, column);
    // The first tile of each row of tiles sums the bias gradient from the same piece of dy.
    const int64_t sum_columns = std::min(tile_rows, out - row);
    float* sums = dbias.absent() || column_tile > 0 ? nullptr : dbias.as<float>() + row;
    const auto piece = [&](const MatmulKernel* product, const Tensor& from_dy, const Tensor& from_x,
                           int64_t token, int64_t count) {
      if (sums != nullptr) add_column_sums(sums, from_dy, row, sum_columns, token, count);
      run(*product, to, element(from_dy, token, row), element(from_x, token, column), nullptr,
          thread_scratch_.mine());
    };
    for (int64_t token = 0; token < whole; token += tuning::kWeightTokens) {
      piece(mine.whole, dy, x, token, tuning::kWeightTokens);
    }
    if (middle > 0) piece(mine.middle, dy, x, whole, middle);
    if (rest > 0) piece(mine.rest, padded_dy, padded_x, 0, tuning::kWeightTokenGrain);
  });
}

}  // namespace limner
