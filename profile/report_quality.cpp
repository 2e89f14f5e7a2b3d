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

std::string heading(const std::string& title) { return "<h3>" + title + "</h3>\n"; }

std::string counted_cell(const Json& json, const char* pointer) {
  const double count = number_at(json, pointer);
  return number_cell(std::isfinite(count) ? count_text(static_cast<int64_t>(count)) : "–");
}

std::string rows_figure(const ReportInputs& inputs) {
  const Phrases& say = inputs.say;
  const Json& quality = inputs.quality;
  const double near = number_at(quality, "/rows/near_duplicates");
  const double almost = std::isfinite(near) ? near : 0;
  std::string html =
      stacked_bar({{say("rows.used"), "var(--s2)", number_at(quality, "/rows/prepared")},
                   {say("rows.duplicates"), "var(--s1)", number_at(quality, "/rows/duplicates") - almost},
                   {say("rows.near_duplicates"), "var(--s5)", almost},
                   {say("rows.rejected"), "var(--s3)", number_at(quality, "/rows/rejected")}},
                  false);
  if (html.empty()) return "";
  std::string reasons;
  for (const auto& [reason, count] : part_at(quality, "/rejected").items()) {
    if (!count.is_number_integer()) continue;
    const std::string name =
        reason.starts_with("rule ") ? say("reject.rule", reason.substr(5)) : say.word("reject.", reason);
    reasons +=
        "<tr><td>" + escape(name) + "</td>" + number_cell(count_text(count.get<int64_t>())) + "</tr>\n";
  }
  if (!reasons.empty()) {
    html += table_open({say("quality.rejected_because"), ">" + say("quality.rows_column")}) + reasons +
            table_close();
  }
  return "<figure>" + heading(say("quality.rows")) + html + "</figure>\n";
}

std::string splits_figure(const ReportInputs& inputs) {
  const Phrases& say = inputs.say;
  const Json& quality = inputs.quality;
  const std::string html =
      stacked_bar({{say("parts.train"), "var(--s0)", number_at(quality, "/splits/train/rows")},
                   {say("parts.validation"), "var(--s5)", number_at(quality, "/splits/validation/rows")},
                   {say("parts.test"), "var(--s4)", number_at(quality, "/splits/test/rows")}},
                  false);
  if (html.empty()) return "";
  const bool by_customer =
      text_at(quality, "/splits/by") == "customer" && part_at(quality, "/text").is_object();
  const std::string note =
      by_customer ? "<p class=\"note\">" + say("quality.parts.by_customer") + "</p>\n" : "";
  return "<figure>" + heading(say("quality.parts")) + html + note + "</figure>\n";
}

std::string languages_figure(const ReportInputs& inputs) {
  const Phrases& say = inputs.say;
  const Json& quality = inputs.quality;
  const std::string html =
      stacked_bar({{say("language.han"), "var(--s3)", number_at(quality, "/text/languages/han")},
                   {say("language.latin"), "var(--s0)", number_at(quality, "/text/languages/latin")},
                   {say("language.other"), "var(--s2)", number_at(quality, "/text/languages/other")},
                   {say("language.none"), "var(--s9)", number_at(quality, "/text/languages/none")}},
                  true);
  return html.empty() ? "" : "<figure>" + heading(say("quality.languages")) + html + "</figure>\n";
}

// What the model's tokenizer could not read.
std::string tokens_figure(const ReportInputs& inputs) {
  const Phrases& say = inputs.say;
  const UnknownTokens& found = inputs.results.unknown_tokens;
  if (found.tokens == 0) return "";
  std::string html;
  if (!found.has_unknown) {
    html = "<p class=\"note\">" + say("quality.tokens.none", escape(found.tokenizer)) + "</p>";
  } else {
    const auto all = static_cast<double>(found.tokens), unknown = static_cast<double>(found.unknown);
    html = stacked_bar({{say("quality.tokens.known"), "var(--s2)", all - unknown},
                        {say("quality.tokens.unknown"), "var(--s3)", unknown}},
                       false) +
           "<p class=\"note\">" +
           say("quality.tokens.note", count_text(found.tokens), count_text(found.unknown),
               percent_text(unknown / all, 2), say.count("count.texts", found.texts_with_unknown)) +
           "</p>";
  }
  return "<figure>" + heading(say("quality.tokens")) + html + "</figure>\n";
}

