// How the model learned, and how well it reads texts it has not seen.
#include <algorithm>
#include <cmath>
#include <map>

#include "profile/html.h"
#include "profile/report_sections.h"
#include "profile/svg.h"

namespace limner {
namespace {

constexpr size_t most_classes = 20;        // of a confusion matrix
constexpr size_t most_narrow_classes = 6;  // that stands beside another table

std::vector<std::pair<double, double>> curve(const std::vector<Json>& metrics, const std::string& tag) {
  std::vector<std::pair<double, double>> points;
  for (const Json& line : metrics) {
    const auto step = line.find("step"), value = line.find(tag);
    if (step == line.end() || value == line.end() || !step->is_number() || !value->is_number()) continue;
    points.emplace_back(step->get<double>(), value->get<double>());
  }
  return points;
}

// Running mean over about a twentieth of the points.
std::vector<std::pair<double, double>> smoothed(const std::vector<std::pair<double, double>>& points) {
  const auto reach = static_cast<ptrdiff_t>(points.size() / 40);
  std::vector<std::pair<double, double>> result;
  for (ptrdiff_t i = 0; i < std::ssize(points); ++i) {
    double sum = 0, count = 0;
    for (ptrdiff_t j = std::max<ptrdiff_t>(0, i - reach); j <= std::min(std::ssize(points) - 1, i + reach);
         ++j) {
      sum += points[static_cast<size_t>(j)].second;
      count += 1;
    }
    result.emplace_back(points[static_cast<size_t>(i)].first, sum / count);
  }
  return result;
}

std::string figure(const std::string& title, const std::vector<Series>& series, const ChartOptions& options) {
  return "<figure><h3>" + escape(title) + "</h3>" + chart_legend(series) + line_chart(series, options) +
         "</figure>\n";
}

ChartOptions curve_options(const ReportInputs& inputs, const std::string& title) {
  ChartOptions options;
  options.language = inputs.say.language();
  options.title = title;
  options.x_label = inputs.say("training.steps");
  const double best = number_at(inputs.training, "/best_step");
  if (best > 0) {
    options.marked_x = best;
    options.mark_label = inputs.say("training.best");
  }
  return options;
}

std::string loss_figure(const ReportInputs& inputs) {
  const auto training = curve(inputs.metrics, "train/loss"),
             validation = curve(inputs.metrics, "validation/loss");
  const Phrases& say = inputs.say;
  std::vector<Series> series;
  if (!training.empty()) {
    series.push_back({say("training.each_step"), "var(--s0)", training, Series::Style::faint_line});
    series.push_back({say("training.training"), "var(--s0)", smoothed(training), Series::Style::line});
  }
  if (!validation.empty()) {
    series.push_back({say("training.validation"), "var(--s1)", validation, Series::Style::line_with_dots});
  }
  if (series.empty()) return "";
  ChartOptions options = curve_options(inputs, say("training.loss.title"));
  options.low = 0;
  return figure(say("training.loss"), series, options);
}

// Heads and their validation metrics, as the tags name them: validation/<head>/<metric>.
std::map<std::string, std::vector<std::string>> validated_heads(const std::vector<Json>& metrics) {
  std::map<std::string, std::vector<std::string>> heads;
  for (const Json& line : metrics) {
    for (const auto& [tag, value] : line.items()) {
      const size_t slash = tag.rfind('/');
      if (!tag.starts_with("validation/") || slash < 11) continue;
      std::vector<std::string>& names = heads[tag.substr(11, slash - 11)];
      const std::string name = tag.substr(slash + 1);
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
  }
  return heads;
}

std::string head_figure(const ReportInputs& inputs, const std::string& head,
                        const std::vector<std::string>& metrics) {
  std::vector<Series> series;
  for (const char* metric : {"accuracy", "macro_f1", "micro_f1", "auc", "r2"}) {
    if (std::find(metrics.begin(), metrics.end(), metric) == metrics.end()) continue;
    series.push_back({inputs.say.word("metric.", metric), segment_color(std::ssize(series)),
                      curve(inputs.metrics, fmt::format("validation/{}/{}", head, metric)),
                      Series::Style::line_with_dots});
  }
  if (series.empty()) return "";
  ChartOptions options = curve_options(inputs, inputs.say("training.metrics.title", head));
  options.high = 1;
  return figure(inputs.say("training.metrics", head), series, options);
}

std::string confusion_table(const Phrases& say, const Json& head) {
  const Json& classes = part_at(head, "/classes");
  const Json& confusion = part_at(head, "/confusion");
  if (!classes.is_array() || !confusion.is_array() || classes.size() != confusion.size() || classes.empty())
    return "";
  if (classes.size() > most_classes) {
    return "<p class=\"note\">" + say("confusion.large", classes.size()) + "</p>\n";
  }
  std::string html =
      "<div class=\"scroll\"><table class=\"confusion\"><tr><th>" + say("confusion.corner") + "</th>";
  for (const Json& name : classes)
    html += "<th>" + escape(shorten(name.is_string() ? name.get<std::string>() : name.dump(), 14)) + "</th>";
  html += "</tr>\n";
  for (size_t row = 0; row < classes.size(); ++row) {
    double total = 0;
    for (const Json& count : confusion[row]) total += count.is_number() ? count.get<double>() : 0;
    html += "<tr><th>" +
            escape(shorten(classes[row].is_string() ? classes[row].get<std::string>() : classes[row].dump(),
                           20)) +
            "</th>";
    for (size_t column = 0; column < confusion[row].size(); ++column) {
      const double count = confusion[row][column].is_number() ? confusion[row][column].get<double>() : 0;
      const double share = total > 0 ? count / total : 0;
      html += fmt::format("<td style=\"background:{}\"{}><b>{}</b><small>{}</small></td>",
                          sequential_color(share), row == column ? " class=\"right\"" : "",
                          total > 0 ? percent_text(share) : "–", count_text(static_cast<int64_t>(count)));
    }
    html += "</tr>\n";
  }
  return html + "</table></div>\n";
}

std::string share_bar(double value) {
  if (!std::isfinite(value)) return "<td class=\"n\">–</td>";
  return fmt::format("<td class=\"bar\"><span style=\"width:{:.1f}%\"></span><em>{}</em></td>", 100 * value,
                     percent_text(value, 1));
}

std::string class_table(const Phrases& say, const Json& head) {
  std::string rows;
  for (const Json& entry : part_at(head, "/per_class")) {
    rows += "<tr><td>" + escape(text_at(entry, "/class")) + "</td>" +
            share_bar(number_at(entry, "/precision")) + share_bar(number_at(entry, "/recall")) +
            share_bar(number_at(entry, "/f1")) +
            number_cell(count_text(static_cast<int64_t>(number_at(entry, "/support")))) + "</tr>\n";
  }
  if (rows.empty()) return "";
  return table_open({say("classes.class"), say("metric.precision"), say("metric.recall"), say("metric.f1"),
                     ">" + say("classes.texts")}) +
         rows + table_close();
}

std::string scores_line(const Phrases& say, const Json& head) {
  std::string items;
  for (const char* key :
       {"accuracy", "macro_f1", "micro_f1", "auc", "r2", "rmse", "baseline_rmse", "mae", "loss"}) {
    const double value = number_at(head, std::string("/") + key);
    if (!std::isfinite(value)) continue;
    items += "<li>" + say("facts.value", say.word("metric.", key), number_text(value)) + "</li>";
  }
  return "<ul class=\"facts\">" + items + "</ul>\n";
}

}  // namespace

Section training_section(const ReportInputs& inputs) {
  Section section = open_section(inputs, "training");
  if (!inputs.results.customers.have_texts()) return section;
  std::string figures = loss_figure(inputs);
  for (const auto& [head, metrics] : validated_heads(inputs.metrics))
    figures += head_figure(inputs, head, metrics);
  if (figures.empty()) {
    section.lead = inputs.say("training.none");
    return section;
  }
  const double steps = number_at(inputs.training, "/steps"),
               parameters = number_at(inputs.training, "/parameters");
  if (std::isfinite(steps) && std::isfinite(parameters)) {
    section.lead = inputs.say("training.lead", count_text(static_cast<int64_t>(parameters)),
                              count_text(static_cast<int64_t>(steps)));
  }
  section.body = "<div class=\"grid\">\n" + figures + "</div>\n";
  return section;
}

Section evaluation_section(const ReportInputs& inputs) {
  const Phrases& say = inputs.say;
  Section section = open_section(inputs, "model");
  if (!inputs.results.customers.have_texts()) return section;
  std::string part;
  const Json& heads = evaluated_heads(inputs.training, part);
  if (heads.empty()) {
    section.lead = say("model.none");
    return section;
  }
  section.lead = say(part == "test" ? "model.on_test" : "model.on_validation");
  for (const Json& head : heads) {
    section.body +=
        "<article class=\"head\"><h3>" + escape(text_at(head, "/name")) + "</h3>" + scores_line(say, head);
    std::string figures;
    const bool wide = part_at(head, "/classes").size() > most_narrow_classes;
    for (const std::string& table : {confusion_table(say, head), class_table(say, head)}) {
      if (!table.empty()) figures += (wide ? "<figure class=\"wide\">" : "<figure>") + table + "</figure>";
    }
    section.body += (figures.empty() ? "" : "<div class=\"grid\">" + figures + "</div>") + "</article>\n";
  }
  return section;
}

}  // namespace limner
