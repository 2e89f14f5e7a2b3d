// From one vector a text to one profile a customer: counts, mean vectors and mean predictions.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "extract/shards.h"
#include "profile/matrix.h"
#include "profile/rows.h"
#include "runtime/communicator.h"
#include "runtime/config.h"
#include "tables/prepared.h"

namespace limner {

// A head's predictions averaged over the texts of each customer. single_label and multi_label: mean
// probabilities; regression: the mean predicted value.
struct HeadAverages {
  std::string name, kind;
  std::vector<std::string> classes;
  Matrix mean;  // customers x classes
};

// Customers who wrote at least one text, in the order of prepared.h5; of a table without texts, all of them.
// Every vector has one entry a customer.
struct Customers {
  std::vector<std::string> ids;
  std::vector<int64_t> table_index;                            // index into prepared.h5's /customers
  std::vector<std::vector<std::pair<int64_t, int64_t>>> rows;  // ranges of rows [first, last], ascending
  std::vector<int64_t> texts, tokens, training_texts;
  std::vector<int64_t> first_time, last_time;  // microseconds; missing_time without a dated text
  Matrix mean;  // customers x width; of a table without texts, AttributeVectors
  // Customers x width, for profiles.h5 alone (customer_vectors.h); null: not of this table.
  std::unique_ptr<VectorFile> recent, attention, trend;
  std::vector<double> change;     // how far what they write changed: 1 - cosine; empty without times
  std::vector<double> sentiment;  // mean of the lexicon's scores; NaN without one; empty without texts
  double half_life_days = 0;      // of the recency weights; 0: no recency-weighted mean
  std::vector<HeadAverages> heads;

  int64_t count() const { return static_cast<int64_t>(ids.size()); }
  int64_t total_texts() const;
  bool have_texts() const { return total_texts() > 0; }
  bool has_time() const { return !last_time.empty(); }
};

// A collective; the result is on rank 0 (elsewhere empty) and the same for any rank count: rows are summed in
// fixed blocks, the blocks in order. Errors: a vector that is not finite (bad_data, naming the row).
Customers read_customers(const PreparedReader& prepared, const EmbeddingsReader& embeddings,
                         const Auto<double>& half_life_days, const Communicator& communicator);

// All customers of a table without texts: zero texts, no vectors.
Customers read_customers_without_texts(const PreparedReader& prepared);

// The pieces, on plain memory.
struct SumLayout {
  int64_t width = 0;
  std::vector<int64_t> classes;  // one a head
  int64_t stride() const;        // values a customer: texts, tokens, training texts, vector, heads
};
struct RowBlock {
  int64_t first = 0;  // row number, for messages
  std::vector<int64_t> customer;
  std::vector<float> vectors;  // rows x width
  std::vector<int32_t> tokens;
  std::vector<Split> split;
  std::vector<std::vector<float>> predictions;  // a head: rows x classes
};
struct CustomerSums {
  std::vector<int64_t> customer;  // ascending, only those of the block
  std::vector<double> values;     // customers x stride
};
CustomerSums sum_rows(const SumLayout& layout, const RowBlock& rows);

// Half life in days: the setting, or a quarter of the span of the dated texts; 0 when there is no span.
double resolve_half_life(const Auto<double>& setting, const std::vector<int64_t>& first_time,
                         const std::vector<int64_t>& last_time);

}  // namespace limner
