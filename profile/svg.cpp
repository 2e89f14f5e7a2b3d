#include "profile/svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstring>
#include <limits>

#include "profile/html.h"

namespace limner {
namespace {

struct Scale {
  double low = 0, high = 1, from = 0, to = 1;
  double operator()(double value) const { return from + (value - low) / (high - low) * (to - from); }
};

constexpr double mark_size = 12, label_size = 12.5, name_size = 13;  // as report.css has them

// 12000: 12k, in Chinese 1.2万.
std::string mark_text(double value, bool share, Language language) {
  if (share) return fmt::format("{:g}%", std::round(value * 1000) / 10);
  using Unit = std::pair<double, const char*>;
  static const std::vector<Unit> english{{1e9, "bn"}, {1e6, "m"}, {1e3, "k"}},
      chinese{{1e8, "亿"}, {1e4, "万"}};
  const double size = std::abs(value);
  std::string text = fmt::format("{:g}", size);
  if (size >= 10000) {
    for (const auto& [unit, name] : language == Language::chinese ? chinese : english) {
      if (size < unit) continue;
      text = fmt::format("{:g}{}", size / unit, name);
      break;
    }
  }
  return (value < 0 ? "−" : "") + text;
}

std::string text_at(double x, double y, const char* anchor, const std::string& text,
                    const char* kind = "mark") {
  return fmt::format(R"(<text x="{:.1f}" y="{:.1f}" text-anchor="{}" class="{}">{}</text>)", x, y, anchor,
                     kind, escape(text));
}

std::string rule(double x1, double y1, double x2, double y2, const char* kind) {
  return fmt::format(R"(<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}" class="{}"/>)", x1, y1, x2, y2,
                     kind);
}

std::string open_svg(const ChartOptions& options, int height) {
  return fmt::format(R"(<svg viewBox="0 0 {} {}" class="chart" role="img" aria-label="{}">)", options.width,
                     height, escape(options.title));
}

struct Frame {
  Scale x, y;
  std::string svg;
};

struct Extent {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  void take(double value) {
    if (!std::isfinite(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  void settle() {  // never empty, never a point
    if (low > high) low = 0, high = 1;
    if (low == high) {
      const double room = low == 0 ? 1 : std::abs(low) * 0.1;
      low -= room;
      high += room;
    }
  }
};

double widest(const std::vector<double>& marks, const ChartOptions& options) {
  double width = 0;
  for (const double mark : marks)
    width = std::max(width, text_width(mark_text(mark, options.share_axis, options.language), mark_size));
  return width;
}

std::string x_label(const ChartOptions& options, double from, double to, int height) {
  const double middle = (from + to) / 2, room = 2 * std::min(middle, options.width - middle);
  return text_at(middle, height - 6, "middle", fit_text(options.x_label, room, label_size), "label");
}

std::string y_label(const ChartOptions& options, double left) {
  if (options.y_label.empty()) return "";
  return text_at(left, 14, "start", fit_text(options.y_label, options.width - left, label_size), "label");
}

// The marks on the x axis that lie within the data and have room.
std::string x_axis_marks(const Scale& x, double y, const std::vector<double>& marks,
                         const ChartOptions& options) {
  std::string svg;
  double free = 0;  // where the next label may begin
  for (const double mark : marks) {
    if (mark < x.low || mark > x.high) continue;
    const std::string text = mark_text(mark, false, options.language);
    const double half = text_width(text, mark_size) / 2;
    if (x(mark) - half < free || x(mark) + half > options.width) continue;
    svg += text_at(x(mark), y, "middle", text);
    free = x(mark) + half + 6;
  }
  return svg;
}

// Axes with marks; the scales end at the outer marks of y and at the data of x.
Frame open_frame(Extent x, Extent y, const ChartOptions& options) {
  x.settle();
  y.settle();
  const std::vector<double> y_marks = axis_marks(y.low, y.high, 5);
  constexpr double right = 20, bottom = 44;
  const double left = std::max(52.0, widest(y_marks, options) + 12);
  const double top = !options.y_label.empty() ? 34 : options.marked_x ? 26 : 14;
  Frame frame;
  frame.x = {x.low, x.high, left, options.width - right};
  frame.y = {std::min(y.low, y_marks.front()), std::max(y.high, y_marks.back()), options.height - bottom,
             top};
  frame.svg = open_svg(options, options.height);
  for (const double mark : y_marks) {
    frame.svg += rule(left, frame.y(mark), frame.x.to, frame.y(mark), "grid");
    frame.svg +=
        text_at(left - 8, frame.y(mark) + 4, "end", mark_text(mark, options.share_axis, options.language));
  }
  frame.svg += x_axis_marks(frame.x, frame.y.from + 18, axis_marks(x.low, x.high, 6), options);
  frame.svg += rule(left, frame.y.from, frame.x.to, frame.y.from, "axis");
  frame.svg += x_label(options, frame.x.from, frame.x.to, options.height) + y_label(options, left);
  return frame;
}

std::string path_of(const Series& series, const Frame& frame) {
  std::string path;
  for (const auto& [x, y] : series.points) {
    if (!std::isfinite(y)) continue;
    path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", frame.x(x), frame.y(y));
  }
  return path;
}

}  // namespace

double text_width(const std::string& text, double size) {
  double width = 0;
  for (const char letter : text) {
    const auto byte = static_cast<unsigned char>(letter);
    if ((byte & 0xc0) == 0x80) continue;  // within a character
    const bool narrow = byte < 0x80 && std::strchr(" .,;:'|!()[]ijltf", letter) != nullptr;
    const bool wide = byte < 0x80 && (std::isupper(byte) != 0 || std::strchr("mw%@", letter) != nullptr);
    width += byte >= 0xe2 ? 1.02 : narrow ? 0.36 : wide ? 0.82 : 0.6;  // Han, kana, signs: square
  }
  return width * size;
}

std::string fit_text(const std::string& text, double width, double size) {
  if (text_width(text, size) <= width) return text;
  size_t end = 0;
  for (size_t at = 0; at <= text.size(); ++at) {
    if (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) continue;
    if (text_width(text.substr(0, at) + "…", size) > width) break;
    end = at;
  }
  return text.substr(0, end) + "…";
}

std::vector<double> axis_marks(double low, double high, int wanted) {
  const double rough = (high - low) / std::max(1, wanted - 1);
  const double power = std::pow(10, std::floor(std::log10(rough)));
  double step = power * 10;
  for (const double factor : {1.0, 2.0, 2.5, 5.0}) {
    if (factor * power >= rough * 0.99) {
      step = factor * power;
      break;
    }
  }
  std::vector<double> marks;
  const auto first = static_cast<int64_t>(std::floor(low / step + 1e-9));
  const auto last = static_cast<int64_t>(std::ceil(high / step - 1e-9));
  for (int64_t i = first; i <= last; ++i) marks.push_back(static_cast<double>(i) * step);
  return marks;
}

std::string line_chart(const std::vector<Series>& series, const ChartOptions& options) {
  Extent x, y;
  for (const Series& entry : series) {
    for (const auto& [at, value] : entry.points) {
      x.take(at);
      y.take(value);
    }
  }
  if (options.low) y.take(*options.low);
  if (options.high) y.take(*options.high);
  Frame frame = open_frame(x, y, options);
  if (options.marked_x && *options.marked_x >= frame.x.low && *options.marked_x <= frame.x.high) {
    const double at = frame.x(*options.marked_x);
    frame.svg += rule(at, frame.y.to, at, frame.y.from, "marker");
    const double half = text_width(options.mark_label, mark_size) / 2;
    frame.svg += text_at(std::clamp(at, frame.x.from + half, options.width - half), frame.y.to - 8, "middle",
                         options.mark_label);
  }
  for (const Series& entry : series) {
    const char* kind = entry.style == Series::Style::faint_line ? "faint" : "line";
    frame.svg += fmt::format(R"(<path d="{}" class="{}" style="stroke:{}"/>)", path_of(entry, frame), kind,
                             entry.color);
    if (entry.style != Series::Style::line_with_dots) continue;
    for (const auto& [at, value] : entry.points) {
      if (!std::isfinite(value)) continue;
      frame.svg += fmt::format(
          R"(<circle cx="{:.1f}" cy="{:.1f}" r="3" style="fill:{}"><title>{}: {}</title></circle>)",
          frame.x(at), frame.y(value), entry.color, escape(entry.name),
          options.share_axis ? percent_text(value, 1) : number_text(value));
    }
  }
  return frame.svg + "</svg>";
}

std::string scatter_chart(const std::vector<std::pair<double, double>>& points, const ChartOptions& options) {
  Extent both;
  for (const auto& [x, y] : points) {
    both.take(x);
    both.take(y);
  }
  Frame frame = open_frame(both, both, options);
  const double low = std::max(frame.x.low, frame.y.low), high = std::min(frame.x.high, frame.y.high);
  frame.svg += rule(frame.x(low), frame.y(low), frame.x(high), frame.y(high), "diagonal");
  const double radius = points.size() > 800 ? 2 : 3;
  for (const auto& [x, y] : points) {
    frame.svg += fmt::format(R"(<circle cx="{:.1f}" cy="{:.1f}" r="{}" class="point"/>)", frame.x(x),
                             frame.y(y), radius);
  }
  return frame.svg + "</svg>";
}

std::string column_chart(const std::vector<Bar>& bars, const ChartOptions& options) {
  Extent y;
  y.take(0);
  for (const Bar& bar : bars) y.take(bar.value);
  y.settle();
  const std::vector<double> marks = axis_marks(0, y.high, 4);
  constexpr double right = 8, bottom = 44;
  const double left = std::max(52.0, widest(marks, options) + 12);
  const double top = options.y_label.empty() ? 10 : 34;
  const Scale scale{0, marks.back(), options.height - bottom, top};
  const double step = (options.width - left - right) / std::max<double>(1, static_cast<double>(bars.size()));
  std::string svg = open_svg(options, options.height);
  svg += y_label(options, left);
  for (const double mark : marks) {
    svg += rule(left, scale(mark), options.width - right, scale(mark), "grid");
    svg += text_at(left - 8, scale(mark) + 4, "end", mark_text(mark, options.share_axis, options.language));
  }
  for (size_t i = 0; i < bars.size(); ++i) {
    const double x = left + step * static_cast<double>(i);
    svg += fmt::format(
        R"(<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="1.5" style="fill:{}"><title>{}: {}</title></rect>)",
        x + step * 0.08, scale(bars[i].value), step * 0.84, scale.from - scale(bars[i].value), bars[i].color,
        escape(bars[i].label), escape(bars[i].value_label));
    svg += text_at(x + step / 2, scale.from + 18, "middle", fit_text(bars[i].label, step - 4, mark_size));
  }
  svg += rule(left, scale.from, options.width - right, scale.from, "axis");
  svg += x_label(options, left, options.width - right, options.height);
  return svg + "</svg>";
}

std::string effect_chart(const std::vector<Effect>& effects, const ChartOptions& options) {
  Extent x;
  x.take(0);
  for (const Effect& effect : effects) {
    const double reach = std::isfinite(effect.error) ? 2 * effect.error : 0;
    x.take(effect.value - reach);
    x.take(effect.value + reach);
  }
  x.settle();
  constexpr double row = 26, top = 8, bottom = 42, right = 20;
  const double left = options.width * 0.44;
  const int height = static_cast<int>(top + row * static_cast<double>(effects.size()) + bottom);
  const Scale scale{x.low, x.high, left, options.width - right};
  const double base = height - bottom;
  std::string svg = open_svg(options, height);
  const std::vector<double> marks = axis_marks(x.low, x.high, 5);
  for (const double mark : marks) {
    if (mark < x.low || mark > x.high) continue;
    svg += rule(scale(mark), top, scale(mark), base, mark == 0 ? "axis" : "grid");
  }
  svg += x_axis_marks(scale, base + 16, marks, options);
  for (size_t i = 0; i < effects.size(); ++i) {
    const Effect& effect = effects[i];
    const double y = top + row * (static_cast<double>(i) + 0.5);
    svg += text_at(left - 14, y + 4, "end", fit_text(effect.label, left - 16, name_size), "name");
    if (std::isfinite(effect.error)) {
      svg += fmt::format(
          R"(<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}" class="whisker" style="stroke:{}"/>)",
          scale(effect.value - 2 * effect.error), y, scale(effect.value + 2 * effect.error), y, effect.color);
    }
    svg += fmt::format(
        R"(<circle cx="{:.1f}" cy="{:.1f}" r="4.5" style="fill:{}"><title>{}: {}{}</title></circle>)",
        scale(effect.value), y, effect.color, escape(effect.label), signed_text(effect.value),
        escape(effect.note));
  }
  svg += x_label(options, left, options.width - right, height);
  return svg + "</svg>";
}

}  // namespace limner
