#include "runtime/config.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "runtime/config_reader.h"
#include "runtime/files.h"
#include "runtime/nearest.h"
#include "runtime/settings.h"

namespace limner {
namespace config {
namespace {

[[noreturn]] void fail_type(const Node& node, const std::string& path, const std::string& wanted) {
  if (node.kind == Node::Kind::scalar) {
    fail_at(node.place, "{} is `{}`{}; {} is wanted", path, node.scalar, node.quoted ? " in quotes" : "",
            wanted);
  }
  fail_at(node.place, "{} is {}; {} is wanted", path, node.kind_words(), wanted);
}

void want_plain(const Node& node, const std::string& path, const std::string& wanted) {
  if (node.kind != Node::Kind::scalar || node.quoted) fail_type(node, path, wanted);
}

// YAML 1.1 reads 010 as eight.
void refuse_leading_zero(const Node& node, const std::string& path) {
  const std::string_view digits = std::string_view(node.scalar).substr(node.scalar.starts_with('-') ? 1 : 0);
  if (digits.size() > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9') {
    fail_at(node.place, "{} is `{}`: a leading zero, which some read as octal; write it without", path,
            node.scalar);
  }
}

template <class T>
void want_in_range(const Node& node, const std::string& path, T value, const Range& range) {
  const auto number = static_cast<double>(value);
  if (number >= range.low && number <= range.high) return;
  if (std::isinf(range.high)) fail_at(node.place, "{} is {}; it must be at least {}", path, value, range.low);
  if (std::isinf(range.low)) fail_at(node.place, "{} is {}; it must be at most {}", path, value, range.high);
  fail_at(node.place, "{} is {}; it must be from {} to {}", path, value, range.low, range.high);
}

}  // namespace

void want(Node::Kind kind, const Node& node, const std::string& path, const char* words) {
  if (node.kind != kind) fail_type(node, path.empty() ? "the configuration" : path, words);
}

bool is_word(const Node& node, const char* word) {
  return node.kind == Node::Kind::scalar && node.scalar == word;
}

bool read_bool(const Node& node, const std::string& path, const Limits& limits) {
  want_plain(node, path, limits.instead + "true or false");
  if (node.scalar != "true" && node.scalar != "false")
    fail_type(node, path, limits.instead + "true or false");
  return node.scalar == "true";
}

int64_t read_integer(const Node& node, const std::string& path, const Limits& limits) {
  want_plain(node, path, limits.instead + "a whole number");
  refuse_leading_zero(node, path);
  int64_t value = 0;
  const char* end = node.scalar.data() + node.scalar.size();
  const auto [stop, error] = std::from_chars(node.scalar.data(), end, value);
  if (error == std::errc::result_out_of_range && stop == end) {
    fail_at(node.place, "{} is {}; that is beyond 64 bits", path, node.scalar);
  }
  if (error != std::errc() || stop != end) fail_type(node, path, limits.instead + "a whole number");
  want_in_range(node, path, value, limits.range);
  return value;
}

double read_number(const Node& node, const std::string& path, const Limits& limits) {
  want_plain(node, path, limits.instead + "a number");
  refuse_leading_zero(node, path);
  double value = 0;
  const char* end = node.scalar.data() + node.scalar.size();
  const auto [stop, error] = std::from_chars(node.scalar.data(), end, value);
  if (error == std::errc::result_out_of_range && stop == end) {
    fail_at(node.place, "{} is {}; that is beyond what a 64-bit number holds", path, node.scalar);
  }
  if (error != std::errc() || stop != end || !std::isfinite(value))
    fail_type(node, path, limits.instead + "a finite number");
  want_in_range(node, path, value, limits.range);
  return value;
}

std::string read_text(const Node& node, const std::string& path, const Limits& limits) {
  if (node.kind != Node::Kind::scalar) fail_type(node, path, "a text");
  const std::vector<std::string>& values = limits.one_of.values;
  if (!values.empty() && std::find(values.begin(), values.end(), node.scalar) == values.end()) {
    fail_at(node.place, "{} is `{}`; did you mean `{}`? It is one of: {}", path, node.scalar,
            nearest(node.scalar, values), fmt::join(values, ", "));
  }
  return node.scalar;
}

void refuse_unknown(const Node& map, const std::string& path, const std::vector<std::string>& known) {
  for (const Field& field : map.fields) {
    if (std::find(known.begin(), known.end(), field.key) != known.end()) continue;
    fail_at(field.place, "unknown key `{}`; did you mean `{}`? {} knows: {}", joined(path, field.key),
            joined(path, nearest(field.key, known)), path.empty() ? "The configuration" : path,
            fmt::join(known, ", "));
  }
}

}  // namespace config

Settings parse_settings(const std::string& yaml, const std::string& name,
                        const std::vector<std::string>& overrides) {
  config::Node root = config::parse_tree(yaml, name);
  for (const std::string& assignment : overrides) config::apply_override(root, assignment);
  Settings settings;
  config::read(settings, root, "", config::Limits());
  return settings;
}

Settings read_settings(const std::filesystem::path& path, const std::vector<std::string>& overrides) {
  return parse_settings(read_file(path), path.string(), overrides);
}

}  // namespace limner
