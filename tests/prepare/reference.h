// What other software makes of small tables: reference.json, written by reference.py.
#pragma once

#include <cmath>
#include <cstdlib>
#include <vector>

#include "runtime/error.h"
#include "runtime/files.h"

namespace limner::testing {

inline const Json& reference() {
  static const Json json = [] {
    const char* source = std::getenv("LIMNER_SOURCE");
    require(source != nullptr, "LIMNER_SOURCE is not set: run the tests by ctest");
    return read_json(fs::path(source) / "tests/prepare/reference.json");
  }();
  return json;
}

// null becomes NaN.
inline std::vector<double> numbers(const Json& json) {
  std::vector<double> values;
  for (const Json& value : json) values.push_back(value.is_null() ? std::nan("") : value.get<double>());
  return values;
}

}  // namespace limner::testing
