#include "prepare/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <set>

#include "prepare/clean.h"

namespace limner {

namespace {

constexpr int64_t second_us = 1000000;
constexpr int64_t day_us = 86400 * second_us;

bool is_digit(char byte) { return byte >= '0' && byte <= '9'; }

// Reads a text from left to right; a failed step leaves it where it was.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}
  bool at_end() const { return position_ == text_.size(); }
  bool skip(char wanted) {
    if (at_end() || text_[position_] != wanted) return false;
    ++position_;
    return true;
  }
  std::optional<char> skip_one_of(std::string_view wanted) {
    if (at_end() || wanted.find(text_[position_]) == std::string_view::npos) return std::nullopt;
    return text_[position_++];
  }
  // A number of at least `least` and at most `most` digits.
  std::optional<int> digits(size_t least, size_t most) {
    size_t end = position_;
    int value = 0;
    while (end < text_.size() && end - position_ < most && is_digit(text_[end])) {
      value = value * 10 + (text_[end++] - '0');
    }
    if (end - position_ < least) return std::nullopt;
    position_ = end;
    return value;
  }
  // What follows the decimal point, in microseconds; digits beyond are dropped.
  std::optional<int64_t> fraction() {
    int64_t value = 0, unit = second_us / 10;
    const size_t start = position_;
    for (; !at_end() && is_digit(text_[position_]); ++position_, unit /= 10) {
      value += unit * (text_[position_] - '0');
    }
    return position_ == start ? std::nullopt : std::optional(value);
  }

 private:
  std::string_view text_;
  size_t position_ = 0;
};

std::optional<int64_t> date(int year, int month, int day) {
  const std::chrono::year_month_day calendar{std::chrono::year(year),
                                             std::chrono::month(static_cast<unsigned>(month)),
                                             std::chrono::day(static_cast<unsigned>(day))};
  if (!calendar.ok()) return std::nullopt;
  return std::chrono::sys_days(calendar).time_since_epoch().count() * day_us;
}

// "09:30", "09:30:15", "09:30:15.25"
std::optional<int64_t> read_clock(Scanner& scanner) {
  const auto hour = scanner.digits(1, 2);
  if (!hour || !scanner.skip(':')) return std::nullopt;
  const auto minute = scanner.digits(2, 2);
  if (!minute || *hour > 23 || *minute > 59) return std::nullopt;
  int64_t time = (*hour * 60 + *minute) * 60 * second_us;
  if (!scanner.skip(':')) return time;
  const auto second = scanner.digits(2, 2);
  if (!second || *second > 60) return std::nullopt;
  time += *second * second_us;
  if (!scanner.skip('.')) return time;
  const auto fraction = scanner.fraction();
  return fraction ? std::optional(time + *fraction) : std::nullopt;
}

// "Z", "+08:00", "+0800", "+08" or nothing, to the end of the text.
std::optional<int64_t> read_offset(Scanner& scanner) {
  if (scanner.skip('Z') || scanner.at_end())
    return scanner.at_end() ? std::optional<int64_t>(0) : std::nullopt;
  const auto sign = scanner.skip_one_of("+-");
  const auto hours = scanner.digits(2, 2);
  if (!sign || !hours || *hours > 14) return std::nullopt;
  int minutes = 0;
  if (!scanner.at_end()) {
    scanner.skip(':');
    minutes = scanner.digits(2, 2).value_or(60);
  }
  if (minutes > 59 || !scanner.at_end()) return std::nullopt;
  const int64_t offset = (*hours * 60 + minutes) * 60 * second_us;
  return *sign == '-' ? -offset : offset;
}

std::optional<int64_t> parse_calendar(std::string_view text) {
  Scanner scanner(text);
  const auto year = scanner.digits(4, 4);
  const auto separator = scanner.skip_one_of("-/");
  const auto month = scanner.digits(1, 2);
  if (!year || !separator || !month) return std::nullopt;
  if (scanner.at_end()) return date(*year, *month, 1);
  if (!scanner.skip(*separator)) return std::nullopt;
  const auto day = scanner.digits(1, 2);
  const auto start = day ? date(*year, *month, *day) : std::nullopt;
  if (!start || scanner.at_end()) return start;
  if (!scanner.skip_one_of("T ")) return std::nullopt;
  const auto clock = read_clock(scanner);
  if (!clock) return std::nullopt;
  scanner.skip(' ');
  const auto offset = read_offset(scanner);
  return offset ? std::optional(*start + *clock - *offset) : std::nullopt;
}

// "02 28, 2014"
std::optional<int64_t> parse_month_first(std::string_view text) {
  Scanner scanner(text);
  const auto month = scanner.digits(1, 2);
  if (!month || !scanner.skip(' ')) return std::nullopt;
  const auto day = scanner.digits(1, 2);
  if (!day || !scanner.skip(',') || !scanner.skip(' ')) return std::nullopt;
  const auto year = scanner.digits(4, 4);
  return year && scanner.at_end() ? date(*year, *month, *day) : std::nullopt;
}

std::optional<int64_t> parse_unix(std::string_view text) {
  if ((text.size() == 4 || text.size() == 8) && (text.starts_with("19") || text.starts_with("20"))) {
    Scanner scanner(text);
    const auto year = scanner.digits(4, 4);
    if (year && scanner.at_end()) return date(*year, 1, 1);
    const auto month = scanner.digits(2, 2), day = scanner.digits(2, 2);
    if (year && month && day) return date(*year, *month, *day);
  }
  const auto number = parse_number(text);
  if (!number) return std::nullopt;
  const double size = std::abs(*number);
  const double unit = size < 1e11 ? 1e6 : size < 1e14 ? 1e3 : 1.0;
  if (size * unit > 9e18) return std::nullopt;
  return std::llround(*number * unit);
}

}  // namespace

const char* value_type_name(ValueType type) {
  constexpr std::array<const char*, 5> names{"automatic", "number", "time", "category", "multi_category"};
  return names[static_cast<size_t>(type)];
}

std::optional<double> parse_number(std::string_view text) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  double value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size() || !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

std::optional<int64_t> parse_time(std::string_view text) {
  if (const auto time = parse_calendar(text)) return time;
  if (const auto time = parse_month_first(text)) return time;
  return parse_unix(text);
}

std::optional<double> parse_value(ValueType type, std::string_view text) {
  if (type != ValueType::time) return parse_number(text);
  const auto time = parse_time(text);
  return time ? std::optional(static_cast<double>(*time) * 1e-6) : std::nullopt;
}

std::vector<std::string> split_categories(std::string_view text) {
  std::set<std::string> parts;
  size_t start = 0;
  while (start <= text.size()) {
    const size_t end = std::min(text.find('|', start), text.size());
    const std::string part = clean_value(text.substr(start, end - start));
    if (!part.empty()) parts.insert(part);
    start = end + 1;
  }
  return {parts.begin(), parts.end()};
}

std::string format_time(int64_t microseconds) {
  using namespace std::chrono;
  const sys_time<std::chrono::microseconds> time{std::chrono::microseconds(microseconds)};
  const auto day = floor<days>(time);
  const year_month_day calendar(day);
  const hh_mm_ss clock(floor<seconds>(time - day));
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(calendar.year()),
                     static_cast<unsigned>(calendar.month()), static_cast<unsigned>(calendar.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

}  // namespace limner
