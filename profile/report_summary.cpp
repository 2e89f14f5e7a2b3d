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
  if (!customers.have_texts()) {
    return fmt::format("{} with {} and no texts.",
                       strong(counted(customers.count(), "customer", "customers")),
                       counted(std::ssize(inputs.results.columns), "attribute", "attributes"));
  }
  std::vector<int64_t> texts = customers.texts;
  std::nth_element(texts.begin(), texts.begin() + std::ssize(texts) / 2, texts.end());
  std::string text = fmt::format("{} wrote {}", strong(counted(customers.count(), "customer", "customers")),
                                 strong(counted(customers.total_texts(), "text", "texts")));
  if (customers.has_time()) {
    std::string first = "9999", last;
    for (size_t i = 0; i < customers.last_time.size(); ++i) {
      if (customers.last_time[i] == missing_time) continue;
      first = std::min(first, format_date(customers.first_time[i]));
      last = std::max(last, format_date(customers.last_time[i]));
    }
    if (!last.empty()) text += fmt::format(" between {} and {}", first, last);
  }
  const bool one_each = customers.total_texts() == customers.count();
  text += one_each ? ", one each."
                   : fmt::format("; half of them wrote at most {}.", count_text(texts[texts.size() / 2]));
  if (customers.without_texts > 0) {
    text += fmt::format(" {} wrote nothing and {} no profile.",
                        counted(customers.without_texts, "more customer", "more customers"),
                        customers.without_texts == 1 ? "has" : "have");
  }
  return text;
}

const char* separation(double silhouette) {
  if (silhouette > 0.5) return "clearly apart";
  if (silhouette > 0.25) return "apart, with some overlap";
  if (silhouette > 0.1) return "overlapping: read them as regions, not as boxes";
  return "hardly apart: read them as regions of one continuum";
}

std::string describe_segments_found(const ReportInputs& inputs) {
  const ProfileResults& results = inputs.results;
  const Segmentation& segmentation = results.segmentation;
  if (segmentation.count() == 1) return "All customers form one segment.";
  const double share =
      static_cast<double>(segmentation.sizes[0]) / static_cast<double>(results.customers.count());
  return fmt::format("They fall into {}, {} (silhouette {}). The largest, <em>{}</em>, has {} of them.",
                     strong(fmt::format("{} segments", segmentation.count())),
                     separation(segmentation.silhouette), number_text(segmentation.silhouette),
                     escape(results.segment_title(0)), percent_text(share));
}

std::string describe_head(const Json& head, const std::string& part) {
  const std::string name = strong(escape(text_at(head, "/name")));
  const std::string rows =
      fmt::format("{} {} texts", count_text(static_cast<int64_t>(number_at(head, "/count"))), part);
  if (text_at(head, "/kind") == "regression") {
    return fmt::format("The model reads {} from a text with an R² of {} on {} (RMSE {}, {} by the mean).",
                       name, strong(number_text(number_at(head, "/r2"))), rows,
                       number_text(number_at(head, "/rmse")), number_text(number_at(head, "/baseline_rmse")));
  }
  std::string text = fmt::format("The model reads {} right in {} of {}", name,
                                 strong(percent_text(number_at(head, "/accuracy"), 1)), rows);
  const double guess = commonest_share(head);
  if (std::isfinite(guess))
    text += fmt::format("; always guessing the commonest class reaches {}", percent_text(guess, 1));
  return text + ".";
}

// Whose figures they are. A model that was trained on the target is judged by customers it has not read.
std::string judged_by(const Regression& regression) {
  if (!regression.head_saw_target) return "customers left out of the fit";
  return regression.held_out
             ? "customers whose texts took no part in training"
             : "customers left out of the fit (optimistic: the model was trained on this field)";
}

// Up to three features whose coefficients are clear of their error.
std::string strongest(const Regression& regression) {
  std::string text;
  int named = 0;
  for (const Coefficient& entry : regression.coefficients) {
    if (named == 3 || !(std::abs(entry.per_deviation) > 2 * entry.standard_error)) continue;
    text += fmt::format("{}{} ({})", named++ == 0 ? "" : ", ", escape(entry.feature.name),
                        entry.per_deviation > 0 ? "higher" : "lower");
  }
  return text.empty() ? "" : " What goes with it most: " + text + ".";
}

