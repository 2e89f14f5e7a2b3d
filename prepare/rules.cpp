#include "prepare/rules.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "runtime/error.h"

namespace limner {

namespace {

constexpr std::array<const char*, 5> check_names{"required", "range", "pattern", "allowed", "compare"};
constexpr std::array<const char*, 6> relation_names{"equal",   "different", "less",
                                                    "at_most", "at_least",  "greater"};
// Backtracking may take exponentially long; ICU counts its steps, so the limit is the same on any machine.
constexpr int32_t most_steps = 1000;

template <class Enum, size_t size>
Enum named(const std::array<const char*, size>& names, const std::string& name) {
  const auto found = std::find(names.begin(), names.end(), name);
  require(found != names.end(), "no such word in a rule: {}", name);
  return static_cast<Enum>(found - names.begin());
}

std::string key_of(size_t index, const char* key) { return fmt::format("prepare.rules.{}.{}", index, key); }

ValueType type_of(const PrepareSettings& settings, const std::string& field) {
  if (field == "time") return ValueType::time;
  const auto entry = settings.types.find(field);
  if (entry == settings.types.end()) return ValueType::automatic;
  for (const ValueType type : {ValueType::number, ValueType::time, ValueType::multi_category}) {
    if (entry->second == value_type_name(type)) return type;
  }
  return ValueType::category;
}

bool has_order(ValueType type) { return type == ValueType::number || type == ValueType::time; }

// A setting belongs to one check; beside another it would be silently without effect.
void check_belongings(const RuleSettings& rule, size_t index) {
  const auto refuse = [&](const char* key, const std::string& value, const char* check) {
    if (rule.check == check) return;
    fail(ExitCode::bad_config, "{}: `{}` belongs to check: {}, this rule has check: {}", key_of(index, key),
         value, check, rule.check);
  };
  if (rule.low) refuse("low", *rule.low, "range");
  if (rule.high) refuse("high", *rule.high, "range");
  if (rule.pattern) refuse("pattern", *rule.pattern, "pattern");
  if (!rule.allowed.empty()) refuse("allowed", rule.allowed.front(), "allowed");
  if (rule.relation) refuse("relation", *rule.relation, "compare");
  if (rule.other) refuse("other", *rule.other, "compare");
}

[[noreturn]] void fail_absent(size_t index, const char* key, const RuleSettings& rule) {
  fail(ExitCode::bad_config, "{}: is wanted for check: {} of field `{}`", key_of(index, key), rule.check,
       rule.field);
}

double read_limit(size_t index, const char* key, ValueType type, const std::string& written) {
  const auto value = parse_value(type, written);
  if (!value) {
    fail(ExitCode::bad_config, "{}: `{}` is no {}", key_of(index, key), written, value_type_name(type));
  }
  return *value;
}

void make_range(Rule& rule, const RuleSettings& settings) {
  if (!has_order(rule.type)) {
    fail(ExitCode::bad_config, "{}: a range wants a number or a time; set prepare.types.{}: number (or time)",
         key_of(rule.index, "field"), rule.field);
  }
  if (!settings.low && !settings.high) fail_absent(rule.index, "low or .high", settings);
  if (settings.low) rule.low = read_limit(rule.index, "low", rule.type, *settings.low);
  if (settings.high) rule.high = read_limit(rule.index, "high", rule.type, *settings.high);
  if (rule.low && rule.high && *rule.low > *rule.high) {
    fail(ExitCode::bad_config, "{}: `{}` is above high, `{}`: no value could pass", key_of(rule.index, "low"),
         *settings.low, *settings.high);
  }
}

void make_pattern(Rule& rule, const RuleSettings& settings) {
  if (!settings.pattern) fail_absent(rule.index, "pattern", settings);
  UErrorCode error = U_ZERO_ERROR;
  UParseError place{};
  rule.pattern.reset(
      icu::RegexPattern::compile(icu::UnicodeString::fromUTF8(*settings.pattern), 0, place, error));
  if (U_FAILURE(error)) {
    fail(ExitCode::bad_config, "{}: `{}` is no regular expression: {} at character {}",
         key_of(rule.index, "pattern"), *settings.pattern, u_errorName(error), place.offset);
  }
}

bool applies(const RuleSettings& rule, const std::map<std::string, std::string>& columns) {
  return columns.contains(rule.field) && (!rule.other || columns.contains(*rule.other));
}

void check_comparison(const RuleSettings& rule, size_t index, const std::vector<SourceSettings>& sources) {
  if (!rule.relation) fail_absent(index, "relation", rule);
  if (!rule.other) fail_absent(index, "other", rule);
  const bool somewhere = std::any_of(sources.begin(), sources.end(), [&](const SourceSettings& source) {
    return applies(rule, source.fields);
  });
  if (somewhere && *rule.other != rule.field) return;
  fail(ExitCode::bad_config, "{}: `{}` is no other field of the source that maps `{}`",
       key_of(index, "other"), *rule.other, rule.field);
}

void make_comparison(Rule& rule, const RuleSettings& settings, const PrepareSettings& all,
                     const std::map<std::string, std::string>& columns) {
  rule.other_slot = static_cast<size_t>(std::distance(columns.begin(), columns.find(*settings.other)));
  rule.relation = named<Relation>(relation_names, *settings.relation);
  const ValueType other_type = type_of(all, *settings.other);
  const bool ordered = has_order(rule.type) || has_order(other_type);
  const bool wants_order = rule.relation != Relation::equal && rule.relation != Relation::different;
  if ((ordered || wants_order) && (rule.type != other_type || !has_order(rule.type))) {
    fail(ExitCode::bad_config,
         "{}: `{}` of `{}` ({}) and `{}` ({}) wants two numbers or two times; set prepare.types of both",
         key_of(rule.index, "relation"), *settings.relation, rule.field, value_type_name(rule.type),
         *settings.other, value_type_name(other_type));
  }
}

bool in_range(const Rule& rule, std::string_view written) {
  const auto value = parse_value(rule.type, written);  // a value that is none was rejected before
  return value && (!rule.low || *value >= *rule.low) && (!rule.high || *value <= *rule.high);
}

bool matches(const Rule& rule, std::string_view written) {
  UErrorCode error = U_ZERO_ERROR;
  const auto text =
      icu::UnicodeString::fromUTF8(icu::StringPiece(written.data(), static_cast<int32_t>(written.size())));
  const std::unique_ptr<icu::RegexMatcher> matcher(rule.pattern->matcher(text, error));
  if (U_SUCCESS(error)) matcher->setTimeLimit(most_steps, error);
  const bool matched = U_SUCCESS(error) && matcher->matches(error) != 0;
  if (U_FAILURE(error)) {
    fail(ExitCode::bad_config, "{}: takes too long on a value of `{}` ({}); write it with less alternatives",
         key_of(rule.index, "pattern"), rule.field, u_errorName(error));
  }
  return matched;
}

bool is_allowed(const Rule& rule, std::string_view written) {
  if (rule.type != ValueType::multi_category) return rule.allowed.contains(written);
  const std::vector<std::string> parts = split_categories(written);
  return std::all_of(parts.begin(), parts.end(),
                     [&](const std::string& part) { return rule.allowed.contains(part); });
}

template <class Value>
bool holds(Relation relation, const Value& a, const Value& b) {
  switch (relation) {
    case Relation::equal:
      return a == b;
    case Relation::different:
      return a != b;
    case Relation::less:
      return a < b;
    case Relation::at_most:
      return a <= b;
    case Relation::at_least:
      return a >= b;
    case Relation::greater:
      return a > b;
  }
  return false;
}

bool compares(const Rule& rule, std::string_view written, std::string_view other) {
  if (other.empty()) return true;
  if (!has_order(rule.type)) return holds(rule.relation, written, other);
  const auto a = parse_value(rule.type, written), b = parse_value(rule.type, other);
  return a && b && holds(rule.relation, *a, *b);
}

bool is_kept(const Rule& rule, const std::vector<std::string_view>& values) {
  const std::string_view value = values[rule.slot];
  if (value.empty()) return rule.check != RuleCheck::required;
  switch (rule.check) {
    case RuleCheck::required:
      return true;
    case RuleCheck::range:
      return in_range(rule, value);
    case RuleCheck::pattern:
      return matches(rule, value);
    case RuleCheck::allowed:
      return is_allowed(rule, value);
    case RuleCheck::compare:
      return compares(rule, value, values[rule.other_slot]);
  }
  return false;
}

}  // namespace

std::string rule_name(const RuleSettings& rule) { return rule.name.value_or(rule.field + " " + rule.check); }

std::vector<Rule> make_rules(const PrepareSettings& settings,
                             const std::map<std::string, std::string>& columns) {
  std::vector<Rule> rules;
  for (size_t index = 0; index < settings.rules.size(); ++index) {
    const RuleSettings& of_rule = settings.rules[index];
    // The customer is mapped by several sources; the rule is for each of them.
    const auto column = columns.find(of_rule.field);
    if (!applies(of_rule, columns)) continue;
    Rule rule;
    rule.index = index;
    rule.name = rule_name(of_rule);
    rule.field = of_rule.field;
    rule.check = named<RuleCheck>(check_names, of_rule.check);
    rule.on_failure = of_rule.on_failure == "fail" ? OnFailure::fail : OnFailure::reject;
    rule.slot = static_cast<size_t>(std::distance(columns.begin(), column));
    rule.type = type_of(settings, of_rule.field);
    if (rule.check == RuleCheck::range) make_range(rule, of_rule);
    if (rule.check == RuleCheck::pattern) make_pattern(rule, of_rule);
    if (rule.check == RuleCheck::allowed) {
      if (of_rule.allowed.empty()) fail_absent(index, "allowed", of_rule);
      rule.allowed.insert(of_rule.allowed.begin(), of_rule.allowed.end());
    }
    if (rule.check == RuleCheck::compare) make_comparison(rule, of_rule, settings, columns);
    rules.push_back(std::move(rule));
  }
  return rules;
}

void check_rules(const PrepareSettings& settings) {
  std::set<std::string> names, fields;
  for (const SourceSettings& source : settings.sources) {
    for (const auto& [field, column] : source.fields) fields.insert(field);
  }
  for (size_t index = 0; index < settings.rules.size(); ++index) {
    const RuleSettings& rule = settings.rules[index];
    if (!fields.contains(rule.field)) {
      fail(ExitCode::bad_config, "{}: no source maps the field `{}`; mapped are: {}", key_of(index, "field"),
           rule.field, fmt::join(fields, ", "));
    }
    check_belongings(rule, index);
    if (rule.check == "compare") check_comparison(rule, index, settings.sources);
    if (names.insert(rule_name(rule)).second) continue;
    fail(ExitCode::bad_config, "{}: `{}` names another rule too; give each its own name",
         key_of(index, "name"), rule_name(rule));
  }
}

const Rule* first_broken(const std::vector<Rule>& rules, const std::vector<std::string_view>& values) {
  const auto broken =
      std::find_if(rules.begin(), rules.end(), [&](const Rule& rule) { return !is_kept(rule, values); });
  return broken == rules.end() ? nullptr : &*broken;
}

Problem rule_problem(const Rule& rule) { return {"rule " + rule.name, "field " + rule.field}; }

void enforce(const Rule& rule, const std::string& path, int64_t line) {
  if (rule.on_failure == OnFailure::reject) return;
  fail(ExitCode::bad_data,
       "{}:{}: field `{}` breaks the rule `{}`, which fails the run (prepare.rules.{}); mend the row or set "
       "on_failure: reject",
       path, line, rule.field, rule.name, rule.index);
}

}  // namespace limner
