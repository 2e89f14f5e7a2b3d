// The first page: what was found, in sentences and a few large numbers.
#include <algorithm>
#include <cmath>

#include "profile/html.h"
#include "profile/report_sections.h"

namespace limner {
namespace {

std::string tile(const std::string& value, const std::string& label, const std::string& note) {
  return fmt::format(
      "<div class=\"tile\"><span class=\"label\">{}</span><strong>{}</strong><span "
      "class=\"note\">{}</span></div>\n",
      label, value, note);
}

std::string strong(const std::string& text) { return "<strong>" + text + "</strong>"; }

std::string describe_customers(const ReportInputs& inputs) {
  const Customers& customers = inputs.results.customers;
  const Phrases& say = inputs.say;
  const std::string all = strong(say.count("count.customers", customers.count()));
  if (!customers.have_texts()) {
    return say("summary.customers.without_texts", all,
               say.count("count.attributes", std::ssize(inputs.results.columns)));
  }
  const std::string texts = strong(say.count("count.texts", customers.total_texts()));
  std::string first = "9999", last;
  for (size_t i = 0; i < customers.last_time.size(); ++i) {
    if (customers.last_time[i] == missing_time) continue;
    first = std::min(first, format_date(customers.first_time[i]));
    last = std::max(last, format_date(customers.last_time[i]));
  }
  std::vector<int64_t> counts = customers.texts;
  std::nth_element(counts.begin(), counts.begin() + std::ssize(counts) / 2, counts.end());
  const std::string half = count_text(counts[counts.size() / 2]);
  std::string sentence;
  if (customers.total_texts() == customers.count()) {
    sentence = last.empty() ? say("summary.customers.one_each", all, texts)
                            : say("summary.customers.one_each_between", all, texts, date_text(say, first),
                                  date_text(say, last));
  } else {
    sentence = last.empty() ? say("summary.customers.several", all, texts, half)
                            : say("summary.customers.several_between", all, texts, date_text(say, first),
                                  date_text(say, last), half);
  }
  const double quiet = number_at(inputs.quality, "/customers/without_texts");
  const std::string silent =
      quiet > 0 ? say("summary.customers.silent", say.count("count.customers", static_cast<int64_t>(quiet)))
                : "";
  return say.join({sentence, silent});
}

std::string separation(const Phrases& say, double silhouette) {
  return say(silhouette > 0.5    ? "separation.clear"
             : silhouette > 0.25 ? "separation.some"
             : silhouette > 0.1  ? "separation.overlapping"
                                 : "separation.hardly");
}

std::string describe_segments_found(const ReportInputs& inputs) {
  const ProfileResults& results = inputs.results;
  const Segmentation& segmentation = results.segmentation;
  const Phrases& say = inputs.say;
  if (segmentation.count() == 1) return say("summary.segments.one");
  const auto largest = static_cast<size_t>(
      std::max_element(segmentation.sizes.begin(), segmentation.sizes.end()) - segmentation.sizes.begin());
  const double share =
      static_cast<double>(segmentation.sizes[largest]) / static_cast<double>(results.customers.count());
  if (results.fitted_before()) {
    return say("summary.segments.assigned", strong(say.count("count.segments", segmentation.count())),
               escape(results.segment_title(largest)), percent_text(share));
  }
  return say("summary.segments.several", strong(say.count("count.segments", segmentation.count())),
             separation(say, segmentation.silhouette), number_text(segmentation.silhouette),
             escape(results.segment_title(largest)), percent_text(share));
}

std::string describe_head(const Phrases& say, const Json& head, const std::string& part) {
  const std::string name = strong(escape(text_at(head, "/name"))), of = say.word("part.", part);
  const std::string count = count_text(static_cast<int64_t>(number_at(head, "/count")));
  if (text_at(head, "/kind") == "regression") {
    return say("summary.head.number", name, strong(number_text(number_at(head, "/r2"))), count, of,
               number_text(number_at(head, "/rmse")), number_text(number_at(head, "/baseline_rmse")));
  }
  const std::string right = strong(percent_text(number_at(head, "/accuracy"), 1));
  const double guess = commonest_share(head);
  return std::isfinite(guess)
             ? say("summary.head.classes_and_guess", name, right, count, of, percent_text(guess, 1))
             : say("summary.head.classes", name, right, count, of);
}

// Whose figures they are. A model that was trained on the target is judged by customers it has not read.
std::string judged_by(const Phrases& say, const Regression& regression) {
  return say(!regression.head_saw_target ? "judged.left_out"
             : regression.held_out       ? "judged.held_out"
                                         : "judged.optimistic");
}

// Up to three features whose coefficients are clear of their error.
std::string strongest(const Phrases& say, const Regression& regression) {
  std::vector<std::string> named;
  for (const Coefficient& entry : regression.coefficients) {
    if (named.size() == 3 || !(std::abs(entry.per_deviation) > 2 * entry.standard_error)) continue;
    named.push_back(say(entry.per_deviation > 0 ? "effect.higher" : "effect.lower",
                        escape(feature_name(say, entry.feature))));
  }
  return named.empty() ? "" : say("summary.strongest", say.list(named));
}

// The first letter of a sentence; Han has no capitals.
std::string capitalised(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text;
}

std::string describe_regression(const Phrases& say, const Regression& regression) {
  const FeatureSetScores& set = regression.honest_scores();
  const std::string name = strong(escape(regression_title(say, regression)));
  const std::string judges = judged_by(say, regression), known = set_name(say, set.name);
  if (regression.two_classes()) {
    const ProbabilityScores& scores = set.probability;
    return say.join({say("summary.regression.classes", name, escape(regression.target.positive), known,
                         strong(number_text(scores.auc)), judges, percent_text(scores.accuracy),
                         percent_text(scores.baseline_accuracy)),
                     strongest(say, regression)});
  }
  const NumberScores& scores = set.number;
  if (!(scores.r2 > 0.01))
    return say("summary.regression.nothing", name, known, number_text(scores.r2), judges);
  return say.join({say("summary.regression.number", capitalised(known), strong(percent_text(scores.r2)), name,
                       judges, number_text(scores.rmse), number_text(scores.baseline_rmse)),
                   strongest(say, regression)});
}

// The measure in which a mistake costs most: how far predictions are right.
std::string describe_fairness(const ReportInputs& inputs, const GroupComparison& comparison) {
  const Phrases& say = inputs.say;
  const std::string measure = comparison.two_classes ? "accuracy" : "RMSE";
  for (const Gap& gap : comparison.gaps) {
    if (gap.measure != measure || !std::isfinite(gap.value)) continue;
    return say("summary.fairness", strong(escape(comparison.field)), say.word("measure.", measure),
               escape(title_of_regression(inputs, comparison.target)), number_text(gap.value),
               escape(gap.lowest), escape(gap.highest));
  }
  return "";
}

std::string describe_rows(const Phrases& say, const Json& quality) {
  const double read = number_at(quality, "/rows/read");
  const double lost = number_at(quality, "/rows/rejected") + number_at(quality, "/rows/duplicates");
  if (!(read > 0) || !std::isfinite(lost)) return "";
  if (lost == 0) return say("summary.rows.all", count_text(static_cast<int64_t>(read)));
  return say("summary.rows.some", count_text(static_cast<int64_t>(read)),
             count_text(static_cast<int64_t>(lost)), percent_text(lost / read));
}

std::string head_tile(const Phrases& say, const Json& head, const std::string& part) {
  const std::string name = escape(text_at(head, "/name")), of = say.word("part.", part);
  return text_at(head, "/kind") == "regression"
             ? tile(number_text(number_at(head, "/r2")), name, say("tile.head.number", of))
             : tile(percent_text(number_at(head, "/accuracy"), 1), name, say("tile.head.classes", of));
}

std::string regression_tile(const Phrases& say, const Regression& regression) {
  const FeatureSetScores& set = regression.honest_scores();
  const std::string who = say(!regression.head_saw_target ? "tile.left_out"
                              : regression.held_out       ? "tile.held_out"
                                                          : "tile.optimistic");
  const std::string name = escape(regression_title(say, regression));
  return regression.two_classes()
             ? tile(number_text(set.probability.auc), name, say("tile.regression.auc", who))
             : tile(number_text(set.number.r2), name, say("tile.regression.r2", who));
}

std::string tiles(const ReportInputs& inputs) {
  const ProfileResults& results = inputs.results;
  const Phrases& say = inputs.say;
  const double per_customer =
      static_cast<double>(results.customers.total_texts()) / static_cast<double>(results.customers.count());
  const bool texts = results.customers.have_texts();
  std::string html = tile(count_text(results.customers.count()), say("tile.customers"),
                          say(texts ? "tile.customers.with_texts" : "tile.customers.of_table"));
  if (texts) {
    html += tile(count_text(results.customers.total_texts()), say("tile.texts"),
                 say("tile.texts.each", number_text(per_customer)));
  }
  if (results.segmentation.count() > 1) {
    html += tile(count_text(results.segmentation.count()), say("tile.segments"),
                 results.fitted_before()
                     ? say("tile.segments.earlier")
                     : say("tile.segments.note", number_text(results.segmentation.silhouette)));
  }
  std::string part;
  for (const Json& head : evaluated_heads(inputs.training, part)) html += head_tile(say, head, part);
  for (const Regression& regression : results.regressions) html += regression_tile(say, regression);
  return "<div class=\"tiles\">\n" + html + "</div>\n";
}

}  // namespace

const Json& evaluated_heads(const Json& training, std::string& part) {
  for (const char* name : {"test", "validation"}) {
    const Json& heads = part_at(training, fmt::format("/{}/heads", name));
    if (heads.is_array() && !heads.empty() && number_at(heads[0], "/count") > 0) {
      part = name;
      return heads;
    }
  }
  static const Json none = Json::array();
  return none;
}

double commonest_share(const Json& head) {
  double most = 0, all = 0;
  if (text_at(head, "/kind") != "single_label") return std::nan("");
  for (const Json& entry : part_at(head, "/per_class")) {
    const double support = number_at(entry, "/support");
    most = std::max(most, support);
    all += support;
  }
  return all > 0 ? most / all : std::nan("");
}

Section summary_section(const ReportInputs& inputs) {
  const Phrases& say = inputs.say;
  std::vector<std::string> sentences{describe_customers(inputs), describe_segments_found(inputs)};
  std::string part;
  for (const Json& head : evaluated_heads(inputs.training, part))
    sentences.push_back(describe_head(say, head, part));
  sentences.push_back(describe_topics(inputs));
  for (const Regression& regression : inputs.results.regressions)
    sentences.push_back(describe_regression(say, regression));
  for (const GroupComparison& comparison : inputs.results.comparisons)
    sentences.push_back(describe_fairness(inputs, comparison));
  sentences.push_back(describe_recommendations(inputs));
  sentences.push_back(describe_actions(inputs));
  sentences.push_back(describe_rows(say, inputs.quality));
  Section section = open_section(inputs, "summary");
  section.body = tiles(inputs) + "<ul class=\"findings\">\n";
  for (const std::string& sentence : sentences) {
    if (!sentence.empty()) section.body += "<li>" + sentence + "</li>\n";
  }
  section.body += "</ul>\n";
  return section;
}

}  // namespace limner
