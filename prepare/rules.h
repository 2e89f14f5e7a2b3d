// Validation: what every row must hold to. A rule checks one field of one source, after cleaning.
#pragma once

#include <unicode/regex.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "prepare/values.h"
#include "runtime/settings.h"
#include "tables/reader.h"

namespace limner {

enum class RuleCheck : uint8_t { required, range, pattern, allowed, compare };
enum class Relation : uint8_t { equal, different, less, at_most, at_least, greater };
enum class OnFailure : uint8_t { reject, fail };

struct Rule {
  size_t index = 0;  // in prepare.rules
  std::string name, field;
  RuleCheck check = RuleCheck::required;
  OnFailure on_failure = OnFailure::reject;
  size_t slot = 0;  // of the field in a record's values
  ValueType type = ValueType::automatic;
  std::optional<double> low, high;  // of range; times in seconds
  std::shared_ptr<const icu::RegexPattern> pattern;
  std::set<std::string, std::less<>> allowed;
  Relation relation = Relation::equal;
  size_t other_slot = 0;
};

// Fails for a rule on a field that no source maps, two rules of one name, settings of another check
// (bad_config naming the rule's key and value).
void check_rules(const PrepareSettings& settings);

// The checked rules for the source that maps `columns` (field -> column). Errors: bad_config for types and
// values that do not fit together.
std::vector<Rule> make_rules(const PrepareSettings& settings,
                             const std::map<std::string, std::string>& columns);

// The first rule that a record breaks, or null. values: cleaned, by slot; empty is missing. Threads may call
// it at once. Errors: a pattern that takes too long on a value (bad_config).
const Rule* first_broken(const std::vector<Rule>& rules, const std::vector<std::string_view>& values);

// What stands in rejects.jsonl and quality.json: names the rule, never a value.
Problem rule_problem(const Rule& rule);

// Ends the run if the rule asks for it (bad_data with file and line).
void enforce(const Rule& rule, const std::string& path, int64_t line);

// The rule's name; by default field and check.
std::string rule_name(const RuleSettings& rule);

}  // namespace limner
