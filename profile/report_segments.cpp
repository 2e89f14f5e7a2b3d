// The map of customers, the heat map of segments, and a card for each segment.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "profile/html.h"
#include "profile/report_sections.h"
#include "profile/svg.h"

namespace limner {
namespace {

constexpr size_t most_drawn = 5000;
constexpr int map_size = 640;
constexpr double map_room = 16;

double to_map(double place) { return map_room + (place + 1) / 2 * (map_size - 2 * map_room); }

std::string trait_text(const Trait& trait, double value) {
  return trait.is_share ? percent_text(value) : number_text(value);
}

std::string segment_badge(size_t segment) {
  return fmt::format("<b class=\"badge\" style=\"background:{}\">{}</b>",
                     segment_color(static_cast<int64_t>(segment)), segment + 1);
}

// Where a segment's label stands: the median of its customers.
std::pair<double, double> middle(const ProfileResults& results, int32_t segment) {
  std::vector<double> x, y;
  for (size_t i = 0; i < results.segmentation.segment.size(); ++i) {
    if (results.segmentation.segment[i] != segment) continue;
    x.push_back(results.map.places(static_cast<int64_t>(i), 0));
    y.push_back(results.map.places(static_cast<int64_t>(i), 1));
  }
  std::nth_element(x.begin(), x.begin() + std::ssize(x) / 2, x.end());
  std::nth_element(y.begin(), y.begin() + std::ssize(y) / 2, y.end());
  return {x[x.size() / 2], y[y.size() / 2]};
}

std::string map_svg(const ReportInputs& inputs) {
  const ProfileResults& results = inputs.results;
  const std::vector<size_t> drawn = drawn_customers(inputs);
  const double radius = drawn.size() > 2000 ? 2.6 : drawn.size() > 500 ? 3.6 : drawn.size() > 50 ? 5 : 9;
  // The map's own height, so that a flat map leaves no empty band.
  const double low = results.map.places.col(1).minCoeff(), high = results.map.places.col(1).maxCoeff();
  const double height = std::max(160.0, to_map(high) - to_map(low) + 2 * map_room);
  const double shift = (height - (to_map(high) + to_map(low))) / 2;
  std::string svg = fmt::format(
      "<svg id=\"map-svg\" viewBox=\"0 0 {} {:.0f}\" class=\"map\" role=\"img\" aria-label=\"Map of "
      "customers\">\n",
      map_size, height);
  for (size_t place = 0; place < drawn.size(); ++place) {
    const auto row = static_cast<int64_t>(drawn[place]);
    const int32_t segment = results.segmentation.segment[drawn[place]];
    svg += fmt::format(
        "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{}\" class=\"s{}\" data-i=\"{}\" data-s=\"{}\"/>\n",
        to_map(results.map.places(row, 0)), to_map(results.map.places(row, 1)) + shift, radius, segment % 10,
        place, segment);
  }
  for (size_t segment = 0; segment < results.segmentation.sizes.size(); ++segment) {
    auto [x, y] = middle(results, static_cast<int32_t>(segment));
    y -= drawn.size() > 50 ? 0 : 0.06;  // a label would hide the only customer below it
    svg +=
        fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\" class=\"place\">{} {}</text>\n",
                    std::clamp(to_map(x), 90.0, map_size - 90.0), to_map(y) + shift, segment + 1,
                    escape(shorten(results.segment_title(segment), 26)));
  }
  return svg + "</svg>\n";
}

std::string map_controls(const ReportInputs& inputs) {
  std::string options = "<option value=\"\">segment</option>";
  for (size_t i = 0; i < inputs.results.traits.size(); ++i) {
    options += fmt::format("<option value=\"{}\">{}</option>", i, escape(inputs.results.traits[i].name));
  }
  std::string legend;
  for (size_t segment = 0; segment < inputs.results.segmentation.sizes.size(); ++segment) {
    legend += fmt::format("<li data-s=\"{}\" tabindex=\"0\">{}<span>{}</span><b>{}</b></li>", segment,
                          segment_badge(segment), escape(inputs.results.segment_title(segment)),
                          count_text(inputs.results.segmentation.sizes[segment]));
  }
  return "<aside><label>Coloured by <select id=\"map-color\">" + options +
         "</select></label>\n<ul id=\"map-legend\">" + legend +
         "</ul>\n<div id=\"map-scale\" hidden><i></i><span></span><span></span></div></aside>\n";
}

std::string silhouette_figure(const Segmentation& segmentation) {
  if (segmentation.tried.size() < 2) return "";
  Series series{"silhouette", "var(--s0)", {}, Series::Style::line_with_dots};
  for (const auto& [k, silhouette] : segmentation.tried)
    series.points.emplace_back(static_cast<double>(k), silhouette);
  ChartOptions options;
  options.title = "Silhouette for each number of segments";
  options.x_label = "number of segments";
  options.height = 200;
  options.low = 0;
  options.marked_x = static_cast<double>(segmentation.count());
  options.mark_label = "chosen";
  return "<figure class=\"narrow\"><h3>Why this many segments</h3>" + line_chart({series}, options) +
         "<p class=\"note\">The silhouette is 1 where segments stand far apart and 0 where they touch. The "
         "best number "
         "whose smallest segment holds one customer in a hundred is taken.</p></figure>\n";
}

std::string term_bars(const std::vector<TypicalTerm>& terms, const char* kind, size_t most, int64_t segment) {
  double largest = 0;
  for (size_t i = 0; i < std::min(most, terms.size()); ++i) {
    largest = std::max(
        {largest, terms[i].share, std::isnan(terms[i].share_elsewhere) ? 0 : terms[i].share_elsewhere});
  }
  std::string html;
  for (size_t i = 0; i < std::min(most, terms.size()); ++i) {
    const TypicalTerm& term = terms[i];
    const bool alone = std::isnan(term.share_elsewhere);
    const std::string tick =
        alone || term.share_elsewhere == 0
            ? ""
            : fmt::format("<u style=\"left:{:.1f}%\"></u>", 100 * term.share_elsewhere / largest);
    html += fmt::format(
        "<li title=\"in {} of the texts here{}\"><span>{}</span><i><s "
        "style=\"width:{:.1f}%;background:{}\"></s>{}</i><b>{}</b></li>",
        percent_text(term.share, 1), alone ? "" : ", " + percent_text(term.share_elsewhere, 1) + " elsewhere",
        escape(shorten(term.term, 28)), 100 * term.share / largest, segment_color(segment), tick,
        percent_text(term.share));
  }
  return html.empty() ? "" : fmt::format("<ul class=\"terms {}\">", kind) + html + "</ul>";
}

// The traits that differ most from the mean of all, in both directions.
std::string outstanding_traits(const ProfileResults& results, size_t segment) {
  std::vector<size_t> order(results.traits.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return std::abs(results.traits[a].difference(segment)) > std::abs(results.traits[b].difference(segment));
  });
  std::string html;
  for (size_t i = 0; i < std::min<size_t>(6, order.size()); ++i) {
    const Trait& trait = results.traits[order[i]];
    const double difference = trait.difference(segment);
    if (std::abs(difference) < 0.05) break;
    html += fmt::format(
        "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n all\">{}</td><td><i class=\"delta\" "
        "style=\"--d:{:.3f};background:{}\"></i></td></tr>",
        escape(trait.name), trait_text(trait, trait.by_segment[segment]), trait_text(trait, trait.mean),
        std::clamp(difference, -1.5, 1.5) / 1.5, difference < 0 ? "var(--low)" : "var(--high)");
  }
  if (html.empty()) return "";
  return "<table class=\"traits\"><tr><th>stands out in</th><th class=\"n\">here</th><th "
         "class=\"n\">all</th><th></th></tr>" +
         html + "</table>";
}

