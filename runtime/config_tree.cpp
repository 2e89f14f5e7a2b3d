#include "runtime/config_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <sstream>

namespace limner::config {
namespace {

constexpr size_t largest_document_bytes = size_t{1} << 20;

// Builds the tree from the parser's events. yaml-cpp's own tree keeps the first of two equal keys, follows
// aliases for ever and has lost which words stood in quotes.
class TreeBuilder : public YAML::EventHandler {
 public:
  explicit TreeBuilder(std::shared_ptr<const std::string> name) : name_(std::move(name)) {}

  Node take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_anchor(mark, anchor);
    if (wants_key()) fail_at(place(mark), "a key is missing");
    add(make(Node::Kind::null, mark));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    fail_at(place(mark), "aliases (*name) are not read here; write the value out");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse_anchor(mark, anchor);
    refuse_tag(mark, tag);
    if (wants_key()) {
      add_key(mark, value);
      return;
    }
    Node node = make(Node::Kind::scalar, mark);
    node.quoted = tag == "!";
    node.scalar = value;
    add(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(Node::Kind::list, mark, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(Node::Kind::map, mark, tag, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  // A list or map whose end has not come yet. In a map, the last key may still wait for its value.
  struct Open {
    Node node;
    bool key_waits = false;
  };
  std::shared_ptr<const std::string> name_;
  std::vector<Open> open_;
  Node root_;

  Place place(const YAML::Mark& mark) const { return {name_, mark.line + 1, mark.column + 1}; }

  Node make(Node::Kind kind, const YAML::Mark& mark) const {
    Node node;
    node.kind = kind;
    node.place = place(mark);
    return node;
  }

  void refuse_anchor(const YAML::Mark& mark, YAML::anchor_t anchor) const {
    if (anchor != YAML::NullAnchor) {
      fail_at(place(mark), "anchors (&name) are not read here; write the value out where it is used");
    }
  }

  // yaml-cpp's own marks: "?" for a plain value, "!" for one in quotes.
  void refuse_tag(const YAML::Mark& mark, const std::string& tag) const {
    if (!tag.empty() && tag != "?" && tag != "!") fail_at(place(mark), "tags ({}) are not read here", tag);
  }

  bool wants_key() const {
    return !open_.empty() && open_.back().node.kind == Node::Kind::map && !open_.back().key_waits;
  }

  void add_key(const YAML::Mark& mark, const std::string& key) {
    for (const Field& field : open_.back().node.fields) {
      if (field.key == key) {
        fail_at(place(mark), "key `{}` stands here for the second time; the first is in line {}", key,
                field.place.line);
      }
    }
    open_.back().node.fields.push_back({key, place(mark), Node()});
    open_.back().key_waits = true;
  }

  void open(Node::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    refuse_anchor(mark, anchor);
    refuse_tag(mark, tag);
    if (wants_key()) fail_at(place(mark), "a key is a word, not a list or section");
    open_.push_back({make(kind, mark)});
  }

  void close() {
    Node node = std::move(open_.back().node);
    open_.pop_back();
    add(std::move(node));
  }

  void add(Node node) {
    if (open_.empty()) {
      root_ = std::move(node);
    } else if (open_.back().node.kind == Node::Kind::list) {
      open_.back().node.items.push_back(std::move(node));
    } else {
      open_.back().node.fields.back().value = std::move(node);
      open_.back().key_waits = false;
    }
  }
};

// Text in another encoding would be read here and could not be written into config.yaml and run.json later.
// A zero byte makes yaml-cpp take the text for UTF-16 or UTF-32, with code points that there are not.
void refuse_other_encodings(const std::string& yaml, const std::shared_ptr<const std::string>& name) {
  std::istringstream lines(yaml);
  int number = 1;
  for (std::string line; std::getline(lines, line); ++number) {
    try {
      nlohmann::json(line).dump();
    } catch (const nlohmann::json::exception&) {
      fail_at({name, number, 1}, "not UTF-8; convert the file (iconv -f GB18030 -t UTF-8)");
    }
    if (line.find('\0') != std::string::npos) {
      fail_at({name, number, 1},
              "not UTF-8, it holds a zero byte; convert the file (iconv -f UTF-16 -t UTF-8)");
    }
  }
}

// Marks a value of an override: it has no line.
void move_to(Node& node, const Place& place) {
  node.place = place;
  for (Node& item : node.items) move_to(item, place);
  for (Field& field : node.fields) {
    field.place = place;
    move_to(field.value, place);
  }
}

std::vector<std::string> split_path(const std::string& path) {
  std::vector<std::string> parts;
  std::stringstream stream(path);
  for (std::string part; std::getline(stream, part, '.');) parts.push_back(part);
  if (path.ends_with('.')) parts.emplace_back();
  return parts;
}

// The element that one part of the path names; a missing key is added, and judged when the settings are read.
Node& descend(Node& parent, const std::string& part, const std::string& before, const Place& place) {
  if (parent.kind == Node::Kind::list) {
    size_t index = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), index);
    if (error != std::errc() || end != part.data() + part.size() || index >= parent.items.size()) {
      fail_at(place, "`{}` is a list of {} elements; `{}` is not one of their numbers, which begin at 0",
              before, parent.items.size(), part);
    }
    return parent.items[index];
  }
  if (parent.kind == Node::Kind::scalar) fail_at(place, "`{}` is a value; it has no `{}`", before, part);
  if (parent.kind == Node::Kind::null && part.find_first_not_of("0123456789") == std::string::npos) {
    fail_at(place, "the configuration has no list `{0}`; give it whole: {0}=[{{…}}]", before);
  }
  parent.kind = Node::Kind::map;  // an empty section is null until it has a key
  for (Field& field : parent.fields) {
    if (field.key == part) return field.value;
  }
  parent.fields.push_back({part, place, Node()});
  Node& added = parent.fields.back().value;
  added.place = place;
  return added;
}

}  // namespace

std::string Place::text() const { return line > 0 ? fmt::format("{}:{}:{}", *name, line, column) : *name; }

const char* Node::kind_words() const {
  switch (kind) {
    case Kind::null:
      return "nothing";
    case Kind::scalar:
      return quoted ? "a text in quotes" : "a word or number";
    case Kind::list:
      return "a list";
    case Kind::map:
      return "a section";
  }
  fail(ExitCode::internal, "unknown kind of YAML node");
}

Node parse_tree(const std::string& yaml, const std::string& name) {
  if (yaml.size() > largest_document_bytes) {
    fail(ExitCode::bad_config, "{}: {} bytes; a configuration has at most 1 MiB", name, yaml.size());
  }
  const auto shared_name = std::make_shared<const std::string>(name);
  refuse_other_encodings(yaml, shared_name);
  try {
    std::istringstream stream(yaml);
    YAML::Parser parser(stream);
    TreeBuilder builder(shared_name);
    parser.HandleNextDocument(builder);
    TreeBuilder rest(shared_name);
    if (parser.HandleNextDocument(rest))
      fail(ExitCode::bad_config, "{}: a second document begins (---)", name);
    Node root = builder.take();
    if (!root.place.name) root.place = {shared_name, 1, 1};  // an empty document
    return root;
  } catch (const YAML::Exception& error) {
    fail_at({shared_name, error.mark.line + 1, error.mark.column + 1}, "not valid YAML: {}", error.msg);
  }
}

void apply_override(Node& root, const std::string& assignment) {
  const std::string name = fmt::format("override `{}`", assignment);
  const Place place{std::make_shared<const std::string>(name), 0, 0};
  const size_t sign = assignment.find('=');
  if (sign == std::string::npos || sign == 0) fail_at(place, "an override is KEY.PATH=VALUE");
  refuse_other_encodings(assignment, place.name);

  Node* target = &root;
  std::string before;
  for (const std::string& part : split_path(assignment.substr(0, sign))) {
    if (part.empty()) fail_at(place, "an empty part in the key path");
    target = &descend(*target, part, before.empty() ? "the configuration" : before, place);
    before += (before.empty() ? "" : ".") + part;
  }
  *target = parse_tree(assignment.substr(sign + 1), name);
  move_to(*target, place);
}

}  // namespace limner::config
