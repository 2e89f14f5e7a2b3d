#include "profile/rows.h"

#include <memory>

#include "runtime/error.h"

namespace limner {

VectorFile::VectorFile(const std::filesystem::path& folder, int64_t columns)
    : file_(folder, "vectors"), columns_(columns) {}

void VectorFile::append(std::span<const float> rows) {
  require(columns_ > 0 && rows.size() % static_cast<size_t>(columns_) == 0,
          "{} numbers are no whole rows of {}", rows.size(), columns_);
  file_.write(count_ * columns_ * static_cast<int64_t>(sizeof(float)), rows.data(), rows.size_bytes());
  count_ += static_cast<int64_t>(rows.size()) / columns_;
}

void VectorFile::append(const Matrix& rows) {
  const std::vector<float> values(rows.data(), rows.data() + rows.size());
  append(std::span<const float>(values));
}

void VectorFile::read(int64_t first, int64_t rows, float* values) const {
  require(first >= 0 && rows >= 0 && first + rows <= count_, "rows {} to {} of {}", first, first + rows,
          count_);
  const auto row_bytes = columns_ * static_cast<int64_t>(sizeof(float));
  file_.read(first * row_bytes, values, static_cast<size_t>(rows * row_bytes));
}

std::vector<float> VectorFile::floats(int64_t first, int64_t rows) const {
  std::vector<float> values(static_cast<size_t>(rows * columns_));
  read(first, rows, values.data());
  return values;
}

Matrix VectorFile::block(int64_t first, int64_t rows) const {
  const int64_t count = rows * columns_;
  const auto values = std::make_unique_for_overwrite<float[]>(static_cast<size_t>(count));
  read(first, rows, values.get());
  Matrix result(rows, columns_);
  std::copy(values.get(), values.get() + count, result.data());
  return result;
}

Matrix gather_rows(const Rows& rows, const std::vector<int64_t>& indices) {
  Matrix result(std::ssize(indices), rows.columns());
  for (int64_t row = 0; row < result.rows(); ++row)
    result.row(row) = rows.block(indices[static_cast<size_t>(row)], 1);
  return result;
}

Matrix all_rows(const Rows& rows) { return rows.block(0, rows.count()); }

}  // namespace limner
