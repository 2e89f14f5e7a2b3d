// Small pieces of HTML. Everything that comes from data goes through escape() or script_json().
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/files.h"

namespace limner {

// & < > " ' as character references; control characters that HTML forbids and broken UTF-8 become U+FFFD.
std::string escape(std::string_view text);

// JSON that may stand inside <script type="application/json">.
std::string script_json(const Json& json);

// At most `characters` characters, an ellipsis where something was cut.
std::string shorten(const std::string& text, size_t characters);

std::string count_text(int64_t count);  // "12,345"
std::string number_text(double value);  // about three significant digits: "0.912", "17", "1,204", "–" for NaN
std::string percent_text(double share, int digits = 0);  // "43%"
std::string signed_text(double value);                   // "+0.42", "−1.3"
std::string bytes_text(std::string_view hash);           // the first twelve digits of a hash

// The colour of segment 0, 1, …: a CSS variable of report.css; ten colours, then again.
std::string segment_color(int64_t segment);

// Blue (lower) through white to orange (higher) for -1..1; readable with dark ink on it.
std::string diverging_color(double value);
// White to blue for 0..1.
std::string sequential_color(double value);

}  // namespace limner
