// Numbers and times as tables write them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace limner {

// What a field's values are read as.
enum class ValueType : uint8_t { automatic, number, time, category, multi_category };
const char* value_type_name(ValueType type);

// A finite decimal number, the whole of the text: "12", "-3.5", "+1e-3". No thousands separators, no "nan".
std::optional<double> parse_number(std::string_view text);

// Microseconds since 1970-01-01 UTC. Read: seconds, milliseconds (from 11 digits on) or microseconds (from
// 14) since then; a date with - or / ("2014-02-28", "2014/2/28"), alone or with a time
// ("2014-02-28T09:30:00.5+08:00", blank for T, seconds may be absent; without an offset UTC is meant);
// "20140228"; "02 28, 2014"; "2014-02" and "2014", which mean their first day.
std::optional<int64_t> parse_time(std::string_view text);

// A number, or a time in seconds since 1970-01-01 UTC, as `type` says.
std::optional<double> parse_value(ValueType type, std::string_view text);

// The categories of a multi_category value, "a| b |a": cleaned, ascending by bytes, each once.
std::vector<std::string> split_categories(std::string_view text);

std::string format_time(int64_t microseconds);  // "2014-02-28T01:30:00Z"

}  // namespace limner
