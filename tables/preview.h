// The rows that a run will have, before or after `limner prepare`: for forecasts, which write nothing.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "runtime/settings.h"
#include "tables/prepared.h"

namespace limner {

struct Preview {
  int64_t rows = 0;  // of all parts together
  int64_t train_rows = 0;
  int64_t customers = 0;           // of the rows; of raw tables longer than what is read at most so many
  std::vector<std::string> texts;  // a sample spread evenly over the rows
  std::vector<Split> split;        // of each of them; without a prepared set, dealt by prepare.split
  // Distinct values of every field but customer, text, time and item; at most distinct_limit of each.
  std::map<std::string, std::set<std::string>> values;
};
constexpr size_t distinct_limit = 1000;

// From prepared.h5 if it is there, else from the raw tables: the first 64 MiB of each are read, and what is
// left of a longer one is taken to be alike. Errors as PreparedReader and open_table.
Preview preview_rows(const std::filesystem::path& prepared, const PrepareSettings& settings,
                     int64_t most_texts);

}  // namespace limner
