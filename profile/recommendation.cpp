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
constexpr size_t popular_candidates = 100;
constexpr size_t judged = 10;
constexpr size_t most_judges = 5000;

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

// Evidence for one candidate.
struct Candidate {
  double together = 0, texts = 0;
  SimilarItem most_together, most_alike;  // `item` is the customer's own
};

void gather(const SimilarItems& similar, const std::vector<int32_t>& history, double Candidate::*sum,
            SimilarItem Candidate::*best, std::map<int32_t, Candidate>& candidates) {
  for (const int32_t own : history) {
    for (const SimilarItem& other : similar[static_cast<size_t>(own)]) {
      Candidate& candidate = candidates[other.item];
      candidate.*sum += other.similarity;
      if (other.similarity > (candidate.*best).similarity) {
        candidate.*best = {own, other.customers, other.similarity};
      }
    }
  }
}

std::map<int32_t, Candidate> find_candidates(const ItemModel& model, const std::vector<int32_t>& history) {
  std::map<int32_t, Candidate> candidates;
  gather(model.together, history, &Candidate::together, &Candidate::most_together, candidates);
  gather(model.texts, history, &Candidate::texts, &Candidate::most_alike, candidates);
  const size_t popular = std::min(model.by_popularity.size(), popular_candidates + history.size());
  for (size_t i = 0; i < popular; ++i) candidates[model.by_popularity[i]];
  for (const int32_t own : history) candidates.erase(own);
  return candidates;
}

std::vector<HeldOut> hold_out(const std::vector<std::vector<int32_t>>& with,
                              const std::vector<std::vector<int32_t>>& without) {
  std::vector<HeldOut> held_out;
  for (size_t customer = 0; customer < with.size(); ++customer) {
    if (with[customer].size() > without[customer].size())
      held_out.push_back({without[customer], with[customer].back()});
  }
  return held_out;
}

