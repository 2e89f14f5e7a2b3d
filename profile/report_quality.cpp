// What became of the raw rows, and what the fields hold.
#include <cmath>

#include "profile/html.h"
#include "profile/report_sections.h"
#include "profile/svg.h"

namespace limner {
namespace {

struct Part {
  std::string label, color;
  double value;
};

// One horizontal bar cut in parts, with a legend that gives the numbers.
std::string stacked_bar(const std::vector<Part>& parts, bool shares) {
  double total = 0;
  for (const Part& part : parts) total += std::isfinite(part.value) ? part.value : 0;
  if (total <= 0) return "";
  std::string bar, legend;
  for (const Part& part : parts) {
    if (!(part.value > 0)) continue;
    bar += fmt::format("<span style=\"width:{:.2f}%;background:{}\"></span>", 100 * part.value / total,
                       part.color);
    const std::string share = percent_text(part.value / total, 1);
    legend +=
        fmt::format("<li><i style=\"background:{}\"></i>{} <b>{}</b></li>", part.color, escape(part.label),
                    shares ? share : count_text(static_cast<int64_t>(part.value)) + " (" + share + ")");
  }
  return "<div class=\"stack\">" + bar + "</div><ul class=\"legend\">" + legend + "</ul>\n";
}

std::string rows_figure(const Json& quality) {
  std::string html = stacked_bar({{"used", "var(--s2)", number_at(quality, "/rows/prepared")},
                                  {"duplicates", "var(--s1)", number_at(quality, "/rows/duplicates")},
                                  {"rejected", "var(--s3)", number_at(quality, "/rows/rejected")}},
                                 false);
  if (html.empty()) return "";
  std::string reasons;
  for (const auto& [reason, count] : part_at(quality, "/rejected").items()) {
    if (count.is_number())
      reasons +=
          "<tr><td>" + escape(reason) + "</td>" + number_cell(count_text(count.get<int64_t>())) + "</tr>\n";
  }
  if (!reasons.empty())
    html += "<table><tr><th>Rejected because</th><th class=\"n\">rows</th></tr>\n" + reasons + "</table>\n";
  return "<figure><h3>Rows</h3>\n" + html + "</figure>\n";
}

std::string splits_figure(const Json& quality) {
  const std::string html =
      stacked_bar({{"training", "var(--s0)", number_at(quality, "/splits/train/rows")},
                   {"validation", "var(--s5)", number_at(quality, "/splits/validation/rows")},
                   {"test", "var(--s4)", number_at(quality, "/splits/test/rows")}},
                  false);
  if (html.empty()) return "";
  const std::string by = text_at(quality, "/splits/by");
  const std::string note =
      by == "customer" && part_at(quality, "/text").is_object()
          ? "<p class=\"note\">All texts of a customer are in one part: what the model is tested on comes "
            "from people it has not read.</p>\n"
          : "";
  return "<figure><h3>Parts</h3>\n" + html + note + "</figure>\n";
}

std::string languages_figure(const Json& quality) {
  const std::string html =
      stacked_bar({{"Chinese", "var(--s3)", number_at(quality, "/text/languages/han")},
                   {"Latin letters", "var(--s0)", number_at(quality, "/text/languages/latin")},
                   {"other", "var(--s6)", number_at(quality, "/text/languages/other")},
                   {"no letters", "var(--s9)", number_at(quality, "/text/languages/none")}},
                  true);
  return html.empty() ? "" : "<figure><h3>Scripts of the texts</h3>\n" + html + "</figure>\n";
}

std::string lengths_figure(const Json& quality) {
  std::vector<Bar> bars;
  for (const Json& bin : part_at(quality, "/text/histogram")) {
    const double count = number_at(bin, "/count");
    if (!std::isfinite(count)) continue;
    bars.push_back({count_text(static_cast<int64_t>(number_at(bin, "/from"))),
                    count_text(static_cast<int64_t>(count)) + " texts", count, "var(--s0)"});
  }
  if (bars.empty()) return "";
  ChartOptions options;
  options.title = "Histogram of text lengths";
  options.x_label = "characters, at least";
  options.width = 1040;
  options.height = 250;
  const std::string note = fmt::format(
      "<p class=\"note\">Half of the texts have at most {} characters, one in twenty more than {}; the "
      "longest has {}.</p>\n",
      number_text(number_at(quality, "/text/characters/median")),
      number_text(number_at(quality, "/text/characters/p95")),
      number_text(number_at(quality, "/text/characters/max")));
  return "<figure class=\"wide\"><h3>Length of the texts</h3>\n" + column_chart(bars, options) + note +
         "</figure>\n";
}

std::string field_values(const Json& field) {
  if (text_at(field, "/type") == "number" || std::isfinite(number_at(field, "/mean"))) {
    return fmt::format("{} to {}, mean {}", number_text(number_at(field, "/min")),
                       number_text(number_at(field, "/max")), number_text(number_at(field, "/mean")));
  }
  std::string text;
  size_t shown = 0;
  for (const Json& entry : part_at(field, "/top")) {
    if (shown++ == 4) break;
    const double count = number_at(entry, "/count");
    text += (text.empty() ? "" : ", ") + escape(shorten(text_at(entry, "/value"), 30)) +
            (std::isfinite(count) ? " (" + count_text(static_cast<int64_t>(count)) + ")" : "");
  }
  const double distinct = number_at(field, "/distinct");
  if (distinct > static_cast<double>(shown)) {
    text += fmt::format("{} {} values in all", text.empty() ? "" : ", …",
                        count_text(static_cast<int64_t>(distinct)));
  }
  return text;
}

std::string fields_table(const Json& quality) {
  std::string rows;
  const double all_rows = number_at(quality, "/rows/prepared"),
               all_customers = number_at(quality, "/customers/count");
  for (const Json& field : part_at(quality, "/fields")) {
    const std::string of = text_at(field, "/of");
    const double share = number_at(field, "/missing") / (of == "customer" ? all_customers : all_rows);
    rows +=
        fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td>{}<td>{}</td></tr>\n",
                    escape(text_at(field, "/name")), escape(text_at(field, "/type")), escape(of),
                    number_cell(percent_text(share), fmt::format("background:{};color:var(--on-color)",
                                                                 sequential_color(std::min(1.0, share * 2)))),
                    field_values(field));
  }
  if (rows.empty()) return "";
  return "<h3>Fields</h3>\n<div class=\"scroll\"><table><tr><th>field</th><th>type</th><th>of each</th><th "
         "class=\"n\">missing</th><th>values</th></tr>\n" +
         rows + "</table></div>\n";
}

std::string warnings_list(const Json& quality) {
  std::string items;
  for (const Json& warning : part_at(quality, "/warnings")) {
    if (warning.is_string()) items += "<li>" + escape(warning.get<std::string>()) + "</li>\n";
  }
  return items.empty() ? "" : "<ul class=\"warnings\">\n" + items + "</ul>\n";
}

}  // namespace

Section quality_section(const ReportInputs& inputs) {
  Section section{"quality", "Data quality", "Data", "", ""};
  if (!inputs.quality.is_object()) {
    section.lead =
        "This run has no <code>prepared/quality.json</code>, so nothing is known about the raw rows.";
    return section;
  }
  const Json& quality = inputs.quality;
  section.lead = "What became of the raw table, and what its fields hold.";
  section.body = warnings_list(quality);
  section.body += "<div class=\"grid three\">\n" + rows_figure(quality) + splits_figure(quality) +
                  languages_figure(quality) + lengths_figure(quality) + "</div>\n" + fields_table(quality);
  return section;
}

}  // namespace limner
