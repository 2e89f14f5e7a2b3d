#include "profile/recommendation.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "profile/blocks.h"
#include "profile/neighbors.h"
#include "runtime/log.h"

namespace limner {
namespace {

constexpr int64_t rows_per_block = 4096;
constexpr size_t newest_items = 200;

// Sums of the vectors of each item's texts, apart for each lateness of the row (a held-out text must not
// describe its item); on rank 0.
struct ItemVectors {
  Matrix sums[3];
  // Means of the rows up to a lateness, less the mean of all items: what a text has in common with every
  // other tells nothing.
  Matrix until(int lateness) const {
    Matrix total = sums[0];
    for (int late = 1; late <= lateness; ++late) total += sums[late];
    const Eigen::Index width = total.cols() - 1;  // the last column counts the rows
    Matrix means = Matrix::Zero(total.rows(), width);
    Eigen::RowVectorXd middle = Eigen::RowVectorXd::Zero(width);
    double items = 0;
    for (Eigen::Index item = 0; item < total.rows(); ++item) {
      if (total(item, width) == 0) continue;
      means.row(item) = total.row(item).head(width) / total(item, width);
      middle += means.row(item);
      items += 1;
    }
    if (items > 0) middle /= items;
    for (Eigen::Index item = 0; item < total.rows(); ++item) {
      if (total(item, width) > 0) means.row(item) -= middle;
    }
    return means;
  }
};

ItemVectors sum_item_vectors(const PreparedReader& prepared, const EmbeddingsReader& embeddings,
                             const Purchases& purchases, const Communicator& communicator) {
  const int64_t width = embeddings.width();
  ItemVectors result;
  if (communicator.root()) {
    for (Matrix& sums : result.sums) sums = Matrix::Zero(std::ssize(purchases.items), width + 1);
  }
  for_blocks(
      communicator, {prepared.rows(), rows_per_block, "gather the vectors of items"},
      [&](int64_t first, int64_t count) {
        std::vector<float> vectors(static_cast<size_t>(count * width));
        embeddings.embeddings(first, count, vectors.data());
        const std::vector<int64_t> customer = prepared.customer_index(first, count);
        const std::vector<int32_t> items = item_numbers(prepared, purchases, first, count);
        std::map<std::pair<int, int32_t>, std::vector<double>> sums;
        for (size_t row = 0; row < items.size(); ++row) {
          if (items[row] < 0) continue;
          std::vector<double>& sum = sums[{purchases.lateness(customer[row], items[row]), items[row]}];
          sum.resize(static_cast<size_t>(width) + 1);
          for (size_t i = 0; i < static_cast<size_t>(width); ++i)
            sum[i] += vectors[row * static_cast<size_t>(width) + i];
          sum.back() += 1;
        }
        ByteWriter bytes;
        for (const auto& [place, sum] : sums) {
          bytes.value(place.first);
          bytes.value(place.second);
          bytes.values(sum);
        }
        return bytes.take();
      },
      [&](int64_t, int64_t, const std::string& message) {
        ByteReader bytes(message);
        while (!bytes.done()) {
          const auto late = bytes.value<int>();
          const auto item = bytes.value<int32_t>();
          const std::vector<double> sum = bytes.values<double>();
          result.sums[late].row(item) += Eigen::Map<const Eigen::RowVectorXd>(sum.data(), width + 1);
        }
      });
  return result;
}

SimilarItems similar_by_texts(const Matrix& vectors, size_t most, const Communicator& communicator,
                              int threads) {
  const Neighbors neighbors = nearest_customers(vectors, static_cast<int64_t>(most), communicator, threads);
  SimilarItems similar(communicator.root() ? static_cast<size_t>(vectors.rows()) : 0);
  const auto each = static_cast<size_t>(neighbors.per_customer);
  for (size_t item = 0; item < similar.size(); ++item) {
    for (size_t place = item * each; place < (item + 1) * each; ++place) {
      if (neighbors.similarity[place] <= 0) break;
      similar[item].push_back({neighbors.customer[place], 0, neighbors.similarity[place]});
    }
  }
  return similar;
}

}  // namespace

SimilarItems taken_together(const std::vector<std::vector<int32_t>>& histories, size_t items, size_t most) {
  std::vector<std::vector<int32_t>> customers_of(items);
  const auto newest = [](const std::vector<int32_t>& history) {
    return history.end() - static_cast<ptrdiff_t>(std::min(newest_items, history.size()));
  };
  for (size_t customer = 0; customer < histories.size(); ++customer) {
    for (auto item = newest(histories[customer]); item != histories[customer].end(); ++item) {
      customers_of[static_cast<size_t>(*item)].push_back(static_cast<int32_t>(customer));
    }
  }
  SimilarItems similar(items);
  std::vector<int32_t> both(items);
  for (size_t item = 0; item < items; ++item) {
    std::fill(both.begin(), both.end(), 0);
    for (const int32_t customer : customers_of[item]) {
      const std::vector<int32_t>& history = histories[static_cast<size_t>(customer)];
      for (auto other = newest(history); other != history.end(); ++other) ++both[static_cast<size_t>(*other)];
    }
    both[item] = 0;
    for (size_t other = 0; other < items; ++other) {
      if (both[other] == 0) continue;
      const double size =
          static_cast<double>(customers_of[item].size()) * static_cast<double>(customers_of[other].size());
      similar[item].push_back({static_cast<int32_t>(other), both[other], both[other] / std::sqrt(size)});
    }
    std::stable_sort(similar[item].begin(), similar[item].end(),
                     [](const SimilarItem& a, const SimilarItem& b) { return a.similarity > b.similarity; });
    if (similar[item].size() > most) similar[item].resize(most);
  }
  return similar;
}

ItemModel learn_items(const std::vector<std::vector<int32_t>>& histories, SimilarItems texts, size_t items,
                      size_t neighbors) {
  ItemModel model{taken_together(histories, items, neighbors), std::move(texts), {}, {}, {}};
  model.popularity.resize(items);
  for (const std::vector<int32_t>& history : histories) {
    for (const int32_t item : history) ++model.popularity[static_cast<size_t>(item)];
  }
  model.by_popularity.resize(items);
  std::iota(model.by_popularity.begin(), model.by_popularity.end(), 0);
  std::stable_sort(model.by_popularity.begin(), model.by_popularity.end(), [&](int32_t a, int32_t b) {
    return model.popularity[static_cast<size_t>(a)] > model.popularity[static_cast<size_t>(b)];
  });
  return model;
}

Recommendations recommend_items(const PreparedReader& prepared, const EmbeddingsReader& embeddings,
                                const RecommendationSettings& settings, uint64_t seed,
                                const Communicator& communicator, int threads) {
  if (settings.count == 0 || !prepared.has_items()) return {};
  const Purchases purchases = read_purchases(prepared);  // on every rank: rows are told apart by it
  const size_t items = purchases.items.size();
  if (items < 2) return {};
  const ItemVectors vectors = sum_item_vectors(prepared, embeddings, purchases, communicator);
  const auto neighbors = static_cast<size_t>(settings.neighbors);
  const auto texts_until = [&](int lateness) {
    return similar_by_texts(communicator.root() ? vectors.until(lateness) : Matrix(), neighbors, communicator,
                            threads);
  };
  SimilarItems texts[3] = {texts_until(0), texts_until(1), texts_until(2)};
  if (!communicator.root()) return {};

  Recommendations result;
  result.items = purchases.items;
  result.by_time = purchases.by_time;
  const std::vector<std::vector<int32_t>> early = purchases.until(0), later = purchases.until(1);
  const auto learn = [&](const std::vector<std::vector<int32_t>>& histories, int lateness) {
    ItemModel model = learn_items(histories, std::move(texts[lateness]), items, neighbors);
    model.factors = factorise_items(histories, items, settings.factors, seed, threads);
    return model;
  };
  result.weights = choose_weights(learn(early, 0), hold_out(later, early));
  const std::vector<HeldOut> held_out = hold_out(purchases.of_customer, later);
  if (!held_out.empty()) {
    result.comparison = compare_rankings(learn(later, 1), held_out, result.weights);
    log_info("profile: recall@10 {:.3f} (popularity {:.3f}) for {} customers",
             result.comparison.methods.back().recall, result.comparison.methods.front().recall,
             result.comparison.customers);
  }
  const ItemModel model = learn(purchases.of_customer, 2);
  for (const std::vector<int32_t>& history : purchases.of_customer) {
    result.taken.push_back(std::ssize(history));
    result.of_customer.push_back(
        recommend(model, history, result.weights, static_cast<size_t>(settings.count)));
  }
  return result;
}

}  // namespace limner