std::string card(const ReportInputs& inputs, size_t segment) {
  const ProfileResults& results = inputs.results;
  const SegmentDescription& description = results.descriptions[segment];
  const int64_t size = results.segmentation.sizes[segment];
  int64_t texts = 0;
  for (size_t i = 0; i < results.customers.texts.size(); ++i) {
    if (results.segmentation.segment[i] == static_cast<int32_t>(segment)) texts += results.customers.texts[i];
  }
  const double share = static_cast<double>(size) / static_cast<double>(results.customers.count());
  std::string html =
      fmt::format("<article class=\"card\" style=\"--c:{}\" id=\"segment-{}\">\n<h3>{}{}</h3>\n",
                  segment_color(static_cast<int64_t>(segment)), segment + 1, segment_badge(segment),
                  escape(results.segment_title(segment)));
  html += fmt::format(
      "<p class=\"size\">{} · {}{}</p><div class=\"share\"><i style=\"width:{:.1f}%\"></i></div>\n",
      counted(size, "customer", "customers"), percent_text(share),
      results.customers.have_texts() ? " · " + counted(texts, "text", "texts") : "", 100 * share);
  const std::string words = term_bars(description.words, "words", 8, static_cast<int64_t>(segment));
  if (!words.empty()) html += "<h4>Words</h4>" + words;
  const std::string items = term_bars(description.items, "items", 4, static_cast<int64_t>(segment));
  if (!items.empty()) html += "<h4>Items</h4>" + items;
  html += outstanding_traits(results, segment);
  if (!description.texts.empty()) html += "<h4>Typical texts</h4>";
  for (const TypicalText& text : description.texts) {
    html += "<blockquote>" + escape(shorten(text.text, 180)) + "</blockquote>\n";
  }
  return html + "</article>\n";
}

