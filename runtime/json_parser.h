// Strict parsing of JSON (RFC 8259).
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "runtime/error.h"

namespace limner {

constexpr int deepest_json = 100;  // copying and printing a document recurses once a level

// Value: nlohmann::json, which sorts the keys of objects, or ordered_json. `name` stands before each message.
// ExitCode::bad_data: what is not JSON, with line and column; bytes behind it; nesting beyond deepest_json; a
// number that no double holds; and a key that stands twice in one object, of which nlohmann/json would keep
// the last without a word.
template <class Value>
Value parse_json(std::string_view text, const std::string& name) {
  using Event = typename Value::parse_event_t;
  std::vector<std::set<std::string>> open_objects;
  const auto accept = [&](int depth, Event event, Value& value) {
    if (depth > deepest_json) fail(ExitCode::bad_data, "{}: nested more than {} deep", name, deepest_json);
    if (event == Event::object_start) open_objects.emplace_back();
    if (event == Event::object_end) open_objects.pop_back();
    if (event == Event::key && !open_objects.back().insert(value.template get<std::string>()).second) {
      fail(ExitCode::bad_data, "{}: key {} stands twice in one object", name, value.dump());
    }
    return true;
  };
  try {
    return Value::parse(text, accept);
  } catch (const typename Value::parse_error& error) {
    const size_t offset = std::min(error.byte == 0 ? 0 : error.byte - 1, text.size());
    const std::string_view before = text.substr(0, offset);
    const auto line = std::count(before.begin(), before.end(), '\n') + 1;
    const size_t line_start = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
    fail(ExitCode::bad_data, "{}:{}:{}: not valid JSON", name, line, offset - line_start + 1);
  } catch (const typename Value::exception& error) {
    fail(ExitCode::bad_data, "{}: not valid JSON: {}", name, error.what());
  }
}

}  // namespace limner
