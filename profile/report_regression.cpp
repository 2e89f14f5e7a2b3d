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
std::string sets_table(const Regression& regression) {
  const bool logistic = regression.two_classes();
  std::string html =
      logistic ? "<tr><th>known about the customer</th><th class=\"n\">AUC</th><th class=\"n\">right</th><th "
                 "class=\"n\">log loss</th><th class=\"n\">Brier</th>"
               : "<tr><th>known about the customer</th><th class=\"n\">R²</th><th class=\"n\">RMSE</th><th "
                 "class=\"n\">MAE</th>";
  const bool texts = regression.sets.back().name != "attributes";
  html += texts ? "<th class=\"n\">text directions</th></tr>\n" : "</tr>\n";
  const FeatureSetScores& first = regression.sets.front();
  if (logistic) {
    html += "<tr class=\"base\"><td>nothing (base rate)</td>" + number_cell("0.500") +
            number_cell(percent_text(first.probability.baseline_accuracy, 1)) +
            number_cell(number_text(first.probability.baseline_log_loss)) +
            number_cell(number_text(first.probability.baseline_brier)) + (texts ? number_cell("") : "") +
            "</tr>\n";
  } else {
    html += "<tr class=\"base\"><td>nothing (mean)</td>" + number_cell("0") +
            number_cell(number_text(first.number.baseline_rmse)) +
            number_cell(number_text(first.number.baseline_mae)) + (texts ? number_cell("") : "") + "</tr>\n";
  }
  const auto row = [&](const std::string& name, const FeatureSetScores& set, bool last) {
    html += (last ? "<tr class=\"best\"><td>" : "<tr><td>") + escape(name) + "</td>";
    if (logistic) {
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
  for (const FeatureSetScores& set : regression.sets) row(set.name, set, &set == &regression.sets.back());
  if (regression.held_out) {
    row(fmt::format("{}; {} without a training text", regression.held_out->name,
                    counted(regression.held_out_customers, "customer", "customers")),
        *regression.held_out, false);
  }
  return "<div class=\"scroll\"><table>" + html + "</table></div>\n";
}

std::vector<std::pair<double, double>> observed_and_predicted(const Regression& regression) {
  std::vector<std::pair<double, double>> pairs;
  for (size_t i = 0; i < regression.predicted.size(); ++i) {
    if (!std::isnan(regression.predicted[i]))
      pairs.emplace_back(regression.target.values[i], regression.predicted[i]);
  }
  return pairs;
}

std::string scatter_figure(const Regression& regression) {
  const auto pairs = observed_and_predicted(regression);
  std::vector<std::pair<double, double>> drawn;
  const size_t count = std::min(pairs.size(), most_points);
  for (size_t i = 0; i < count; ++i) drawn.push_back(pairs[i * pairs.size() / count]);
  ChartOptions options;
  options.title = "Observed and predicted " + regression.title();
  options.x_label = "observed " + regression.title();
  options.y_label = "predicted, customer left out";
  options.width = 420;
  options.height = 340;
  return "<figure><h3>Observed and predicted</h3>" + scatter_chart(drawn, options) + "</figure>\n";
}

std::string roc_figure(const Regression& regression) {
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
  options.title = "ROC curve of " + regression.title();
  options.x_label = "share of the others found by mistake";
  options.y_label = "share of " + regression.target.positive + " found";
  options.width = 420;
  options.height = 360;
  options.low = 0;
  options.high = 1;
  return "<figure><h3>Found and falsely found</h3>" +
         line_chart({{"chance", "var(--rule)", {{0, 0}, {1, 1}}, Series::Style::line},
                     {regression.title(), "var(--s0)", curve, Series::Style::line}},
                    options) +
         "</figure>\n";
}

std::string reference_text(const Feature& feature) {
  return feature.reference.empty() ? "per unit" : "against " + escape(shorten(feature.reference, 24));
}

std::string effects_figure(const Regression& regression) {
  std::vector<Effect> effects;
  std::string rows;
  for (size_t i = 0; i < std::min(most_effects, regression.coefficients.size()); ++i) {
    const Coefficient& entry = regression.coefficients[i];
    effects.push_back({entry.feature.name, "", entry.per_deviation, entry.standard_error,
                       entry.feature.source == FeatureSource::attribute ? "var(--s0)" : "var(--s1)"});
    rows += "<tr><td>" + escape(shorten(entry.feature.name, 40)) + "</td>" +
            number_cell(signed_text(entry.per_unit)) + "<td>" + reference_text(entry.feature) +
            "</td></tr>\n";
  }
  if (effects.empty()) return "";
  const std::string unit = regression.two_classes() ? "log odds" : regression.title();
  ChartOptions options;
  options.title = "Strongest coefficients for " + regression.title();
  options.x_label = unit + " per standard deviation";
  options.width = 600;
  return "<figure class=\"wide\"><h3>What goes with it</h3><div class=\"pair\"><div><ul "
         "class=\"legend\"><li><i "
         "style=\"background:var(--s0)\"></i>attribute</li><li><i style=\"background:var(--s1)\"></i>read "
         "from the "
         "texts</li></ul>" +
         effect_chart(effects, options) +
         "</div><div class=\"scroll\"><table><tr><th>feature</th><th class=\"n\">" + escape(unit) +
         "</th><th></th></tr>\n" + rows +
         "</table></div></div><p class=\"note\">All else in the model held fixed; whiskers are two standard "
         "errors, given "
         "the penalty. What goes with a target need not cause it.</p></figure>\n";
}

std::string kind_text(const RegressionSettings& settings) {
  const std::string penalty = number_text(settings.l2);
  if (settings.kind == "ridge") return "Ridge regression, penalty " + penalty;
  if (settings.kind == "logistic") return "Logistic regression, penalty " + penalty;
  if (settings.kind == "elastic_net")
    return fmt::format("Elastic net, penalties {} (absolute) and {}", number_text(settings.l1), penalty);
  if (settings.kind == "naive_bayes") return "Gaussian naive Bayes";
  if (settings.kind == "tree") return "Decision tree";
  if (settings.kind == "forest") return fmt::format("Random forest of {} trees", settings.trees);
  return fmt::format("Gradient boosting, {} rounds", settings.trees);
}

std::string one_regression(const ProfileResults& results, const Regression& regression) {
  std::string html =
      "<article class=\"head\"><h3>" + escape(regression.title()) + "</h3>\n<p class=\"note\">";
  html += fmt::format("{}; {}; {} folds.", kind_text(regression.settings),
                      counted(regression.customers, "customer", "customers"), regression.folds);
  if (regression.missing > 0) {
    html +=
        fmt::format(" {} without a value {} left out.", counted(regression.missing, "customer", "customers"),
                    regression.missing == 1 ? "is" : "are");
  }
  if (regression.two_classes()) html += " Predicted is <em>" + escape(regression.target.positive) + "</em>.";
  html += "</p>\n";
  if (regression.head_saw_target) {
    html +=
        "<p class=\"warnings\">The model was trained to read this very field from the training texts, so the "
        "figures "
        "are optimistic";
    html += regression.held_out
                ? "; the last row counts only customers whose texts took no part in training.</p>\n"
                : ", and there are too few customers without a training text to check it.</p>\n";
  }
  html += evaluation_facts(regression);
  if (regression.two_classes()) {
    html += sets_table(regression) + "<div class=\"grid\">\n" + roc_figure(regression) +
            reliability_figure(regression);
  } else {
    html += "<div class=\"grid\">\n<figure><h3>What is gained</h3>" + sets_table(regression) + "</figure>" +
            scatter_figure(regression);
  }
  html += lift_figures(results, regression) + importance_figure(regression) +
          associations_figure(regression) + segments_figure(results, regression);
  return html + effects_figure(regression) + "</div></article>\n";
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

std::string one_comparison(const GroupComparison& comparison) {
  const bool logistic = comparison.two_classes;
  const std::string names = logistic
                                ? "<th class=\"n\">outcome</th><th class=\"n\">prediction</th><th "
                                  "class=\"n\">selected</th><th class=\"n\">found</th><th class=\"n\">false "
                                  "alarms</th><th class=\"n\">right</th><th class=\"n\">AUC</th>"
                                : "<th class=\"n\">outcome</th><th class=\"n\">prediction</th><th "
                                  "class=\"n\">bias</th><th class=\"n\">RMSE</th><th class=\"n\">MAE</th>";
  std::string html = fmt::format("<article class=\"head\"><h3>{} by {}</h3>\n", escape(comparison.target),
                                 escape(comparison.field));
  html += "<div class=\"scroll\"><table><tr><th>" + escape(comparison.field) +
          "</th><th class=\"n\">customers</th>" + names + "</tr>\n" + group_rows(comparison) +
          "</table></div>\n<ul class=\"facts\">";
  for (const Gap& gap : comparison.gaps) {
    if (!std::isfinite(gap.value)) continue;
    html += fmt::format("<li title=\"from {} to {}\">gap in {} <b>{}</b></li>", escape(gap.lowest),
                        escape(gap.highest), escape(gap.measure), number_text(gap.value));
  }
  return html + "</ul></article>\n";
}

}  // namespace

Section regression_section(const ReportInputs& inputs) {
  Section section{"regression", "What can be told in advance", "Regressions", "", ""};
  if (inputs.results.regressions.empty()) {
    section.lead = "No regression was asked for (<code>profile.regressions</code>).";
    return section;
  }
  section.lead =
      "Every figure is of customers left out when the model was fitted. The first lines show how much is "
      "gained by what "
      "is known of a customer.";
  for (const Regression& regression : inputs.results.regressions)
    section.body += one_regression(inputs.results, regression);
  return section;
}

Section fairness_section(const ReportInputs& inputs) {
  Section section{"fairness", "Alike for all groups?", "Fairness", "", ""};
  if (inputs.results.comparisons.empty()) {
    if (inputs.settings.fairness.groups.empty()) {
      section.lead = "No groups were named for comparison (<code>profile.fairness.groups</code>).";
    } else {
      section.lead = "Groups were named, but there is no regression to compare over them.";
    }
    return section;
  }
  section.lead = fmt::format(
      "Out-of-fold predictions by group. Groups of fewer than {} customers are shown in grey and enter no "
      "gap.",
      inputs.results.comparisons.front().least_customers);
  for (const GroupComparison& comparison : inputs.results.comparisons)
    section.body += one_comparison(comparison);
  return section;
}

}  // namespace limner
