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
constexpr size_t heat_columns = 10;

double to_map(double place) { return map_room + (place + 1) / 2 * (map_size - 2 * map_room); }

std::string trait_text(const Trait& trait, double value) {
  return trait.is_share ? percent_text(value) : number_text(value);
}

// Where a segment's label stands: the median of its customers.
std::pair<double, double> middle(const ProfileResults& results, int32_t segment) {
  std::vector<double> x, y;
  for (size_t i = 0; i < results.segmentation.segment.size(); ++i) {
    if (results.segmentation.segment[i] != segment) continue;
    x.push_back(results.map.places(static_cast<int64_t>(i), 0));
    y.push_back(results.map.places(static_cast<int64_t>(i), 1));
  }
  if (x.empty()) return {0, 0};
  std::nth_element(x.begin(), x.begin() + std::ssize(x) / 2, x.end());
  std::nth_element(y.begin(), y.begin() + std::ssize(y) / 2, y.end());
  return {x[x.size() / 2], y[y.size() / 2]};
}

struct Box {
  double left, right, top, bottom;
  bool meets(const Box& other) const {
    return left < other.right && other.left < right && top < other.bottom && other.top < bottom;
  }
};

// The segments' titles, the largest segments first; where one has no room its number, else nothing (the
// legend names them all). above: a label would hide the only customer below it.
std::string map_labels(const ProfileResults& results, double height, double shift, bool above) {
  constexpr double size = 13, line = 17;
  std::vector<Box> taken;
  std::string svg;
  for (size_t segment = 0; segment < results.segmentation.sizes.size(); ++segment) {
    if (results.segmentation.sizes[segment] == 0) continue;
    const auto [x, y] = middle(results, static_cast<int32_t>(segment));
    const std::string number = std::to_string(segment + 1);
    for (const std::string& label :
         {number + " " + fit_text(results.segment_title(segment), 180, size), number}) {
      const double half = text_width(label, size) / 2 + 3;
      const double at = std::clamp(to_map(x), half, map_size - half);
      const double base = std::clamp(to_map(y) + shift - (above ? 18 : 0), line, height - 5);
      const Box box{at - half, at + half, base - line + 3, base + 5};
      if (std::any_of(taken.begin(), taken.end(), [&](const Box& other) { return box.meets(other); }))
        continue;
      taken.push_back(box);
      svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\" class=\"place\">{}</text>\n",
                         at, base, escape(label));
      break;
    }
  }
  return svg;
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
      "<svg id=\"map-svg\" viewBox=\"0 0 {} {:.0f}\" class=\"map\" role=\"img\" aria-label=\"{}\">\n",
      map_size, height, inputs.say("map.label"));
  for (size_t place = 0; place < drawn.size(); ++place) {
    const auto row = static_cast<int64_t>(drawn[place]);
    const int32_t segment = results.segmentation.segment[drawn[place]];
    svg += fmt::format(
        "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{}\" class=\"s{}\" data-i=\"{}\" data-s=\"{}\"/>\n",
        to_map(results.map.places(row, 0)), to_map(results.map.places(row, 1)) + shift, radius, segment % 10,
        place, segment);
  }
  return svg + map_labels(results, height, shift, drawn.size() <= 50) + "</svg>\n";
}

std::string map_controls(const ReportInputs& inputs) {
  const Phrases& say = inputs.say;
  std::string options = "<option value=\"\">" + say("map.by_segment") + "</option>";
  for (size_t i = 0; i < inputs.results.traits.size(); ++i) {
    options +=
        fmt::format("<option value=\"{}\">{}</option>", i, escape(trait_name(say, inputs.results.traits[i])));
  }
  std::string legend;
  for (size_t segment = 0; segment < inputs.results.segmentation.sizes.size(); ++segment) {
    legend += fmt::format("<li data-s=\"{}\" tabindex=\"0\">{}<span>{}</span><b>{}</b></li>", segment,
                          segment_badge(segment), escape(inputs.results.segment_title(segment)),
                          count_text(inputs.results.segmentation.sizes[segment]));
  }
  return "<aside><label>" + say("map.colored_by") + " <select id=\"map-color\">" + options +
         "</select></label>\n<ul id=\"map-legend\">" + legend +
         "</ul>\n<div id=\"map-scale\" hidden><i></i><span></span><span></span></div></aside>\n";
}