const char* group_name(TraitGroup group) {
  switch (group) {
    case TraitGroup::behaviour:
      return "Behaviour";
    case TraitGroup::prediction:
      return "Read from the texts";
    case TraitGroup::attribute:
      return "Attributes and outcomes";
  }
  return "";
}

}  // namespace

std::vector<size_t> drawn_customers(const ReportInputs& inputs) {
  const auto count = static_cast<size_t>(inputs.results.customers.count());
  const size_t drawn = std::min(count, most_drawn);
  std::vector<size_t> result;
  for (size_t i = 0; i < drawn; ++i) result.push_back(i * count / drawn);
  return result;
}

Section map_section(const ReportInputs& inputs) {
  const ProfileResults& results = inputs.results;
  Section section{"map", "Map of customers", "Map", "", ""};
  const bool texts = results.customers.have_texts();
  section.lead = fmt::format("Every dot is a customer; customers who {} alike lie close together. ",
                             texts ? "write" : "are");
  section.lead += results.map.method == "t-SNE"
                      ? "Neighbourhoods tell something, distances between far groups do not (t-SNE)."
                      : fmt::format(
                            "The axes are the two directions in which {} differ most (principal "
                            "components).",
                            texts ? "texts" : "attributes");
  const size_t drawn = drawn_customers(inputs).size();
  if (drawn < results.customers.ids.size()) {
    section.lead += fmt::format(" {} of {} customers are drawn.", count_text(static_cast<int64_t>(drawn)),
                                count_text(results.customers.count()));
  }
  section.body = "<div class=\"mapbox\">\n" + map_svg(inputs) + map_controls(inputs) + "</div>\n" +
                 silhouette_figure(results.segmentation);
  return section;
}

Section heat_section(const ReportInputs& inputs) {
  const ProfileResults& results = inputs.results;
  Section section{"heat", "How segments differ", "Differences", "", ""};
  if (results.segmentation.count() < 2) {
    section.lead = "There is one segment only, so there is nothing to compare.";
    return section;
  }
  section.lead =
      "Means per segment. <span class=\"key low\">Blue</span> lies below the mean of all customers, <span "
      "class=\"key "
      "high\">orange</span> above it; full colour is one standard deviation away.";
  std::string head = "<tr><th></th><th class=\"n\">all</th>";
  for (size_t segment = 0; segment < results.segmentation.sizes.size(); ++segment) {
    head += fmt::format("<th class=\"n\" title=\"{}\">{}</th>", escape(results.segment_title(segment)),
                        segment_badge(segment));
  }
  std::string rows;
  const Trait* before = nullptr;
  for (const Trait& trait : results.traits) {
    if (!before || before->group != trait.group) {
      rows += fmt::format("<tr class=\"group\"><th colspan=\"{}\">{}</th></tr>\n",
                          results.segmentation.count() + 2, group_name(trait.group));
    }
    before = &trait;
    rows += "<tr><td>" + escape(trait.name) + "</td>" + number_cell(trait_text(trait, trait.mean));
    for (size_t segment = 0; segment < trait.by_segment.size(); ++segment) {
      rows += number_cell(trait_text(trait, trait.by_segment[segment]),
                          "background:" + diverging_color(trait.difference(segment)));
    }
    rows += "</tr>\n";
  }
  section.body =
      "<div class=\"scroll\"><table class=\"heat\">" + head + "</tr>\n" + rows + "</table></div>\n";
  return section;
}

Section cards_section(const ReportInputs& inputs) {
  const ProfileResults& results = inputs.results;
  Section section{"segments", "Segments", "Segments", "", ""};
  section.lead = !results.customers.have_texts()
                     ? "Segments of customers by their attributes; named by what sets them apart."
                 : results.segmentation.count() > 1
                     ? "A bar is the share of a segment's texts with the word, every customer counting "
                       "alike; the thin mark is the "
                       "share in all other segments."
                     : "A bar is the share of texts with the word, every customer counting alike.";
  for (size_t segment = 0; segment < results.segmentation.sizes.size(); ++segment)
    section.body += card(inputs, segment);
  section.body = "<div class=\"cards\">\n" + section.body + "</div>\n";
  return section;
}

}  // namespace limner
