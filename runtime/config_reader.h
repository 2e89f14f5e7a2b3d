// The visitor that fills settings from a tree. One overload of read() per type a field may have.
#pragma once

#include "runtime/config.h"
#include "runtime/config_tree.h"

namespace limner::config {

struct Limits {
  Range range;
  OneOf one_of;
  std::string instead;  // "auto or ": what else may stand there, for messages
  Limits() = default;
  explicit Limits(const Range& value) : range(value) {}
  explicit Limits(const OneOf& value) : one_of(value) {}
};

// The types below throw at `node`'s place; `path` is the full key, such as train.heads.0.weight.
bool read_bool(const Node& node, const std::string& path, const Limits& limits);
int64_t read_integer(const Node& node, const std::string& path, const Limits& limits);
double read_number(const Node& node, const std::string& path, const Limits& limits);
std::string read_text(const Node& node, const std::string& path, const Limits& limits);
void refuse_unknown(const Node& map, const std::string& path, const std::vector<std::string>& known);
void want(Node::Kind kind, const Node& node, const std::string& path, const char* words);
bool is_word(const Node& node, const char* word);

inline std::string joined(const std::string& path, const std::string& key) {
  return path.empty() ? key : path + "." + key;
}

inline void read(bool& value, const Node& node, const std::string& path, const Limits& limits) {
  value = read_bool(node, path, limits);
}
inline void read(int64_t& value, const Node& node, const std::string& path, const Limits& limits) {
  value = read_integer(node, path, limits);
}
inline void read(double& value, const Node& node, const std::string& path, const Limits& limits) {
  value = read_number(node, path, limits);
}
inline void read(std::string& value, const Node& node, const std::string& path, const Limits& limits) {
  value = read_text(node, path, limits);
}

template <class T>
void read(std::optional<T>& value, const Node& node, const std::string& path, const Limits& limits);
template <class T>
void read(Auto<T>& value, const Node& node, const std::string& path, const Limits& limits);
template <class T>
void read(std::vector<T>& value, const Node& node, const std::string& path, const Limits& limits);
template <class T>
void read(std::map<std::string, T>& value, const Node& node, const std::string& path, const Limits& limits);
template <class T>
void read(T& section, const Node& node, const std::string& path, const Limits&);

// Reads the fields of one section, then refuses the keys that no field asked for.
class Reader {
 public:
  Reader(const Node& map, const std::string& path) : map_(map), path_(path) {}

  template <class T>
  void field(const char* key, T& value, const char*) {
    read_field(key, value, Limits());
  }
  template <class T, class Limit>
  void field(const char* key, T& value, const char*, const Limit& limit) {
    read_field(key, value, Limits(limit));
  }
  void finish() const { refuse_unknown(map_, path_, known_); }

 private:
  const Node& map_;
  const std::string& path_;
  std::vector<std::string> known_;

  template <class T>
  void read_field(const char* key, T& value, const Limits& limits) {
    known_.emplace_back(key);
    for (const Field& field : map_.fields) {
      if (field.key == key) read(value, field.value, joined(path_, key), limits);
    }
  }
};

template <class T>
void read(std::optional<T>& value, const Node& node, const std::string& path, const Limits& limits) {
  value.reset();
  if (node.kind != Node::Kind::null) read(value.emplace(), node, path, limits);
}

template <class T>
void read(Auto<T>& value, const Node& node, const std::string& path, const Limits& limits) {
  value.value.reset();
  if (is_word(node, "auto")) return;
  Limits with_auto = limits;
  with_auto.instead = "auto or ";
  read(value.value.emplace(), node, path, with_auto);
}

template <class T>
void read(std::vector<T>& value, const Node& node, const std::string& path, const Limits& limits) {
  want(Node::Kind::list, node, path, "a list");
  value.assign(node.items.size(), T());
  for (size_t index = 0; index < value.size(); ++index) {
    read(value[index], node.items[index], joined(path, std::to_string(index)), limits);
  }
}

template <class T>
void read(std::map<std::string, T>& value, const Node& node, const std::string& path, const Limits& limits) {
  want(Node::Kind::map, node, path, "a section of KEY: VALUE");
  value.clear();
  for (const Field& field : node.fields) read(value[field.key], field.value, joined(path, field.key), limits);
}

template <class T>
void read(T& section, const Node& node, const std::string& path, const Limits&) {
  // A section whose lines are all commented out is null: its defaults hold.
  if (node.kind == Node::Kind::null) return;
  want(Node::Kind::map, node, path, "a section");
  Reader reader(node, path);
  section.visit(reader);
  reader.finish();
}

}  // namespace limner::config
