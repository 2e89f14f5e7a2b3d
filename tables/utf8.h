// Is it UTF-8, and how many characters is it?
#pragma once

#include <cstdint>
#include <string_view>

namespace limner {

// Strict: overlong forms, surrogates, code points above U+10FFFF and torn sequences are invalid.
bool valid_utf8(std::string_view text);

// Code points of a valid text.
int64_t count_characters(std::string_view text);

}  // namespace limner
