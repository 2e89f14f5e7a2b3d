// Customers whom someone should look at one by one.
#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "profile/html.h"
#include "profile/report_sections.h"

namespace limner {
namespace {

constexpr size_t customers_shown = 8;

// The customers with the largest values, in falling order; NaN stands out.
std::vector<size_t> largest(size_t count, const std::function<double(size_t)>& value) {
  std::vector<size_t> order;
  for (size_t i = 0; i < count; ++i) {
    if (!std::isnan(value(i))) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return value(a) > value(b); });
  if (order.size() > customers_shown) order.resize(customers_shown);
  return order;
}

std::string name_cells(const ProfileResults& results, size_t index) {
  return "<td>" + escape(shorten(results.customers.ids[index], 24)) + "</td><td>" +
         segment_badge(static_cast<size_t>(results.segmentation.segment[index])) + "</td>";
}

std::string figure(const std::string& title, const std::string& table, const std::string& note) {
  return "<figure><h3>" + title + "</h3>" + table +
         (note.empty() ? "" : "<p class=\"note\">" + note + "</p>") + "</figure>\n";
}

// Customers without the outcome so far, by its probability.
std::string likely_figure(const ReportInputs& inputs, const Regression& regression) {
  const ProfileResults& results = inputs.results;
  const Phrases& say = inputs.say;
  const std::vector<size_t> order = largest(results.customers.ids.size(), [&](size_t i) {
    return regression.target.values[i] < 0.5 ? regression.predicted[i] : std::nan("");
  });
  std::string rows;
  for (const size_t index : order) {
    rows += "<tr>" + name_cells(results, index) + number_cell(percent_text(regression.predicted[index], 1)) +
            "</tr>\n";
  }
  return figure(
      say("attention.likely", escape(regression.target.positive), escape(regression_title(say, regression))),
      table_open({say("attention.customer"), say("attention.segment"), ">" + say("attention.probability")}) +
          rows + table_close(),
      say("attention.likely.note", escape(regression.target.negative)));
}

std::string surprise_figure(const ReportInputs& inputs, const Regression& regression) {
  const ProfileResults& results = inputs.results;
  const Phrases& say = inputs.say;
  const std::vector<size_t> order = largest(results.customers.ids.size(), [&](size_t i) {
    return std::abs(regression.target.values[i] - regression.predicted[i]);
  });
  std::string rows;
  for (const size_t index : order) {
    rows += "<tr>" + name_cells(results, index) + number_cell(number_text(regression.target.values[index])) +
            number_cell(number_text(regression.predicted[index])) + "</tr>\n";
  }
  return figure(say("attention.surprise", escape(regression_title(say, regression))),
                table_open({say("attention.customer"), say("attention.segment"),
                            ">" + say("attention.observed"), ">" + say("attention.predicted")}) +
                    rows + table_close(),
                "");
}

std::string applied_figure(const ReportInputs& inputs, const AppliedModel& model) {
  const Phrases& say = inputs.say;
  std::string rows;
  for (const size_t index : largest(model.predicted.size(), [&](size_t i) { return model.predicted[i]; })) {
    const double value = model.predicted[index];
    rows += "<tr>" + name_cells(inputs.results, index) +
            number_cell(model.two_classes ? percent_text(value, 1) : number_text(value)) + "</tr>\n";
  }
  const std::string name = model.two_classes ? model.name + " = " + model.positive : model.name;
  return figure(say(model.two_classes ? "applied.title" : "applied.highest", escape(name)),
                table_open({say("attention.customer"), say("attention.segment"),
                            ">" + say(model.two_classes ? "attention.probability" : "attention.predicted")}) +
                    rows + table_close(),
                "");
}

std::string unlike_figure(const ReportInputs& inputs) {
  const ProfileResults& results = inputs.results;
  const Phrases& say = inputs.say;
  const std::vector<double>& similarity = results.segmentation.similarity;
  const bool cosine = results.segmentation.geometry == Geometry::cosine;
  std::string rows;
  for (const size_t index : largest(similarity.size(), [&](size_t i) { return -similarity[i]; })) {
    rows += "<tr>" + name_cells(results, index) +
            number_cell(number_text(cosine ? similarity[index] : -similarity[index])) + "</tr>\n";
  }
  return figure(say("attention.unlike"),
                table_open({say("attention.customer"), say("attention.segment"),
                            ">" + say(cosine ? "attention.similarity" : "attention.distance")}) +
                    rows + table_close(),
                say("attention.unlike.note"));
}

std::string changed_figure(const ReportInputs& inputs) {
  const ProfileResults& results = inputs.results;
  const Phrases& say = inputs.say;
  const std::vector<double>& change = results.customers.change;
  std::string rows;
  for (const size_t index : largest(change.size(), [&](size_t i) { return change[i]; }))
    rows += "<tr>" + name_cells(results, index) + number_cell(number_text(change[index])) + "</tr>\n";
  if (rows.empty()) return "";
  return figure(
      say("attention.changed"),
      table_open({say("attention.customer"), say("attention.segment"), ">" + say("attention.change")}) +
          rows + table_close(),
      say("attention.changed.note"));
}

}  // namespace

Section attention_section(const ReportInputs& inputs) {
  Section section = open_section(inputs, "attention");
  section.lead = inputs.say(inputs.results.fitted_before() ? "attention.lead.applied" : "attention.lead");
  std::string figures;
  for (const Regression& regression : inputs.results.regressions) {
    figures +=
        regression.two_classes() ? likely_figure(inputs, regression) : surprise_figure(inputs, regression);
  }
  for (const AppliedModel& model : inputs.results.applied) {
    if (model.classes.empty()) figures += applied_figure(inputs, model);
  }
  section.body =
      "<div class=\"grid three\">\n" + figures + unlike_figure(inputs) + changed_figure(inputs) + "</div>\n";
  return section;
}

}  // namespace limner
