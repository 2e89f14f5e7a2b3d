#include "prepare/events.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "prepare/reading.h"
#include "prepare/values.h"
#include "runtime/error.h"
#include "tables/prepared.h"

namespace limner {

namespace {

constexpr double day_us = 86400e6;

struct Event {
  Problem problem;
  const Rule* broken = nullptr;
  std::string customer;
  EventKind kind = EventKind::purchase;
  int64_t time = 0;
  double amount = 0;
};

Event read_event(const Record& record, const EventPlan& plan) {
  Event event;
  event.problem = record.problem;
  if (!event.problem.none()) return event;
  std::vector<std::string> values;
  for (const std::string& value : record.values) values.push_back(clean_value(value));
  const auto reject = [&](const char* reason, const char* detail) {
    event.problem = {reason, detail};
    return event;
  };
  event.customer = values[plan.source.customer->slot];
  if (event.customer.empty()) return reject("missing customer", "");
  const std::string& time = values[plan.source.time->slot];
  if (time.empty()) return reject("missing value", "field time");
  const auto parsed = parse_time(time);
  if (!parsed) return reject("bad time", "field time");
  if (*parsed < 0) return reject("event before 1970", "field time");
  event.time = *parsed;
  const auto kind = plan.kinds.find(values[plan.kind_slot]);
  if (kind == plan.kinds.end()) return reject("unknown kind of event", "field kind");
  event.kind = kind->second;
  if (plan.amount_slot && !values[*plan.amount_slot].empty()) {
    const auto amount = parse_number(values[*plan.amount_slot]);
    if (!amount) return reject("bad number", "field amount");
    event.amount = *amount;
  }
  event.broken = first_broken(plan.source.rules, {values.begin(), values.end()});
  if (event.broken) event.problem = rule_problem(*event.broken);
  return event;
}

template <class Take>
void for_each_event(const EventPlan& plan, const PrepareSettings& settings, Heartbeat& heartbeat,
                    Take&& take) {
  SourceReading reading(plan.source, settings.clean.max_characters, heartbeat);
  while (true) {
    const std::vector<Record>& block = reading.next_block();
    if (block.empty()) return;
    for (const Record& record : block) take(record, read_event(record, plan));
  }
}

int64_t latest_event(const EventPlan& plan, const PrepareSettings& settings, Heartbeat& heartbeat) {
  int64_t latest = 0;
  for_each_event(plan, settings, heartbeat, [&](const Record&, const Event& event) {
    if (event.problem.none()) latest = std::max(latest, event.time);
  });
  return latest;
}

struct Sums {
  int64_t last_purchase = missing_time, purchases = 0, events = 0;
  double amount = 0;
  double place = 0;  // of the events in the periods, from the middle one
};

// The slope of a line through counts y at 0 … periods - 1 is sum((x - middle) y) / sum((x - middle)^2), so
// each event adds its own distance from the middle.
void add(Sums& sums, const Event& event, int64_t reference, const EventSettings& settings) {
  ++sums.events;
  const double age = static_cast<double>(reference - event.time) / day_us;
  const double period = std::floor(age / static_cast<double>(settings.period_days));
  const double last = static_cast<double>(settings.periods - 1);
  if (period <= last) sums.place += last / 2 - period;
  if (event.kind != EventKind::purchase) return;
  ++sums.purchases;
  sums.amount += event.amount;
  sums.last_purchase = std::max(sums.last_purchase, event.time);
}

std::vector<double> describe(const Sums& sums, int64_t reference, const EventPlan& plan,
                             const EventSettings& settings) {
  constexpr double missing = std::numeric_limits<double>::quiet_NaN();
  const auto periods = static_cast<double>(settings.periods);
  const auto events = static_cast<double>(sums.events), purchases = static_cast<double>(sums.purchases);
  std::vector<double> values;
  values.push_back(sums.purchases == 0 ? missing
                                       : static_cast<double>(reference - sums.last_purchase) / day_us);
  values.push_back(purchases);
  if (plan.amount_slot) values.push_back(sums.amount);
  values.push_back(sums.events == 0 ? missing : (events - purchases) / events);
  values.push_back(sums.place / (periods * (periods * periods - 1) / 12));
  return values;
}

}  // namespace

std::vector<std::string> event_field_names(bool with_amount) {
  std::vector<std::string> names{"event_recency_days", "event_frequency"};
  if (with_amount) names.emplace_back("event_amount");
  names.insert(names.end(), {"event_browse_rate", "event_trend"});
  return names;
}

EventTable read_events(const EventPlan& plan, const PrepareSettings& settings, const Distinct& customers,
                       RejectLog& rejects, Heartbeat& heartbeat) {
  const std::string& path = plan.source.path;
  EventTable table;
  table.reference_time = plan.reference_time ? *plan.reference_time : latest_event(plan, settings, heartbeat);
  std::vector<Sums> sums(static_cast<size_t>(customers.size()));
  SourceCounts& counts = table.counts;
  for_each_event(plan, settings, heartbeat, [&](const Record& record, const Event& event) {
    ++counts.read;
    Problem problem = event.problem;
    if (event.broken) enforce(*event.broken, path, record.line);
    if (problem.none() && event.time > table.reference_time) {
      problem = {"event after the reference time", "field time"};
    }
    if (!problem.none()) return rejects.add(counts, path, record.line, problem);
    const auto customer = customers.find(event.customer);
    if (!customer) {
      ++counts.without_texts;
      return;
    }
    ++counts.kept;
    add(sums[static_cast<size_t>(*customer)], event, table.reference_time, settings.events);
  });
  if (counts.read == counts.rejected) fail_without_rows(path, counts);
  if (counts.kept == 0) {
    fail(ExitCode::bad_data,
         "{}: none of its {} events is of a customer who wrote a text; does the column `{}` hold the same "
         "names as `customer` of the texts?",
         path, counts.without_texts, plan.source.columns.at("customer"));
  }
  table.values.resize(plan.fields.size());
  for (const Sums& of_customer : sums) {
    table.events.push_back(of_customer.events);
    const std::vector<double> values = describe(of_customer, table.reference_time, plan, settings.events);
    for (size_t field = 0; field < values.size(); ++field) table.values[field].push_back(values[field]);
  }
  return table;
}

}  // namespace limner
