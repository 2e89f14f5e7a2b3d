#include "prepare/quality.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <set>

#include "prepare/values.h"

namespace limner {

namespace {

constexpr size_t most_classes = 50;
constexpr std::array<const char*, 3> part_names{"train", "validation", "test"};

Json describe_source(const SourcePlan& source, const SourceCounts& counts, const char* holds,
                     const std::string& sha256) {
  Json described{{"file", source.path},
                 {"sha256", sha256},
                 {"holds", holds},
                 {"read", counts.read},
                 {"kept", counts.kept},
                 {"duplicates", counts.duplicates},
                 {"rejected", counts.rejected},
                 {"rejected_by_reason", counts.reasons}};
  if (counts.reasons.empty()) described["rejected_by_reason"] = Json::object();
  if (!source.text) described["without_texts"] = counts.without_texts;
  return described;
}

Json describe_sources(const Prepared& prepared) {
  std::vector<Json> by_index(prepared.source_sha256.size());
  const auto put = [&](const SourcePlan& source, const SourceCounts& counts, const char* holds) {
    by_index[source.index] = describe_source(source, counts, holds, prepared.source_sha256[source.index]);
  };
  put(prepared.plan.texts, prepared.joined.rows.counts, prepared.plan.texts.text ? "texts" : "customers");
  for (size_t index = 0; index < prepared.joined.tables.size(); ++index) {
    const CustomerTable& table = prepared.joined.tables[index];
    put(prepared.plan.customers[index], table.counts, "customers");
    by_index[prepared.plan.customers[index].index]["orphans"] =
        std::count(table.present.begin(), table.present.end(), false);
  }
  if (const auto& events = prepared.joined.events) {
    put(prepared.plan.events->source, events->counts, "events");
    by_index[prepared.plan.events->source.index]["orphans"] =
        std::count(events->events.begin(), events->events.end(), 0);
    by_index[prepared.plan.events->source.index]["reference_time"] = format_time(events->reference_time);
  }
  return by_index;
}

Json describe_customers(const Prepared& prepared) {
  const auto count = static_cast<size_t>(prepared.joined.rows.customer.values.size());
  std::vector<double> texts(count, 0.0);
  if (prepared.plan.texts.text) {
    for (const int32_t customer : prepared.joined.rows.customer.codes)
      texts[static_cast<size_t>(customer)] += 1;
  }
  int64_t with_attributes = 0, without_texts = 0;
  for (size_t customer = 0; customer < count; ++customer) {
    with_attributes += std::any_of(prepared.joined.tables.begin(), prepared.joined.tables.end(),
                                   [&](const CustomerTable& table) { return table.present[customer]; })
                           ? 1
                           : 0;
  }
  for (const CustomerTable& table : prepared.joined.tables) without_texts += table.counts.without_texts;
  const Json per_customer = describe_numbers(texts);
  const bool joined = !prepared.joined.tables.empty();
  return {{"count", count},
          {"with_attributes", with_attributes},
          {"orphans", joined ? static_cast<int64_t>(count) - with_attributes : 0},
          {"without_texts", without_texts},
          {"texts_per_customer",
           {{"min", per_customer["min"]},
            {"median", per_customer["median"]},
            {"mean", per_customer["mean"]},
            {"max", per_customer["max"]}}}};
}

Json describe_histogram(const std::vector<int64_t>& characters) {
  constexpr std::array<int64_t, 18> edges{0,   5,   10,  20,  30,   50,   75,   100,   150,
                                          200, 300, 500, 750, 1000, 2000, 5000, 10000, 100000};
  std::array<int64_t, edges.size()> counts{};
  for (const int64_t length : characters) {
    ++counts[static_cast<size_t>(std::upper_bound(edges.begin(), edges.end(), length) - edges.begin()) - 1];
  }
  Json bins = Json::array();
  for (size_t bin = 0; bin < edges.size(); ++bin) {
    Json described{{"from", edges[bin]}, {"to", nullptr}, {"count", counts[bin]}};
    if (bin + 1 < edges.size()) described["to"] = edges[bin + 1];
    bins.push_back(described);
  }
  while (bins.size() > 1 && bins.back()["count"] == 0) bins.erase(bins.end() - 1);
  return bins;
}

Json describe_text(const TextRows& rows) {
  std::array<int64_t, 4> scripts{};
  for (const Script script : rows.scripts) ++scripts[static_cast<size_t>(script)];
  const auto share = [&](Script script) {
    return static_cast<double>(scripts[static_cast<size_t>(script)]) / static_cast<double>(rows.size());
  };
  return {{"characters", describe_numbers({rows.characters.begin(), rows.characters.end()})},
          {"histogram", describe_histogram(rows.characters)},
          {"languages",
           {{"han", share(Script::han)},
            {"latin", share(Script::latin)},
            {"other", share(Script::other)},
            {"none", share(Script::none)}}}};
}

Json describe_time(const std::vector<int64_t>& times) {
  if (times.empty()) return nullptr;
  Json described{{"first", nullptr}, {"last", nullptr}, {"missing", 0}};
  std::vector<int64_t> known;
  std::copy_if(times.begin(), times.end(), std::back_inserter(known),
               [](int64_t t) { return t != missing_time; });
  described["missing"] = times.size() - known.size();
  if (!known.empty()) {
    const auto [first, last] = std::minmax_element(known.begin(), known.end());
    described["first"] = format_time(*first);
    described["last"] = format_time(*last);
  }
  return described;
}

Json describe_items(const RawColumn& item) {
  if (item.codes.empty()) return nullptr;
  return {{"distinct", item.values.size()},
          {"missing", std::count(item.codes.begin(), item.codes.end(), -1)}};
}

const SourceCounts& counts_of(const Prepared& prepared, size_t source) {
  for (size_t index = 0; index < prepared.plan.customers.size(); ++index) {
    if (prepared.plan.customers[index].index == source) return prepared.joined.tables[index].counts;
  }
  const bool of_events = prepared.plan.events && prepared.plan.events->source.index == source;
  return of_events ? prepared.joined.events->counts : prepared.joined.rows.counts;
}

Json describe_rules(const Prepared& prepared) {
  Json described = Json::array();
  for (const RuleSettings& rule : prepared.settings.rules) {
    int64_t broken = 0;
    for (size_t source = 0; source < prepared.settings.sources.size(); ++source) {
      const auto& reasons = counts_of(prepared, source).reasons;
      const auto entry = reasons.find("rule " + rule_name(rule));
      if (entry != reasons.end()) broken += entry->second;
    }
    described.push_back({{"name", rule_name(rule)},
                         {"field", rule.field},
                         {"check", rule.check},
                         {"on_failure", rule.on_failure},
                         {"rejected", broken}});
  }
  return described;
}

Json describe_dropped(const Prepared& prepared) {
  Json described = Json::array();
  for (const DroppedColumn& column : prepared.dropped) {
    described.push_back({{"name", column.name}, {"missing_share", column.missing}});
  }
  return described;
}

Json describe_classes(const Prepared& prepared, size_t part) {
  Json classes = Json::object();
  for (const TypedField& field : prepared.joined.fields) {
    const auto& categories = field.field.categories;
    if (field.field.of_customer || field.field.type != FieldType::category ||
        categories.size() > most_classes) {
      continue;
    }
    std::vector<int64_t> counts(categories.size(), 0);
    for (size_t row = 0; row < prepared.joined.split.size(); ++row) {
      const int32_t code = field.values.codes[row];
      if (prepared.joined.split[row] == static_cast<Split>(part) && code >= 0)
        ++counts[static_cast<size_t>(code)];
    }
    Json of_field = Json::object();
    for (size_t code = 0; code < counts.size(); ++code) of_field[categories[code]] = counts[code];
    classes[field.field.name] = of_field;
  }
  return classes;
}

Json describe_splits(const Prepared& prepared) {
  Json described{{"by", prepared.settings.split.by}, {"stratify", nullptr}};
  if (prepared.settings.split.stratify) described["stratify"] = *prepared.settings.split.stratify;
  for (size_t part = 0; part < part_names.size(); ++part) {
    int64_t rows = 0;
    std::set<int32_t> customers;
    for (size_t row = 0; row < prepared.joined.split.size(); ++row) {
      if (prepared.joined.split[row] != static_cast<Split>(part)) continue;
      ++rows;
      customers.insert(prepared.joined.rows.customer.codes[row]);
    }
    described[part_names[part]] = {
        {"rows", rows}, {"customers", customers.size()}, {"classes", describe_classes(prepared, part)}};
  }
  return described;
}

}  // namespace

std::vector<Warning> find_warnings(const Prepared& prepared) {
  std::vector<Warning> warnings;
  const SourceCounts& counts = prepared.joined.rows.counts;
  if (counts.rejected * 100 > counts.read) {
    warnings.push_back(
        {"rejected", "", counts.rejected, counts.read,
         fmt::format("{} of {} rows were rejected; rejects.jsonl names them", counts.rejected, counts.read)});
  }
  const SplitSettings& split = prepared.settings.split;
  const std::array<double, 3> shares{split.train, split.validation, split.test};
  for (size_t part = 0; part < shares.size(); ++part) {
    const bool empty = std::find(prepared.joined.split.begin(), prepared.joined.split.end(),
                                 static_cast<Split>(part)) == prepared.joined.split.end();
    if (empty && shares[part] > 0) {
      warnings.push_back({"empty_part", part_names[part], 0, counts.kept,
                          fmt::format("the {} part is empty: the table is too small", part_names[part])});
    }
  }
  for (const TypedField& field : prepared.joined.fields) {
    const std::string& name = field.field.name;
    const int64_t entries = field.entries(), known = entries - field.missing;
    const auto distinct = static_cast<int64_t>(field.field.categories.size());
    if (field.missing == entries) {
      warnings.push_back(
          {"no_value", name, field.missing, entries, fmt::format("field {} has no value at all", name)});
    } else if (field.field.type == FieldType::category && distinct == 1) {
      warnings.push_back({"one_value", name, 1, known, fmt::format("field {} has one value only", name)});
    } else if (looks_like_text(field)) {
      warnings.push_back(
          {"looks_like_text", name, distinct, known,
           fmt::format("field {} has {} different values in {}: free text or names, no category", name,
                       distinct, known)});
    } else if (field.not_numbers > 0 && field.not_numbers * 10 < known) {
      warnings.push_back(
          {"not_numbers", name, field.not_numbers, known,
           fmt::format(
               "field {} became a category because {} of its values are no numbers; prepare.types.{}: "
               "number rejects them",
               name, field.not_numbers, name)});
    }
  }
  return warnings;
}

Json describe_quality(const Prepared& prepared) {
  const SourceCounts& counts = prepared.joined.rows.counts;
  Json fields = Json::array();
  for (const TypedField& field : prepared.joined.fields) fields.push_back(describe_field(field));
  Json quality;
  quality["format_version"] = 1;
  quality["rows"] = {{"read", counts.read},
                     {"prepared", counts.kept},
                     {"duplicates", counts.duplicates},
                     {"near_duplicates", counts.near_duplicates},
                     {"rejected", counts.rejected}};
  quality["rejected"] = counts.reasons.empty() ? Json::object() : Json(counts.reasons);
  quality["rules"] = describe_rules(prepared);
  quality["sources"] = describe_sources(prepared);
  quality["customers"] = describe_customers(prepared);
  quality["text"] = prepared.plan.texts.text ? describe_text(prepared.joined.rows) : Json();
  quality["time"] = describe_time(prepared.joined.rows.times);
  quality["items"] = describe_items(prepared.joined.rows.item);
  quality["fields"] = fields;
  quality["dropped_columns"] = describe_dropped(prepared);
  quality["splits"] = describe_splits(prepared);
  quality["warnings"] = Json::array();
  for (const Warning& warning : find_warnings(prepared)) {
    quality["warnings"].push_back({{"kind", warning.kind},
                                   {"field", warning.field},
                                   {"count", warning.count},
                                   {"of", warning.of},
                                   {"message", warning.message}});
  }
  return quality;
}

}  // namespace limner