std::string lengths_figure(const ReportInputs& inputs) {
  const Phrases& say = inputs.say;
  const Json& quality = inputs.quality;
  std::vector<Bar> bars;
  for (const Json& bin : part_at(quality, "/text/histogram")) {
    const double count = number_at(bin, "/count");
    if (!std::isfinite(count)) continue;
    bars.push_back({count_text(static_cast<int64_t>(number_at(bin, "/from"))),
                    say.count("count.texts", static_cast<int64_t>(count)), count, "var(--s0)"});
  }
  if (bars.empty()) return "";
  ChartOptions options;
  options.language = say.language();
  options.title = say("quality.lengths");
  options.x_label = say("quality.lengths.axis");
  options.width = 1040;
  options.height = 250;
  const std::string note =
      "<p class=\"note\">" +
      say("quality.lengths.note", number_text(number_at(quality, "/text/characters/median")),
          number_text(number_at(quality, "/text/characters/p95")),
          number_text(number_at(quality, "/text/characters/max"))) +
      "</p>\n";
  return "<figure class=\"wide\">" + heading(say("quality.lengths")) + column_chart(bars, options) + note +
         "</figure>\n";
}

std::string field_values(const Phrases& say, const Json& field) {
  if (text_at(field, "/type") == "number" || std::isfinite(number_at(field, "/mean"))) {
    return say("field.range", number_text(number_at(field, "/min")), number_text(number_at(field, "/max")),
               number_text(number_at(field, "/mean")));
  }
  std::vector<std::string> values;
  for (const Json& entry : part_at(field, "/top")) {
    if (values.size() == 4) break;
    const double count = number_at(entry, "/count");
    values.push_back(escape(shorten(text_at(entry, "/value"), 30)) +
                     (std::isfinite(count) ? " (" + count_text(static_cast<int64_t>(count)) + ")" : ""));
  }
  const double distinct = number_at(field, "/distinct");
  std::string text = say.list(values);
  if (distinct > static_cast<double>(values.size())) {
    text += say(values.empty() ? "field.distinct" : "field.distinct_more",
                count_text(static_cast<int64_t>(distinct)));
  }
  return text;
}

// What prepare changed in a field: filled, cut off, scaled.
std::string field_treatment(const Phrases& say, const Json& field) {
  std::vector<std::string> parts;
  const double filled = number_at(field, "/filled"), outliers = number_at(field, "/outliers/count");
  if (filled > 0) {
    const Json& fill = part_at(field, "/fill");
    const std::string with = fill.is_number() ? number_text(fill.get<double>()) : text_at(field, "/fill");
    const std::string count = count_text(static_cast<int64_t>(filled));
    parts.push_back(with.empty() ? say("field.filled_plain", count)
                                 : say("field.filled", count, escape(shorten(with, 24))));
  }
  if (std::isfinite(outliers)) {
    parts.push_back(say("field.outliers", count_text(static_cast<int64_t>(outliers)),
                        say.word("outlier_method.", text_at(field, "/outliers/method")),
                        say.word("outliers.", text_at(field, "/outliers/action"))));
  }
  const std::string scaling = text_at(field, "/scaling/kind");
  if (!scaling.empty()) parts.push_back(say("field.scaling", say.word("scaling.", scaling)));
  return say.list(parts);
}

std::string fields_table(const ReportInputs& inputs) {
  const Phrases& say = inputs.say;
  const Json& quality = inputs.quality;
  std::string rows;
  bool treated = false;
  for (const Json& field : part_at(quality, "/fields"))
    treated = treated || !field_treatment(say, field).empty();
  const double all_rows = number_at(quality, "/rows/prepared"),
               all_customers = number_at(quality, "/customers/count");
  for (const Json& field : part_at(quality, "/fields")) {
    const std::string of = text_at(field, "/of");
    const double share = number_at(field, "/missing") / (of == "customer" ? all_customers : all_rows);
    rows += fmt::format(
        "<tr><td>{}</td><td>{}</td><td>{}</td>{}<td>{}</td>{}</tr>\n", escape(text_at(field, "/name")),
        say.word("type.", text_at(field, "/type")), say.word("of.", of),
        number_cell(percent_text(share), fmt::format("background:{};color:var(--on-color)",
                                                     sequential_color(std::min(1.0, share * 2)))),
        field_values(say, field), treated ? "<td>" + field_treatment(say, field) + "</td>" : "");
  }
  if (rows.empty()) return "";
  std::vector<std::string> headings{say("fields.name"), say("fields.type"), say("fields.of"),
                                    ">" + say("fields.missing"), say("fields.values")};
  if (treated) headings.push_back(say("fields.treated"));
  return heading(say("quality.fields")) + table_open(headings) + rows + table_close();
}

