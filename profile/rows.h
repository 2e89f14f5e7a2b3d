// Rows of numbers, one a customer, read block by block: a million vectors need not be in memory at once.
#pragma once

#include <algorithm>
#include <filesystem>
#include <span>
#include <vector>

#include "profile/matrix.h"
#include "profile/scratch_file.h"
#include "runtime/parallel.h"

namespace limner {

class Rows {
 public:
  virtual ~Rows() = default;
  virtual int64_t count() const = 0;
  virtual int64_t columns() const = 0;
  // Rows [first, first + rows) as [rows, columns()]. Safe from several threads at once.
  virtual Matrix block(int64_t first, int64_t rows) const = 0;
};

// A matrix, which must live longer.
class MatrixRows : public Rows {
 public:
  explicit MatrixRows(const Matrix& matrix) : matrix_(matrix) {}
  int64_t count() const override { return matrix_.rows(); }
  int64_t columns() const override { return matrix_.cols(); }
  Matrix block(int64_t first, int64_t rows) const override { return matrix_.middleRows(first, rows); }

 private:
  const Matrix& matrix_;
};

// Other rows scaled to length 1; a row of zeros stays.
class UnitRows : public Rows {
 public:
  explicit UnitRows(const Rows& rows) : rows_(rows) {}
  int64_t count() const override { return rows_.count(); }
  int64_t columns() const override { return rows_.columns(); }
  Matrix block(int64_t first, int64_t rows) const override { return unit_rows(rows_.block(first, rows)); }

 private:
  const Rows& rows_;
};

// float32 on disk, in a ScratchFile.
class VectorFile : public Rows {
 public:
  VectorFile(const std::filesystem::path& folder, int64_t columns);
  void append(std::span<const float> rows);  // whole rows, after those there are
  void append(const Matrix& rows);
  int64_t count() const override { return count_; }
  int64_t columns() const override { return columns_; }
  Matrix block(int64_t first, int64_t rows) const override;
  std::vector<float> floats(int64_t first, int64_t rows) const;  // as they are stored

 private:
  void read(int64_t first, int64_t rows, float* values) const;
  ScratchFile file_;
  int64_t columns_ = 0, count_ = 0;
};

// These rows of others, in this order.
Matrix gather_rows(const Rows& rows, const std::vector<int64_t>& indices);
// All of them; for methods that need them at once.
Matrix all_rows(const Rows& rows);

constexpr int64_t rows_per_read = 512;  // 1.5 MB of 384 numbers: a block and its products stay in the cache

// work(first, block) for all rows in blocks, on `threads` threads in any order.
template <class Work>
void for_row_blocks(const Rows& rows, int threads, Work&& work) {
  parallel_for((rows.count() + rows_per_read - 1) / rows_per_read, threads, [&](int64_t index) {
    const int64_t first = index * rows_per_read;
    work(first, rows.block(first, std::min(rows_per_read, rows.count() - first)));
  });
}

// A sum over all rows: they are cut into at most 32 ranges of whole blocks; add(sum, first, block) is called
// for the blocks of a range in order, and the sums of the ranges are added in order (sum += other). The
// result is the same for any number of threads, and 32 sums are in memory, not one a block.
template <class Sum, class Add>
Sum sum_row_blocks(const Rows& rows, const Sum& zero, int threads, Add&& add) {
  constexpr int64_t most_ranges = 32;
  const int64_t blocks = (rows.count() + rows_per_read - 1) / rows_per_read;
  const int64_t ranges = std::min(blocks, most_ranges);
  std::vector<Sum> sums(static_cast<size_t>(ranges), zero);
  parallel_for(ranges, threads, [&](int64_t range) {
    Sum& sum = sums[static_cast<size_t>(range)];
    for (int64_t index = range * blocks / ranges; index < (range + 1) * blocks / ranges; ++index) {
      const int64_t first = index * rows_per_read;
      add(sum, first, rows.block(first, std::min(rows_per_read, rows.count() - first)));
    }
  });
  Sum total = zero;
  for (const Sum& sum : sums) total += sum;
  return total;
}

}  // namespace limner
