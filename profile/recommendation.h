// Items for customers: items like those a customer took, by who took both, by what is written about them and
// by a factorised table of customers and items.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "extract/shards.h"
#include "profile/factorisation.h"
#include "profile/matrix.h"
#include "profile/purchases.h"
#include "runtime/communicator.h"
#include "runtime/settings.h"
#include "tables/prepared.h"

namespace limner {

// For each item the items most like it, best first; ties: the earlier item.
struct SimilarItem {
  int32_t item = 0;
  int32_t customers = 0;  // who took both; 0 where texts were compared
  double similarity = 0;
};
using SimilarItems = std::vector<std::vector<SimilarItem>>;

// Customers who took both over the geometric mean of those who took each (cosine of the columns of the table
// customers x items). Of a customer with more than 200 items the newest 200 count.
SimilarItems taken_together(const std::vector<std::vector<int32_t>>& histories, size_t items, size_t most);

// How much each kind of evidence counts; each is scaled to at most 1 for every customer.
struct EvidenceWeights {
  double together = 1, texts = 1, popularity = 1, factors = 0;
};

enum class Evidence : uint8_t { together, texts, popularity };

struct Recommendation {
  int32_t item = 0;
  double score = 0;
  Evidence because =
      Evidence::popularity;  // the kind that adds most; factors tell no reason, the next one does
  int32_t of_item = -1;      // the customer's own item that it is like
  int64_t customers = 0;     // who took both, or, for popularity, who took it
  double similarity = 0;
};

// Everything learned from the histories of all customers.
struct ItemModel {
  SimilarItems together, texts;
  ItemFactors factors = {};
  std::vector<int64_t> popularity;     // customers who took the item
  std::vector<int32_t> by_popularity;  // items, the most popular first; ties: the earlier one
};
ItemModel learn_items(const std::vector<std::vector<int32_t>>& histories, SimilarItems texts, size_t items,
                      size_t neighbors);

// The best `most` items that are not in the history; ties: the more popular, then the earlier item.
// Candidates are the items similar to those of the history, the hundred most popular ones and the hundred
// that the factors say the customer wants most.
std::vector<Recommendation> recommend(const ItemModel& model, const std::vector<int32_t>& history,
                                      const EvidenceWeights& weights, size_t most);

// Ten recommendations against one item held out for each customer.
struct RankingScores {
  std::string name;
  double recall = 0, recall_error = 0;  // share of customers whose item is among the ten; standard error
  double ndcg = 0;                      // 1 / log2(1 + place), 0 beyond the tenth; mean
};
struct RankingComparison {
  int64_t customers = 0;               // with at least two items: their last one is held out
  std::vector<RankingScores> methods;  // popularity, together, texts, factors, blend
  double gain = 0, gain_error = 0;  // recall of the blend less that of popularity; of the paired difference
};

struct Recommendations {
  std::vector<std::string> items;
  std::vector<std::vector<Recommendation>> of_customer;  // per customer of the table
  std::vector<int64_t> taken;                            // items of each customer of the table
  EvidenceWeights weights;
  RankingComparison comparison;
  bool by_time = false;
  bool empty() const { return items.empty(); }
};

// A collective; the result is on rank 0 and the same for any number of ranks. The weights are those with the
// best NDCG on every customer's last item but one (of customers with three), the comparison is made on the
// last item; neither item nor its text was seen by what is judged. Nothing without items.
Recommendations recommend_items(const PreparedReader& prepared, const EmbeddingsReader& embeddings,
                                const RecommendationSettings& settings, uint64_t seed,
                                const Communicator& communicator, int threads);

// The pieces of the comparison.
struct HeldOut {
  std::vector<int32_t> history;
  int32_t item = 0;
};
std::vector<HeldOut> hold_out(const std::vector<std::vector<int32_t>>& with,
                              const std::vector<std::vector<int32_t>>& without);
RankingScores score_places(const std::string& name, const std::vector<int>& places);
std::vector<int> places_of(const ItemModel& model, const std::vector<HeldOut>& held_out,
                           const EvidenceWeights& weights);
EvidenceWeights choose_weights(const ItemModel& model, const std::vector<HeldOut>& held_out);
RankingComparison compare_rankings(const ItemModel& model, const std::vector<HeldOut>& held_out,
                                   const EvidenceWeights& blend);

}  // namespace limner
