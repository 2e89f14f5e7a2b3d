#include "profile/actions.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "profile/csv.h"
#include "runtime/config_reader.h"
#include "runtime/files.h"
#include "runtime/nearest.h"

namespace limner {
namespace {

using config::fail_at;
using config::Node;

const Node* find(const Node& map, const char* key) {
  for (const config::Field& field : map.fields) {
    if (field.key == key) return &field.value;
  }
  return nullptr;
}

const Node& need(const Node& map, const std::string& path, const char* key) {
  const Node* value = find(map, key);
  if (!value) fail_at(map.place, "{} has no `{}`", path, key);
  return *value;
}

std::string text(const Node& map, const std::string& path, const char* key) {
  return config::read_text(need(map, path, key), config::joined(path, key), {});
}

std::string text_or_nothing(const Node& map, const std::string& path, const char* key) {
  const Node* value = find(map, key);
  return value ? config::read_text(*value, config::joined(path, key), {}) : "";
}

std::optional<double> number(const Node& map, const std::string& path, const char* key) {
  const Node* value = find(map, key);
  if (!value) return {};
  return config::read_number(*value, config::joined(path, key), {});
}

size_t column_of(const Node& map, const std::string& path, const char* key,
                 const std::vector<CustomerColumn>& columns) {
  const Node& value = need(map, path, key);
  const std::string name = config::read_text(value, config::joined(path, key), {});
  std::vector<std::string> names;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name == name) return i;
    names.push_back(columns[i].name);
  }
  fail_at(value.place, "{}: there is no column `{}`; did you mean `{}`? There are: {}",
          config::joined(path, key), name, nearest(name, names), fmt::join(names, ", "));
}

void want_kind(const Node& node, const std::string& path, const CustomerColumn& column, bool number) {
  if (column.is_number == number) return;
  fail_at(node.place, "{}: column `{}` is a {}; use {}", path, column.name,
          column.is_number ? "number" : "category",
          column.is_number ? "at_least, above, at_most or below" : "is or one_of");
}

std::string known_category(const Node& node, const std::string& path, const CustomerColumn& column) {
  std::string category = config::read_text(node, path, {});
  if (std::find(column.categories.begin(), column.categories.end(), category) == column.categories.end()) {
    fail_at(node.place, "{}: `{}` is no category of `{}`; there are: {}", path, category, column.name,
            fmt::join(column.categories, ", "));
  }
  return category;
}

Condition read_condition(const Node& node, const std::string& path,
                         const std::vector<CustomerColumn>& columns) {
  config::want(Node::Kind::map, node, path, "a condition such as {column: texts, at_least: 3}");
  config::refuse_unknown(node, path, {"column", "at_least", "above", "at_most", "below", "is", "one_of"});
  Condition condition;
  condition.column = column_of(node, path, "column", columns);
  const CustomerColumn& column = columns[condition.column];
  condition.at_least = number(node, path, "at_least");
  condition.above = number(node, path, "above");
  condition.at_most = number(node, path, "at_most");
  condition.below = number(node, path, "below");
  const bool compares = condition.at_least || condition.above || condition.at_most || condition.below;
  if (compares) want_kind(node, path, column, true);
  if (const Node* is = find(node, "is")) {
    want_kind(*is, path, column, false);
    condition.one_of.push_back(known_category(*is, config::joined(path, "is"), column));
  }
  if (const Node* list = find(node, "one_of")) {
    want_kind(*list, path, column, false);
    config::want(Node::Kind::list, *list, config::joined(path, "one_of"), "a list");
    for (const Node& item : list->items) {
      condition.one_of.push_back(known_category(item, config::joined(path, "one_of"), column));
    }
  }
  if (!compares && condition.one_of.empty()) {
    fail_at(node.place, "{} compares `{}` with nothing; use {}", path, column.name,
            column.is_number ? "at_least, above, at_most or below" : "is or one_of");
  }
  return condition;
}

ActionRule read_segment(const Node& node, const std::string& path,
                        const std::vector<CustomerColumn>& columns) {
  config::want(Node::Kind::map, node, path, "a segment with name, when and action");
  config::refuse_unknown(node, path, {"name", "when", "action", "coupon", "channel"});
  ActionRule rule{text(node, path, "name"),
                  text(node, path, "action"),
                  text_or_nothing(node, path, "coupon"),
                  text_or_nothing(node, path, "channel"),
                  {}};
  const Node& when = need(node, path, "when");
  config::want(Node::Kind::list, when, config::joined(path, "when"), "a list of conditions");
  for (size_t i = 0; i < when.items.size(); ++i) {
    rule.conditions.push_back(read_condition(when.items[i], fmt::format("{}.when.{}", path, i), columns));
  }
  return rule;
}

