// Items for customers, and how far they can be trusted.
#include <algorithm>
#include <cmath>

#include "profile/html.h"
#include "profile/report_sections.h"

namespace limner {
namespace {

constexpr size_t customers_shown = 12, items_shown = 3;

std::string plain_name(const std::string& method) {
  if (method == "blend") return "all evidence together";
  if (method == "texts") return "items described alike";
  if (method == "taken together") return "items taken together";
  return method;
}

// What the comparison says, in words; the difference counts beyond two standard errors.
std::string verdict(const RankingComparison& comparison) {
  const RankingScores& popularity = comparison.methods.front();
  const RankingScores& blend = comparison.methods.back();
  const std::string figures = fmt::format(
      "recall@10 is {} with the recommendations and {} with the most popular items, NDCG@10 {} and {}",
      percent_text(blend.recall, 1), percent_text(popularity.recall, 1), number_text(blend.ndcg),
      number_text(popularity.ndcg));
  if (blend.recall < popularity.recall) return "Recommending the most popular items is better: " + figures;
  if (comparison.gain > 2 * comparison.gain_error) return "The recommendations beat popularity: " + figures;
  if (blend.recall > popularity.recall)
    return "The recommendations are ahead of popularity, within the range of chance: " + figures;
  return "The recommendations are no better than popularity: " + figures;
}

std::string method_table(const RankingComparison& comparison) {
  double best = 0;
  for (const RankingScores& scores : comparison.methods) best = std::max(best, scores.recall);
  std::string rows;
  for (const RankingScores& scores : comparison.methods) {
    rows += fmt::format(
        "<tr{}><td>{}</td><td class=\"n bar\"><em>{} ± {}</em><span "
        "style=\"width:{:.1f}%\"></span></td>{}</tr>\n",
        scores.recall == best ? " class=\"best\"" : "", plain_name(scores.name),
        percent_text(scores.recall, 1), percent_text(scores.recall_error, 1),
        best > 0 ? 100 * scores.recall / best : 0, number_cell(number_text(scores.ndcg)));
  }
  return "<figure><h3>Ten recommendations against the last item</h3><div class=\"scroll\"><table><tr><th>by"
         "</th><th class=\"n\">recall@10</th><th class=\"n\">NDCG@10</th></tr>\n" +
         rows +
         fmt::format(
             "</table></div><p class=\"note\">The last item of {} was hidden with all that was "
             "written about it by them; recall@10 is the share of them whose item is among the ten. "
             "± is one standard error.</p></figure>\n",
             counted(comparison.customers, "customer", "customers"));
}

std::string reason(const Recommendations& found, const Recommendation& entry) {
  if (entry.because == Evidence::popularity)
    return fmt::format("{} took it", counted(entry.customers, "customer", "customers"));
  const std::string own = escape(shorten(found.items[static_cast<size_t>(entry.of_item)], 30));
  if (entry.because == Evidence::texts) return "described like " + own;
  return fmt::format("{} took it with {}", counted(entry.customers, "customer", "customers"), own);
}

// The customers with the most items: most is known about them.
std::string examples(const ProfileResults& results) {
  const Recommendations& found = results.recommendations;
  const auto table_index = [&](size_t row) {
    return static_cast<size_t>(results.customers.table_index[row]);
  };
  std::vector<size_t> order;
  for (size_t row = 0; row < results.customers.ids.size(); ++row) {
    if (found.taken[table_index(row)] > 0 && !found.of_customer[table_index(row)].empty())
      order.push_back(row);
  }
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return found.taken[table_index(a)] > found.taken[table_index(b)];
  });
  std::string rows;
  for (size_t i = 0; i < std::min(customers_shown, order.size()); ++i) {
    const std::vector<Recommendation>& list = found.of_customer[table_index(order[i])];
    rows += fmt::format("<tr><td>{}</td>{}", escape(shorten(results.customers.ids[order[i]], 24)),
                        number_cell(count_text(found.taken[table_index(order[i])])));
    for (size_t place = 0; place < items_shown; ++place) {
      rows += place >= list.size()
                  ? "<td></td>"
                  : fmt::format("<td>{}<br><small>{}</small></td>",
                                escape(shorten(found.items[static_cast<size_t>(list[place].item)], 34)),
                                reason(found, list[place]));
    }
    rows += "</tr>\n";
  }
  return "<figure class=\"wide\"><h3>First recommendations</h3><div class=\"scroll\"><table><tr><th>customer"
         "</th><th class=\"n\">items</th><th>first</th><th>second</th><th>third</th></tr>\n" +
         rows +
         "</table></div><p class=\"note\">The customers with the most items; <code>recommendations.jsonl"
         "</code> has all, with scores and reasons.</p></figure>\n";
}

}  // namespace

std::string describe_recommendations(const ReportInputs& inputs) {
  const Recommendations& found = inputs.results.recommendations;
  if (found.empty() || found.comparison.customers == 0) return "";
  return verdict(found.comparison) + ".";
}

Section recommendations_section(const ReportInputs& inputs) {
  const Recommendations& found = inputs.results.recommendations;
  Section section{"recommendations", "What to recommend", "Recommendations", "", ""};
  if (found.empty()) return section;
  if (found.comparison.customers > 0) {
    section.lead = verdict(found.comparison) + ".";
    if (!found.by_time) section.lead += " The table has no times: the last row of a customer counts as last.";
  } else {
    section.lead =
        "No customer took two items, so the recommendations could not be compared with popularity.";
  }
  section.body = "<div class=\"grid\">\n" +
                 (found.comparison.customers > 0 ? method_table(found.comparison) : "") +
                 examples(inputs.results) + "</div>\n";
  return section;
}

}  // namespace limner
