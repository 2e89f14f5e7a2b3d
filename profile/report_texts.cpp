// What the words of the texts tell by themselves: sentiment by lexicon, beside the model; word vectors.
#include <array>
#include <cmath>
#include <cstdlib>

#include "profile/html.h"
#include "profile/report_sections.h"

namespace limner {
namespace {

std::string sentiment_figure(const ReportInputs& inputs) {
  const Phrases& say = inputs.say;
  constexpr size_t bins = 10;
  std::array<double, bins> counts{};
  double all = 0;
  for (const double score : inputs.results.customers.sentiment) {
    if (std::isnan(score)) continue;
    const auto bin = static_cast<size_t>((score + 1) / 2 * bins);
    counts[std::min(bin, bins - 1)] += 1;
    all += 1;
  }
  if (all == 0) return "";
  std::vector<Bar> bars;
  for (size_t bin = 0; bin < bins; ++bin) {
    const auto from = static_cast<int>(2 * bin) - 10;  // in tenths
    bars.push_back({fmt::format("{}{:.1f}", from < 0 ? "−" : "", std::abs(from) / 10.0),
                    say.count("count.customers", static_cast<int64_t>(counts[bin])), counts[bin] / all,
                    bin < bins / 2 ? "var(--low)" : "var(--high)"});
  }
  ChartOptions options;
  options.language = say.language();
  options.title = say("wording.sentiment");
  options.x_label = say("wording.sentiment.axis");
  options.y_label = say("wording.sentiment.customers");
  options.share_axis = true;
  const Sentiment& sentiment = inputs.results.sentiment;
  return "<figure><h3>" + say("wording.sentiment") + "</h3>" + column_chart(bars, options) +
         "<p class=\"note\">" +
         say("wording.sentiment.note", percent_text(sentiment.share_with_words), number_text(sentiment.mean)) +
         "</p></figure>\n";
}

// The lexicon beside the head of that name.
std::string baseline_row(const ReportInputs& inputs, const LexiconBaseline& baseline) {
  const Phrases& say = inputs.say;
  const bool number = baseline.kind == "regression";
  const auto value = [&](double share) {
    return number_cell(number ? number_text(share) : percent_text(share, 1));
  };
  double head = std::nan("");
  std::string part;
  for (const Json& entry : evaluated_heads(inputs.training, part)) {
    if (text_at(entry, "/name") == baseline.head)
      head = number_at(entry, number ? "/r2" : "/accuracy");
  }
  return "<tr><td>" +
         say(number ? "wording.baseline.r2" : "wording.baseline.accuracy", escape(baseline.head)) + "</td>" +
         number_cell(count_text(baseline.texts)) + value(number ? 0 : baseline.guess) +
         value(number ? baseline.r2 : baseline.accuracy) + value(head) + "</tr>\n";
}

std::string baselines_figure(const ReportInputs& inputs) {
  const Phrases& say = inputs.say;
  const std::vector<LexiconBaseline>& baselines = inputs.results.sentiment.baselines;
  if (baselines.empty()) return "";
  std::string rows;
  for (const LexiconBaseline& baseline : baselines) rows += baseline_row(inputs, baseline);
  return "<figure><h3>" + say("wording.baseline") + "</h3>" +
         table_open({say("wording.baseline.head"), ">" + say("wording.baseline.texts"),
                     ">" + say("wording.baseline.guess"), ">" + say("wording.baseline.lexicon"),
                     ">" + say("wording.baseline.model")}) +
         rows + table_close() + "<p class=\"note\">" +
         say("wording.baseline.note", say.word("part.", baselines.front().part)) + "</p></figure>\n";
}

std::string vectors_figure(const ReportInputs& inputs) {
  const Phrases& say = inputs.say;
  const WordVectorMeans& vectors = inputs.results.word_vectors;
  if (vectors.width == 0) return "";
  const double missing =
      static_cast<double>(vectors.missing_occurrences) / static_cast<double>(vectors.occurrences);
  return "<figure><h3>" + say("wording.vectors") + "</h3><p class=\"note\">" +
         say("wording.vectors.note", vectors.width, count_text(vectors.missing_terms),
             count_text(vectors.terms), percent_text(missing, 1)) +
         "</p></figure>\n";
}

}  // namespace

Section wording_section(const ReportInputs& inputs) {
  Section section = open_section(inputs, "wording");
  const std::string figures = sentiment_figure(inputs) + baselines_figure(inputs) + vectors_figure(inputs);
  if (figures.empty()) return section;
  section.lead = inputs.say("wording.lead");
  section.body = "<div class=\"grid\">\n" + figures + "</div>\n";
  return section;
}

}  // namespace limner
