#include "prepare/plan.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "runtime/error.h"

namespace limner {

namespace {

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

void check_joined(const SourcePlan& source, const SourcePlan& texts) {
  if (!source.customer) {
    fail(ExitCode::bad_config, "prepare.sources.{}.fields: maps no `customer`; it is joined on that",
         source.index);
  }
  if (texts.customer) return;
  fail(ExitCode::bad_config,
       "prepare.sources.{}.fields: maps no `customer`, so that nothing can be joined with its texts",
       texts.index);
}

void check_no_text_keys(const SourcePlan& source) {
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

void add_name(std::set<std::string>& names, size_t source, const std::string& name) {
  if (names.insert(name).second || has_own_meaning(name)) return;
  fail(ExitCode::bad_config, "prepare.sources.{}.fields.{}: another source maps `{}` too; rename one", source,
       name, name);
}

// Between the rows of a customer in time: wants all three.
void check_interpolation(const PreparePlan& plan) {
  const auto refuse = [](const FieldPlan& field, const std::string& why) {
    fail(ExitCode::bad_config, "prepare.missing.{}: {} {}", field.name, missing_policy_name(field.missing),
         why);
  };
  for (const FieldPlan& field : plan.texts.fields) {
    if (plan.texts.text && is_interpolation(field.missing) && (!plan.texts.time || !plan.texts.customer)) {
      refuse(field, fmt::format("wants times and customers; map `time` and `customer` in prepare.sources.{}",
                                plan.texts.index));
    }
  }
  const auto refuse_all = [&](const std::vector<FieldPlan>& fields) {
    for (const FieldPlan& field : fields) {
      if (is_interpolation(field.missing))
        refuse(field, "wants rows in time; a customer has one value of it");
    }
  };
  if (!plan.texts.text) refuse_all(plan.texts.fields);
  for (const SourcePlan& source : plan.customers) refuse_all(source.fields);
  if (plan.events) refuse_all(plan.events->fields);
}

// Without texts the first table of customers gives the rows, one a customer.
void take_customers_as_rows(PreparePlan& plan) {
  if (plan.customers.empty()) {
    fail(ExitCode::bad_config, "prepare.sources: hold only events; name a table of texts or customers");
  }
  plan.texts = std::move(plan.customers.front());
  plan.customers.erase(plan.customers.begin());
  check_no_text_keys(plan.texts);
}

}  // namespace

PreparePlan make_plan(const PrepareSettings& settings) {
  if (settings.sources.empty()) {
    fail(ExitCode::bad_config, "prepare.sources: is empty; name a table and map its fields");
  }
  PreparePlan plan;
  std::vector<size_t> with_text;
  std::set<std::string> names;
  for (size_t index = 0; index < settings.sources.size(); ++index) {
    if (settings.sources[index].holds == "events") {
      if (plan.events) {
        fail(ExitCode::bad_config,
             "prepare.sources.{}.holds: events, as prepare.sources.{}; put them together", index,
             plan.events->source.index);
      }
      plan.events = plan_events(settings, index);
      for (const auto& [name, column] : plan.events->source.columns) add_name(names, index, name);
      for (const FieldPlan& field : plan.events->fields) add_name(names, index, field.name);
      continue;
    }
    SourcePlan source = plan_source(settings, index);
    for (const auto& [name, column] : source.columns) add_name(names, index, name);
    if (source.text) with_text.push_back(index);
    if (source.text && with_text.size() == 1) {
      plan.texts = std::move(source);
    } else {
      plan.customers.push_back(std::move(source));
    }
  }
  if (with_text.size() > 1) {
    fail(ExitCode::bad_config, "prepare.sources: {} map `text`; at most one may", with_text.size());
  }
  if (with_text.empty()) take_customers_as_rows(plan);
  for (const SourcePlan& source : plan.customers) {
    check_joined(source, plan.texts);
    check_no_text_keys(source);
  }
  if (plan.events) check_joined(plan.events->source, plan.texts);
  check_field_settings(settings, names);
  check_interpolation(plan);
  if (settings.near_duplicates.threshold && !plan.texts.text) {
    fail(ExitCode::bad_config, "prepare.near_duplicates.threshold: is set, but no source maps `text`");
  }
  if (settings.near_duplicates.threshold && settings.near_duplicates.within == "customer" &&
      !plan.texts.customer) {
    fail(ExitCode::bad_config,
         "prepare.near_duplicates.within: customer, but prepare.sources.{}.fields maps no `customer`; map it "
         "or compare all",
         plan.texts.index);
  }
  check_rules(settings);
  plan.texts.rules = make_rules(settings, plan.texts.columns);
  for (SourcePlan& source : plan.customers) source.rules = make_rules(settings, source.columns);
  if (plan.events) plan.events->source.rules = make_rules(settings, plan.events->source.columns);
  check_split(settings, plan);
  if (settings.split.stratify &&
      (!names.contains(*settings.split.stratify) || has_own_meaning(*settings.split.stratify))) {
    fail(ExitCode::bad_config, "prepare.split.stratify: no source maps a category field `{}`",
         *settings.split.stratify);
  }
  return plan;
}

}  // namespace limner
