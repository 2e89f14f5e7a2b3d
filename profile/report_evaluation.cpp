#include "profile/report_evaluation.h"

#include <algorithm>
#include <cmath>

#include "profile/html.h"
#include "profile/report_sections.h"
#include "profile/svg.h"

namespace limner {
namespace {

constexpr size_t most_features = 14;

std::string interval_text(const char* name, double value, const Interval& interval) {
  std::string text = fmt::format("<li>{} <b>{}</b>", name, number_text(value));
  if (std::isfinite(interval.low))
    text += fmt::format(" ({} to {})", number_text(interval.low), number_text(interval.high));
  return text + "</li>";
}

Series reliability_series(const std::string& name, const std::string& color,
                          const std::vector<double>& observed, const std::vector<double>& predicted) {
  Series series{name, color, {}, Series::Style::line_with_dots};
  for (const ReliabilityGroup& group : reliability(observed, predicted))
    series.points.emplace_back(group.predicted, group.observed);
  return series;
}

std::string legend(const std::vector<Series>& series) {
  std::string items;
  for (const Series& entry : series)
    items += fmt::format("<li><i style=\"background:{}\"></i>{}</li>", entry.color, escape(entry.name));
  return "<ul class=\"legend\">" + items + "</ul>";
}

std::string calibration_table(const Regression& regression) {
  std::string rows;
  for (const CalibrationScores& scores : regression.calibrations) {
    rows += fmt::format("<tr{}><td>{}</td>",
                        scores.method == regression.settings.calibration ? " class=\"best\"" : "",
                        scores.method == "none" ? "as predicted" : scores.method);
    rows += number_cell(number_text(scores.error)) + number_cell(number_text(scores.log_loss)) +
            number_cell(number_text(scores.brier)) + "</tr>\n";
  }
  return "<div class=\"scroll\"><table><tr><th>correction</th><th class=\"n\">calibration error</th><th "
         "class=\"n\">log loss</th><th class=\"n\">Brier</th></tr>\n" +
         rows + "</table></div>\n";
}

std::string deciles_table(const std::vector<LiftGroup>& deciles, bool two_classes) {
  const auto value = [&](double number) {
    return number_cell(two_classes ? percent_text(number, 1) : number_text(number));
  };
  std::string rows;
  for (const LiftGroup& group : deciles) {
    rows += "<tr><td>" + group.name + "</td>" + number_cell(count_text(group.customers)) +
            value(group.predicted) + value(group.observed) + number_cell(number_text(group.lift));
    if (two_classes) rows += number_cell(percent_text(group.gain, 1));
    rows += "</tr>\n";
  }
  return fmt::format(
             "<div class=\"scroll\"><table><tr><th>tenth</th><th class=\"n\">customers</th><th "
             "class=\"n\">predicted</th><th class=\"n\">{}</th><th class=\"n\">lift</th>{}</tr>\n",
             two_classes ? "conversion" : "observed",
             two_classes ? "<th class=\"n\">found so far</th>" : "") +
         rows + "</table></div>\n";
}

}  // namespace

std::string evaluation_facts(const Regression& regression) {
  const ScoreIntervals& intervals = regression.intervals;
  const FeatureSetScores& set = regression.sets.back();
  std::string items;
  if (!regression.two_classes()) {
    items = interval_text("R²", set.number.r2, intervals.r2) +
            interval_text("RMSE", set.number.rmse, intervals.rmse) +
            interval_text("MAE", set.number.mae, intervals.mae);
  } else {
    items = interval_text("ROC AUC", set.probability.auc, intervals.auc) +
            interval_text("right", set.probability.accuracy, intervals.accuracy) +
            interval_text("Brier", set.probability.brier, intervals.brier);
    for (const auto& [name, value] :
         {std::pair("precision", set.probability.precision), std::pair("recall", set.probability.recall),
          std::pair("F1", set.probability.f1), std::pair("PR AUC", set.probability.pr_auc)}) {
      items += fmt::format("<li>{} <b>{}</b></li>", name, number_text(value));
    }
  }
  std::string html = "<ul class=\"facts\">" + items + "</ul>\n";
  html += "<p class=\"note\">In brackets: 95 % intervals by drawing customers again.";
  if (regression.two_classes()) {
    const Decision& decision = regression.decision;
    html += " Precision, recall and F1 are at a probability of 0.5. ";
    html +=
        std::isfinite(decision.threshold)
            ? fmt::format(
                  "By the costs of the configuration the cheapest is to act from a probability of <b>{}</b> "
                  "on, which selects {}: {} a customer, against {} at 0.5, {} for nobody and {} for all.",
                  number_text(decision.threshold), counted(decision.selected, "customer", "customers"),
                  number_text(decision.cost), number_text(decision.cost_at_half),
                  number_text(decision.cost_of_none), number_text(decision.cost_of_all))
            : fmt::format(
                  "By the costs of the configuration the cheapest is to act on nobody ({} a customer).",
                  number_text(decision.cost));
  }
  return html + "</p>\n";
}

std::string reliability_figure(const Regression& regression) {
  std::vector<double> observed, predicted;
  for (size_t i = 0; i < regression.predicted.size(); ++i) {
    if (std::isnan(regression.predicted[i])) continue;
    observed.push_back(regression.target.values[i]);
    predicted.push_back(regression.predicted[i]);
  }
  if (observed.size() < 15) return "";
  const bool corrected = regression.settings.calibration != "none";
  std::vector<Series> series;
  if (corrected)
    series.push_back(reliability_series("as predicted", "var(--s1)", observed, regression.uncalibrated));
  series.push_back(
      reliability_series(corrected ? "after " + regression.settings.calibration : "observed share",
                         "var(--s0)", observed, predicted));
  double end = 0;
  for (const Series& entry : series) end = std::max(end, entry.points.back().first);
  const std::string key = corrected ? legend(series) : "";
  series.insert(series.begin(), Series{"ideal", "var(--rule)", {{0, 0}, {end, end}}, Series::Style::line});
  ChartOptions options;
  options.title = "Predicted and observed shares of " + regression.title();
  options.x_label = "predicted probability";
  options.y_label = "observed share";
  options.width = 420;
  options.height = 360;
  options.low = 0;
  return "<figure><h3>Can the probabilities be trusted?</h3>" + key + line_chart(series, options) +
         "<p class=\"note\">Customers in ten groups of equal size by predicted probability; on the straight "
         "line predicted and observed shares agree. The calibration error is their mean distance.</p>" +
         calibration_table(regression) + "</figure>\n";
}

std::string lift_figures(const ProfileResults& results, const Regression& regression) {
  const std::vector<LiftGroup> deciles = deciles_of(regression, results);
  if (deciles.size() < 10) return "";
  const bool two_classes = regression.two_classes();
  std::vector<Bar> bars;
  std::vector<std::pair<double, double>> gain{{0, 0}};
  double done = 0;
  const auto all = static_cast<double>(predictions_of(regression, results.segmentation).observed.size());
  for (const LiftGroup& group : deciles) {
    bars.push_back({group.name, two_classes ? percent_text(group.observed, 1) : number_text(group.observed),
                    group.observed, "var(--s0)"});
    done += static_cast<double>(group.customers);
    gain.emplace_back(done / all, group.gain);
  }
  ChartOptions options;
  options.width = 420;
  options.height = 300;
  options.title = "Outcome by tenth of the customers of " + regression.title();
  options.x_label = "tenth of the customers, highest prediction first";
  options.share_axis = two_classes;
  // Columns stand on 0, so numbers below it are left to the table.
  const bool drawn = std::all_of(bars.begin(), bars.end(), [](const Bar& bar) { return bar.value >= 0; });
  std::string html = "<figure><h3>" + std::string(two_classes ? "Conversion by tenth" : "Observed by tenth") +
                     "</h3>" + (drawn ? column_chart(bars, options) : "") +
                     deciles_table(deciles, two_classes) + "</figure>\n";
  if (!two_classes) return html;
  options.title = "Gain of " + regression.title();
  options.x_label = "share of the customers acted on, likeliest first";
  options.y_label = "share of " + regression.target.positive + " reached";
  options.height = 360;
  options.low = 0;
  options.high = 1;
  return html + "<figure><h3>What acting on the likeliest reaches</h3>" +
         line_chart({{"by chance", "var(--rule)", {{0, 0}, {1, 1}}, Series::Style::line},
                     {"model", "var(--s0)", gain, Series::Style::line_with_dots}},
                    options) +
         "<p class=\"note\">On the straight line customers are taken by chance.</p></figure>\n";
}

std::string segments_figure(const ProfileResults& results, const Regression& regression) {
  const std::vector<LiftGroup> segments = segments_of(regression, results);
  if (segments.size() < 2) return "";
  const bool two_classes = regression.two_classes();
  const auto value = [&](double number) {
    return number_cell(two_classes ? percent_text(number, 1) : number_text(number));
  };
  std::string rows;
  for (const LiftGroup& group : segments) {
    rows += "<tr><td>" + escape(shorten(group.name, 40)) + "</td>" +
            number_cell(count_text(group.customers)) + value(group.predicted) + value(group.observed) +
            number_cell(number_text(group.lift));
    rows += two_classes
                ? number_cell(percent_text(group.probability.accuracy, 1)) +
                      number_cell(number_text(group.probability.auc))
                : number_cell(number_text(group.number.rmse)) + number_cell(signed_text(group.number.bias));
    rows += "</tr>\n";
  }
  return fmt::format(
             "<figure class=\"wide\"><h3>Where it fails</h3><div class=\"scroll\"><table><tr><th>segment</th>"
             "<th class=\"n\">customers</th><th class=\"n\">predicted</th><th class=\"n\">observed</th><th "
             "class=\"n\">lift</th>{}</tr>\n",
             two_classes ? "<th class=\"n\">right</th><th class=\"n\">ROC AUC</th>"
                         : "<th class=\"n\">RMSE</th><th class=\"n\">bias</th>") +
         rows +
         "</table></div><p class=\"note\">Predictions of customers left out, by segment: where predicted and "
         "observed part, do not rely on it.</p></figure>\n";
}

std::string importance_figure(const Regression& regression) {
  std::vector<Effect> effects;
  for (size_t i = 0; i < std::min(most_features, regression.importance.size()); ++i) {
    const Importance& entry = regression.importance[i];
    effects.push_back({entry.feature, "", entry.loss, entry.deviation, "var(--s0)"});
  }
  if (effects.empty()) return "";
  ChartOptions options;
  options.title = "Importance of features for " + regression.title();
  options.x_label = regression.two_classes() ? "ROC AUC lost when mixed" : "R² lost when mixed";
  options.width = 520;
  return "<figure><h3>What the model goes by</h3>" + effect_chart(effects, options) +
         "<p class=\"note\">What is lost, for customers left out, when the values of a feature are mixed "
         "among "
         "them. Whiskers: two standard deviations over five mixings.</p></figure>\n";
}

std::string associations_figure(const Regression& regression) {
  std::vector<Association> order = regression.associations;
  std::stable_sort(order.begin(), order.end(), [](const Association& a, const Association& b) {
    return a.mutual_information > b.mutual_information;
  });
  if (order.size() > most_features) order.resize(most_features);
  if (order.empty()) return "";
  std::string rows;
  for (const Association& entry : order) {
    rows += "<tr><td>" + escape(shorten(entry.feature, 34)) + "</td>" +
            number_cell(signed_text(entry.pearson)) + number_cell(signed_text(entry.spearman)) +
            number_cell(number_text(entry.mutual_information)) + "</tr>\n";
  }
  return "<figure><h3>One feature at a time</h3><div class=\"scroll\"><table><tr><th>feature</th><th "
         "class=\"n\">correlation</th><th class=\"n\">of ranks</th><th class=\"n\">information</th></tr>\n" +
         rows +
         "</table></div><p class=\"note\">Pearson's and Spearman's correlation with the target, and mutual "
         "information in nats, which also sees what is not monotonous.</p></figure>\n";
}

}  // namespace limner
