#include "profile/html.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace limner {
namespace {

constexpr std::string_view replacement = "\xef\xbf\xbd";

// Bytes of the UTF-8 character at `at`; 0: not UTF-8 (overlong forms and surrogates included).
size_t character_bytes(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  if (first < 0x80) return 1;
  const size_t bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || at + bytes > text.size()) return 0;
  for (size_t i = 1; i < bytes; ++i) {
    if ((byte(at + i) & 0xc0) != 0x80) return 0;
  }
  const unsigned char second = byte(at + 1);
  const bool wrong = (first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
                     (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f);
  return wrong ? 0 : bytes;
}

std::string grouped(const std::string& digits) {
  std::string result;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) result += ',';
    result += digits[i];
  }
  return result;
}

using Color = std::array<double, 3>;

std::string mix(const Color& from, const Color& to, double share) {
  std::array<int, 3> mixed;
  for (size_t i = 0; i < 3; ++i)
    mixed[i] = static_cast<int>(std::lround(from[i] + (to[i] - from[i]) * share));
  return fmt::format("#{:02x}{:02x}{:02x}", mixed[0], mixed[1], mixed[2]);
}

constexpr Color white{250, 249, 246}, blue{106, 163, 209}, orange{240, 163, 94}, deep_blue{66, 133, 190};

}  // namespace

std::string escape(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const size_t bytes = character_bytes(text, at);
    const char character = text[at];
    if (bytes == 0) {
      result += replacement;
      ++at;
      continue;
    }
    if (bytes > 1) {
      result.append(text.substr(at, bytes));
    } else if (character == '&') {
      result += "&amp;";
    } else if (character == '<') {
      result += "&lt;";
    } else if (character == '>') {
      result += "&gt;";
    } else if (character == '"') {
      result += "&quot;";
    } else if (character == '\'') {
      result += "&#39;";
    } else if (static_cast<unsigned char>(character) < 0x20 && character != '\n' && character != '\t') {
      result += replacement;
    } else {
      result += character;
    }
    at += bytes;
  }
  return result;
}

std::string script_json(const Json& json) {
  const std::string plain = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  std::string result;
  for (const char character : plain) {
    if (character == '<') {
      result += "\\u003c";
    } else if (character == '&') {
      result += "\\u0026";
    } else {
      result += character;
    }
  }
  return result;
}

std::string shorten(const std::string& text, size_t characters) {
  size_t count = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    if ((static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) continue;
    if (count++ == characters) return text.substr(0, at) + "…";
  }
  return text;
}

std::string count_text(int64_t count) {
  return count < 0 ? "−" + grouped(std::to_string(-count)) : grouped(std::to_string(count));
}

std::string number_text(double value) {
  if (!std::isfinite(value)) return "–";
  const double size = std::abs(value);
  if (size >= 999.5) return count_text(std::llround(value));
  if (size == std::floor(size)) return (value < 0 ? "−" : "") + fmt::format("{:.0f}", size);
  const int digits = size >= 99.95 ? 0 : size >= 9.995 ? 1 : size >= 0.9995 ? 2 : 3;
  std::string text = fmt::format("{:.{}f}", size, digits);
  const bool zero = text.find_first_not_of("0.") == std::string::npos;
  if (zero && size > 0) text = fmt::format("{:.2g}", size);
  return value < 0 ? "−" + text : text;
}

std::string percent_text(double share, int digits) {
  if (!std::isfinite(share)) return "–";
  // A share that is not quite none or all is not shown as such.
  if (digits == 0 && share > 0 && share < 0.005) return "<1%";
  if (digits == 0 && share < 1 && share > 0.995) return ">99%";
  return fmt::format("{:.{}f}%", share * 100, digits);
}

std::string signed_text(double value) {
  if (!std::isfinite(value)) return "–";
  return (value > 0 ? "+" : "") + number_text(value);
}

std::string bytes_text(std::string_view hash) { return escape(hash.substr(0, 12)); }

std::string segment_color(int64_t segment) { return fmt::format("var(--s{})", segment % 10); }

std::string diverging_color(double value) {
  if (!std::isfinite(value)) return "transparent";
  const double share = std::min(1.0, std::abs(value));
  return mix(white, value < 0 ? blue : orange, share);
}

std::string sequential_color(double value) {
  if (!std::isfinite(value)) return "transparent";
  return mix(white, deep_blue, std::clamp(value, 0.0, 1.0));
}

}  // namespace limner
