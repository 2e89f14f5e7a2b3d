// Rule-based segments with an action each, and audiences by score, from a YAML file of the user's.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "profile/columns.h"
#include "profile/customers.h"

namespace limner {

// A file of rules (docs/report.md):
//
//   segments:
//     - name: leaving soon
//       when:
//         - {column: churned predicted, at_least: 0.5}
//         - {column: region, is: north}
//       action: call
//       coupon: STAY20
//       channel: phone
//   audiences:
//     - {name: loyal, score: texts, most: 100}

struct Condition {
  size_t column = 0;
  std::optional<double> at_least, above, at_most, below;  // of a number
  std::vector<std::string> one_of;                        // of a category (`is` is one_of with one entry)
};

struct ActionRule {
  std::string name, action, coupon, channel;
  std::vector<Condition> conditions;  // all hold; a missing value fails each
};

struct AudienceRule {
  std::string name;
  size_t score = 0;  // column
  std::optional<int64_t> most;
  std::optional<double> at_least;
};

struct RuleFile {
  std::vector<ActionRule> segments;
  std::vector<AudienceRule> audiences;
};

// Errors, all bad_config with file, line and column: not this format, a rule that names no column there is
// (with those there are), a number asked of a category or the reverse, a category that no customer has, a
// name used twice. A missing file: missing_input.
RuleFile read_rules(const std::filesystem::path& path, const std::vector<CustomerColumn>& columns);

struct AudienceMember {
  size_t customer = 0;
  double score = 0;
};
struct Audience {
  std::string name, score;
  std::vector<AudienceMember> members;  // the highest score first; ties: the earlier customer
};
struct Actions {
  std::vector<ActionRule> rules;
  std::vector<int32_t> rule;       // per customer: the first rule that holds; -1: none
  std::vector<int64_t> customers;  // per rule
  std::vector<Audience> audiences;
  bool empty() const { return rules.empty() && audiences.empty(); }
};
Actions apply_rules(const RuleFile& file, const std::vector<CustomerColumn>& columns);

// actions.csv: customer, segment, action, coupon, channel; a line for each customer of a rule. audiences.csv:
// audience, place, customer, score. RFC 4180.
void write_actions_csv(const std::filesystem::path& path, const Actions& actions,
                       const std::vector<std::string>& ids);
void write_audiences_csv(const std::filesystem::path& path, const Actions& actions,
                         const std::vector<std::string>& ids);

}  // namespace limner
