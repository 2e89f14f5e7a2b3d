#include "profile/factorisation.h"

#include "profile/products.h"
#include "runtime/parallel.h"
#include "runtime/random.h"

namespace limner {
namespace {

constexpr double penalty = 10;
constexpr int rounds = 8;

Matrix penalised_gram(const Matrix& factors) {
  Matrix gram = transposed_product(factors, factors);
  gram.diagonal().array() += penalty;
  return gram;
}

// The least squares of one row of the table: (F'F + F_s'F_s + penalty) x = 2 F_s' 1, s: where it is 1.
Vector solve_row(const Matrix& factors, const Matrix& gram, const std::vector<int32_t>& ones) {
  Matrix system = gram;
  Vector wanted = Vector::Zero(factors.cols());
  for (const int32_t place : ones) {
    const Vector row = factors.row(place);
    system += row * row.transpose();
    wanted += 2 * row;
  }
  return system.llt().solve(wanted);
}

Matrix solve_rows(const Matrix& factors, const std::vector<std::vector<int32_t>>& rows, int threads) {
  const Matrix gram = penalised_gram(factors);
  Matrix result = Matrix::Zero(std::ssize(rows), factors.cols());
  parallel_for(std::ssize(rows), threads, [&](int64_t row) {
    const std::vector<int32_t>& ones = rows[static_cast<size_t>(row)];
    if (!ones.empty()) result.row(row) = solve_row(factors, gram, ones);
  });
  return result;
}

}  // namespace

Vector ItemFactors::customer(const std::vector<int32_t>& history) const {
  return solve_row(items, gram, history);
}

ItemFactors factorise_items(const std::vector<std::vector<int32_t>>& histories, size_t items, int64_t factors,
                            uint64_t seed, int threads) {
  ItemFactors result{Matrix(static_cast<int64_t>(items), factors), Matrix(factors, factors)};
  if (factors == 0) return result;
  std::vector<std::vector<int32_t>> customers_of(items);
  for (size_t customer = 0; customer < histories.size(); ++customer) {
    for (const int32_t item : histories[customer])
      customers_of[static_cast<size_t>(item)].push_back(static_cast<int32_t>(customer));
  }
  const Random random(seed, "profile/factors");
  for (int64_t i = 0; i < result.items.size(); ++i)
    result.items.data()[i] = 0.1 * random.normal(static_cast<uint64_t>(i));
  for (int round = 0; round < rounds; ++round) {
    const Matrix customers = solve_rows(result.items, histories, threads);
    result.items = solve_rows(customers, customers_of, threads);
  }
  result.gram = penalised_gram(result.items);
  return result;
}

}  // namespace limner
