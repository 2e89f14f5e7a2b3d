// The table of customers, the data of the page's script, and where everything came from.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "profile/html.h"
#include "profile/report_sections.h"

namespace limner {
namespace {

constexpr size_t most_listed = 2000;
constexpr size_t neighbors_shown = 3;

// Customers of the table: those who wrote most.
std::vector<size_t> listed_customers(const ProfileResults& results) {
  std::vector<size_t> order(results.customers.ids.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return results.customers.texts[a] > results.customers.texts[b];
  });
  if (order.size() > most_listed) order.resize(most_listed);
  return order;
}

// Columns: heading and kind (n: number, t: text, p: share, s: segment, c: customers).
Json column_names(const ReportInputs& inputs) {
  const ProfileResults& results = inputs.results;
  const Phrases& say = inputs.say;
  Json columns = Json::array();
  const auto add = [&](const std::string& name, const char* kind) {
    columns.push_back({{"name", name}, {"kind", kind}});
  };
  add(say("column.customer"), "t");
  add(say("column.segment"), "s");
  if (results.customers.have_texts()) add(say("column.texts"), "n");
  if (results.customers.has_time()) add(say("column.last_text"), "t");
  for (const HeadAverages& head : results.customers.heads) {
    const bool two = head.kind == "single_label" && head.classes.size() == 2;
    add(two ? head.name + " = " + head.classes[1] : head.name, head.kind == "regression" ? "n"
                                                               : two                     ? "p"
                                                                                         : "t");
  }
  if (!results.customers.sentiment.empty()) add(say("column.sentiment"), "n");
  for (const Regression& regression : results.regressions) {
    const std::string title = regression_title(say, regression);
    add(title, regression.two_classes() ? "t" : "n");
    add(say("column.predicted", title), regression.two_classes() ? "p" : "n");
  }
  for (const AppliedModel& model : results.applied)
    add(say("column.predicted", model.name), !model.classes.empty() ? "t" : model.two_classes ? "p" : "n");
  if (!results.key_phrases.empty()) add(say("column.keywords"), "t");
  if (results.neighbors.per_customer > 0) add(say("column.alike"), "c");
  return columns;
}

std::string commonest_classes(const HeadAverages& head, int64_t row) {
  int64_t best = 0;
  head.mean.row(row).maxCoeff(&best);
  return fmt::format("{} {}", head.classes[static_cast<size_t>(best)], percent_text(head.mean(row, best)));
}

std::string first_keywords(const Phrases& say, const KeyPhrases& phrases) {
  std::vector<std::string> words;
  for (size_t i = 0; i < std::min<size_t>(3, phrases.words.size()); ++i)
    words.push_back(phrases.words[i].word);
  return say.list(words);
}

Json customer_row(const Phrases& say, const ProfileResults& results, size_t index) {
  const Customers& customers = results.customers;
  const auto number = static_cast<int64_t>(index);
  Json row{customers.ids[index], results.segmentation.segment[index]};
  if (customers.have_texts()) row.push_back(customers.texts[index]);
  if (customers.has_time()) row.push_back(format_date(customers.last_time[index]));
  for (const HeadAverages& head : customers.heads) {
    if (head.kind == "regression") {
      row.push_back(rounded(head.mean(number, 0)));
    } else if (head.kind == "single_label" && head.classes.size() == 2) {
      row.push_back(rounded(head.mean(number, 1)));
    } else {
      row.push_back(commonest_classes(head, number));
    }
  }
  if (!results.customers.sentiment.empty()) row.push_back(rounded(results.customers.sentiment[index]));
  for (const Regression& regression : results.regressions) {
    const double observed = regression.target.values[index];
    if (!regression.two_classes()) {
      row.push_back(rounded(observed));
    } else {
      row.push_back(std::isnan(observed) ? ""
                    : observed > 0.5     ? regression.target.positive
                                         : regression.target.negative);
    }
    row.push_back(rounded(regression.predicted[index]));
  }
  for (const AppliedModel& model : results.applied) {
    row.push_back(model.classes.empty() ? rounded(model.predicted[index]) : Json(model.likeliest(index)));
  }
  if (!results.key_phrases.empty()) row.push_back(first_keywords(say, results.key_phrases[index]));
  if (results.neighbors.per_customer > 0) {
    Json alike = Json::array();
    const auto per_customer = static_cast<size_t>(results.neighbors.per_customer);
    for (size_t place = 0; place < std::min(neighbors_shown, per_customer); ++place) {
      const size_t at = index * per_customer + place;
      alike.push_back({customers.ids[static_cast<size_t>(results.neighbors.customer[at])],
                       rounded(std::round(results.neighbors.similarity[at] * 1000) / 1000)});
    }
    row.push_back(std::move(alike));
  }
  return row;
}

// Values of the drawn customers as 0..255 between the 2nd and 98th percentile, so that outliers do not wash
// the map out; -1: missing.
Json trait_data(const Phrases& say, const Trait& trait, const std::vector<size_t>& drawn) {
  std::vector<double> known;
  for (const size_t index : drawn) {
    if (!std::isnan(trait.values[index])) known.push_back(trait.values[index]);
  }
  std::sort(known.begin(), known.end());
  const auto at = [&](double share) {
    return known.empty() ? 0 : known[static_cast<size_t>(share * static_cast<double>(known.size() - 1))];
  };
  double low = at(0.02), high = at(0.98);
  if (low == high) low = at(0), high = at(1);
  Json values = Json::array();
  for (const size_t index : drawn) {
    const double value = trait.values[index];
    const double share = high > low ? std::clamp((value - low) / (high - low), 0.0, 1.0) : 0.5;
    values.push_back(std::isnan(value) ? -1 : static_cast<int>(std::lround(255 * share)));
  }
  const auto text = [&](double value) { return trait.is_share ? percent_text(value) : number_text(value); };
  return {{"name", trait_name(say, trait)}, {"low", text(low)}, {"high", text(high)}, {"values", values}};
}

std::string entry(const std::string& name, const std::string& value) {
  return value.empty() ? "" : "<tr><th>" + name + "</th><td>" + value + "</td></tr>\n";
}

std::string hash(const std::string& digits) {
  return digits.empty() ? "" : "<code title=\"" + escape(digits) + "\">" + bytes_text(digits) + "</code>";
}

std::string stage_rows(const Phrases& say, const Json& record) {
  std::string rows;
  for (const char* stage : {"prepare", "train", "extract"}) {
    const std::string at = fmt::format("/stages/{}", stage);
    std::string text = escape(text_at(record, at + "/finished_at"));
    if (text.empty()) continue;
    const double seconds = number_at(record, at + "/seconds"), ranks = number_at(record, at + "/ranks");
    const std::string version = text_at(record, at + "/version");
    if (std::isfinite(seconds)) text = say("provenance.seconds", text, number_text(seconds));
    if (std::isfinite(ranks))
      text = say("provenance.with", text, say.count("count.ranks", static_cast<int64_t>(ranks)));
    if (!version.empty()) text = say("provenance.with", text, "Limner " + escape(version));
    rows += entry(say.word("stage.", stage), text);
  }
  return rows;
}

// What the script says: English forms of counts are kept as they are in the table.
Json page_words(const Phrases& say) {
  return {{"segment", say("map.segment", "{0}", "{1}")},
          {"unknown", say("map.not_known", "{0}")},
          {"page", say("customers.page", "{0}", "{1}")},
          {"one_text", say.count("count.texts", 1)},
          {"texts", say.form("count.texts")},
          {"one_customer", say.count("count.customers", 1)},
          {"customers", say.form("count.customers")}};
}

}  // namespace

