#include "profile/neighbors.h"

#include <algorithm>
#include <numeric>

#include "profile/blocks.h"
#include "runtime/parallel.h"

namespace limner {
namespace {

constexpr int64_t rows_per_product = 64;    // rows times all customers at once
constexpr int64_t rows_per_message = 2048;  // rows a rank searches between two collectives

FloatMatrix share_rows(const Matrix& vectors, const Communicator& communicator) {
  constexpr const char* what = "share the vectors of customers";
  Eigen::Index rows = vectors.rows(), columns = vectors.cols();
  communicator.broadcast_value(rows, 0, what);
  communicator.broadcast_value(columns, 0, what);
  FloatMatrix unit(rows, columns);
  for (int64_t first = 0; communicator.root() && first < rows; first += rows_per_message) {
    const int64_t count = std::min(rows_per_message, rows - first);
    unit.middleRows(first, count) = unit_rows(vectors.middleRows(first, count)).cast<float>();
  }
  communicator.broadcast(std::span<float>(unit.data(), static_cast<size_t>(unit.size())), 0, what);
  return unit;
}

}  // namespace

Neighbors nearest_rows(const FloatMatrix& unit, int64_t first, int64_t count, int64_t most, int threads) {
  Neighbors result;
  result.per_customer = std::max<int64_t>(0, std::min(most, unit.rows() - 1));
  const int64_t per_customer = result.per_customer;
  result.customer.resize(static_cast<size_t>(count * per_customer));
  result.similarity.resize(result.customer.size());
  parallel_for((count + rows_per_product - 1) / rows_per_product, threads, [&](int64_t block) {
    const int64_t begin = first + block * rows_per_product;
    const int64_t rows = std::min(rows_per_product, first + count - begin);
    const FloatMatrix products = unit.middleRows(begin, rows) * unit.transpose();
    std::vector<int32_t> others;
    for (int64_t row = 0; row < rows; ++row) {
      const auto similarity = products.row(row);
      others.resize(static_cast<size_t>(unit.rows()));
      std::iota(others.begin(), others.end(), 0);
      others.erase(others.begin() + begin + row);
      std::partial_sort(others.begin(), others.begin() + per_customer, others.end(),
                        [&](int32_t a, int32_t b) {
                          return similarity[a] != similarity[b] ? similarity[a] > similarity[b] : a < b;
                        });
      for (int64_t place = 0; place < per_customer; ++place) {
        const auto to = static_cast<size_t>((begin - first + row) * per_customer + place);
        result.customer[to] = others[static_cast<size_t>(place)];
        result.similarity[to] = std::clamp(similarity[others[static_cast<size_t>(place)]], -1.0f, 1.0f);
      }
    }
  });
  return result;
}

Neighbors nearest_customers(const Matrix& vectors, int64_t most, const Communicator& communicator,
                            int threads) {
  Neighbors result;
  if (most == 0) return result;
  const FloatMatrix unit = share_rows(vectors, communicator);
  result.per_customer = std::max<int64_t>(0, std::min(most, unit.rows() - 1));
  for_blocks(
      communicator, {unit.rows(), rows_per_message, "gather the nearest customers"},
      [&](int64_t first, int64_t count) {
        const Neighbors block = nearest_rows(unit, first, count, most, threads);
        ByteWriter bytes;
        bytes.values(block.customer);
        bytes.values(block.similarity);
        return bytes.take();
      },
      [&](int64_t, int64_t, const std::string& message) {
        ByteReader bytes(message);
        for (const int32_t customer : bytes.values<int32_t>()) result.customer.push_back(customer);
        for (const float similarity : bytes.values<float>()) result.similarity.push_back(similarity);
      });
  return result;
}

}  // namespace limner
