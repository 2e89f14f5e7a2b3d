// Raw tables to prepared.h5, rejects.jsonl and quality.json.
#pragma once

#include "runtime/run.h"

namespace limner {

// Reads every source, cleans, drops duplicates, joins by customer, fills missing values, splits. The same
// files for any rank count. Always: rows read = rows prepared + duplicates dropped + rows rejected.
void prepare(const Run& run);

}  // namespace limner