Section customers_section(const ReportInputs& inputs) {
  const Phrases& say = inputs.say;
  Section section = open_section(inputs, "customers");
  const Customers& customers = inputs.results.customers;
  const size_t listed = listed_customers(inputs.results).size();
  const std::string some = count_text(static_cast<int64_t>(listed)), all = count_text(customers.count());
  section.lead = say.join({listed == customers.ids.size() ? say("customers.all")
                           : customers.have_texts()       ? say("customers.most_wrote", some, all)
                                                          : say("customers.first", some, all),
                           inputs.results.regressions.empty() ? "" : say("customers.predictions")});
  section.body = fmt::format(
      "<div class=\"search\"><input id=\"search\" type=\"search\" placeholder=\"{0}\" "
      "aria-label=\"{0}\"><span id=\"found\"></span></div>\n<div class=\"scroll\"><table "
      "id=\"table\"></table></div>\n<div class=\"pages\"><button id=\"back\">{1}</button><span "
      "id=\"page\"></span><button id=\"forth\">{2}</button></div>\n"
      "<noscript><p>{3}</p></noscript>\n",
      say("customers.find"), say("customers.back"), say("customers.forth"), say("customers.noscript"));
  return section;
}

Json page_data(const ReportInputs& inputs) {
  const ProfileResults& results = inputs.results;
  const std::vector<size_t> drawn = drawn_customers(inputs);
  Json segments = Json::array(), texts = Json::array(), traits = Json::array(), rows = Json::array();
  for (size_t segment = 0; segment < results.segmentation.sizes.size(); ++segment) {
    segments.push_back(
        {{"title", results.segment_title(segment)}, {"customers", results.segmentation.sizes[segment]}});
  }
  for (const size_t index : drawn) texts.push_back(results.customers.texts[index]);
  for (const Trait& trait : results.traits) traits.push_back(trait_data(inputs.say, trait, drawn));
  for (const size_t index : listed_customers(results))
    rows.push_back(customer_row(inputs.say, results, index));
  return {{"segments", segments}, {"texts", texts},
          {"traits", traits},     {"columns", column_names(inputs)},
          {"rows", rows},         {"words", page_words(inputs.say)}};
}

Section provenance_section(const ReportInputs& inputs) {
  const ShardProvenance& from = inputs.results.provenance;
  const Customers& customers = inputs.results.customers;
  const Phrases& say = inputs.say;
  std::string rows = stage_rows(say, inputs.record);
  rows += entry(say("provenance.prepared"), hash(from.prepared_sha256));
  rows += entry(say("provenance.model"), hash(from.model_sha256));
  rows += entry(say("provenance.tokenizer"), hash(from.tokenizer_sha256));
  rows += entry(say("provenance.extract_settings"), hash(from.settings_sha256));
  rows += entry(say("provenance.profile_settings"), hash(inputs.results.settings_sha256));
  if (customers.have_texts()) {
    rows += entry(say("provenance.vectors"),
                  say(from.normalize ? "provenance.vectors.scaled" : "provenance.vectors.plain", from.width,
                      escape(from.dtype), escape(from.pooling)));
  }
  const double speed = number_at(inputs.training, "/tokens_per_second");
  if (std::isfinite(speed))
    rows += entry(say("provenance.speed"), say("provenance.speed.value", number_text(speed)));
  if (customers.half_life_days > 0) {
    rows += entry(say("provenance.half_life"),
                  say("provenance.half_life.value", number_text(customers.half_life_days)));
  }
  Section section = open_section(inputs, "provenance");
  section.body = "<table class=\"plain\">" + rows + "</table>\n<p class=\"note\">" +
                 say(customers.have_texts() ? "provenance.note.texts" : "provenance.note.attributes") +
                 "</p>\n";
  return section;
}

}  // namespace limner
