#include "profile/csv.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string_view>

namespace limner {
namespace {

bool is_number(const std::string& value) {
  double number = 0;
  const auto end = std::from_chars(value.data(), value.data() + value.size(), number);
  return end.ec == std::errc() && end.ptr == value.data() + value.size() && std::isfinite(number);
}

// Would a spreadsheet run it? Some take the full-width signs of Chinese keyboards for the same.
bool is_formula(const std::string& value) {
  constexpr std::array<std::string_view, 11> signs{"=",  "+",  "-",  "@",  "\t", "\r",
                                                   "\n", "＝", "＋", "－", "＠"};
  return std::any_of(signs.begin(), signs.end(),
                     [&](std::string_view sign) { return value.starts_with(sign); }) &&
         !is_number(value);
}

std::string csv_cell(const std::string& value) {
  const std::string text = is_formula(value) ? "'" + value : value;
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char letter : text) quoted += letter == '"' ? std::string("\"\"") : std::string(1, letter);
  return quoted + '"';
}

}  // namespace

std::string csv_line(const std::vector<std::string>& cells) {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) line += (i > 0 ? "," : "") + csv_cell(cells[i]);
  return line + "\r\n";
}

}  // namespace limner