AudienceRule read_audience(const Node& node, const std::string& path,
                           const std::vector<CustomerColumn>& columns) {
  config::want(Node::Kind::map, node, path, "an audience such as {name: loyal, score: texts, most: 100}");
  config::refuse_unknown(node, path, {"name", "score", "most", "at_least"});
  AudienceRule rule;
  rule.name = text(node, path, "name");
  rule.score = column_of(node, path, "score", columns);
  want_kind(need(node, path, "score"), config::joined(path, "score"), columns[rule.score], true);
  if (const Node* most = find(node, "most")) {
    rule.most = config::read_integer(*most, config::joined(path, "most"), config::Limits(Range{1, 1e12}));
  }
  rule.at_least = number(node, path, "at_least");
  return rule;
}

bool holds(const Condition& condition, const CustomerColumn& column, size_t customer) {
  if (!column.is_number) {
    const int32_t code = column.codes[customer];
    return code >= 0 && std::find(condition.one_of.begin(), condition.one_of.end(),
                                  column.categories[static_cast<size_t>(code)]) != condition.one_of.end();
  }
  const double value = column.numbers[customer];
  return !std::isnan(value) && (!condition.at_least || value >= *condition.at_least) &&
         (!condition.above || value > *condition.above) &&
         (!condition.at_most || value <= *condition.at_most) &&
         (!condition.below || value < *condition.below);
}

Audience choose_audience(const AudienceRule& rule, const CustomerColumn& column) {
  Audience audience{rule.name, column.name, {}};
  for (size_t customer = 0; customer < column.numbers.size(); ++customer) {
    const double score = column.numbers[customer];
    if (!std::isnan(score) && score >= rule.at_least.value_or(score))
      audience.members.push_back({customer, score});
  }
  std::stable_sort(audience.members.begin(), audience.members.end(),
                   [](const AudienceMember& a, const AudienceMember& b) { return a.score > b.score; });
  const auto most = static_cast<size_t>(rule.most.value_or(std::ssize(audience.members)));
  if (audience.members.size() > most) audience.members.resize(most);
  return audience;
}

}  // namespace

RuleFile read_rules(const std::filesystem::path& path, const std::vector<CustomerColumn>& columns) {
  const Node root = config::parse_tree(read_file(path), path.string());
  config::want(Node::Kind::map, root, "the file of rules", "a section with segments and audiences");
  config::refuse_unknown(root, "", {"segments", "audiences"});
  RuleFile file;
  std::set<std::string> names;
  const auto read_list = [&](const char* key, const auto& read) {
    const Node* list = find(root, key);
    if (!list) return;
    config::want(Node::Kind::list, *list, key, "a list");
    for (size_t i = 0; i < list->items.size(); ++i) {
      const std::string name = read(list->items[i], fmt::format("{}.{}", key, i));
      if (!names.insert(name).second) fail_at(list->items[i].place, "the name `{}` is used twice", name);
    }
  };
  read_list("segments", [&](const Node& node, const std::string& at) {
    return file.segments.emplace_back(read_segment(node, at, columns)).name;
  });
  read_list("audiences", [&](const Node& node, const std::string& at) {
    return file.audiences.emplace_back(read_audience(node, at, columns)).name;
  });
  return file;
}

Actions apply_rules(const RuleFile& file, const std::vector<CustomerColumn>& columns) {
  Actions actions;
  actions.rules = file.segments;
  actions.customers.resize(file.segments.size());
  const size_t customers = columns.empty() ? 0 : std::max(columns[0].numbers.size(), columns[0].codes.size());
  for (size_t customer = 0; customer < customers; ++customer) {
    const auto rule = std::find_if(file.segments.begin(), file.segments.end(), [&](const ActionRule& entry) {
      return std::all_of(entry.conditions.begin(), entry.conditions.end(), [&](const Condition& condition) {
        return holds(condition, columns[condition.column], customer);
      });
    });
    const auto place = static_cast<int32_t>(rule - file.segments.begin());
    actions.rule.push_back(rule == file.segments.end() ? -1 : place);
    if (rule != file.segments.end()) ++actions.customers[static_cast<size_t>(place)];
  }
  for (const AudienceRule& rule : file.audiences)
    actions.audiences.push_back(choose_audience(rule, columns[rule.score]));
  return actions;
}

void write_actions_csv(const std::filesystem::path& path, const Actions& actions,
                       const std::vector<std::string>& ids) {
  FileWriter file(path);
  file.write(csv_line({"customer", "segment", "action", "coupon", "channel"}));
  for (size_t customer = 0; customer < actions.rule.size(); ++customer) {
    if (actions.rule[customer] < 0) continue;
    const ActionRule& rule = actions.rules[static_cast<size_t>(actions.rule[customer])];
    file.write(csv_line({ids[customer], rule.name, rule.action, rule.coupon, rule.channel}));
  }
  file.publish();
}

void write_audiences_csv(const std::filesystem::path& path, const Actions& actions,
                         const std::vector<std::string>& ids) {
  FileWriter file(path);
  file.write(csv_line({"audience", "place", "customer", "score"}));
  for (const Audience& audience : actions.audiences) {
    for (size_t place = 0; place < audience.members.size(); ++place) {
      const AudienceMember& member = audience.members[place];
      file.write(csv_line({audience.name, std::to_string(place + 1), ids[member.customer],
                           fmt::format("{:.6g}", member.score)}));
    }
  }
  file.publish();
}

}  // namespace limner