// What the number of segments was chosen by: each number's silhouette or, by the elbow, sum of squares.
std::string choice_figure(const Phrases& say, const Segmentation& segmentation) {
  if (segmentation.tried.size() < 2) return "";
  const bool elbow = segmentation.k_of_elbow;
  Series series{
      say(elbow ? "elbow.series" : "silhouette.series"), "var(--s0)", {}, Series::Style::line_with_dots};
  for (size_t i = 0; i < segmentation.tried.size(); ++i) {
    const auto& [k, silhouette] = segmentation.tried[i];
    series.points.emplace_back(static_cast<double>(k), elbow ? segmentation.tried_inertia[i] : silhouette);
  }
  ChartOptions options;
  options.language = say.language();
  options.title = say(elbow ? "elbow.chart" : "silhouette.chart");
  options.x_label = say("silhouette.axis");
  options.height = 200;
  options.low = 0;
  options.marked_x = static_cast<double>(segmentation.count());
  options.mark_label = say("silhouette.chosen");
  return "<figure class=\"narrow\"><h3>" + say("silhouette.title") + "</h3>" + line_chart({series}, options) +
         "<p class=\"note\">" + say(elbow ? "elbow.note" : "silhouette.note") + "</p></figure>\n";
}

std::string term_bars(const Phrases& say, const std::vector<TypicalTerm>& terms, const char* kind,
                      size_t most, int64_t segment) {
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
        "<li title=\"{}\"><span>{}</span><i><s "
        "style=\"width:{:.1f}%;background:{}\"></s>{}</i><b>{}</b></li>",
        alone ? say("term.here", percent_text(term.share, 1))
              : say("term.here_and_elsewhere", percent_text(term.share, 1),
                    percent_text(term.share_elsewhere, 1)),
        escape(shorten(term.term, 28)), 100 * term.share / largest, segment_color(segment), tick,
        percent_text(term.share));
  }
  return html.empty() ? "" : fmt::format("<ul class=\"terms {}\">", kind) + html + "</ul>";
}

// The traits that differ most from the mean of all, in both directions.
std::string outstanding_traits(const Phrases& say, const ProfileResults& results, size_t segment) {
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
        escape(trait_name(say, trait)), trait_text(trait, trait.by_segment[segment]),
        trait_text(trait, trait.mean), std::clamp(difference, -1.5, 1.5) / 1.5,
        difference < 0 ? "var(--low)" : "var(--high)");
  }
  if (html.empty()) return "";
  return "<table class=\"traits\"><tr><th>" + say("traits.stands_out") + "</th><th class=\"n\">" +
         say("traits.here") + "</th><th class=\"n\">" + say("traits.all") + "</th><th></th></tr>" + html +
         "</table>";
}

std::string card(const ReportInputs& inputs, size_t segment) {
  const ProfileResults& results = inputs.results;
  const Phrases& say = inputs.say;
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
      say.count("count.customers", size), percent_text(share),
      results.customers.have_texts() ? " · " + say.count("count.texts", texts) : "", 100 * share);
  if (size == 0) html += "<p class=\"note\">" + say("segments.empty") + "</p>";
  const std::string words = term_bars(say, description.words, "words", 8, static_cast<int64_t>(segment));
  if (!words.empty()) html += "<h4>" + say("card.words") + "</h4>" + words;
  const std::string items = term_bars(say, description.items, "items", 4, static_cast<int64_t>(segment));
  if (!items.empty()) html += "<h4>" + say("card.items") + "</h4>" + items;
  html += outstanding_traits(say, results, segment);
  if (!description.texts.empty()) html += "<h4>" + say("card.texts") + "</h4>";
  for (const TypicalText& text : description.texts) {
    html += "<blockquote>" + escape(shorten(text.text, 180)) + "</blockquote>\n";
  }
  return html + "</article>\n";
}

