// Strict YAML configuration. A section is a plain struct; its visit() names every field once, with a comment
// and a range, and that one list reads YAML, prints it, compares it and writes docs/configuration.md.
//
//   struct Split {
//     double train = 0.8;
//     std::string by = "row";
//     template <class V> void visit(V& v) {
//       v.field("train", train, "Share of rows for training.", Range{0.0, 1.0});
//       v.field("by", by, "What is drawn: rows or whole customers.", OneOf{{"row", "customer"}});
//     }
//   };
//
// Field types: bool, int64_t, double, std::string, std::optional of these (null), std::vector of scalars or
// structs, std::map<std::string, scalar>, a nested struct, and Auto<T> (the word `auto` or a T).
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace limner {

struct Range {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
};
struct OneOf {
  std::vector<std::string> values;
};

// `auto`, or a value.
template <class T>
struct Auto {
  std::optional<T> value;
  bool is_auto() const { return !value.has_value(); }
  T value_or(T other) const { return value.value_or(other); }
  bool operator==(const Auto&) const = default;
};

struct Settings;  // runtime/settings.h: every section

// Reads a file, then applies `key.path=value` overrides in order (list elements by index:
// `train.heads.0.name=x`). Errors are ExitCode::bad_config with file, line, column, key and the nearest known
// key; a missing file is ExitCode::missing_input. Refused: unknown and duplicate keys, wrong types, values
// out of range, leading-zero integers, non-finite numbers, anchors and aliases, documents over 1 MiB.
Settings read_settings(const std::filesystem::path& path, const std::vector<std::string>& overrides);
Settings parse_settings(const std::string& yaml, const std::string& name,
                        const std::vector<std::string>& overrides = {});

std::string print_settings(const Settings& settings);  // resolved YAML, reads back to the same
std::string print_section(const Settings& settings,
                          const std::string& section);  // one section, for hashes of a stage
std::string settings_reference();                       // docs/configuration.md

}  // namespace limner
