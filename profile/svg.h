// Charts as inline SVG: every one scales to the width it is given, and takes its colours from report.css.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "profile/phrases.h"

namespace limner {

struct Series {
  std::string name, color;
  std::vector<std::pair<double, double>> points;  // by rising x; not finite: left out
  enum class Style : unsigned char { line, faint_line, line_with_dots } style = Style::line;
};

struct ChartOptions {
  std::string title, x_label, y_label;
  Language language = Language::english;  // large numbers on axes: 20k, 2万
  int width = 520, height = 260;
  bool share_axis = false;          // y is labelled in per cent
  std::optional<double> low, high;  // of y; else from the points
  std::optional<double> marked_x;   // a vertical rule, such as the best step
  std::string mark_label;
};
std::string line_chart(const std::vector<Series>& series, const ChartOptions& options);

// Observed (x) against predicted (y) on one scale, with the diagonal.
std::string scatter_chart(const std::vector<std::pair<double, double>>& points, const ChartOptions& options);

struct Bar {
  std::string label, value_label;
  double value = 0;
  std::string color;
};
// Vertical bars from 0.
std::string column_chart(const std::vector<Bar>& bars, const ChartOptions& options);

struct Effect {
  std::string label, note;
  double value = 0, error = 0;  // error NaN: no whisker
  std::string color;
};
// Dots with whiskers of two standard errors around a line at 0, one row an effect.
std::string effect_chart(const std::vector<Effect>& effects, const ChartOptions& options);

// About how wide a text is in a sans-serif type of this size, rather too wide than too narrow.
double text_width(const std::string& text, double size);
// The text, or as many of its first characters as fit, with an ellipsis.
std::string fit_text(const std::string& text, double width, double size);

// "Nice" axis marks that cover [low, high]: multiples of 1, 2, 2.5 or 5 times a power of ten, about `wanted`.
std::vector<double> axis_marks(double low, double high, int wanted);

}  // namespace limner
