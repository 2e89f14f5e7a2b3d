// Cleaning of one text, and what is counted on the way.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/settings.h"

namespace limner {

// The script that most letters of a text belong to.
enum class Script : uint8_t { han, latin, other, none };

struct CleanText {
  std::string text;
  int64_t characters = 0;  // code points
  Script script = Script::none;
};

// In this order, each step where the settings ask for it: HTML, NFKC, URLs, characters that are not seen
// (always: control characters, byte-order marks, zero-width and direction characters), lower case, white
// space. `raw` is valid UTF-8; the result is too, and depends on nothing else.
CleanText clean_text(std::string_view raw, const CleanSettings& settings);

// A field's value: characters that are not seen are dropped, the ends trimmed.
std::string clean_value(std::string_view raw);

// The steps, for themselves.
std::string strip_urls(std::string_view text);
std::string drop_unseen(std::string_view text);
std::string collapse_white_space(std::string_view text);
std::string normalize_nfkc(const std::string& text);
std::string lower_case(const std::string& text);

}  // namespace limner
