#include "profile/report_evaluation.h"

#include <algorithm>
#include <cmath>

#include "profile/html.h"
#include "profile/report_sections.h"
#include "profile/svg.h"

namespace limner {
namespace {

constexpr size_t most_features = 14;

std::string interval_text(const Phrases& say, const std::string& name, double value,
                          const Interval& interval) {
  return "<li>" +
         (std::isfinite(interval.low) ? say("facts.interval", name, number_text(value),
                                            number_text(interval.low), number_text(interval.high))
                                      : say("facts.value", name, number_text(value))) +
         "</li>";
}

Series reliability_series(const std::string& name, const std::string& color,
                          const std::vector<double>& observed, const std::vector<double>& predicted) {
  Series series{name, color, {}, Series::Style::line_with_dots};
  for (const ReliabilityGroup& group : reliability(observed, predicted))
    series.points.emplace_back(group.predicted, group.observed);
  return series;
}

std::string calibration_table(const Phrases& say, const Regression& regression) {
  std::string rows;
  for (const CalibrationScores& scores : regression.calibrations) {
    rows += fmt::format("<tr{}><td>{}</td>",
                        scores.method == regression.settings.calibration ? " class=\"best\"" : "",
                        say.word("calibration.", scores.method));
    rows += number_cell(number_text(scores.error)) + number_cell(number_text(scores.log_loss)) +
            number_cell(number_text(scores.brier)) + "</tr>\n";
  }
  return table_open({say("calibration.correction"), ">" + say("calibration.error"),
                     ">" + say("sets.log_loss"), ">Brier"}) +
         rows + table_close();
}

std::string deciles_table(const Phrases& say, const std::vector<LiftGroup>& deciles, bool two_classes) {
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
  std::vector<std::string> headings{
      say("lift.tenth"), ">" + say("lift.customers"), ">" + say("lift.predicted"),
      ">" + say(two_classes ? "lift.conversion" : "lift.observed"), ">" + say("lift.lift")};
  if (two_classes) headings.push_back(">" + say("lift.found"));
  return table_open(headings) + rows + table_close();
}

}  // namespace

std::string evaluation_facts(const Phrases& say, const Regression& regression) {
  const ScoreIntervals& intervals = regression.intervals;
  const FeatureSetScores& set = regression.sets.back();
  std::string items;
  if (!regression.two_classes()) {
    items = interval_text(say, "R²", set.number.r2, intervals.r2) +
            interval_text(say, "RMSE", set.number.rmse, intervals.rmse) +
            interval_text(say, "MAE", set.number.mae, intervals.mae);
  } else {
    items = interval_text(say, "ROC AUC", set.probability.auc, intervals.auc) +
            interval_text(say, say("sets.right"), set.probability.accuracy, intervals.accuracy) +
            interval_text(say, "Brier", set.probability.brier, intervals.brier);
    for (const auto& [name, value] : {std::pair(say("metric.precision"), set.probability.precision),
                                      std::pair(say("metric.recall"), set.probability.recall),
                                      std::pair(say("metric.f1"), set.probability.f1),
                                      std::pair(std::string("PR AUC"), set.probability.pr_auc)}) {
      items += "<li>" + say("facts.value", name, number_text(value)) + "</li>";
    }
  }
  std::vector<std::string> note{say("facts.note")};
  if (regression.two_classes()) {
    const Decision& decision = regression.decision;
    note.push_back(say("facts.note_classes"));
    note.push_back(std::isfinite(decision.threshold)
                       ? say("facts.threshold", number_text(decision.threshold),
                             say.count("count.customers", decision.selected), number_text(decision.cost),
                             number_text(decision.cost_at_half), number_text(decision.cost_of_none),
                             number_text(decision.cost_of_all))
                       : say("facts.nobody", number_text(decision.cost)));
  }
  return "<ul class=\"facts\">" + items + "</ul>\n<p class=\"note\">" + say.join(note) + "</p>\n";
}

std::string reliability_figure(const Phrases& say, const Regression& regression) {
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
    series.push_back(
        reliability_series(say("calibration.none"), "var(--s1)", observed, regression.uncalibrated));
  series.push_back(reliability_series(
      corrected ? say("calibration.after", say.word("calibration.", regression.settings.calibration))
                : say("reliability.observed"),
      "var(--s0)", observed, predicted));
  double end = 0;
  for (const Series& entry : series) end = std::max(end, entry.points.back().first);
  const std::string key = corrected ? chart_legend(series) : "";
  series.insert(series.begin(),
                Series{say("reliability.ideal"), "var(--rule)", {{0, 0}, {end, end}}, Series::Style::line});
  ChartOptions options;
  options.language = say.language();
  options.title = say("reliability.chart", regression_title(say, regression));
  options.x_label = say("reliability.x");
  options.y_label = say("reliability.observed");
  options.width = 420;
  options.height = 360;
  options.low = 0;
  return "<figure><h3>" + say("reliability.title") + "</h3>" + key + line_chart(series, options) +
         "<p class=\"note\">" + say("reliability.note") + "</p>" + calibration_table(say, regression) +
         "</figure>\n";
}

std::string lift_figures(const Phrases& say, const ProfileResults& results, const Regression& regression) {
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
  options.language = say.language();
  options.title = say("lift.chart", regression_title(say, regression));
  options.x_label = say("lift.axis");
  options.share_axis = two_classes;
  // Columns stand on 0, so numbers below it are left to the table.
  const bool drawn = std::all_of(bars.begin(), bars.end(), [](const Bar& bar) { return bar.value >= 0; });
  std::string html = "<figure><h3>" + say(two_classes ? "lift.conversion_title" : "lift.observed_title") +
                     "</h3>" + (drawn ? column_chart(bars, options) : "") +
                     deciles_table(say, deciles, two_classes) + "</figure>\n";
  if (!two_classes) return html;
  options.title = say("gain.chart", regression_title(say, regression));
  options.x_label = say("gain.x");
  options.y_label = say("gain.y", regression.target.positive);
  options.height = 360;
  options.low = 0;
  options.high = 1;
  return html + "<figure><h3>" + say("gain.title") + "</h3>" +
         line_chart({{say("gain.chance"), "var(--rule)", {{0, 0}, {1, 1}}, Series::Style::line},
                     {say("gain.model"), "var(--s0)", gain, Series::Style::line_with_dots}},
                    options) +
         "<p class=\"note\">" + say("gain.note") + "</p></figure>\n";
}

std::string segments_figure(const Phrases& say, const ProfileResults& results, const Regression& regression) {
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
  std::vector<std::string> headings{say("fails.segment"), ">" + say("lift.customers"),
                                    ">" + say("lift.predicted"), ">" + say("lift.observed"),
                                    ">" + say("lift.lift")};
  if (two_classes) {
    headings.insert(headings.end(), {">" + say("sets.right"), ">ROC AUC"});
  } else {
    headings.insert(headings.end(), {">RMSE", ">" + say("fails.bias")});
  }
  return "<figure class=\"wide\"><h3>" + say("fails.title") + "</h3>" + table_open(headings) + rows +
         table_close() + "<p class=\"note\">" + say("fails.note") + "</p></figure>\n";
}

std::string importance_figure(const Phrases& say, const Regression& regression) {
  std::vector<Effect> effects;
  for (size_t i = 0; i < std::min(most_features, regression.importance.size()); ++i) {
    const Importance& entry = regression.importance[i];
    effects.push_back({feature_name(say, entry.feature), "", entry.loss, entry.deviation, "var(--s0)"});
  }
  if (effects.empty()) return "";
  ChartOptions options;
  options.language = say.language();
  options.title = say("importance.chart", regression_title(say, regression));
  options.x_label = say(regression.two_classes() ? "importance.auc" : "importance.r2");
  options.width = 520;
  return "<figure><h3>" + say("importance.title") + "</h3>" + effect_chart(effects, options) +
         "<p class=\"note\">" + say("importance.note") + "</p></figure>\n";
}

std::string associations_figure(const Phrases& say, const Regression& regression) {
  std::vector<Association> order = regression.associations;
  std::stable_sort(order.begin(), order.end(), [](const Association& a, const Association& b) {
    return a.mutual_information > b.mutual_information;
  });
  if (order.size() > most_features) order.resize(most_features);
  if (order.empty()) return "";
  std::string rows;
  for (const Association& entry : order) {
    rows += "<tr><td>" + escape(shorten(feature_name(say, entry.feature), 34)) + "</td>" +
            number_cell(signed_text(entry.pearson)) + number_cell(signed_text(entry.spearman)) +
            number_cell(number_text(entry.mutual_information)) + "</tr>\n";
  }
  return "<figure><h3>" + say("associations.title") + "</h3>" +
         table_open({say("effects.feature"), ">" + say("associations.correlation"),
                     ">" + say("associations.ranks"), ">" + say("associations.information")}) +
         rows + table_close() + "<p class=\"note\">" + say("associations.note") + "</p></figure>\n";
}

}  // namespace limner
