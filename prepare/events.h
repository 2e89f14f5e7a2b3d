// What customers did: purchases, views and searches, summed up to a few numbers a customer.
#pragma once

#include <string>
#include <vector>

#include "prepare/rows.h"

namespace limner {

// The numbers, in the order of EventPlan::fields.
//   event_recency_days   days from the last purchase to the reference time; missing without a purchase
//   event_frequency      purchases
//   event_amount         sum of the purchases' amounts (only if `amount` is mapped); none counts as 0
//   event_browse_rate    views and searches as a share of all events; missing without an event
//   event_trend          slope of the least-squares line through the number of events in each of the last
//                        periods, oldest first: more events per period, from period to period
struct EventTable {
  std::vector<std::vector<double>> values;  // [field][customer]; NaN is missing
  std::vector<int64_t> events;              // of each customer
  int64_t reference_time = 0;               // microseconds
  SourceCounts counts;                      // kept: events of customers who wrote a text
};

// The names above; the amount is left out where it is not mapped.
std::vector<std::string> event_field_names(bool with_amount);

// Reads the events of `customers`; 40 bytes a customer are held. Rejected: an unknown kind, no or a bad time,
// an event before 1970 or after prepare.events.reference_time, a bad amount. Without a reference time the
// file is read twice: it is the time of the latest event. Errors: those of the reader; no usable event of any
// customer who wrote a text (bad_data).
EventTable read_events(const EventPlan& plan, const PrepareSettings& settings, const Distinct& customers,
                       RejectLog& rejects, Heartbeat& heartbeat);

}  // namespace limner