std::string rules_table(const ReportInputs& inputs) {
  const Phrases& say = inputs.say;
  std::string rows;
  for (const Json& rule : part_at(inputs.quality, "/rules")) {
    rows += "<tr><td>" + escape(text_at(rule, "/name")) + "</td><td>" + escape(text_at(rule, "/field")) +
            "</td><td>" + say.word("check.", text_at(rule, "/check")) + "</td><td>" +
            say.word("rules.", text_at(rule, "/on_failure")) + "</td>" + counted_cell(rule, "/rejected") +
            "</tr>\n";
  }
  if (rows.empty()) return "";
  return heading(say("quality.rules")) +
         table_open({say("rules.name"), say("fields.name"), say("rules.check"), say("rules.on_failure"),
                     ">" + say("rules.broken")}) +
         rows + table_close();
}

// Where several tables were joined: what of each was used.
std::string sources_table(const ReportInputs& inputs) {
  const Phrases& say = inputs.say;
  const Json& sources = part_at(inputs.quality, "/sources");
  if (sources.size() < 2) return "";
  std::string rows;
  for (const Json& source : sources) {
    const std::string path = text_at(source, "/file");
    rows += "<tr><td>" + escape(path.substr(path.rfind('/') + 1)) + "</td><td>" +
            say.word("holds.", text_at(source, "/holds")) + "</td>" + counted_cell(source, "/read") +
            counted_cell(source, "/kept") + counted_cell(source, "/duplicates") +
            counted_cell(source, "/rejected") + counted_cell(source, "/orphans") + "</tr>\n";
  }
  return heading(say("quality.sources")) +
         table_open({say("sources.file"), say("sources.holds"), ">" + say("sources.read"),
                     ">" + say("sources.kept"), ">" + say("sources.duplicates"),
                     ">" + say("sources.rejected"), ">" + say("sources.orphans")}) +
         rows + table_close();
}

std::string warnings_list(const ReportInputs& inputs) {
  const Phrases& say = inputs.say;
  std::string items;
  for (const Json& warning : part_at(inputs.quality, "/warnings")) {
    const std::string kind = text_at(warning, "/kind");
    const auto count = [&](const char* key) {
      return count_text(static_cast<int64_t>(number_at(warning, key)));
    };
    const std::string field = escape(text_at(warning, "/field"));
    items +=
        "<li>" +
        (kind == "rejected"     ? say("warning.rejected", count("/count"), count("/of"))
         : kind == "empty_part" ? say("warning.empty_part", say.word("parts.", text_at(warning, "/field")))
                                : say("warning." + kind, field, count("/count"), count("/of"))) +
        "</li>\n";
  }
  std::vector<std::string> dropped;
  for (const Json& column : part_at(inputs.quality, "/dropped_columns"))
    dropped.push_back(escape(text_at(column, "/name")) + " (" +
                      percent_text(number_at(column, "/missing_share")) + ")");
  if (!dropped.empty()) items += "<li>" + say("quality.dropped", say.list(dropped)) + "</li>\n";
  return items.empty() ? "" : "<ul class=\"warnings\">\n" + items + "</ul>\n";
}

}  // namespace

Section quality_section(const ReportInputs& inputs) {
  Section section = open_section(inputs, "quality");
  if (!inputs.quality.is_object()) {
    section.lead = inputs.say("quality.unknown");
    return section;
  }
  section.lead = inputs.say("quality.lead");
  section.body = warnings_list(inputs);
  section.body += "<div class=\"grid three\">\n" + rows_figure(inputs) + splits_figure(inputs) +
                  languages_figure(inputs) + tokens_figure(inputs) + lengths_figure(inputs) + "</div>\n" +
                  fields_table(inputs) + rules_table(inputs) + sources_table(inputs);
  return section;
}

}  // namespace limner
