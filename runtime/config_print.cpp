// Settings as YAML that reads back to the same.
#include <algorithm>

#include "runtime/config.h"
#include "runtime/error.h"
#include "runtime/files.h"
#include "runtime/settings.h"

namespace limner {
namespace {

// Plain where every YAML reader sees the same text, else in double quotes with JSON's escapes, which are
// YAML's too.
std::string quoted_if_needed(const std::string& text) {
  static const std::vector<std::string> words = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"};
  std::string lower = text;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
  const auto plain = [&](char c) {
    return letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '/';
  };
  const bool safe = !lower.empty() && letter(lower[0]) && std::all_of(lower.begin(), lower.end(), plain) &&
                    std::find(words.begin(), words.end(), lower) == words.end();
  return safe ? text : Json(text).dump();
}

std::string scalar(bool value) { return value ? "true" : "false"; }
std::string scalar(int64_t value) { return fmt::format("{}", value); }
std::string scalar(double value) { return fmt::format("{}", value); }  // the shortest that reads back
std::string scalar(const std::string& value) { return quoted_if_needed(value); }

template <class T>
std::string scalar(const std::optional<T>& value) {
  return value ? scalar(*value) : "null";
}

template <class T>
std::string scalar(const Auto<T>& value) {
  return value.is_auto() ? "auto" : scalar(*value.value);
}

template <class T>
concept Scalar = requires(const T& value) {
  scalar(value);
};

class Printer {
 public:
  // `only`: of the top level, the one section to print.
  Printer(std::string& out, std::string indent, std::string only = {})
      : out_(out), indent_(std::move(indent)), only_(std::move(only)) {}

  template <class T, class... Limit>
  void field(const char* key, T& value, const char*, const Limit&...) {
    if (!only_.empty() && only_ != key) return;
    out_ += indent_ + key + ":";
    print(value);
  }

 private:
  std::string& out_;
  std::string indent_;
  std::string only_;

  template <Scalar T>
  void print(const T& value) {
    out_ += " " + scalar(value) + "\n";
  }

  template <class T>
  void print(std::map<std::string, T>& map) {
    if (map.empty()) out_ += " {}";
    out_ += "\n";
    for (auto& [key, value] : map) {
      out_ += indent_ + "  " + quoted_if_needed(key) + ":";
      print(value);
    }
  }

  template <class T>
  void print(std::vector<T>& list) {
    if constexpr (Scalar<T>) {
      std::string items;
      for (const T& value : list) items += (items.empty() ? "" : ", ") + scalar(value);
      out_ += " [" + items + "]\n";
    } else {
      out_ += list.empty() ? " []\n" : "\n";
      for (T& value : list) {
        std::string fields;
        Printer inner(fields, indent_ + "    ");
        value.visit(inner);
        fields.replace(0, indent_.size() + 4, indent_ + "  - ");
        out_ += fields;
      }
    }
  }

  template <class T>
  requires(!Scalar<T>) void print(T& section) {
    out_ += "\n";
    Printer inner(out_, indent_ + "  ");
    section.visit(inner);
  }
};

std::string print(Settings settings, const std::string& only) {
  std::string text;
  Printer printer(text, "", only);
  settings.visit(printer);
  return text;
}

}  // namespace

std::string print_settings(const Settings& settings) { return print(settings, ""); }

std::string print_section(const Settings& settings, const std::string& section) {
  std::string text = print(settings, section);
  require(!text.empty(), "there is no section `{}`", section);
  return text;
}

}  // namespace limner
