// The settings of prepare, checked and turned into what reading needs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "prepare/field_plan.h"
#include "prepare/rules.h"
#include "runtime/settings.h"
#include "tables/reader.h"

namespace limner {

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

enum class EventKind : uint8_t { purchase, view, search };

struct EventPlan {
  SourcePlan source;  // without fields
  size_t kind_slot = 0;
  std::optional<size_t> amount_slot;
  std::map<std::string, EventKind> kinds;  // by the word in the table
  std::optional<int64_t> reference_time;   // microseconds
  std::vector<FieldPlan> fields;           // what the events become, see events.h
};

struct PreparePlan {
  SourcePlan texts;                   // gives the rows; without `text` a row is a customer
  std::vector<SourcePlan> customers;  // joined on `customer`
  std::optional<EventPlan> events;    // joined on `customer`
};

// Errors: bad_config naming the key and what to write instead.
PreparePlan make_plan(const PrepareSettings& settings);

// The part of it for sources that hold events.
EventPlan plan_events(const PrepareSettings& settings, size_t source);

}  // namespace limner
