#include "profile/customer_vectors.h"

#include <cmath>
#include <limits>

namespace limner {
namespace {

constexpr int64_t rows_per_block = 4096;
constexpr double sharpness = 5;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

double cosine(const Eigen::RowVectorXd& left, const Eigen::RowVectorXd& right) {
  const double lengths = left.norm() * right.norm();
  return lengths > 0 ? left.dot(right) / lengths : 0;
}

// Sums of one half of each customer's time.
struct Half {
  Matrix sums;
  Vector texts;
  Half(int64_t customers, int64_t width)
      : sums(Matrix::Zero(customers, width)), texts(Vector::Zero(customers)) {}
  void add(int64_t customer, const Eigen::RowVectorXd& vector) {
    sums.row(customer) += vector;
    texts[customer] += 1;
  }
};

void subtract_halves(Customers& customers, const Half& early, const Half& late) {
  customers.trend.resize(customers.count(), customers.mean.cols());
  for (int64_t row = 0; row < customers.count(); ++row) {
    const Eigen::RowVectorXd before = early.sums.row(row) / early.texts[row],
                             after = late.sums.row(row) / late.texts[row];
    customers.trend.row(row) = after - before;  // 0 / 0 is NaN: no text in one of the halves
    const bool both = early.texts[row] > 0 && late.texts[row] > 0;
    customers.change.push_back(both ? 1 - cosine(before, after) : nan);
  }
}

}  // namespace

void add_customer_vectors(const PreparedReader& prepared, const EmbeddingsReader& embeddings,
                          Customers& customers, Heartbeat& heartbeat) {
  const int64_t count = customers.count(), width = customers.mean.cols();
  std::vector<int64_t> place(static_cast<size_t>(prepared.customers()), -1);
  for (int64_t row = 0; row < count; ++row)
    place[static_cast<size_t>(customers.table_index[static_cast<size_t>(row)])] = row;
  customers.attention = Matrix::Zero(count, width);
  Vector weights = Vector::Zero(count);
  const bool timed = customers.has_time();
  Half early(timed ? count : 0, width), late(timed ? count : 0, width);
  std::vector<float> block;
  for (int64_t first = 0; first < prepared.rows(); first += rows_per_block) {
    heartbeat.beat();
    const int64_t rows = std::min(rows_per_block, prepared.rows() - first);
    block.resize(static_cast<size_t>(rows * width));
    embeddings.embeddings(first, rows, block.data());
    const std::vector<int64_t> customer = prepared.customer_index(first, rows);
    const std::vector<int64_t> time = timed ? prepared.time(first, rows) : std::vector<int64_t>();
    for (int64_t row = 0; row < rows; ++row) {
      const int64_t at = place[static_cast<size_t>(customer[static_cast<size_t>(row)])];
      const Eigen::RowVectorXd vector =
          Eigen::Map<const Eigen::RowVectorXf>(block.data() + row * width, width).cast<double>();
      const double weight = std::exp(sharpness * cosine(vector, customers.mean.row(at)));
      customers.attention.row(at) += weight * vector;
      weights[at] += weight;
      if (!timed || time[static_cast<size_t>(row)] == missing_time) continue;
      const int64_t from = customers.first_time[static_cast<size_t>(at)];
      const int64_t middle = from + (customers.last_time[static_cast<size_t>(at)] - from) / 2;
      (time[static_cast<size_t>(row)] > middle ? late : early).add(at, vector);
    }
  }
  for (int64_t row = 0; row < count; ++row) customers.attention.row(row) /= weights[row];
  if (timed) subtract_halves(customers, early, late);
}

}  // namespace limner
