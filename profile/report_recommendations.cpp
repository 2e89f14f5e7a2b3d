// Items for customers, and how far they can be trusted.
#include <algorithm>
#include <cmath>

#include "profile/html.h"
#include "profile/report_sections.h"

namespace limner {
namespace {

constexpr size_t customers_shown = 12, items_shown = 3;

// What the comparison says, in words; the difference counts beyond two standard errors.
std::string verdict(const Phrases& say, const RankingComparison& comparison) {
  const RankingScores& popularity = comparison.methods.front();
  const RankingScores& blend = comparison.methods.back();
  const std::string figures =
      say("verdict.figures", percent_text(blend.recall, 1), percent_text(popularity.recall, 1),
          number_text(blend.ndcg), number_text(popularity.ndcg));
  const bool clear = comparison.gain > 2 * comparison.gain_error;
  return say(blend.recall < popularity.recall   ? "verdict.worse"
             : clear                            ? "verdict.better"
             : blend.recall > popularity.recall ? "verdict.ahead"
                                                : "verdict.same",
             figures);
}

std::string method_table(const Phrases& say, const RankingComparison& comparison) {
  double best = 0;
  for (const RankingScores& scores : comparison.methods) best = std::max(best, scores.recall);
  std::string rows;
  for (const RankingScores& scores : comparison.methods) {
    rows += fmt::format(
        "<tr{}><td>{}</td><td class=\"n bar\"><em>{} ± {}</em><span "
        "style=\"width:{:.1f}%\"></span></td>{}</tr>\n",
        scores.recall == best ? " class=\"best\"" : "", escape(say.word("evidence.", scores.name)),
        percent_text(scores.recall, 1), percent_text(scores.recall_error, 1),
        best > 0 ? 100 * scores.recall / best : 0, number_cell(number_text(scores.ndcg)));
  }
  return "<figure><h3>" + say("methods.title") + "</h3>" +
         table_open({say("methods.by"), ">recall@10", ">NDCG@10"}) + rows + table_close() +
         "<p class=\"note\">" + say("methods.note", say.count("count.customers", comparison.customers)) +
         "</p></figure>\n";
}

std::string reason(const Phrases& say, const Recommendations& found, const Recommendation& entry) {
  const std::string customers = say.count("count.customers", entry.customers);
  if (entry.because == Evidence::popularity) return say("reason.popular", customers);
  const std::string own = escape(shorten(found.items[static_cast<size_t>(entry.of_item)], 30));
  return entry.because == Evidence::texts ? say("reason.texts", own) : say("reason.together", customers, own);
}

// The customers with the most items: most is known about them.
std::string examples(const Phrases& say, const ProfileResults& results) {
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
                                reason(say, found, list[place]));
    }
    rows += "</tr>\n";
  }
  return "<figure class=\"wide\"><h3>" + say("examples.title") + "</h3>" +
         table_open({say("examples.customer"), ">" + say("examples.items"), say("examples.first"),
                     say("examples.second"), say("examples.third")}) +
         rows + table_close() + "<p class=\"note\">" + say("examples.note") + "</p></figure>\n";
}

}  // namespace

std::string describe_recommendations(const ReportInputs& inputs) {
  const Recommendations& found = inputs.results.recommendations;
  if (found.empty() || found.comparison.customers == 0) return "";
  return verdict(inputs.say, found.comparison);
}

Section recommendations_section(const ReportInputs& inputs) {
  const Recommendations& found = inputs.results.recommendations;
  const Phrases& say = inputs.say;
  Section section = open_section(inputs, "recommendations");
  if (found.empty()) return section;
  section.lead =
      found.comparison.customers > 0
          ? say.join({verdict(say, found.comparison), found.by_time ? "" : say("recommendations.no_times")})
          : say("recommendations.not_compared");
  section.body = "<div class=\"grid\">\n" +
                 (found.comparison.customers > 0 ? method_table(say, found.comparison) : "") +
                 examples(say, inputs.results) + "</div>\n";
  return section;
}

}  // namespace limner
