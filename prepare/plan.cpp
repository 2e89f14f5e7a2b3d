#include "prepare/plan.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "runtime/error.h"

namespace limner {

namespace {

constexpr std::array<const char*, 5> policy_names{"keep", "reject", "mean", "median", "most_frequent"};

bool has_own_meaning(const std::string& name) {
  return name == "customer" || name == "text" || name == "time" || name == "item";
}

ValueType declared_type(const PrepareSettings& settings, const std::string& field) {
  const auto entry = settings.types.find(field);
  if (entry == settings.types.end()) return ValueType::automatic;
  for (const ValueType type :
       {ValueType::number, ValueType::time, ValueType::category, ValueType::multi_category}) {
    if (entry->second == value_type_name(type)) return type;
  }
  fail(ExitCode::bad_config,
       "prepare.types.{}: unknown type `{}`; known are category, number, multi_category and time", field,
       entry->second);
}

MissingPolicy declared_policy(const PrepareSettings& settings, const std::string& field) {
  const auto entry = settings.missing.find(field);
  if (entry == settings.missing.end()) return MissingPolicy::keep;
  for (size_t index = 0; index < policy_names.size(); ++index) {
    if (entry->second == policy_names[index]) return static_cast<MissingPolicy>(index);
  }
  fail(ExitCode::bad_config,
       "prepare.missing.{}: unknown policy `{}`; known are keep, reject, mean, median and most_frequent",
       field, entry->second);
}

// Fails for a type or policy of a field that no source maps: most likely a misspelt name.
void check_names(const std::map<std::string, std::string>& map, const char* key,
                 const std::set<std::string>& known) {
  for (const auto& [name, value] : map) {
    if (known.contains(name)) continue;
    std::string list;
    for (const std::string& field : known) list += (list.empty() ? "" : ", ") + field;
    fail(ExitCode::bad_config, "prepare.{}.{}: no source maps the field `{}`; mapped are: {}", key, name,
         name, list);
  }
}

void check_own_meaning(const PrepareSettings& settings) {
  for (const auto& [name, type] : settings.types) {
    if (!has_own_meaning(name) || (name == "time" && type == "time")) continue;
    fail(ExitCode::bad_config,
         "prepare.types.{}: `{}` has a meaning of its own and no other type; leave it out", name, name);
  }
  for (const auto& [name, policy] : settings.missing) {
    const bool optional = name == "time" || name == "item";
    if (!has_own_meaning(name) || policy == "reject" || (optional && policy == "keep")) continue;
    fail(ExitCode::bad_config, "prepare.missing.{}: `{}` allows only {}", name, name,
         optional ? "keep and reject" : "reject");
  }
}

void check_field_name(const std::string& name, size_t source) {
  const bool legal =
      !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos &&
      std::none_of(name.begin(), name.end(), [](char byte) { return byte >= 0 && byte < ' '; });
  if (!legal) {
    fail(ExitCode::bad_config,
         "prepare.sources.{}.fields: `{}` cannot name a field; leave out slashes and control characters",
         source, name);
  }
}

FieldPlan plan_field(const PrepareSettings& settings, const std::string& name, size_t slot) {
  FieldPlan field{name, declared_type(settings, name), declared_policy(settings, name), slot};
  const bool of_numbers = field.missing == MissingPolicy::mean || field.missing == MissingPolicy::median;
  const bool categorical = field.type == ValueType::category || field.type == ValueType::multi_category;
  if (of_numbers && categorical) {
    fail(ExitCode::bad_config, "prepare.missing.{}: {} wants numbers, the field's type is {}", name,
         missing_policy_name(field.missing), value_type_name(field.type));
  }
  if (field.missing == MissingPolicy::most_frequent && field.type == ValueType::multi_category) {
    fail(ExitCode::bad_config, "prepare.missing.{}: a multi_category field allows only keep and reject",
         name);
  }
  return field;
}

SourcePlan plan_source(const PrepareSettings& settings, size_t index) {
  const SourceSettings& source = settings.sources[index];
  SourcePlan plan;
  plan.index = index;
  plan.path = source.path;
  plan.format = table_format(source.path, source.format);
  plan.columns = source.fields;
  size_t slot = 0;
  for (const auto& [name, column] : source.fields) {
    check_field_name(name, index);
    const KeyPlan key{slot, declared_policy(settings, name)};
    if (name == "customer") {
      plan.customer = key;
    } else if (name == "text") {
      plan.text = key;
    } else if (name == "time") {
      plan.time = key;
    } else if (name == "item") {
      plan.item = key;
    } else {
      plan.fields.push_back(plan_field(settings, name, slot));
    }
    ++slot;
  }
  return plan;
}

void check_customer_source(const SourcePlan& source, const SourcePlan& texts) {
  if (!source.customer) {
    fail(ExitCode::bad_config, "prepare.sources.{}.fields: maps no `customer`; it is joined on that",
         source.index);
  }
  if (!texts.customer) {
    fail(ExitCode::bad_config,
         "prepare.sources.{}.fields: maps no `customer`, so that nothing can be joined with its texts",
         texts.index);
  }
  for (const char* name : {"time", "item"}) {
    if (!source.columns.contains(name)) continue;
    fail(ExitCode::bad_config,
         "prepare.sources.{}.fields.{}: belongs to the source of the texts; take another name", source.index,
         name);
  }
}

void check_split(const PrepareSettings& settings, const PreparePlan& plan) {
  const SplitSettings& split = settings.split;
  const double sum = split.train + split.validation + split.test;
  if (std::abs(sum - 1.0) > 1e-6) {
    fail(ExitCode::bad_config, "prepare.split: train, validation and test add up to {:.6g}, not to 1", sum);
  }
  if (split.train <= 0) fail(ExitCode::bad_config, "prepare.split.train: is 0; training needs rows");
  if (split.stratify && split.by == "customer") {
    fail(ExitCode::bad_config, "prepare.split.stratify: works only with prepare.split.by: row");
  }
  if (split.by == "customer" && !plan.texts.customer) {
    fail(ExitCode::bad_config,
         "prepare.split.by: customer, but prepare.sources.{}.fields maps no `customer`; map it or split by "
         "row",
         plan.texts.index);
  }
}

}  // namespace

const char* missing_policy_name(MissingPolicy policy) { return policy_names[static_cast<size_t>(policy)]; }

PreparePlan make_plan(const PrepareSettings& settings) {
  if (settings.sources.empty()) {
    fail(ExitCode::bad_config, "prepare.sources: is empty; name a table and map its fields");
  }
  PreparePlan plan;
  std::vector<size_t> with_text;
  std::set<std::string> names;
  for (size_t index = 0; index < settings.sources.size(); ++index) {
    SourcePlan source = plan_source(settings, index);
    for (const auto& [name, column] : source.columns) {
      if (names.insert(name).second || has_own_meaning(name)) continue;
      fail(ExitCode::bad_config, "prepare.sources.{}.fields.{}: another source maps `{}` too; rename one",
           index, name, name);
    }
    if (source.text) with_text.push_back(index);
    if (source.text && with_text.size() == 1) {
      plan.texts = std::move(source);
    } else {
      plan.customers.push_back(std::move(source));
    }
  }
  if (with_text.size() != 1) {
    fail(ExitCode::bad_config, "prepare.sources: {} map `text`; exactly one must",
         with_text.empty() ? "none" : std::to_string(with_text.size()));
  }
  for (const SourcePlan& source : plan.customers) check_customer_source(source, plan.texts);
  check_names(settings.types, "types", names);
  check_names(settings.missing, "missing", names);
  check_own_meaning(settings);
  check_rules(settings);
  plan.texts.rules = make_rules(settings, plan.texts.columns);
  for (SourcePlan& source : plan.customers) source.rules = make_rules(settings, source.columns);
  check_split(settings, plan);
  if (settings.split.stratify &&
      (!names.contains(*settings.split.stratify) || has_own_meaning(*settings.split.stratify))) {
    fail(ExitCode::bad_config, "prepare.split.stratify: no source maps a category field `{}`",
         *settings.split.stratify);
  }
  return plan;
}

}  // namespace limner
