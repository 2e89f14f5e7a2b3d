// recommendations.jsonl and recommendation.json.
#include "profile/results.h"

namespace limner {
namespace {

Json reason_json(const Recommendations& found, const Recommendation& entry) {
  switch (entry.because) {
    case Evidence::together:
      return {{"kind", "taken together"},
              {"with", found.items[static_cast<size_t>(entry.of_item)]},
              {"customers", entry.customers}};
    case Evidence::texts:
      return {{"kind", "texts alike"},
              {"with", found.items[static_cast<size_t>(entry.of_item)]},
              {"similarity", rounded(entry.similarity)}};
    case Evidence::popularity:
      return {{"kind", "popular"}, {"customers", entry.customers}};
  }
  return nullptr;
}

}  // namespace

void write_recommendations_jsonl(const fs::path& path, const ProfileResults& results) {
  const Recommendations& found = results.recommendations;
  FileWriter file(path);
  for (size_t i = 0; i < results.customers.ids.size(); ++i) {
    const auto index = static_cast<size_t>(results.customers.table_index[i]);
    Json items = Json::array();
    for (const Recommendation& entry : found.of_customer[index]) {
      items.push_back({{"item", found.items[static_cast<size_t>(entry.item)]},
                       {"score", rounded(entry.score)},
                       {"reason", reason_json(found, entry)}});
    }
    const Json line{{"customer", results.customers.ids[i]}, {"taken", found.taken[index]}, {"items", items}};
    file.write(line.dump() + "\n");
  }
  file.publish();
}

Json recommendation_json(const ProfileResults& results) {
  const Recommendations& found = results.recommendations;
  Json methods = Json::array();
  for (const RankingScores& scores : found.comparison.methods) {
    methods.push_back({{"method", scores.name},
                       {"recall_at_10", rounded(scores.recall)},
                       {"recall_standard_error", rounded(scores.recall_error)},
                       {"ndcg_at_10", rounded(scores.ndcg)}});
  }
  return {{"format_version", 1},
          {"sources", sources_json(results)},
          {"items", found.items.size()},
          {"held_out", found.by_time ? "the last item by time" : "the last item by row"},
          {"customers_compared", found.comparison.customers},
          {"methods", methods},
          {"gain_over_popularity", rounded(found.comparison.gain)},
          {"gain_standard_error", rounded(found.comparison.gain_error)},
          {"weights",
           {{"taken_together", found.weights.together},
            {"texts", found.weights.texts},
            {"popularity", found.weights.popularity},
            {"factors", found.weights.factors}}}};
}

}  // namespace limner
