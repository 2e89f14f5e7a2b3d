// Raw tables to prepared.h5, rejects.jsonl and quality.json.
//
// rejects.jsonl, one record a row that was left out, never its text: {"file": …, "line": 17, "reason":
// "broken UTF-8"}.
//
// Near-duplicates, which count as duplicates, are listed there too: "near-duplicate: of line 17".
//
// A configuration that maps no text prepares customers alone: the rows are those of its first table, one a
// customer, their texts are empty, and every field is of customers.
//
// quality.json:
//   format_version
//   rows {read, prepared, duplicates, near_duplicates (of those), rejected}          of the source that holds
//   the texts rejected {reason: count}                             a broken rule's reason is "rule NAME"
//   rules [{name, field, check, on_failure, rejected}]    rows of all sources, each counted for the first
//                                                         rule that it breaks
//   sources [{file, sha256, holds (texts, customers, events), read, kept, duplicates, rejected,
//             rejected_by_reason; of customers and events: without_texts (rows of customers who wrote
//             nothing), orphans (customers who wrote texts and have no row here); of events: reference_time}]
//   customers {count, with_attributes, orphans, without_texts, texts_per_customer {min, median, mean, max}}
//       orphans wrote texts and are in no customer table; without_texts are only in the table and left out
//   text (null without texts) {characters {min, p05, p25, median, p75, p95, p99, max, mean}, histogram
//   [{from, to, count}],
//         languages {han, latin, other, none}}           from <= characters < to; shares of texts by the
//         script
//                                                        of most letters
//   time {first, last, missing} (or null), items {distinct, missing} (or null)
//   fields [{name, type (number, time, category, multi_category), of (row, customer), missing,
//            missing_policy, filled, fill; where asked for: outliers {method, limit, action, low, high,
//            count}, scaling {kind, offset, scale}; distinct, then min, mean, max (as prepared), or top
//            [{value, count}]}]
//   dropped_columns [{name, missing_share}]
//   splits {by, stratify, train, validation, test: {rows, customers, classes {field: {value: rows}}}}
//   warnings [{kind, field, count, of, message}]
#pragma once

#include "runtime/run.h"

namespace limner {

// Reads every source, cleans, drops duplicates, joins by customer, fills missing values, splits. The same
// files for any rank count. Always: rows read = rows prepared + duplicates dropped + rows rejected. A
// collective: rank 0 works, on its threads, while the others wait. The folder `prepared/` is published whole.
// Errors: settings that do not fit (bad_config), a missing table (missing_input), a malformed table or one
// with no usable row (bad_data).
void prepare(const Run& run);

}  // namespace limner
