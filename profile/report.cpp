#include "profile/report.h"

#include <cmath>
#include <limits>
#include <sstream>

#include "profile/html.h"
#include "profile/report_sections.h"
#include "runtime/error.h"

namespace limner {
namespace {

Json json_if_there(const fs::path& path) { return fs::exists(path) ? read_json(path) : Json(); }

// A run that was killed may have left its last line unfinished; it is passed over.
std::vector<Json> read_lines(const fs::path& path) {
  std::vector<Json> lines;
  if (!fs::exists(path)) return lines;
  std::istringstream stream(read_file(path));
  for (std::string line; std::getline(stream, line);) {
    Json json = Json::parse(line, nullptr, false);
    if (json.is_object()) {
      lines.push_back(std::move(json));
    } else if (!stream.eof() && stream.peek() != std::istringstream::traits_type::eof()) {
      fail(ExitCode::bad_data, "{}: line {} is no JSON object", path.string(), lines.size() + 1);
    }
  }
  return lines;
}

std::string render_section(const Section& section) {
  std::string html = fmt::format("<section id=\"{}\">\n<h2>{}</h2>\n", section.id, section.title);
  if (!section.lead.empty()) html += "<p class=\"lead\">" + section.lead + "</p>\n";
  return html + section.body + "</section>\n";
}

std::string subtitle(const ReportInputs& inputs) {
  const ProfileResults& results = inputs.results;
  const Phrases& say = inputs.say;
  std::string text = say.count("count.customers", results.customers.count()) + " · ";
  if (results.customers.have_texts())
    text += say.count("count.texts", results.customers.total_texts()) + " · ";
  text += say.count("count.segments", results.segmentation.count());
  std::string latest;
  for (const char* stage : {"prepare", "train", "extract"}) {
    latest = std::max(latest, text_at(inputs.record, fmt::format("/stages/{}/finished_at", stage)));
  }
  if (!latest.empty()) text += " · " + say("page.read_on", date_text(say, latest.substr(0, 10)));
  return text;
}

}  // namespace

Section open_section(const ReportInputs& inputs, const std::string& id) {
  return {id, inputs.say("section." + id + ".title"), inputs.say("section." + id + ".menu"), "", ""};
}

double number_at(const Json& json, const std::string& pointer) {
  const Json& value = part_at(json, pointer);
  return value.is_number() ? value.get<double>() : std::numeric_limits<double>::quiet_NaN();
}

std::string text_at(const Json& json, const std::string& pointer) {
  const Json& value = part_at(json, pointer);
  return value.is_string() ? value.get<std::string>() : "";
}

const Json& part_at(const Json& json, const std::string& pointer) {
  static const Json nothing;
  const Json::json_pointer path(pointer);
  return json.is_structured() && json.contains(path) ? json.at(path) : nothing;
}

std::string number_cell(const std::string& text, const std::string& style) {
  return fmt::format("<td class=\"n\"{}>{}</td>", style.empty() ? "" : " style=\"" + style + "\"", text);
}

ReportInputs read_report_inputs(const Run& run, const ProfileResults& results) {
  return {results,
          Phrases(results.language),
          run.settings.profile,
          json_if_there(run.quality()),
          json_if_there(run.train_folder() / "summary.json"),
          json_if_there(run.directory() / "run.json"),
          read_lines(run.train_folder() / "metrics.jsonl")};
}

Language report_language(const Run& run) {
  const std::string& wanted = run.settings.profile.report.language;
  if (wanted != "auto") return wanted == "zh" ? Language::chinese : Language::english;
  return number_at(json_if_there(run.quality()), "/text/languages/han") > 0.5 ? Language::chinese
                                                                              : Language::english;
}

std::string render_report(const ReportInputs& inputs) {
  const std::string title = escape(inputs.settings.report.title);
  const char* lang = inputs.say.language() == Language::chinese ? "zh-CN" : "en";
  std::string menu, body;
  for (const auto& make :
       {summary_section, quality_section, training_section, evaluation_section, wording_section, map_section,
        heat_section, cards_section, topics_section, regression_section, fairness_section,
        recommendations_section, actions_section, attention_section, customers_section, provenance_section}) {
    const Section section = make(inputs);
    if (section.body.empty() && section.lead.empty()) continue;
    menu += fmt::format("<a href=\"#{}\">{}</a>", section.id, section.menu);
    body += render_section(section);
  }
  std::string html =
      "<!doctype html>\n<html lang=\"" + std::string(lang) + "\">\n<head>\n<meta charset=\"utf-8\">\n";
  html += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
  html += "<meta name=\"generator\" content=\"Limner\">\n";
  html += "<title>" + title + "</title>\n<style>\n" + report_css + "</style>\n</head>\n<body>\n";
  html += "<header><h1>" + title + "</h1>\n<p>" + subtitle(inputs) + "</p></header>\n";
  html += "<nav>" + menu + "</nav>\n<main>\n" + body + "</main>\n";
  html += "<div id=\"tip\" role=\"status\" hidden></div>\n";
  html += "<script type=\"application/json\" id=\"data\">" + script_json(page_data(inputs)) + "</script>\n";
  html += "<script>\n" + std::string(report_js) + "</script>\n</body>\n</html>\n";
  return html;
}

}  // namespace limner
