#include "prepare/clean.h"

#include <unicode/locid.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/uscript.h>

#include <algorithm>
#include <array>

#include "prepare/html.h"
#include "runtime/error.h"
#include "tables/utf8.h"
#include "text/utf8.h"

namespace limner {

namespace {

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char byte) { return static_cast<unsigned char>(byte) < 0x80; });
}

bool is_white_space_character(char32_t code) {
  if (code < 0x80) return code == ' ' || (code >= '\t' && code <= '\r');
  return u_isUWhiteSpace(static_cast<UChar32>(code)) != 0;
}

Script script_of_letter(char32_t code) {
  if (code < 0x80) {
    return (code >= 'a' && code <= 'z') || (code >= 'A' && code <= 'Z') ? Script::latin : Script::none;
  }
  const auto character = static_cast<UChar32>(code);
  if (u_isalpha(character) == 0) return Script::none;
  UErrorCode error = U_ZERO_ERROR;
  const UScriptCode script = uscript_getScript(character, &error);
  if (script == USCRIPT_HAN) return Script::han;
  return script == USCRIPT_LATIN ? Script::latin : Script::other;
}

// Joiners tie emoji together and shape Persian and Indic words; behind other characters they are dirt.
bool joiner_has_meaning(char32_t previous) {
  if (previous < 0x300) return false;
  UErrorCode error = U_ZERO_ERROR;
  switch (uscript_getScript(static_cast<UChar32>(previous), &error)) {
    case USCRIPT_HAN:
    case USCRIPT_HIRAGANA:
    case USCRIPT_KATAKANA:
    case USCRIPT_HANGUL:
    case USCRIPT_LATIN:
    case USCRIPT_GREEK:
    case USCRIPT_CYRILLIC:
      return false;
    case USCRIPT_COMMON:
    case USCRIPT_INHERITED:
      return u_hasBinaryProperty(static_cast<UChar32>(previous), UCHAR_EXTENDED_PICTOGRAPHIC) != 0 ||
             u_hasBinaryProperty(static_cast<UChar32>(previous), UCHAR_EMOJI_MODIFIER) != 0 ||
             previous == 0xfe0f;
    default:
      return true;
  }
}

bool is_unseen(char32_t code) {
  if (code < 0x20) return code != '\t' && code != '\n' && code != '\r';
  if (code < 0x7f) return false;
  return code < 0xa0 ? code != 0x85                       // control characters; U+0085 ends a line
                     : code == 0xad || code == 0x180e ||  // soft hyphen, Mongolian vowel separator
                           code == 0x200b || code == 0x200e || code == 0x200f ||  // zero width, direction
                           (code >= 0x202a && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) ||
                           code == 0xfeff ||                      // byte-order mark
                           (code >= 0xfff9 && code <= 0xfffb) ||  // annotation marks
                           (code & 0xfffe) == 0xfffe;             // no characters
}

bool is_url_byte(char byte) {
  constexpr std::string_view marks = "-._~:/?#[]@!$&'()*+,;=%";  // RFC 3986
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
         marks.find(byte) != std::string_view::npos;
}

bool starts_with_ignoring_case(std::string_view text, std::string_view lower) {
  if (text.size() < lower.size()) return false;
  return std::equal(lower.begin(), lower.end(), text.begin(), [](char wanted, char byte) {
    return wanted == (byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte - 'A' + 'a') : byte);
  });
}

// Bytes of the URL that starts the text; 0 if none does. Punctuation behind it belongs to the sentence.
size_t url_length(std::string_view text) {
  constexpr std::array<std::string_view, 4> starts{"https://", "http://", "ftp://", "www."};
  size_t length = 0;
  for (const std::string_view start : starts) {
    if (starts_with_ignoring_case(text, start)) length = start.size();
  }
  if (length == 0) return 0;
  const size_t host = length;
  while (length < text.size() && is_url_byte(text[length])) ++length;
  while (length > host && std::string_view(".,;:!?'()[]").find(text[length - 1]) != std::string_view::npos) {
    --length;
  }
  return length > host ? length : 0;
}

struct LetterCounts {
  std::array<int64_t, 4> of_script{};
  Script most() const {
    if (of_script[0] + of_script[1] + of_script[2] == 0) return Script::none;
    return static_cast<Script>(std::max_element(of_script.begin(), of_script.begin() + 3) -
                               of_script.begin());
  }
};

LetterCounts count_letters(std::string_view text) {
  LetterCounts counts;
  for (size_t position = 0; position < text.size();) {
    ++counts.of_script[static_cast<size_t>(script_of_letter(next_code_point(text, position)))];
  }
  return counts;
}

}  // namespace

std::string strip_urls(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  bool inside_word = false;
  for (size_t position = 0; position < text.size();) {
    const size_t length = inside_word ? 0 : url_length(text.substr(position));
    if (length > 0) {
      out += ' ';
      position += length;
      continue;
    }
    const char byte = text[position++];
    out += byte;
    // ASCII only: in Chinese a URL follows a word without a blank.
    inside_word =
        (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9');
  }
  return out;
}

std::string drop_unseen(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  char32_t previous = 0;
  for (size_t position = 0; position < text.size();) {
    const char32_t code = next_code_point(text, position);
    const bool joiner = code == 0x200c || code == 0x200d;
    if (is_unseen(code) || (joiner && !joiner_has_meaning(previous))) continue;
    append_utf8(out, code);
    previous = code;
  }
  return out;
}

std::string collapse_white_space(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  bool pending = false;
  for (size_t position = 0; position < text.size();) {
    const size_t start = position;
    if (is_white_space_character(next_code_point(text, position))) {
      pending = !out.empty();
      continue;
    }
    if (pending) out += ' ';
    pending = false;
    out += text.substr(start, position - start);
  }
  return out;
}

std::string normalize_nfkc(const std::string& text) {
  if (is_ascii(text)) return text;
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* normalizer = icu::Normalizer2::getNFKCInstance(error);
  require(U_SUCCESS(error), "ICU has no NFKC: {}", u_errorName(error));
  std::string out;
  const auto normal = normalizer->normalize(icu::UnicodeString::fromUTF8(text), error);
  require(U_SUCCESS(error), "NFKC failed: {}", u_errorName(error));
  normal.toUTF8String(out);
  return out;
}

std::string lower_case(const std::string& text) {
  std::string out;
  icu::UnicodeString::fromUTF8(text).toLower(icu::Locale::getRoot()).toUTF8String(out);
  return out;
}

CleanText clean_text(std::string_view raw, const CleanSettings& settings) {
  CleanText cleaned;
  std::string& text = cleaned.text;
  text = settings.strip_html ? strip_html(raw) : std::string(raw);
  if (settings.nfkc) text = normalize_nfkc(text);
  if (settings.strip_urls) text = strip_urls(text);
  text = drop_unseen(text);
  cleaned.script = count_letters(text).most();
  if (settings.lowercase == "all" || (settings.lowercase == "latin" && cleaned.script == Script::latin)) {
    text = lower_case(text);
  }
  if (settings.collapse_whitespace) text = collapse_white_space(text);
  cleaned.characters = count_characters(text);
  return cleaned;
}

std::string clean_value(std::string_view raw) {
  const std::string seen = drop_unseen(raw);
  size_t first = seen.size(), last = 0;
  for (size_t position = 0; position < seen.size();) {
    const size_t start = position;
    if (is_white_space_character(next_code_point(seen, position))) continue;
    first = std::min(first, start);
    last = position;
  }
  return first < last ? seen.substr(first, last - first) : std::string();
}

}  // namespace limner
