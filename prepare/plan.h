// The settings of prepare, checked and turned into what reading needs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "prepare/rules.h"
#include "runtime/settings.h"
#include "tables/reader.h"

namespace limner {

enum class MissingPolicy : uint8_t { keep, reject, mean, median, most_frequent };

const char* missing_policy_name(MissingPolicy policy);

struct FieldPlan {
  std::string name;
  ValueType type = ValueType::automatic;
  MissingPolicy missing = MissingPolicy::keep;
  size_t slot = 0;  // in a record's values
};

// A field with a meaning of its own.
struct KeyPlan {
  size_t slot = 0;
  MissingPolicy missing = MissingPolicy::keep;  // keep or reject
};

struct SourcePlan {
  size_t index = 0;  // in prepare.sources
  std::string path;
  TableFormat format = TableFormat::csv;
  std::map<std::string, std::string> columns;  // field -> column
  std::optional<KeyPlan> customer, text, time, item;
  std::vector<FieldPlan> fields;
  std::vector<Rule> rules;
};

struct PreparePlan {
  SourcePlan texts;
  std::vector<SourcePlan> customers;  // joined on `customer`
};

// Errors: bad_config naming the key and what to write instead.
PreparePlan make_plan(const PrepareSettings& settings);

}  // namespace limner
