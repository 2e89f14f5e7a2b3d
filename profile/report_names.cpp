// Names and small pieces that all sections share.
#include "profile/html.h"
#include "profile/report_sections.h"

namespace limner {

std::string date_text(const Phrases& say, const std::string& date) {
  if (say.language() == Language::english || date.size() != 10) return escape(date);
  const auto number = [&](size_t at, size_t digits) { return std::stoi(date.substr(at, digits)); };
  return fmt::format("{}年{}月{}日", number(0, 4), number(5, 2), number(8, 2));
}

std::string title_of_regression(const ReportInputs& inputs, const std::string& name) {
  for (const Regression& regression : inputs.results.regressions) {
    if (regression.name == name) return regression_title(inputs.say, regression);
  }
  return name;
}

std::string table_open(const std::vector<std::string>& headings) {
  std::string html = "<div class=\"scroll\"><table><tr>";
  for (const std::string& heading : headings) {
    const bool right = heading.starts_with('>');
    html += (right ? "<th class=\"n\">" + heading.substr(1) : "<th>" + heading) + "</th>";
  }
  return html + "</tr>\n";
}

std::string table_close() { return "</table></div>\n"; }

std::string segment_badge(size_t segment) {
  return fmt::format("<b class=\"badge\" style=\"background:{}\">{}</b>",
                     segment_color(static_cast<int64_t>(segment)), segment + 1);
}

std::string chart_legend(const std::vector<Series>& series) {
  std::string items;
  for (const Series& entry : series) {
    if (entry.style == Series::Style::faint_line) continue;
    items += fmt::format("<li><i style=\"background:{}\"></i>{}</li>", entry.color, escape(entry.name));
  }
  return "<ul class=\"legend\">" + items + "</ul>";
}

}  // namespace limner
