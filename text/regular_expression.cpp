#include "text/regular_expression.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <iterator>

#include "runtime/error.h"
#include "text/utf8.h"

namespace limner {
namespace {

// Characters whose properties PCRE2 knows otherwise than Oniguruma, and one of the same length that both know
// alike.
struct Substitute {
  char32_t first, last, by;
};
#include "text/regex_exceptions.inc"

char32_t substitute(char32_t code) {
  const Substitute* found =
      std::upper_bound(std::begin(substitutes), std::end(substitutes), code,
                       [](char32_t value, const Substitute& range) { return value < range.first; });
  if (found == std::begin(substitutes)) return code;
  --found;
  return code <= found->last ? found->by : code;
}

// The text with substitutes in place, or nothing where it has none.
std::optional<std::string> substituted(std::string_view text) {
  if (std::none_of(text.begin(), text.end(), [](char byte) { return static_cast<uint8_t>(byte) >= 0xE0; }))
    return {};
  std::string changed;
  for (size_t position = 0; position < text.size();) {
    const size_t begin = position;
    const char32_t code = next_code_point(text, position);
    const char32_t by = code < 0x800 ? code : substitute(code);
    if (by == code) continue;
    if (changed.empty()) changed = text;
    std::string bytes;
    append_utf8(bytes, by);
    changed.replace(begin, position - begin, bytes);
  }
  if (changed.empty()) return {};
  return changed;
}

// Oniguruma's Ruby syntax in PCRE2's.
std::string translate(std::string_view pattern, const std::string& where) {
  const auto refuse = [&](std::string_view what) {
    fail(ExitCode::bad_data, "{}: regular expression {}: {} is not supported", where, pattern, what);
  };
  std::string result;
  bool in_class = false;
  for (size_t index = 0; index < pattern.size(); ++index) {
    const char byte = pattern[index];
    const std::string_view rest = pattern.substr(index);
    if (byte == '\\') {
      if (++index == pattern.size()) refuse("a backslash at the end");
      const char escaped = pattern[index];
      if (escaped == 'w' || escaped == 'W') {
        if (in_class && escaped == 'W') refuse("\\W in a class");
        constexpr std::string_view word = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}²³¹¼-¾";
        result += in_class ? "" : escaped == 'w' ? "[" : "[^";
        result += word;
        if (!in_class) result += "]";
      } else if (escaped == 'u' && rest.size() >= 6) {
        result += "\\x{" + std::string(rest.substr(2, 4)) + "}";
        index += 4;
      } else if ((escaped == 'p' || escaped == 'P' || escaped == 'x') && rest.substr(2).starts_with('{')) {
        const size_t length = std::min(rest.find('}'), rest.size() - 1) + 1;
        result += rest.substr(0, length);
        index += length - 2;
      } else if (std::string_view("sSdDrntf").find(escaped) != std::string_view::npos ||
                 (static_cast<uint8_t>(escaped) < 0x80 && std::ispunct(escaped) != 0)) {
        result += {'\\', escaped};
      } else {
        refuse(std::string("\\") + escaped);
      }
      continue;
    }
    if (in_class) {
      if (byte == '[') refuse("a class in a class");
      if (rest.starts_with("&&")) refuse("&&");
      if (byte == ']') in_class = false;
    } else if (byte == '[') {
      in_class = true;
    } else if (byte == '(' && rest.starts_with("(?")) {
      constexpr std::array<std::string_view, 8> known = {
          "(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?i:", "(?i)"};
      if (std::none_of(known.begin(), known.end(), [&](std::string_view k) { return rest.starts_with(k); }))
        refuse(rest.substr(0, 4));
    } else if (rest.starts_with("{,") || rest.starts_with("}+")) {
      refuse(rest.substr(0, 2));
    }
    result += byte;
  }
  return result;
}

}  // namespace

struct RegularExpression::Code {
  pcre2_code* code = nullptr;
  bool compiled = false;  // to machine code
  std::string where;
  ~Code() { pcre2_code_free(code); }
};

