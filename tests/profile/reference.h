// scikit-learn's answers (reference.json, written by reference.py) and small helpers of the tests.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <functional>

#include "profile/matrix.h"
#include "runtime/error.h"
#include "runtime/files.h"
#include "runtime/random.h"

namespace limner {

inline Json read_reference(const char* name) {
  const char* source = std::getenv("LIMNER_SOURCE");
  require(source != nullptr, "LIMNER_SOURCE is not set: run the tests by ctest");
  return read_json(fs::path(source) / "tests/profile" / name);
}

inline const Json& reference() {
  static const Json json = read_reference("reference.json");
  return json;
}

// Written by reference_models.py.
inline const Json& model_reference() {
  static const Json json = read_reference("reference_models.json");
  return json;
}

inline Vector vector_of(const Json& json) {
  const auto values = json.get<std::vector<double>>();
  return Eigen::Map<const Vector>(values.data(), std::ssize(values));
}

inline Matrix matrix_of(const Json& json) {
  Matrix matrix(std::ssize(json), std::ssize(json.at(0)));
  for (int64_t row = 0; row < matrix.rows(); ++row)
    matrix.row(row) = vector_of(json.at(static_cast<size_t>(row)));
  return matrix;
}

inline Matrix random_matrix(int64_t rows, int64_t columns, uint64_t seed) {
  const Random random(seed, "test matrix");
  Matrix matrix(rows, columns);
  for (int64_t i = 0; i < matrix.size(); ++i) matrix.data()[i] = random.normal(static_cast<uint64_t>(i));
  return matrix;
}

// Runs, and gives back the exit code and message of the error; ExitCode::ok without one.
inline std::pair<ExitCode, std::string> error_of(const std::function<void()>& run) {
  try {
    run();
  } catch (const Error& error) {
    return {error.code(), error.what()};
  }
  return {ExitCode::ok, ""};
}

}  // namespace limner
