// A YAML document as a tree in which every value knows where it stands. Stricter than YAML: one document, no
// anchors, aliases, tags or duplicate keys. What a word means (17, true, auto) is decided by who reads it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/error.h"

namespace limner::config {

struct Place {
  std::shared_ptr<const std::string> name;  // a file, or "override `train.max_steps=10`"
  int line = 0;                             // from 1; 0: an override
  int column = 0;
  std::string text() const;  // "configs/demo.yaml:12:5"
};

struct Field;

struct Node {
  enum class Kind { null, scalar, list, map };
  Kind kind = Kind::null;
  Place place;
  bool quoted = false;  // a scalar in quotes is text, whatever it looks like
  std::string scalar;
  std::vector<Node> items;    // of a list
  std::vector<Field> fields;  // of a map, in the order of the file

  const char* kind_words() const;  // "a list", for messages
};

struct Field {
  std::string key;
  Place place;  // of the key
  Node value;
};

Node parse_tree(const std::string& yaml, const std::string& name);

// Applies "train.heads.0.name=x": the part behind the sign is YAML itself.
void apply_override(Node& root, const std::string& assignment);

template <class... Arguments>
[[noreturn]] void fail_at(const Place& place, fmt::format_string<Arguments...> format,
                          Arguments&&... arguments) {
  throw Error(ExitCode::bad_config,
              place.text() + ": " + fmt::format(format, std::forward<Arguments>(arguments)...));
}

}  // namespace limner::config
