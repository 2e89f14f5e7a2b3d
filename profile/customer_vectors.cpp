#include "profile/customer_vectors.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace limner {
namespace {

constexpr int64_t rows_per_block = 4096;
constexpr double sharpness = 5;
constexpr double microseconds_per_day = 86400e6;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

double cosine(const Eigen::RowVectorXd& left, const Eigen::RowVectorXd& right) {
  const double lengths = left.norm() * right.norm();
  return lengths > 0 ? left.dot(right) / lengths : 0;
}

// Weighted sums of vectors, one a customer.
struct Sums {
  Matrix vectors;
  Vector weights;
  Sums(int64_t customers, int64_t width)
      : vectors(Matrix::Zero(customers, width)), weights(Vector::Zero(customers)) {}
  void add(int64_t customer, const Eigen::RowVectorXd& vector, double weight) {
    vectors.row(customer) += weight * vector;
    weights[customer] += weight;
  }
  // Of the customers [first, first + count); 0 / 0 is NaN: no text.
  Matrix means(int64_t first, int64_t count) const {
    return (vectors.middleRows(first, count).array().colwise() / weights.segment(first, count).array())
        .matrix();
  }
};

// The customers [first, first + count).
class Slab {
 public:
  Slab(const Customers& customers, int64_t first, int64_t count)
      : customers_(customers),
        first_(first),
        count_(count),
        recency_(customers.half_life_days > 0),
        attention_(count, customers.mean.cols()),
        recent_(recency_ ? count : 0, customers.mean.cols()),
        early_(customers.has_time() ? count : 0, customers.mean.cols()),
        late_(customers.has_time() ? count : 0, customers.mean.cols()) {}

  bool has(int64_t customer) const { return customer >= first_ && customer < first_ + count_; }

  // time: missing_time where there is none.
  void add(int64_t customer, const Eigen::RowVectorXd& vector, int64_t time) {
    const int64_t row = customer - first_;
    const auto index = static_cast<size_t>(customer);
    attention_.add(row, vector, std::exp(sharpness * cosine(vector, customers_.mean.row(customer))));
    if (time == missing_time) return;
    const int64_t from = customers_.first_time[index], to = customers_.last_time[index];
    (time > from + (to - from) / 2 ? late_ : early_).add(row, vector, 1);
    if (!recency_) return;
    const double days = static_cast<double>(to - time) / microseconds_per_day;
    recent_.add(row, vector, std::exp2(-days / customers_.half_life_days));
  }

  // Block by block: the means are not all in memory beside the sums.
  void store(Customers& customers) const {
    for (int64_t first = 0; first < count_; first += rows_per_block)
      store(customers, first, std::min(rows_per_block, count_ - first));
  }

 private:
  void store(Customers& customers, int64_t first, int64_t count) const {
    customers.attention->append(attention_.means(first, count));
    if (recency_) customers.recent->append(recent_.means(first, count));
    if (!customers.has_time()) return;
    const Matrix before = early_.means(first, count), after = late_.means(first, count);
    customers.trend->append(after - before);
    for (int64_t row = 0; row < count; ++row) {
      const bool both = early_.weights[first + row] > 0 && late_.weights[first + row] > 0;
      customers.change.push_back(both ? 1 - cosine(before.row(row), after.row(row)) : nan);
    }
  }

  const Customers& customers_;
  int64_t first_, count_;
  bool recency_;
  Sums attention_, recent_, early_, late_;
};

void add_rows(const PreparedReader& prepared, const EmbeddingsReader& embeddings, bool timed,
              const std::vector<int64_t>& place, Slab& slab, Heartbeat& heartbeat) {
  const int64_t width = embeddings.width();
  std::vector<float> block;
  for (int64_t first = 0; first < prepared.rows(); first += rows_per_block) {
    heartbeat.beat();
    const int64_t rows = std::min(rows_per_block, prepared.rows() - first);
    const std::vector<int64_t> customer = prepared.customer_index(first, rows);
    const auto of_slab = [&](int64_t index) { return slab.has(place[static_cast<size_t>(index)]); };
    if (std::none_of(customer.begin(), customer.end(), of_slab)) continue;
    block.resize(static_cast<size_t>(rows * width));
    embeddings.embeddings(first, rows, block.data());
    const std::vector<int64_t> time = timed ? prepared.time(first, rows) : std::vector<int64_t>();
    for (int64_t row = 0; row < rows; ++row) {
      const auto at = static_cast<size_t>(row);
      if (!of_slab(customer[at])) continue;
      slab.add(place[static_cast<size_t>(customer[at])],
               Eigen::Map<const Eigen::RowVectorXf>(block.data() + row * width, width).cast<double>(),
               timed ? time[at] : missing_time);
    }
  }
}

}  // namespace

void add_customer_vectors(const PreparedReader& prepared, const EmbeddingsReader& embeddings,
                          Customers& customers, const fs::path& scratch, Heartbeat& heartbeat,
                          int64_t most_bytes) {
  const int64_t count = customers.count(), width = customers.mean.cols();
  const bool timed = customers.has_time();
  std::vector<int64_t> place(static_cast<size_t>(prepared.customers()), -1);
  for (int64_t row = 0; row < count; ++row)
    place[static_cast<size_t>(customers.table_index[static_cast<size_t>(row)])] = row;
  customers.attention = std::make_unique<VectorFile>(scratch, width);
  if (customers.half_life_days > 0) customers.recent = std::make_unique<VectorFile>(scratch, width);
  if (timed) customers.trend = std::make_unique<VectorFile>(scratch, width);
  const auto bytes_each = customer_vector_sums * width * static_cast<int64_t>(sizeof(double));
  const int64_t at_once = std::max<int64_t>(1, most_bytes / bytes_each);
  for (int64_t first = 0; first < count; first += at_once) {
    Slab slab(customers, first, std::min(at_once, count - first));
    add_rows(prepared, embeddings, timed, place, slab, heartbeat);
    slab.store(customers);
  }
}

}  // namespace limner
