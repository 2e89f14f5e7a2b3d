// What speaks for each item, the best ones of a customer, and how often they are right.
#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "profile/recommendation.h"

namespace limner {
namespace {

constexpr size_t popular_candidates = 100, wanted_candidates = 100;
constexpr size_t judged = 10;
constexpr size_t most_judges = 5000;

// Evidence for one candidate, each kind at most 1 for a customer.
struct Candidate {
  double together = 0, texts = 0, popularity = 0, factors = 0;
  SimilarItem most_together, most_alike;  // `item` is the customer's own
  double score(const EvidenceWeights& weights) const {
    return weights.together * together + weights.texts * texts + weights.popularity * popularity +
           weights.factors * factors;
  }
};
using Candidates = std::map<int32_t, Candidate>;

void gather(const SimilarItems& similar, const std::vector<int32_t>& history, double Candidate::*sum,
            SimilarItem Candidate::*best, Candidates& candidates) {
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

// The items that the factors say such a customer wants most; all candidates get what they say.
void gather_factors(const ItemFactors& factors, const std::vector<int32_t>& history, Candidates& candidates) {
  if (factors.items.cols() == 0 || history.empty()) return;
  const Vector wants = factors.wants(history);
  std::vector<int32_t> order(static_cast<size_t>(wants.size()));
  std::iota(order.begin(), order.end(), 0);
  const size_t kept = std::min(order.size(), wanted_candidates + history.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<ptrdiff_t>(kept), order.end(),
                    [&](int32_t a, int32_t b) { return wants[a] != wants[b] ? wants[a] > wants[b] : a < b; });
  for (size_t i = 0; i < kept; ++i) candidates[order[i]];
  for (auto& [item, candidate] : candidates) candidate.factors = std::max(0.0, wants[item]);
}

void scale(Candidates& candidates, double Candidate::*evidence) {
  double largest = 0;
  for (const auto& [item, candidate] : candidates) largest = std::max(largest, candidate.*evidence);
  if (largest <= 0) return;
  for (auto& [item, candidate] : candidates) candidate.*evidence /= largest;
}

Candidates find_candidates(const ItemModel& model, const std::vector<int32_t>& history) {
  Candidates candidates;
  gather(model.together, history, &Candidate::together, &Candidate::most_together, candidates);
  gather(model.texts, history, &Candidate::texts, &Candidate::most_alike, candidates);
  const size_t popular = std::min(model.by_popularity.size(), popular_candidates + history.size());
  for (size_t i = 0; i < popular; ++i) candidates[model.by_popularity[i]];
  gather_factors(model.factors, history, candidates);
  for (const int32_t own : history) candidates.erase(own);
  for (auto& [item, candidate] : candidates)
    candidate.popularity = static_cast<double>(model.popularity[static_cast<size_t>(item)]);
  for (double Candidate::*evidence :
       {&Candidate::together, &Candidate::texts, &Candidate::popularity, &Candidate::factors})
    scale(candidates, evidence);
  return candidates;
}

Recommendation explained(int32_t item, const Candidate& candidate, const EvidenceWeights& weights,
                         int64_t customers) {
  const double score = candidate.score(weights), together = weights.together * candidate.together,
               texts = weights.texts * candidate.texts,
               popularity = weights.popularity * candidate.popularity;
  if (together > 0 && together >= std::max(texts, popularity)) {
    const SimilarItem& best = candidate.most_together;
    return {item, score, Evidence::together, best.item, best.customers, best.similarity};
  }
  if (texts > 0 && texts >= popularity) {
    const SimilarItem& best = candidate.most_alike;
    return {item, score, Evidence::texts, best.item, 0, best.similarity};
  }
  return {item, score, Evidence::popularity, -1, customers, 0};
}

// The place of the held-out item among the best ten of `candidates`, from 1; 0: it is not among them.
int place_of(const ItemModel& model, const Candidates& candidates, int32_t item,
             const EvidenceWeights& weights) {
  const auto found = candidates.find(item);
  if (found == candidates.end()) return 0;
  const double score = found->second.score(weights);
  if (score <= 0) return 0;
  const auto popularity = [&](int32_t of) { return model.popularity[static_cast<size_t>(of)]; };
  size_t above = 0;
  for (const auto& [other, candidate] : candidates) {
    const double others = candidate.score(weights);
    const bool first = others != score                         ? others > score
                       : popularity(other) != popularity(item) ? popularity(other) > popularity(item)
                                                               : other < item;
    above += first ? 1 : 0;
  }
  return above < judged ? static_cast<int>(above) + 1 : 0;
}

std::vector<int> places_of(const ItemModel& model, const std::vector<Candidates>& candidates,
                           const std::vector<HeldOut>& held_out, const EvidenceWeights& weights) {
  std::vector<int> places;
  for (size_t i = 0; i < held_out.size(); ++i)
    places.push_back(place_of(model, candidates[i], held_out[i].item, weights));
  return places;
}

std::vector<Candidates> candidates_of(const ItemModel& model, const std::vector<HeldOut>& held_out) {
  std::vector<Candidates> result;
  for (const HeldOut& customer : held_out) result.push_back(find_candidates(model, customer.history));
  return result;
}

}  // namespace

std::vector<Recommendation> recommend(const ItemModel& model, const std::vector<int32_t>& history,
                                      const EvidenceWeights& weights, size_t most) {
  const auto popularity = [&](int32_t item) { return model.popularity[static_cast<size_t>(item)]; };
  std::vector<Recommendation> all;
  for (const auto& [item, candidate] : find_candidates(model, history)) {
    if (candidate.score(weights) > 0) all.push_back(explained(item, candidate, weights, popularity(item)));
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

std::vector<HeldOut> hold_out(const std::vector<std::vector<int32_t>>& with,
                              const std::vector<std::vector<int32_t>>& without) {
  std::vector<HeldOut> held_out;
  for (size_t customer = 0; customer < with.size(); ++customer) {
    if (with[customer].size() > without[customer].size())
      held_out.push_back({without[customer], with[customer].back()});
  }
  return held_out;
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
  return places_of(model, candidates_of(model, held_out), held_out, weights);
}

EvidenceWeights choose_weights(const ItemModel& model, const std::vector<HeldOut>& all) {
  // Evenly spaced customers: many choices of weights are tried on each.
  const size_t judges = std::min(all.size(), most_judges);
  std::vector<HeldOut> held_out;
  for (size_t i = 0; i < judges; ++i) held_out.push_back(all[i * all.size() / judges]);
  const std::vector<Candidates> candidates = candidates_of(model, held_out);
  const std::vector<double> of_factors =
      model.factors.items.cols() > 0 ? std::vector<double>{0, 1, 2} : std::vector<double>{0};
  EvidenceWeights best;
  double best_ndcg = -1;
  for (const double factors : of_factors) {
    for (const double together : {1.0, 0.0}) {
      for (const double texts : {0.0, 0.25, 0.5, 1.0, 2.0}) {
        for (const double popularity : {0.0, 0.25, 0.5, 1.0, 2.0}) {
          const EvidenceWeights weights{together, texts, popularity, factors};
          if (held_out.empty() || together + texts + popularity + factors == 0) continue;
          const double ndcg = score_places("", places_of(model, candidates, held_out, weights)).ndcg;
          if (ndcg > best_ndcg) best_ndcg = ndcg, best = weights;
        }
      }
    }
  }
  return best;
}

RankingComparison compare_rankings(const ItemModel& model, const std::vector<HeldOut>& held_out,
                                   const EvidenceWeights& blend) {
  const std::vector<Candidates> candidates = candidates_of(model, held_out);
  const auto places = [&](const EvidenceWeights& weights) {
    return places_of(model, candidates, held_out, weights);
  };
  RankingComparison comparison;
  comparison.customers = std::ssize(held_out);
  const std::vector<int> popularity = places({0, 0, 1}), blended = places(blend);
  comparison.methods = {score_places("popularity", popularity),
                        score_places("taken together", places({1, 0, 0})),
                        score_places("texts", places({0, 1, 0}))};
  if (model.factors.items.cols() > 0)
    comparison.methods.push_back(score_places("factors", places({0, 0, 0, 1})));
  comparison.methods.push_back(score_places("blend", blended));
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

}  // namespace limner
