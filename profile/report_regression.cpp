// What texts and attributes tell about each target, and whether they tell it alike for all groups.
#include <algorithm>
#include <cmath>

#include "profile/html.h"
#include "profile/report_evaluation.h"
#include "profile/report_sections.h"
#include "profile/svg.h"

namespace limner {
namespace {

constexpr size_t most_points = 2500;
constexpr size_t most_effects = 14;

// The text stands beside the number it is better or worse than.
std::string sets_table(const Phrases& say, const Regression& regression) {
  const bool classes = regression.two_classes();
  const bool texts = regression.sets.back().name.find("texts") != std::string::npos;
  std::vector<std::string> headings{say("sets.known")};
  if (classes) {
    headings.insert(headings.end(), {">AUC", ">" + say("sets.right"), ">" + say("sets.log_loss"), ">Brier"});
  } else {
    headings.insert(headings.end(), {">R²", ">RMSE", ">MAE"});
  }
  if (texts) headings.push_back(">" + say("sets.directions"));
  std::string html = table_open(headings);
  const FeatureSetScores& first = regression.sets.front();
  const std::string last_cell = texts ? number_cell("") : "";
  if (classes) {
    html += "<tr class=\"base\"><td>" + say("sets.base_rate") + "</td>" + number_cell("0.500") +
            number_cell(percent_text(first.probability.baseline_accuracy, 1)) +
            number_cell(number_text(first.probability.baseline_log_loss)) +
            number_cell(number_text(first.probability.baseline_brier)) + last_cell + "</tr>\n";
  } else {
    html += "<tr class=\"base\"><td>" + say("sets.mean") + "</td>" + number_cell("0") +
            number_cell(number_text(first.number.baseline_rmse)) +
            number_cell(number_text(first.number.baseline_mae)) + last_cell + "</tr>\n";
  }
  const auto row = [&](const std::string& name, const FeatureSetScores& set, bool last) {
    html += (last ? "<tr class=\"best\"><td>" : "<tr><td>") + name + "</td>";
    if (classes) {
      html += number_cell(number_text(set.probability.auc)) +
              number_cell(percent_text(set.probability.accuracy, 1)) +
              number_cell(number_text(set.probability.log_loss)) +
              number_cell(number_text(set.probability.brier));
    } else {
      html += number_cell(number_text(set.number.r2)) + number_cell(number_text(set.number.rmse)) +
              number_cell(number_text(set.number.mae));
    }
    html += (texts ? number_cell(count_text(set.components)) : "") + "</tr>\n";
  };
  for (const FeatureSetScores& set : regression.sets)
    row(set_name(say, set.name), set, &set == &regression.sets.back());
  if (regression.held_out) {
    row(say("sets.held_out", set_name(say, regression.held_out->name),
            say.count("count.customers", regression.held_out_customers)),
        *regression.held_out, false);
  }
  return html + table_close();
}

std::vector<std::pair<double, double>> observed_and_predicted(const Regression& regression) {
  std::vector<std::pair<double, double>> pairs;
  for (size_t i = 0; i < regression.predicted.size(); ++i) {
    if (!std::isnan(regression.predicted[i]))
      pairs.emplace_back(regression.target.values[i], regression.predicted[i]);
  }
  return pairs;
}

std::string scatter_figure(const Phrases& say, const Regression& regression) {
  const auto pairs = observed_and_predicted(regression);
  std::vector<std::pair<double, double>> drawn;
  const size_t count = std::min(pairs.size(), most_points);
  for (size_t i = 0; i < count; ++i) drawn.push_back(pairs[i * pairs.size() / count]);
  ChartOptions options;
  options.language = say.language();
  options.title = say("scatter.chart", regression_title(say, regression));
  options.x_label = say("scatter.x", regression.target.name);
  options.y_label = say("scatter.y");
  options.width = 420;
  options.height = 340;
  return "<figure><h3>" + say("scatter.title") + "</h3>" + scatter_chart(drawn, options) + "</figure>\n";
}

std::string roc_figure(const Phrases& say, const Regression& regression) {
  auto pairs = observed_and_predicted(regression);
  std::sort(pairs.begin(), pairs.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  double positives = 0;
  for (const auto& [observed, predicted] : pairs) positives += observed;
  const double negatives = static_cast<double>(pairs.size()) - positives;
  std::vector<std::pair<double, double>> curve{{0, 0}};
  double hits = 0, alarms = 0;
  for (size_t i = 0; i < pairs.size(); ++i) {
    (pairs[i].first > 0.5 ? hits : alarms) += 1;
    const bool tied = i + 1 < pairs.size() && pairs[i + 1].second == pairs[i].second;
    if (!tied) curve.emplace_back(alarms / negatives, hits / positives);
  }
  ChartOptions options;
  options.language = say.language();
  options.title = say("roc.chart", regression_title(say, regression));
  options.x_label = say("roc.x");
  options.y_label = say("roc.y", regression.target.positive);
  options.width = 420;
  options.height = 360;
  options.low = 0;
  options.high = 1;
  return "<figure><h3>" + say("roc.title") + "</h3>" +
         line_chart({{say("roc.chance"), "var(--rule)", {{0, 0}, {1, 1}}, Series::Style::line},
                     {regression_title(say, regression), "var(--s0)", curve, Series::Style::line}},
                    options) +
         "</figure>\n";
}

std::string reference_text(const Phrases& say, const Feature& feature) {
  return feature.reference.empty() ? say("effects.per_unit")
                                   : say("effects.against", escape(shorten(feature.reference, 24)));
}

bool from_texts(const Feature& feature) {
  return feature.source == FeatureSource::prediction || feature.source == FeatureSource::topic;
}

std::string effects_figure(const Phrases& say, const Regression& regression) {
  std::vector<Effect> effects;
  std::string rows;
  for (size_t i = 0; i < std::min(most_effects, regression.coefficients.size()); ++i) {
    const Coefficient& entry = regression.coefficients[i];
    effects.push_back({feature_name(say, entry.feature), "", entry.per_deviation, entry.standard_error,
                       from_texts(entry.feature) ? "var(--s1)" : "var(--s0)"});
    rows += "<tr><td>" + escape(shorten(feature_name(say, entry.feature), 40)) + "</td>" +
            number_cell(signed_text(entry.per_unit)) + "<td>" + reference_text(say, entry.feature) +
            "</td></tr>\n";
  }
  if (effects.empty()) return "";
  const std::string unit = regression.two_classes() ? say("effects.log_odds") : regression.target.name;
  ChartOptions options;
  options.language = say.language();
  options.title = say("effects.chart", regression_title(say, regression));
  options.x_label = say("effects.axis", unit);
  options.width = 600;
  return "<figure class=\"wide\"><h3>" + say("effects.title") +
         "</h3><div class=\"pair\"><div><ul class=\"legend\"><li><i style=\"background:var(--s0)\"></i>" +
         say("effects.attribute") + "</li><li><i style=\"background:var(--s1)\"></i>" +
         say("effects.from_texts") + "</li></ul>" + effect_chart(effects, options) + "</div>" +
         table_open({say("effects.feature"), ">" + escape(unit), ""}) + rows + table_close() +
         "</div><p class=\"note\">" + say("effects.note") + "</p></figure>\n";
}

std::string kind_text(const Phrases& say, const RegressionSettings& settings) {
  const std::string penalty = number_text(settings.penalty());
  if (settings.kind == "ridge") return say("kind.ridge", penalty);
  if (settings.kind == "logistic") return say("kind.logistic", penalty);
  if (settings.kind == "elastic_net") return say("kind.elastic_net", number_text(settings.l1), penalty);
  if (settings.kind == "naive_bayes") return say("kind.naive_bayes");
  if (settings.kind == "mlp") return say("kind.mlp");
  if (settings.kind == "tree") return say("kind.tree");
  return say(settings.kind == "forest" ? "kind.forest" : "kind.boosting", settings.trees);
}

std::string one_regression(const Phrases& say, const ProfileResults& results, const Regression& regression) {
  const std::string frame = say("regression.frame", kind_text(say, regression.settings),
                                say.count("count.customers", regression.customers), regression.folds);
  const std::string missing =
      regression.missing > 0 ? say("regression.missing", say.count("count.customers", regression.missing))
                             : "";
  const std::string positive =
      regression.two_classes() ? say("regression.positive", escape(regression.target.positive)) : "";
  std::string html = "<article class=\"head\"><h3>" + escape(regression_title(say, regression)) +
                     "</h3>\n<p class=\"note\">" + say.join({frame, missing, positive}) + "</p>\n";
  if (regression.head_saw_target) {
    html += "<p class=\"warnings\">" +
            say(regression.held_out ? "regression.saw_target_checked" : "regression.saw_target") + "</p>\n";
  }
  html += evaluation_facts(say, regression);
  if (regression.two_classes()) {
    html += sets_table(say, regression) + "<div class=\"grid\">\n" + roc_figure(say, regression) +
            reliability_figure(say, regression);
  } else {
    html += "<div class=\"grid\">\n<figure><h3>" + say("regression.gained") + "</h3>" +
            sets_table(say, regression) + "</figure>" + scatter_figure(say, regression);
  }
  html += lift_figures(say, results, regression) + importance_figure(say, regression) +
          associations_figure(say, regression) + segments_figure(say, results, regression);
  return html + effects_figure(say, regression) + "</div></article>\n";
}

// A target of more than two classes.
std::string one_classification(const Phrases& say, const Classification& model) {
  std::string rows;
  const auto row = [&](const std::string& name, const ClassScores& scores, bool last) {
    rows += (last ? "<tr class=\"best\"><td>" : "<tr><td>") + name + "</td>" +
            number_cell(percent_text(scores.accuracy, 1)) + number_cell(number_text(scores.macro_f1)) +
            number_cell(number_text(scores.log_loss)) + "</tr>\n";
  };
  const ClassScores& first = model.sets.front().scores;
  rows += "<tr class=\"base\"><td>" + say("sets.base_rate") + "</td>" +
          number_cell(percent_text(first.baseline_accuracy, 1)) + number_cell("–") +
          number_cell(number_text(first.baseline_log_loss)) + "</tr>\n";
  for (const ClassSetScores& set : model.sets)
    row(set_name(say, set.name), set.scores, &set == &model.sets.back());
  if (model.held_out) {
    row(say("sets.held_out", set_name(say, model.held_out->name),
            say.count("count.customers", model.held_out_customers)),
        model.held_out->scores, false);
  }
  return "<article class=\"head\"><h3>" + escape(model.name) + "</h3>\n<p class=\"note\">" +
         say("regression.frame", say.word("model_kind.", model.settings.kind),
             say.count("count.customers", model.customers), model.folds) +
         "</p>\n" +
         (model.head_saw_target
              ? "<p class=\"warnings\">" +
                    say(model.held_out ? "regression.saw_target_checked" : "regression.saw_target") + "</p>\n"
              : "") +
         table_open({say("sets.known"), ">" + say("sets.right"), ">" + say("metric.macro_f1"),
                     ">" + say("sets.log_loss")}) +
         rows + table_close() + "</article>\n";
}

std::string group_rows(const GroupComparison& comparison) {
  const bool logistic = comparison.two_classes;
  std::string rows;
  for (const GroupScores& group : comparison.groups) {
    const auto value = [&](double number) {
      return number_cell(logistic ? percent_text(number, 1) : number_text(number));
    };
    rows += fmt::format("<tr{}><td>{}</td>{}",
                        group.customers < comparison.least_customers ? " class=\"few\"" : "",
                        escape(group.group), number_cell(count_text(group.customers)));
    rows += value(group.observed) + value(group.predicted);
    if (logistic) {
      rows += value(group.selected) + value(group.true_positive_rate) + value(group.false_positive_rate) +
              value(group.probability.accuracy) + number_cell(number_text(group.probability.auc));
    } else {
      rows += number_cell(signed_text(group.number.bias)) + number_cell(number_text(group.number.rmse)) +
              number_cell(number_text(group.number.mae));
    }
    rows += "</tr>\n";
  }
  return rows;
}

std::string one_comparison(const ReportInputs& inputs, const GroupComparison& comparison) {
  const Phrases& say = inputs.say;
  std::vector<std::string> headings{escape(comparison.field), ">" + say("lift.customers"),
                                    ">" + say("fairness.outcome"), ">" + say("fairness.prediction")};
  if (comparison.two_classes) {
    headings.insert(headings.end(), {">" + say("fairness.selected"), ">" + say("fairness.found"),
                                     ">" + say("fairness.false_alarms"), ">" + say("sets.right"), ">AUC"});
  } else {
    headings.insert(headings.end(), {">" + say("fails.bias"), ">RMSE", ">MAE"});
  }
  std::string html =
      "<article class=\"head\"><h3>" +
      say("fairness.by", escape(title_of_regression(inputs, comparison.target)), escape(comparison.field)) +
      "</h3>\n" + table_open(headings) + group_rows(comparison) + table_close() + "<ul class=\"facts\">";
  for (const Gap& gap : comparison.gaps) {
    if (!std::isfinite(gap.value)) continue;
    html += "<li title=\"" + say("fairness.from_to", escape(gap.lowest), escape(gap.highest)) + "\">" +
            say("fairness.gap", escape(say.word("measure.", gap.measure)), number_text(gap.value)) + "</li>";
  }
  return html + "</ul></article>\n";
}

// Of an earlier run's models.
std::string applied_table(const Phrases& say, const ProfileResults& results) {
  std::string rows;
  for (const AppliedModel& model : results.applied) {
    for (size_t i = 0; i < model.classes.size(); ++i) {
      rows += "<tr><td>" + escape(model.name) + "</td><td>" + escape(model.classes[i]) + "</td>" +
              number_cell(percent_text(model.chances.col(static_cast<Eigen::Index>(i)).mean(), 1)) +
              number_cell("–") + "</tr>\n";
    }
    if (!model.classes.empty()) continue;
    double sum = 0;
    int64_t selected = 0;
    for (const double value : model.predicted) {
      sum += value;
      selected += value >= model.threshold ? 1 : 0;
    }
    const double mean = sum / static_cast<double>(model.predicted.size());
    rows += "<tr><td>" + escape(model.name) + "</td><td>" + escape(model.positive) + "</td>" +
            number_cell(model.two_classes ? percent_text(mean, 1) : number_text(mean)) +
            number_cell(model.two_classes ? count_text(selected) : "–") + "</tr>\n";
  }
  return table_open({say("applied.model"), say("applied.of"), ">" + say("applied.mean"),
                     ">" + say("applied.selected")}) +
         rows + table_close();
}

}  // namespace

Section regression_section(const ReportInputs& inputs) {
  const Phrases& say = inputs.say;
  Section section = open_section(inputs, "regression");
  if (!inputs.results.applied.empty()) {
    section.lead = say("applied.lead");
    section.body = applied_table(say, inputs.results);
    return section;
  }
  const std::vector<Classification>& classifications = inputs.results.classifications;
  const bool none = inputs.results.regressions.empty() && classifications.empty();
  section.lead = say(none ? "regression.none" : "regression.lead");
  for (const Regression& regression : inputs.results.regressions)
    section.body += one_regression(say, inputs.results, regression);
  for (const Classification& model : classifications) section.body += one_classification(say, model);
  return section;
}

Section fairness_section(const ReportInputs& inputs) {
  const Phrases& say = inputs.say;
  const std::vector<GroupComparison>& comparisons = inputs.results.comparisons;
  Section section = open_section(inputs, "fairness");
  if (inputs.results.fitted_before()) return section;
  if (comparisons.empty()) {
    section.lead = say(inputs.settings.fairness.groups.empty() ? "fairness.no_groups" : "fairness.no_models");
    return section;
  }
  section.lead = say("fairness.lead", comparisons.front().least_customers);
  for (const GroupComparison& comparison : comparisons) section.body += one_comparison(inputs, comparison);
  return section;
}

}  // namespace limner
