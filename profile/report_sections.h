// The report's sections, in their order. A section without a body is left out.
#pragma once

#include <string>

#include "profile/report.h"

namespace limner {

struct Section {
  std::string id, title, menu;  // menu: its short name in the bar on top
  std::string lead;             // a sentence or two under the title
  std::string body;             // HTML
};

Section summary_section(const ReportInputs& inputs);
Section quality_section(const ReportInputs& inputs);
Section training_section(const ReportInputs& inputs);
Section evaluation_section(const ReportInputs& inputs);
Section map_section(const ReportInputs& inputs);
Section heat_section(const ReportInputs& inputs);
Section cards_section(const ReportInputs& inputs);
Section topics_section(const ReportInputs& inputs);
Section regression_section(const ReportInputs& inputs);
Section fairness_section(const ReportInputs& inputs);
Section recommendations_section(const ReportInputs& inputs);
Section actions_section(const ReportInputs& inputs);
Section customers_section(const ReportInputs& inputs);
Section provenance_section(const ReportInputs& inputs);

// Sentences of the summary; empty where there is no such result.
std::string describe_topics(const ReportInputs& inputs);
std::string describe_recommendations(const ReportInputs& inputs);
std::string describe_actions(const ReportInputs& inputs);

// The data of the page's script: points of the map, traits to colour it by, rows of the table of customers.
Json page_data(const ReportInputs& inputs);
// Which customers the map draws: all, or every n-th of very many.
std::vector<size_t> drawn_customers(const ReportInputs& inputs);

// A number or text at a JSON pointer ("/rows/read"); NaN or "" where there is none.
double number_at(const Json& json, const std::string& pointer);
std::string text_at(const Json& json, const std::string& pointer);
// The array or object at a JSON pointer; null where there is none.
const Json& part_at(const Json& json, const std::string& pointer);

// Heads of the test rows, or of the validation rows where there are no test rows; `part` tells which.
const Json& evaluated_heads(const Json& training, std::string& part);
// The share of the commonest class of a single_label head: what guessing reaches.
double commonest_share(const Json& head);

// One cell of a table whose numbers stand right.
std::string number_cell(const std::string& text, const std::string& style = "");

// Files of the page, compiled in (report.css, report.js).
extern const char* const report_css;
extern const char* const report_js;

}  // namespace limner
