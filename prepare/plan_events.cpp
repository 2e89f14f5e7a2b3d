#include <algorithm>
#include <array>

#include "prepare/events.h"
#include "prepare/plan.h"
#include "prepare/values.h"
#include "runtime/error.h"

namespace limner {

namespace {

constexpr std::array<const char*, 3> kind_names{"purchase", "view", "search"};

std::map<std::string, EventKind> plan_kinds(const EventSettings& settings) {
  std::map<std::string, EventKind> kinds;
  if (settings.kinds.empty()) {
    for (size_t kind = 0; kind < kind_names.size(); ++kind)
      kinds[kind_names[kind]] = static_cast<EventKind>(kind);
  }
  for (const auto& [word, name] : settings.kinds) {
    const auto found = std::find(kind_names.begin(), kind_names.end(), name);
    if (found == kind_names.end()) {
      fail(ExitCode::bad_config,
           "prepare.events.kinds.{}: `{}` is no kind; known are purchase, view and search", word, name);
    }
    kinds[word] = static_cast<EventKind>(found - kind_names.begin());
  }
  return kinds;
}

// `kind` and `amount` are used up by the numbers they become: nothing else can be done with them.
void check_event_settings(const PrepareSettings& settings) {
  for (const char* name : {"kind", "amount"}) {
    for (const auto& [key, map] :
         {std::pair("missing", &settings.missing), std::pair("scaling", &settings.scaling)}) {
      if (!map->contains(name)) continue;
      fail(ExitCode::bad_config,
           "prepare.{}.{}: `{}` belongs to an event; set it for one of the event_ fields", key, name,
           map->at(name));
    }
    const auto type = settings.types.find(name);
    const char* allowed = std::string_view(name) == "amount" ? "number" : "category";
    if (type != settings.types.end() && type->second != allowed) {
      fail(ExitCode::bad_config, "prepare.types.{}: is {}, of an event it can only be {}", name, type->second,
           allowed);
    }
    for (size_t index = 0; index < settings.outliers.size(); ++index) {
      if (settings.outliers[index].field != name) continue;
      fail(ExitCode::bad_config,
           "prepare.outliers.{}.field: `{}` belongs to an event; take one of the event_ fields", index, name);
    }
  }
}

}  // namespace

EventPlan plan_events(const PrepareSettings& settings, size_t index) {
  const SourceSettings& source = settings.sources[index];
  EventPlan plan;
  plan.source.index = index;
  plan.source.path = source.path;
  plan.source.format = table_format(source.path, source.format);
  plan.source.columns = source.fields;
  for (const char* wanted : {"customer", "time", "kind"}) {
    if (source.fields.contains(wanted)) continue;
    fail(ExitCode::bad_config, "prepare.sources.{}.fields: maps no `{}`; holds: events wants it", index,
         wanted);
  }
  size_t slot = 0;
  for (const auto& [name, column] : source.fields) {
    if (name == "customer") {
      plan.source.customer = KeyPlan{slot, MissingPolicy::reject};
    } else if (name == "time") {
      plan.source.time = KeyPlan{slot, MissingPolicy::reject};
    } else if (name == "kind") {
      plan.kind_slot = slot;
    } else if (name == "amount") {
      plan.amount_slot = slot;
    } else {
      fail(ExitCode::bad_config,
           "prepare.sources.{}.fields.{}: holds: events knows customer, time, kind and amount", index, name);
    }
    ++slot;
  }
  check_event_settings(settings);
  plan.kinds = plan_kinds(settings.events);
  if (settings.events.reference_time) {
    plan.reference_time = parse_time(*settings.events.reference_time);
    if (!plan.reference_time || *plan.reference_time < 0) {
      fail(ExitCode::bad_config, "prepare.events.reference_time: `{}` is no time since 1970",
           *settings.events.reference_time);
    }
  }
  for (const std::string& name : event_field_names(plan.amount_slot.has_value())) {
    FieldPlan field = plan_field(settings, name, 0);
    if (field.type == ValueType::automatic) field.type = ValueType::number;
    if (field.type != ValueType::number || field.missing == MissingPolicy::reject) {
      fail(ExitCode::bad_config, "prepare.{}.{}: `{}` does not fit the number that events become",
           field.type != ValueType::number ? "types" : "missing", name,
           field.type != ValueType::number ? value_type_name(field.type) : "reject");
    }
    check_treatment(field, field.type, "");
    plan.fields.push_back(std::move(field));
  }
  return plan;
}

}  // namespace limner