const char* group_key(TraitGroup group) {
  switch (group) {
    case TraitGroup::behaviour:
      return "group.behaviour";
    case TraitGroup::prediction:
      return "group.prediction";
    case TraitGroup::attribute:
      break;
  }
  return "group.attribute";
}

// Segments [first, last): more side by side fit no page.
std::string heat_table(const Phrases& say, const ProfileResults& results, size_t first, size_t last) {
  std::string head = "<tr><th></th><th class=\"n\">" + say("heat.all") + "</th>";
  for (size_t segment = first; segment < last; ++segment) {
    head += fmt::format("<th class=\"n\" title=\"{}\">{}</th>", escape(results.segment_title(segment)),
                        segment_badge(segment));
  }
  std::string rows;
  const Trait* before = nullptr;
  for (const Trait& trait : results.traits) {
    if (!before || before->group != trait.group) {
      rows += fmt::format("<tr class=\"group\"><th colspan=\"{}\">{}</th></tr>\n", last - first + 2,
                          say(group_key(trait.group)));
    }
    before = &trait;
    rows += "<tr><td>" + escape(shorten(trait_name(say, trait), 60)) + "</td>" +
            number_cell(trait_text(trait, trait.mean));
    for (size_t segment = first; segment < last; ++segment) {
      rows += number_cell(trait_text(trait, trait.by_segment[segment]),
                          "background:" + diverging_color(trait.difference(segment)));
    }
    rows += "</tr>\n";
  }
  return "<div class=\"scroll\"><table class=\"heat\">" + head + "</tr>\n" + rows + "</table></div>\n";
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
  const Phrases& say = inputs.say;
  Section section = open_section(inputs, "map");
  const bool texts = results.customers.have_texts();
  const size_t drawn = drawn_customers(inputs).size();
  const bool all = drawn == results.customers.ids.size();
  section.lead = say.join({say(texts ? "map.lead.texts" : "map.lead.attributes"),
                           say(results.map.method == "t-SNE" ? "map.tsne"
                               : texts                       ? "map.principal.texts"
                                                             : "map.principal.attributes"),
                           all ? ""
                               : say("map.drawn", count_text(static_cast<int64_t>(drawn)),
                                     count_text(results.customers.count()))});
  section.body = "<div class=\"mapbox\">\n" + map_svg(inputs) + map_controls(inputs) + "</div>\n" +
                 choice_figure(say, results.segmentation);
  return section;
}

Section heat_section(const ReportInputs& inputs) {
  const ProfileResults& results = inputs.results;
  const Phrases& say = inputs.say;
  Section section = open_section(inputs, "heat");
  if (results.segmentation.count() < 2) {
    section.lead = say("heat.one");
    return section;
  }
  section.lead = say("heat.lead");
  for (size_t first = 0; first < results.segmentation.sizes.size(); first += heat_columns) {
    const size_t last = std::min(first + heat_columns, results.segmentation.sizes.size());
    section.body += heat_table(say, results, first, last);
  }
  return section;
}

Section cards_section(const ReportInputs& inputs) {
  const ProfileResults& results = inputs.results;
  Section section = open_section(inputs, "segments");
  const Phrases& say = inputs.say;
  section.lead = say.join({say(!results.customers.have_texts()    ? "segments.lead.attributes"
                               : results.segmentation.count() > 1 ? "segments.lead.several"
                                                                  : "segments.lead.one"),
                           results.segment_vectors == "word_vectors" ? say("segments.lead.words") : ""});
  for (size_t segment = 0; segment < results.segmentation.sizes.size(); ++segment)
    section.body += card(inputs, segment);
  section.body = "<div class=\"cards\">\n" + section.body + "</div>\n";
  return section;
}

}  // namespace limner