RegularExpression::RegularExpression() = default;
RegularExpression::~RegularExpression() = default;
RegularExpression::RegularExpression(RegularExpression&&) noexcept = default;
RegularExpression& RegularExpression::operator=(RegularExpression&&) noexcept = default;

RegularExpression::RegularExpression(std::string_view pattern, const std::string& where)
    : code_(std::make_unique<Code>()) {
  const std::string translated = translate(pattern, where);
  int error = 0;
  size_t offset = 0;
  code_->where = where;
  code_->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
                              PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE, &error, &offset, nullptr);
  if (code_->code == nullptr) {
    std::array<char, 256> message{};
    pcre2_get_error_message(error, reinterpret_cast<PCRE2_UCHAR*>(message.data()), message.size());
    fail(ExitCode::bad_data, "{}: regular expression {}: {}", where, pattern, message.data());
  }
  code_->compiled = pcre2_jit_compile(code_->code, PCRE2_JIT_COMPLETE | PCRE2_JIT_PARTIAL_HARD) == 0;
}

RegularExpression RegularExpression::literal(std::string_view text, const std::string& where) {
  std::string pattern;
  for (const char byte : text) {
    if (static_cast<uint8_t>(byte) < 0x80 && std::ispunct(byte) != 0) pattern += '\\';
    pattern += byte;
  }
  return {pattern, where};
}

bool RegularExpression::matches_empty() const {
  uint32_t empty = 0;
  pcre2_pattern_info(code_->code, PCRE2_INFO_MATCHEMPTY, &empty);
  return empty != 0;
}

struct RegularExpression::Matches::State {
  const Code& code;
  std::optional<std::string> changed;
  std::string_view text;
  bool open;
  pcre2_match_data* data;
  size_t position = 0;
  std::optional<size_t> last_end;
  size_t certain_end;

  State(const Code& given, std::string_view bytes, bool is_open)
      : code(given),
        changed(substituted(bytes)),
        text(changed ? std::string_view(*changed) : bytes),
        open(is_open),
        data(pcre2_match_data_create(1, nullptr)),
        certain_end(text.size()) {}
  ~State() { pcre2_match_data_free(data); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  int match(uint32_t options) const {
    const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
    if (code.compiled) {
      const uint32_t partial = options & PCRE2_PARTIAL_HARD;
      const int result = pcre2_jit_match(code.code, subject, text.size(), position, partial, data, nullptr);
      if (result != PCRE2_ERROR_JIT_STACKLIMIT) return result;
    }
    return pcre2_match(code.code, subject, text.size(), position, options | PCRE2_NO_JIT, data, nullptr);
  }
};

RegularExpression::Matches::Matches(const RegularExpression& expression, std::string_view text, bool open)
    : state_(std::make_unique<State>(*expression.code_, text, open)) {}
RegularExpression::Matches::~Matches() = default;

std::optional<RegularExpression::Match> RegularExpression::Matches::next() {
  State& s = *state_;
  while (s.position <= s.text.size()) {
    const int result = s.match(PCRE2_NO_UTF_CHECK | (s.open ? PCRE2_PARTIAL_HARD : 0u));
    if (result == PCRE2_ERROR_PARTIAL) s.certain_end = *pcre2_get_ovector_pointer(s.data);
    if (result == PCRE2_ERROR_NOMATCH || result == PCRE2_ERROR_PARTIAL) return {};
    if (result < 0)
      fail(ExitCode::bad_data, "{}: the regular expression cannot be matched (PCRE2 error {})", s.code.where,
           result);
    const size_t* ends = pcre2_get_ovector_pointer(s.data);
    const Match found{ends[0], ends[1]};
    if (found.begin == found.end && s.last_end == found.end) {  // not the same nothing again
      if (s.position == s.text.size()) return {};
      next_code_point(s.text, s.position);
      continue;
    }
    s.position = found.end;
    s.last_end = found.end;
    return found;
  }
  return {};
}

size_t RegularExpression::Matches::certain_end() const { return state_->certain_end; }

}  // namespace limner