std::string describe_regression(const Regression& regression) {
  const FeatureSetScores& set = regression.honest_scores();
  const std::string name = strong(escape(regression.title())), judges = judged_by(regression);
  if (regression.two_classes()) {
    const ProbabilityScores& scores = set.probability;
    return fmt::format(
               "Whether {} is <em>{}</em> is told from {} with an AUC of {} (0.5 is chance) among {}; {} are "
               "right, {} by "
               "the commonest answer.",
               name, escape(regression.target.positive), set.name, strong(number_text(scores.auc)), judges,
               percent_text(scores.accuracy), percent_text(scores.baseline_accuracy)) +
           strongest(regression);
  }
  const NumberScores& scores = set.number;
  if (!(scores.r2 > 0.01)) {
    return fmt::format("{} is not told by {} better than by the mean (R² {} among {}).", name, set.name,
                       number_text(scores.r2), judges);
  }
  return fmt::format("{} explain {} of the variance of {} among {} (RMSE {}, {} by the mean).",
                     set.name == "texts"        ? "Texts"
                     : set.name == "attributes" ? "Attributes"
                                                : "Attributes and texts",
                     strong(percent_text(scores.r2)), name, judges, number_text(scores.rmse),
                     number_text(scores.baseline_rmse)) +
         strongest(regression);
}

// The measure in which a mistake costs most: how far predictions are right.
std::string describe_fairness(const GroupComparison& comparison) {
  const std::string measure = comparison.two_classes ? "accuracy" : "RMSE";
  for (const Gap& gap : comparison.gaps) {
    if (gap.measure != measure || !std::isfinite(gap.value)) continue;
    return fmt::format(
        "Over the groups of {}, the {} of {} differs by {}, from <em>{}</em> (lowest) to <em>{}</em>.",
        strong(escape(comparison.field)), measure, escape(comparison.target), number_text(gap.value),
        escape(gap.lowest), escape(gap.highest));
  }
  return "";
}

std::string describe_rows(const Json& quality) {
  const double read = number_at(quality, "/rows/read");
  const double lost = number_at(quality, "/rows/rejected") + number_at(quality, "/rows/duplicates");
  if (!(read > 0) || !std::isfinite(lost)) return "";
  if (lost == 0)
    return fmt::format("All {} rows of the table were used.", count_text(static_cast<int64_t>(read)));
  return fmt::format("Of {} rows read, {} ({}) were left out as duplicates or unreadable.",
                     count_text(static_cast<int64_t>(read)), count_text(static_cast<int64_t>(lost)),
                     percent_text(lost / read));
}

std::string tiles(const ReportInputs& inputs) {
  const ProfileResults& results = inputs.results;
  const double per_customer =
      static_cast<double>(results.customers.total_texts()) / static_cast<double>(results.customers.count());
  const bool texts = results.customers.have_texts();
  std::string html = tile(count_text(results.customers.count()), "Customers",
                          texts ? "with at least one text" : "of the table");
  if (texts)
    html +=
        tile(count_text(results.customers.total_texts()), "Texts", number_text(per_customer) + " a customer");
  if (results.segmentation.count() > 1) {
    html += tile(count_text(results.segmentation.count()), "Segments",
                 "silhouette " + number_text(results.segmentation.silhouette));
  }
  std::string part;
  for (const Json& head : evaluated_heads(inputs.training, part)) {
    if (text_at(head, "/kind") == "regression") {
      html += tile(number_text(number_at(head, "/r2")), escape(text_at(head, "/name")),
                   "R² on " + part + " texts");
    } else {
      html += tile(percent_text(number_at(head, "/accuracy"), 1), escape(text_at(head, "/name")),
                   "right on " + part + " texts");
    }
  }
  for (const Regression& regression : results.regressions) {
    const FeatureSetScores& set = regression.honest_scores();
    const std::string who = !regression.head_saw_target ? "customers left out"
                            : regression.held_out       ? "customers not trained on"
                                                        : "optimistic";
    const std::string name = escape(regression.title());
    html += regression.two_classes() ? tile(number_text(set.probability.auc), name, "AUC, " + who)
                                     : tile(number_text(set.number.r2), name, "R², " + who);
  }
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
  std::vector<std::string> sentences{describe_customers(inputs), describe_segments_found(inputs)};
  std::string part;
  for (const Json& head : evaluated_heads(inputs.training, part))
    sentences.push_back(describe_head(head, part));
  sentences.push_back(describe_topics(inputs));
  for (const Regression& regression : inputs.results.regressions)
    sentences.push_back(describe_regression(regression));
  for (const GroupComparison& comparison : inputs.results.comparisons) {
    sentences.push_back(describe_fairness(comparison));
  }
  sentences.push_back(describe_recommendations(inputs));
  sentences.push_back(describe_actions(inputs));
  sentences.push_back(describe_rows(inputs.quality));
  std::string body = tiles(inputs) + "<ul class=\"findings\">\n";
  for (const std::string& sentence : sentences) {
    if (!sentence.empty()) body += "<li>" + sentence + "</li>\n";
  }
  return {"summary", "Summary", "Summary", "", body + "</ul>\n"};
}

}  // namespace limner