RankingComparison compare(const ItemModel& model, const std::vector<HeldOut>& held_out,
                          const EvidenceWeights& blend) {
  RankingComparison comparison;
  comparison.customers = std::ssize(held_out);
  const std::vector<int> popularity = places_of(model, held_out, {0, 0, 1});
  const std::vector<int> blended = places_of(model, held_out, blend);
  comparison.methods = {score_places("popularity", popularity),
                        score_places("taken together", places_of(model, held_out, {1, 0, 0})),
                        score_places("texts", places_of(model, held_out, {0, 1, 0})),
                        score_places("blend", blended)};
  const auto count = static_cast<double>(held_out.size());
  double sum = 0, squares = 0;
  for (size_t i = 0; i < held_out.size(); ++i) {
    const double difference = (blended[i] > 0 ? 1 : 0) - (popularity[i] > 0 ? 1 : 0);
    sum += difference;
    squares += difference * difference;
  }
  comparison.gain = sum / count;
  comparison.gain_error =
      std::sqrt(std::max(0.0, squares / count - comparison.gain * comparison.gain) / count);
  return comparison;
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
  ItemModel model{taken_together(histories, items, neighbors), std::move(texts), {}, {}};
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

std::vector<Recommendation> recommend(const ItemModel& model, const std::vector<int32_t>& history,
                                      const EvidenceWeights& weights, size_t most) {
  const std::map<int32_t, Candidate> candidates = find_candidates(model, history);
  const auto popularity = [&](int32_t item) { return model.popularity[static_cast<size_t>(item)]; };
  double together = 0, texts = 0, popular = 0;
  for (const auto& [item, candidate] : candidates) {
    together = std::max(together, candidate.together);
    texts = std::max(texts, candidate.texts);
    popular = std::max(popular, static_cast<double>(popularity(item)));
  }
  const auto part = [](double weight, double value, double largest) {
    return largest > 0 ? weight * value / largest : 0;
  };
  std::vector<Recommendation> all;
  for (const auto& [item, candidate] : candidates) {
    const double by_together = part(weights.together, candidate.together, together);
    const double by_texts = part(weights.texts, candidate.texts, texts);
    const double by_popularity = part(weights.popularity, static_cast<double>(popularity(item)), popular);
    const double score = by_together + by_texts + by_popularity;
    if (score <= 0) continue;
    if (by_together >= std::max(by_texts, by_popularity)) {
      const SimilarItem& best = candidate.most_together;
      all.push_back({item, score, Evidence::together, best.item, best.customers, best.similarity});
    } else if (by_texts >= by_popularity) {
      const SimilarItem& best = candidate.most_alike;
      all.push_back({item, score, Evidence::texts, best.item, 0, best.similarity});
    } else {
      all.push_back({item, score, Evidence::popularity, -1, popularity(item), 0});
    }
  }
  const size_t kept = std::min(most, all.size());
  std::partial_sort(all.begin(), all.begin() + static_cast<ptrdiff_t>(kept), all.end(),
                    [&](const Recommendation& a, const Recommendation& b) {
                      if (a.score != b.score) return a.score > b.score;
                      const int64_t left = popularity(a.item), right = popularity(b.item);
                      return left != right ? left > right : a.item < b.item;
                    });
  all.resize(kept);
  return all;
}

RankingScores score_places(const std::string& name, const std::vector<int>& places) {
  RankingScores scores{name, 0, 0, 0};
  for (const int place : places) {
    if (place == 0) continue;
    scores.recall += 1;
    scores.ndcg += 1 / std::log2(1.0 + place);
  }
  const auto count = static_cast<double>(places.size());
  scores.recall /= count;
  scores.ndcg /= count;
  scores.recall_error = std::sqrt(scores.recall * (1 - scores.recall) / count);
  return scores;
}

std::vector<int> places_of(const ItemModel& model, const std::vector<HeldOut>& held_out,
                           const EvidenceWeights& weights) {
  std::vector<int> places;
  for (const HeldOut& customer : held_out) {
    const std::vector<Recommendation> list = recommend(model, customer.history, weights, judged);
    const auto found = std::find_if(list.begin(), list.end(),
                                    [&](const Recommendation& entry) { return entry.item == customer.item; });
    places.push_back(found == list.end() ? 0 : static_cast<int>(found - list.begin()) + 1);
  }
  return places;
}

EvidenceWeights choose_weights(const ItemModel& model, const std::vector<HeldOut>& all) {
  // Evenly spaced customers: fifty choices of weights are tried on each.
  const size_t judges = std::min(all.size(), most_judges);
  std::vector<HeldOut> held_out;
  for (size_t i = 0; i < judges; ++i) held_out.push_back(all[i * all.size() / judges]);
  EvidenceWeights best;
  double best_ndcg = -1;
  for (const double together : {1.0, 0.0}) {
    for (const double texts : {0.0, 0.25, 0.5, 1.0, 2.0}) {
      for (const double popularity : {0.0, 0.25, 0.5, 1.0, 2.0}) {
        const EvidenceWeights weights{together, texts, popularity};
        if (held_out.empty() || together + texts + popularity == 0) continue;
        const double ndcg = score_places("", places_of(model, held_out, weights)).ndcg;
        if (ndcg > best_ndcg) best_ndcg = ndcg, best = weights;
      }
    }
  }
  return best;
}

Recommendations recommend_items(const PreparedReader& prepared, const EmbeddingsReader& embeddings,
                                const RecommendationSettings& settings, const Communicator& communicator,
                                int threads) {
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
  result.weights =
      choose_weights(learn_items(early, std::move(texts[0]), items, neighbors), hold_out(later, early));
  const std::vector<HeldOut> held_out = hold_out(purchases.of_customer, later);
  if (!held_out.empty()) {
    result.comparison =
        compare(learn_items(later, std::move(texts[1]), items, neighbors), held_out, result.weights);
    log_info("profile: recall@10 {:.3f} (popularity {:.3f}) for {} customers",
             result.comparison.methods.back().recall, result.comparison.methods.front().recall,
             result.comparison.customers);
  }
  const ItemModel model = learn_items(purchases.of_customer, std::move(texts[2]), items, neighbors);
  for (const std::vector<int32_t>& history : purchases.of_customer) {
    result.taken.push_back(std::ssize(history));
    result.of_customer.push_back(
        recommend(model, history, result.weights, static_cast<size_t>(settings.count)));
  }
  return result;
}

}  // namespace limner
