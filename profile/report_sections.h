// The report's sections, in their order. A section without a body is left out.
#pragma once

#include <string>

#include "profile/names.h"
#include "profile/report.h"
#include "profile/svg.h"

namespace limner {

struct Section {
  std::string id, title, menu;  // menu: its short name in the bar on top
  std::string lead;             // a sentence or two under the title
  std::string body;             // HTML
};

// With the title and the menu's word of that id; lead and body empty.
Section open_section(const ReportInputs& inputs, const std::string& id);

Section summary_section(const ReportInputs& inputs);
Section quality_section(const ReportInputs& inputs);
Section training_section(const ReportInputs& inputs);
Section evaluation_section(const ReportInputs& inputs);
Section wording_section(const ReportInputs& inputs);
Section map_section(const ReportInputs& inputs);
Section heat_section(const ReportInputs& inputs);
Section cards_section(const ReportInputs& inputs);
Section topics_section(const ReportInputs& inputs);
Section regression_section(const ReportInputs& inputs);
Section fairness_section(const ReportInputs& inputs);
Section recommendations_section(const ReportInputs& inputs);
Section actions_section(const ReportInputs& inputs);
Section attention_section(const ReportInputs& inputs);
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

// "2014-03-16", in Chinese "2014年3月16日".
std::string date_text(const Phrases& say, const std::string& date);

// The title of the regression of that name.
std::string title_of_regression(const ReportInputs& inputs, const std::string& name);

// A table that scrolls where it is too wide, with its row of headings; one that begins with > stands right.
std::string table_open(const std::vector<std::string>& headings);
std::string table_close();

// The number of a segment on its colour.
std::string segment_badge(size_t segment);

// The key of a chart's series.
std::string chart_legend(const std::vector<Series>& series);

// Files of the page, compiled in (report.css, report.js, report_phrases.txt).
extern const char* const report_css;
extern const char* const report_js;
extern const char* const report_phrases;

}  // namespace limner
