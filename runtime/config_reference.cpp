// docs/configuration.md: a table for every section, from the same list that reads and prints it.
#include <fmt/ranges.h>

#include <cmath>

#include "runtime/config.h"
#include "runtime/settings.h"

namespace limner {
namespace {

std::string type_words(const bool*) { return "true or false"; }
std::string type_words(const int64_t*) { return "whole number"; }
std::string type_words(const double*) { return "number"; }
std::string type_words(const std::string*) { return "text"; }
template <class T>
std::string type_words(const std::optional<T>*) {
  return type_words(static_cast<const T*>(nullptr)) + " or `null`";
}
template <class T>
std::string type_words(const Auto<T>*) {
  return type_words(static_cast<const T*>(nullptr)) + " or `auto`";
}

std::string default_words(bool value) { return value ? "`true`" : "`false`"; }
std::string default_words(int64_t value) { return fmt::format("`{}`", value); }
std::string default_words(double value) { return fmt::format("`{}`", value); }
std::string default_words(const std::string& value) { return value.empty() ? "–" : "`" + value + "`"; }
template <class T>
std::string default_words(const std::optional<T>& value) {
  return value ? default_words(*value) : "`null`";
}
template <class T>
std::string default_words(const Auto<T>& value) {
  return value.is_auto() ? "`auto`" : default_words(*value.value);
}

std::string limit_words() { return ""; }
std::string limit_words(const OneOf& limit) { return fmt::format("`{}`", fmt::join(limit.values, "`, `")); }
std::string limit_words(const Range& range) {
  if (std::isinf(range.high)) return fmt::format("≥ {}", range.low);
  if (std::isinf(range.low)) return fmt::format("≤ {}", range.high);
  return fmt::format("{} to {}", range.low, range.high);
}

std::string escaped(std::string text) {
  for (size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) text.insert(at, "\\");
  return text;
}

// Lines of one section's table; the sections inside it follow it.
class Table {
 public:
  explicit Table(std::string path) : path_(std::move(path)) {}

  template <class T, class... Limit>
  void field(const char* key, T& value, const char* comment, const Limit&... limit) {
    line(key, value, comment, limit_words(limit...));
  }

  std::string text() const {
    if (rows_.empty()) return inner_;
    return "| key | type | default | allowed | meaning |\n| --- | --- | --- | --- | --- |\n" + rows_ + "\n" +
           inner_;
  }

 private:
  std::string path_;
  std::string rows_;
  std::string inner_;

  void row(const char* key, const std::string& type, const std::string& value, const char* comment,
           const std::string& limit) {
    rows_ +=
        fmt::format("| `{}` | {} | {} | {} | {} |\n", key, type, value, escaped(limit), escaped(comment));
  }

  template <class T>
  void section(const std::string& path, const char* comment, T value) {
    Table table(path);
    value.visit(table);
    inner_ += fmt::format("{} `{}`\n\n{}\n\n{}", path_.empty() ? "##" : "###", path, comment, table.text());
  }

  template <class T>
  void line(const char* key, T& value, const char* comment, const std::string& limit) {
    if constexpr (requires { type_words(&value); }) {
      row(key, type_words(&value), default_words(value), comment, limit);
    } else if (!path_.empty()) {
      row(key, "section", "", comment, limit);
      section(path_ + "." + key, comment, value);
    } else {
      section(key, comment, value);
    }
  }

  template <class T>
  void line(const char* key, std::map<std::string, T>&, const char* comment, const std::string& limit) {
    row(key, "section of KEY: " + type_words(static_cast<const T*>(nullptr)), "`{}`", comment, limit);
  }

  template <class T>
  void line(const char* key, std::vector<T>& value, const char* comment, const std::string& limit) {
    if constexpr (requires { type_words(static_cast<const T*>(nullptr)); }) {
      row(key, "list of " + type_words(static_cast<const T*>(nullptr)),
          fmt::format("`[{}]`", fmt::join(value, ", ")), comment, limit);
    } else {
      row(key, "list of sections", "`[]`", comment, limit);
      section(path_ + "." + key + "[]", comment, T());
    }
  }
};

}  // namespace

std::string settings_reference() {
  Settings defaults;
  Table table("");
  defaults.visit(table);
  return R"(# Configuration

Strict YAML. Every key is optional; an unknown or duplicate key, a wrong type or a value out of range is an error with
its line, its column and the nearest known key. Anchors, aliases and tags are not read. Behind the configuration,
`key.path=value` overrides one value; an element of a list is named by its number: `train.heads.0.weight=2`.
This page is generated from `runtime/settings.h`.

)" + table.text();
}

}  // namespace limner
