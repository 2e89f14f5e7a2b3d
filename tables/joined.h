// Several columns as one field: `text: summary + body` in the field map.
#pragma once

#include "tables/reader.h"

namespace limner {

// Where a field is mapped to `A + B`, its value is that of A and of B, parted by a line break; missing parts
// are left out.
bool joins_columns(const std::map<std::string, std::string>& fields);
std::unique_ptr<TableReader> open_joined_table(const std::filesystem::path& path, TableFormat format,
                                               const std::map<std::string, std::string>& fields,
                                               int64_t max_characters);

}  // namespace limner
