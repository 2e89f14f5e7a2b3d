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

// Columns after the customer and the segment: heading and kind (n: number, t: text, p: share).
Json column_names(const ProfileResults& results) {
  Json columns = Json::array({{{"name", "customer"}, {"kind", "t"}}, {{"name", "segment"}, {"kind", "s"}}});
  if (results.customers.have_texts()) columns.push_back({{"name", "texts"}, {"kind", "n"}});
  if (results.customers.has_time()) columns.push_back({{"name", "last text"}, {"kind", "t"}});
  for (const HeadAverages& head : results.customers.heads) {
    const bool two = head.kind == "single_label" && head.classes.size() == 2;
    const char* kind = head.kind == "regression" ? "n" : two ? "p" : "t";
    columns.push_back({{"name", two ? head.name + " = " + head.classes[1] : head.name}, {"kind", kind}});
  }
  for (const Regression& regression : results.regressions) {
    const char* kind = regression.two_classes() ? "p" : "n";
    columns.push_back({{"name", regression.title()}, {"kind", regression.two_classes() ? "t" : "n"}});
    columns.push_back({{"name", regression.title() + ", predicted"}, {"kind", kind}});
  }
  if (!results.key_phrases.empty()) columns.push_back({{"name", "keywords"}, {"kind", "t"}});
  if (results.neighbors.per_customer > 0) columns.push_back({{"name", "most alike"}, {"kind", "c"}});
  return columns;
}

std::string commonest_classes(const HeadAverages& head, int64_t row) {
  int64_t best = 0;
  head.mean.row(row).maxCoeff(&best);
  return fmt::format("{} {}", head.classes[static_cast<size_t>(best)], percent_text(head.mean(row, best)));
}

std::string first_keywords(const KeyPhrases& phrases) {
  std::string text;
  for (size_t i = 0; i < std::min<size_t>(3, phrases.words.size()); ++i)
    text += (i > 0 ? ", " : "") + phrases.words[i].word;
  return text;
}

Json customer_row(const ProfileResults& results, size_t index) {
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
  if (!results.key_phrases.empty()) row.push_back(first_keywords(results.key_phrases[index]));
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
Json trait_data(const Trait& trait, const std::vector<size_t>& drawn) {
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
  return {{"name", trait.name}, {"low", text(low)}, {"high", text(high)}, {"values", values}};
}

std::string entry(const std::string& name, const std::string& value) {
  return value.empty() ? "" : "<tr><th>" + name + "</th><td>" + value + "</td></tr>\n";
}

std::string hash(const std::string& digits) {
  return digits.empty() ? "" : "<code title=\"" + escape(digits) + "\">" + bytes_text(digits) + "</code>";
}

std::string stage_rows(const Json& record) {
  std::string rows;
  for (const char* stage : {"prepare", "train", "extract"}) {
    const std::string at = fmt::format("/stages/{}", stage);
    const std::string finished = text_at(record, at + "/finished_at");
    if (finished.empty()) continue;
    std::string text = escape(finished);
    const double seconds = number_at(record, at + "/seconds"), ranks = number_at(record, at + "/ranks");
    if (std::isfinite(seconds)) text += fmt::format(", {} s", number_text(seconds));
    if (std::isfinite(ranks)) text += ", " + counted(static_cast<int64_t>(ranks), "rank", "ranks");
    const std::string version = text_at(record, at + "/version");
    if (!version.empty()) text += ", Limner " + escape(version);
    rows += entry(stage, text);
  }
  return rows;
}

}  // namespace

Section customers_section(const ReportInputs& inputs) {
  Section section{"customers", "Customers", "Customers", "", ""};
  const size_t listed = listed_customers(inputs.results).size();
  section.lead =
      listed < inputs.results.customers.ids.size()
          ? fmt::format(
                "The {} customers {}, of {}; all are in <code>profiles.jsonl</code> and "
                "<code>profiles.h5</code>.",
                count_text(static_cast<int64_t>(listed)),
                inputs.results.customers.have_texts() ? "who wrote most" : "who stand first in the table",
                count_text(inputs.results.customers.count()))
          : "All customers; the same and more is in <code>profiles.jsonl</code> and "
            "<code>profiles.h5</code>.";
  if (!inputs.results.regressions.empty())
    section.lead += " Predictions were made with the customer left out of the fit.";
  section.body =
      "<div class=\"search\"><input id=\"search\" type=\"search\" placeholder=\"Find a customer\" "
      "aria-label=\"Find a "
      "customer\"><span id=\"found\"></span></div>\n<div class=\"scroll\"><table "
      "id=\"table\"></table></div>\n<div "
      "class=\"pages\"><button id=\"back\">‹ back</button><span id=\"page\"></span><button id=\"forth\">on "
      "›</button></div>\n<noscript><p>The table needs JavaScript; <code>profiles.jsonl</code> does "
      "not.</p></noscript>\n";
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
  for (const Trait& trait : results.traits) traits.push_back(trait_data(trait, drawn));
  for (const size_t index : listed_customers(results)) rows.push_back(customer_row(results, index));
  return {{"segments", segments},
          {"texts", texts},
          {"traits", traits},
          {"columns", column_names(results)},
          {"rows", rows}};
}

Section provenance_section(const ReportInputs& inputs) {
  const ShardProvenance& from = inputs.results.provenance;
  const Customers& customers = inputs.results.customers;
  std::string rows = stage_rows(inputs.record);
  rows += entry("prepared table", hash(from.prepared_sha256));
  rows += entry("model", hash(from.model_sha256));
  rows += entry("tokenizer", hash(from.tokenizer_sha256));
  rows += entry("settings of extraction", hash(from.settings_sha256));
  rows += entry("settings of profiling", hash(inputs.results.settings_sha256));
  if (customers.have_texts())
    rows += entry("vectors",
                  fmt::format("{} numbers, {}, {} pooling, {}", from.width, escape(from.dtype),
                              escape(from.pooling), from.normalize ? "scaled to length 1" : "not scaled"));
  const double speed = number_at(inputs.training, "/tokens_per_second");
  if (std::isfinite(speed)) rows += entry("training speed", number_text(speed) + " tokens a second");
  if (customers.half_life_days > 0) {
    rows += entry("half life of a text",
                  number_text(customers.half_life_days) + " days, in the recency-weighted vectors");
  }
  Section section{"provenance", "Where this comes from", "Provenance", "", ""};
  section.body =
      "<table class=\"plain\">" + rows + "</table>\n<p class=\"note\">A customer's vector is " +
      std::string(customers.have_texts() ? "the mean of the vectors of the customer's texts"
                                         : "made of the attributes but for the targets, each with mean 0 and "
                                           "variance 1") +
      ". Segments are k-means on these vectors; words are ranked by their part of the "
      "relative entropy "
      "between a segment and the rest. Every number can be computed again from <code>profiles.h5</code>, "
      "<code>segments.json</code>, <code>regression.json</code> and <code>fairness.json</code> beside this "
      "page.</p>\n";
  return section;
}

}  // namespace limner
