// scikit-learn's answers for texts and rankings (text_reference.json, written by text_reference.py).
#pragma once

#include "tests/profile/reference.h"

namespace limner {

inline const Json& text_reference(const std::string& part) {
  static const Json json = [] {
    const char* source = std::getenv("LIMNER_SOURCE");
    require(source != nullptr, "LIMNER_SOURCE is not set: run the tests by ctest");
    return read_json(fs::path(source) / "tests/profile/text_reference.json");
  }();
  return json.at(part);
}

}  // namespace limner
