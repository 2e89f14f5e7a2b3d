// Names in prepared.h5, shared by its writer and its reader.
#pragma once

#include <array>
#include <string>

#include "tables/prepared.h"

namespace limner::prepared_schema {

constexpr const char* format = "limner prepared";
constexpr int64_t format_version = 1;
constexpr std::array<const char*, 3> type_names{"number", "category", "multi_category"};  // by FieldType

inline std::string values_path(const Field& field) {
  return (field.of_customer ? "/customers/fields/" : "/fields/") + field.name;
}
inline std::string categories_path(const Field& field) { return "/categories/" + field.name; }
inline std::string offsets_path(const Field& field) { return "/offsets/" + field.name; }

}  // namespace limner::prepared_schema
