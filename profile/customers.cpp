#include "profile/customers.h"

#include <cmath>
#include <map>
#include <numeric>
#include <optional>

#include "profile/blocks.h"
#include "runtime/progress.h"

namespace limner {
namespace {

constexpr int64_t rows_per_block = 2048;
constexpr int64_t rows_per_scan = 1 << 20;
constexpr double microseconds_per_day = 86400e6;
constexpr int64_t leading_sums = 3;  // texts, tokens, training texts

// What the cheap columns say.
struct Scan {
  std::vector<int64_t> first_time, last_time;  // per customer of the table; empty: no times
  std::vector<std::vector<std::pair<int64_t, int64_t>>> rows;
};

Scan scan_columns(const PreparedReader& prepared) {
  Scan scan;
  const auto customers = static_cast<size_t>(prepared.customers());
  if (prepared.has_time()) {
    scan.first_time.assign(customers, missing_time);
    scan.last_time.assign(customers, missing_time);
  }
  scan.rows.resize(customers);
  for (int64_t first = 0; first < prepared.rows(); first += rows_per_scan) {
    const int64_t count = std::min(rows_per_scan, prepared.rows() - first);
    const std::vector<int64_t> customer = prepared.customer_index(first, count);
    const std::vector<int64_t> time =
        prepared.has_time() ? prepared.time(first, count) : std::vector<int64_t>();
    for (size_t row = 0; row < customer.size(); ++row) {
      const auto index = static_cast<size_t>(customer[row]);
      auto& ranges = scan.rows[index];
      const int64_t number = first + static_cast<int64_t>(row);
      if (!ranges.empty() && ranges.back().second == number - 1) {
        ranges.back().second = number;
      } else {
        ranges.emplace_back(number, number);
      }
      if (time.empty() || time[row] == missing_time) continue;
      auto& earliest = scan.first_time[index];
      if (earliest == missing_time || time[row] < earliest) earliest = time[row];
      scan.last_time[index] = std::max(scan.last_time[index], time[row]);
    }
  }
  return scan;
}

RowBlock read_block(const PreparedReader& prepared, const EmbeddingsReader& embeddings, int64_t first,
                    int64_t count) {
  RowBlock block;
  block.first = first;
  block.customer = prepared.customer_index(first, count);
  block.vectors.resize(static_cast<size_t>(count * embeddings.width()));
  embeddings.embeddings(first, count, block.vectors.data());
  block.tokens = embeddings.tokens(first, count);
  block.split = prepared.split(first, count);
  for (const HeadOutput& head : embeddings.provenance().heads) {
    std::vector<float>& values = block.predictions.emplace_back();
    values.resize(static_cast<size_t>(count) * head.classes.size());
    embeddings.predictions(head.name, first, count, values.data());
  }
  return block;
}

// Sums of all customers of the table -> means of those with texts. vectors: sums of the vectors, whose memory
// becomes the means'; others: the rest of SumLayout.
Customers means_of(const std::vector<HeadOutput>& heads, Matrix vectors, const Matrix& others,
                   const std::vector<std::string>& ids) {
  Customers customers;
  for (int64_t index = 0; index < others.rows(); ++index) {
    if (others(index, 0) > 0) customers.table_index.push_back(index);
  }
  const auto count = static_cast<int64_t>(customers.table_index.size());
  for (const HeadOutput& head : heads) {
    customers.heads.push_back({head.name, head.kind, head.classes, Matrix(count, std::ssize(head.classes))});
  }
  for (int64_t row = 0; row < count; ++row) {
    const int64_t index = customers.table_index[static_cast<size_t>(row)];
    const auto values = others.row(index);
    customers.ids.push_back(ids[static_cast<size_t>(index)]);
    customers.texts.push_back(static_cast<int64_t>(values[0]));
    customers.tokens.push_back(static_cast<int64_t>(values[1]));
    customers.training_texts.push_back(static_cast<int64_t>(values[2]));
    vectors.row(row) = vectors.row(index) / values[0];  // row <= index
    int64_t at = leading_sums;
    for (HeadAverages& head : customers.heads) {
      head.mean.row(row) = values.segment(at, head.mean.cols()) / values[0];
      at += head.mean.cols();
    }
  }
  vectors.conservativeResize(count, Eigen::NoChange);
  customers.mean = std::move(vectors);
  return customers;
}

}  // namespace

Matrix unit_rows(const Matrix& rows) {
  Matrix result = rows;
  for (int64_t row = 0; row < rows.rows(); ++row) {
    const double length = rows.row(row).norm();
    if (length > 0) result.row(row) /= length;
  }
  return result;
}

int64_t Customers::total_texts() const { return std::accumulate(texts.begin(), texts.end(), int64_t{0}); }

int64_t SumLayout::stride() const {
  return leading_sums + width + std::accumulate(classes.begin(), classes.end(), int64_t{0});
}

CustomerSums sum_rows(const SumLayout& layout, const RowBlock& rows) {
  CustomerSums sums;
  sums.customer = rows.customer;
  std::sort(sums.customer.begin(), sums.customer.end());
  sums.customer.erase(std::unique(sums.customer.begin(), sums.customer.end()), sums.customer.end());
  std::map<int64_t, int64_t> place;
  for (const int64_t customer : sums.customer) place.emplace(customer, std::ssize(place));
  sums.values.assign(sums.customer.size() * static_cast<size_t>(layout.stride()), 0.0);

  for (size_t row = 0; row < rows.customer.size(); ++row) {
    double* to = sums.values.data() + place.at(rows.customer[row]) * layout.stride();
    *to++ += 1;
    *to++ += rows.tokens[row];
    *to++ += rows.split[row] == Split::train ? 1 : 0;
    const float* vector = rows.vectors.data() + row * static_cast<size_t>(layout.width);
    for (int64_t i = 0; i < layout.width; ++i) {
      if (!std::isfinite(vector[i])) {
        fail(ExitCode::bad_data,
             "the vector of row {} is not finite; run `limner verify` on the embeddings and `limner extract` "
             "again",
             rows.first + static_cast<int64_t>(row));
      }
      to[i] += vector[i];
    }
    to += layout.width;
    for (size_t head = 0; head < layout.classes.size(); ++head) {
      const int64_t classes = layout.classes[head];
      const float* values = rows.predictions[head].data() + row * static_cast<size_t>(classes);
      for (int64_t i = 0; i < classes; ++i) to[i] += values[i];
      to += classes;
    }
  }
  return sums;
}

double resolve_half_life(const Auto<double>& setting, const std::vector<int64_t>& first_time,
                         const std::vector<int64_t>& last_time) {
  std::optional<int64_t> earliest, latest;
  for (size_t i = 0; i < first_time.size(); ++i) {
    if (first_time[i] == missing_time) continue;
    earliest = std::min(earliest.value_or(first_time[i]), first_time[i]);
    latest = std::max(latest.value_or(last_time[i]), last_time[i]);
  }
  if (!earliest || *latest == *earliest) return 0;
  return setting.value_or(static_cast<double>(*latest - *earliest) / microseconds_per_day / 4);
}

Customers read_customers(const PreparedReader& prepared, const EmbeddingsReader& embeddings,
                         const Auto<double>& half_life_days, const Communicator& communicator) {
  const Scan scan = communicator.root() ? scan_columns(prepared) : Scan();
  const double half_life = resolve_half_life(half_life_days, scan.first_time, scan.last_time);
  const std::vector<HeadOutput>& heads = embeddings.provenance().heads;
  SumLayout layout{embeddings.width(), {}};
  for (const HeadOutput& head : heads) layout.classes.push_back(std::ssize(head.classes));

  const int64_t width = layout.width, tail = layout.stride() - leading_sums - width;
  Matrix vectors, others;
  if (communicator.root()) {
    vectors = Matrix::Zero(prepared.customers(), width);
    others = Matrix::Zero(prepared.customers(), leading_sums + tail);
  }
  Progress progress("customers", prepared.rows(), "rows", communicator.root());
  for_blocks(
      communicator, {prepared.rows(), rows_per_block, "gather the sums of customers"},
      [&](int64_t first, int64_t count) {
        const CustomerSums block = sum_rows(layout, read_block(prepared, embeddings, first, count));
        ByteWriter bytes;
        bytes.values(block.customer);
        bytes.values(block.values);
        return bytes.take();
      },
      [&](int64_t first, int64_t count, const std::string& message) {
        ByteReader bytes(message);
        const std::vector<int64_t> customer = bytes.values<int64_t>();
        const std::vector<double> values = bytes.values<double>();
        for (size_t i = 0; i < customer.size(); ++i) {
          const Eigen::Map<const Eigen::RowVectorXd> more(
              values.data() + static_cast<int64_t>(i) * layout.stride(), layout.stride());
          others.row(customer[i]).head(leading_sums) += more.head(leading_sums);
          vectors.row(customer[i]) += more.segment(leading_sums, width);
          others.row(customer[i]).tail(tail) += more.tail(tail);
        }
        progress.update(first + count);
      });
  if (!communicator.root()) return {};

  Customers customers =
      means_of(heads, std::move(vectors), others, prepared.customer_ids(0, prepared.customers()));
  customers.half_life_days = half_life;
  for (const int64_t index : customers.table_index) {
    customers.rows.push_back(scan.rows[static_cast<size_t>(index)]);
    if (scan.last_time.empty()) continue;
    customers.first_time.push_back(scan.first_time[static_cast<size_t>(index)]);
    customers.last_time.push_back(scan.last_time[static_cast<size_t>(index)]);
  }
  return customers;
}

Customers read_customers_without_texts(const PreparedReader& prepared) {
  Customers customers;
  customers.ids = prepared.customer_ids(0, prepared.customers());
  const auto count = static_cast<size_t>(prepared.customers());
  customers.table_index.resize(count);
  std::iota(customers.table_index.begin(), customers.table_index.end(), 0);
  customers.texts.assign(count, 0);
  customers.tokens.assign(count, 0);
  customers.training_texts.assign(count, 0);
  customers.rows.resize(count);
  const std::vector<int64_t> customer = prepared.customer_index(0, prepared.rows());
  for (size_t row = 0; row < customer.size(); ++row) {
    const auto number = static_cast<int64_t>(row);
    customers.rows[static_cast<size_t>(customer[row])].emplace_back(number, number);
  }
  return customers;
}

}  // namespace limner
