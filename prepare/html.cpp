#include "prepare/html.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "text/utf8.h"

namespace limner {

namespace {

enum class TagPlace : uint8_t { within_line, breaks_line };

// Elements of the HTML standard and the obsolete ones that still occur, ascending.
constexpr std::array<std::string_view, 38> within_line_elements{
    "a",      "abbr", "acronym", "b",    "bdi",  "bdo", "big",  "cite",  "code", "data",
    "del",    "dfn",  "em",      "font", "i",    "ins", "kbd",  "label", "mark", "nobr",
    "q",      "rb",   "rp",      "rt",   "ruby", "s",   "samp", "small", "span", "strike",
    "strong", "sub",  "sup",     "time", "tt",   "u",   "var",  "wbr"};
constexpr std::array<std::string_view, 72> line_breaking_elements{
    "address",  "applet", "area",   "article",  "aside",   "audio",    "base",     "blockquote", "body",
    "br",       "button", "canvas", "caption",  "center",  "col",      "colgroup", "dd",         "details",
    "dialog",   "dir",    "div",    "dl",       "dt",      "embed",    "fieldset", "figcaption", "figure",
    "footer",   "form",   "frame",  "frameset", "h1",      "h2",       "h3",       "h4",         "h5",
    "h6",       "head",   "header", "hr",       "html",    "iframe",   "img",      "input",      "legend",
    "li",       "link",   "main",   "map",      "meta",    "nav",      "noscript", "object",     "ol",
    "optgroup", "option", "p",      "param",    "picture", "pre",      "script",   "section",    "select",
    "source",   "style",  "table",  "tbody",    "td",      "textarea", "th",       "tr",         "ul"};

static_assert(std::is_sorted(within_line_elements.begin(), within_line_elements.end()));
static_assert(std::is_sorted(line_breaking_elements.begin(), line_breaking_elements.end()));

struct Entity {
  std::string_view name;
  char32_t character;
};
// Beside Latin-1: what shops and word processors write. "nbsp" is the first of Latin-1.
constexpr std::array<Entity, 37> entities{{
    {"amp", '&'},       {"lt", '<'},        {"gt", '>'},       {"quot", '"'},      {"apos", '\''},
    {"ndash", 0x2013},  {"mdash", 0x2014},  {"lsquo", 0x2018}, {"rsquo", 0x2019},  {"sbquo", 0x201a},
    {"ldquo", 0x201c},  {"rdquo", 0x201d},  {"bdquo", 0x201e}, {"dagger", 0x2020}, {"bull", 0x2022},
    {"hellip", 0x2026}, {"permil", 0x2030}, {"prime", 0x2032}, {"Prime", 0x2033},  {"lsaquo", 0x2039},
    {"rsaquo", 0x203a}, {"oline", 0x203e},  {"euro", 0x20ac},  {"trade", 0x2122},  {"larr", 0x2190},
    {"uarr", 0x2191},   {"rarr", 0x2192},   {"darr", 0x2193},  {"ensp", 0x2002},   {"emsp", 0x2003},
    {"thinsp", 0x2009}, {"ne", 0x2260},     {"le", 0x2264},    {"ge", 0x2265},     {"hearts", 0x2665},
    {"OElig", 0x0152},  {"oelig", 0x0153},
}};
// U+00A0 to U+00FF.
constexpr std::array<std::string_view, 96> latin1_entities{
    "nbsp",   "iexcl",  "cent",   "pound",  "curren", "yen",    "brvbar", "sect",   "uml",    "copy",
    "ordf",   "laquo",  "not",    "shy",    "reg",    "macr",   "deg",    "plusmn", "sup2",   "sup3",
    "acute",  "micro",  "para",   "middot", "cedil",  "sup1",   "ordm",   "raquo",  "frac14", "frac12",
    "frac34", "iquest", "Agrave", "Aacute", "Acirc",  "Atilde", "Auml",   "Aring",  "AElig",  "Ccedil",
    "Egrave", "Eacute", "Ecirc",  "Euml",   "Igrave", "Iacute", "Icirc",  "Iuml",   "ETH",    "Ntilde",
    "Ograve", "Oacute", "Ocirc",  "Otilde", "Ouml",   "times",  "Oslash", "Ugrave", "Uacute", "Ucirc",
    "Uuml",   "Yacute", "THORN",  "szlig",  "agrave", "aacute", "acirc",  "atilde", "auml",   "aring",
    "aelig",  "ccedil", "egrave", "eacute", "ecirc",  "euml",   "igrave", "iacute", "icirc",  "iuml",
    "eth",    "ntilde", "ograve", "oacute", "ocirc",  "otilde", "ouml",   "divide", "oslash", "ugrave",
    "uacute", "ucirc",  "uuml",   "yacute", "thorn",  "yuml"};
// What browsers read for &#128; to &#159; : Windows-1252.
constexpr std::array<char32_t, 32> windows_1252{
    0x20ac, 0x81,   0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x8d,   0x017d, 0x8f,   0x90,   0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x9d,   0x017e, 0x0178};

bool is_ascii_letter(char byte) { return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z'); }
bool is_ascii_digit(char byte) { return byte >= '0' && byte <= '9'; }

std::string lower_ascii(std::string_view text) {
  std::string lower(text);
  for (char& byte : lower) {
    if (byte >= 'A' && byte <= 'Z') byte = static_cast<char>(byte - 'A' + 'a');
  }
  return lower;
}

struct Tag {
  std::string name;
  TagPlace place;
  bool closing;
  size_t end;  // behind '>'
};

// The tag at `start`, where '<' stands.
std::optional<Tag> read_tag(std::string_view text, size_t start) {
  constexpr size_t longest_tag = 4096;  // a '<' without its '>' must not make the scan quadratic
  size_t position = start + 1;
  const bool closing = position < text.size() && text[position] == '/';
  if (closing) ++position;
  const size_t name_start = position;
  while (position < text.size() && (is_ascii_letter(text[position]) || is_ascii_digit(text[position])))
    ++position;
  if (position == name_start || position - name_start > 10 || position == text.size()) return std::nullopt;
  const char after = text[position];
  if (after != '>' && after != '/' && after != ' ' && after != '\t' && after != '\n' && after != '\r') {
    return std::nullopt;
  }
  Tag tag{lower_ascii(text.substr(name_start, position - name_start)), TagPlace::within_line, closing, 0};
  if (std::binary_search(line_breaking_elements.begin(), line_breaking_elements.end(), tag.name)) {
    tag.place = TagPlace::breaks_line;
  } else if (!std::binary_search(within_line_elements.begin(), within_line_elements.end(), tag.name)) {
    return std::nullopt;
  }
  char quote = 0;
  const size_t limit = std::min(text.size(), start + longest_tag);
  for (; position < limit; ++position) {
    const char byte = text[position];
    if (quote != 0) {
      if (byte == quote) quote = 0;
    } else if (byte == '"' || byte == '\'') {
      quote = byte;
    } else if (byte == '>') {
      tag.end = position + 1;
      return tag;
    }
  }
  return std::nullopt;
}

// Behind the closing tag of an element whose content is not text; the end of the text if there is none.
size_t skip_content(std::string_view text, size_t position, const std::string& name) {
  while (position < text.size()) {
    const size_t next = text.find("</", position);
    if (next == std::string_view::npos) break;
    const auto tag = read_tag(text, next);
    if (tag && tag->name == name) return tag->end;
    position = next + 2;
  }
  return text.size();
}

std::optional<char32_t> numeric_reference(std::string_view digits) {
  const bool hexadecimal = digits.starts_with('x') || digits.starts_with('X');
  if (hexadecimal) digits.remove_prefix(1);
  uint32_t code = 0;
  const auto parsed =
      std::from_chars(digits.data(), digits.data() + digits.size(), code, hexadecimal ? 16 : 10);
  if (parsed.ec != std::errc{} || parsed.ptr != digits.data() + digits.size()) return std::nullopt;
  if (code >= 0x80 && code < 0xa0) return windows_1252[code - 0x80];
  if (code == 0 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return std::nullopt;
  return code;
}

std::optional<char32_t> named_reference(std::string_view name) {
  for (const Entity& entity : entities) {
    if (entity.name == name) return entity.character;
  }
  const auto found = std::find(latin1_entities.begin(), latin1_entities.end(), name);
  if (found == latin1_entities.end()) return std::nullopt;
  return static_cast<char32_t>(0xa0 + (found - latin1_entities.begin()));
}

// Writes the character that the reference at `start`, where '&' stands, spells; returns the position behind
// it, or `start` if it spells none.
size_t resolve_reference(std::string_view text, size_t start, std::string& out) {
  constexpr size_t longest_reference = 12;
  const size_t end = text.substr(0, std::min(text.size(), start + longest_reference)).find(';', start + 1);
  if (end == std::string_view::npos) return start;
  const std::string_view body = text.substr(start + 1, end - start - 1);
  const auto character = body.starts_with('#') ? numeric_reference(body.substr(1)) : named_reference(body);
  if (!character) return start;
  append_utf8(out, *character);
  return end + 1;
}

}  // namespace

std::string strip_html(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  bool comments_end = true;  // false once no "-->" lies ahead
  size_t position = 0;
  while (position < text.size()) {
    const size_t next = std::min(text.find_first_of("<&", position), text.size());
    out += text.substr(position, next - position);
    position = next;
    if (position == text.size()) break;
    if (text[position] == '&') {
      const size_t behind = resolve_reference(text, position, out);
      if (behind == position) out += text[position];
      position = std::max(behind, position + 1);
      continue;
    }
    if (comments_end && text.substr(position).starts_with("<!--")) {
      const size_t end = text.find("-->", position + 4);
      comments_end = end != std::string_view::npos;
      if (comments_end) {
        position = end + 3;
        continue;
      }
    }
    const auto tag = read_tag(text, position);
    if (!tag) {
      out += text[position++];
      continue;
    }
    position = tag->end;
    if (tag->place == TagPlace::breaks_line) out += ' ';
    if (!tag->closing && (tag->name == "script" || tag->name == "style")) {
      position = skip_content(text, position, tag->name);
    }
  }
  return out;
}

}  // namespace limner
