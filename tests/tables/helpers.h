// A folder of its own for files of a test, and the error that a call ends with.
#pragma once

#include <zlib.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "runtime/error.h"
#include "tables/reader.h"
#include "tests/runtime/temporary_folder.h"

namespace limner::testing {

class TestFolder : public TemporaryFolder {
 public:
  std::filesystem::path operator/(const std::string& name) const { return path() / name; }
  std::string write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path() / name, std::ios::binary) << bytes;
    return (path() / name).string();
  }
  std::string write_gzip(const std::string& name, const std::string& bytes) const {
    gzFile file = gzopen((*this / name).c_str(), "wb");
    gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
    gzclose(file);
    return (path() / name).string();
  }
};

inline std::string read_bytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

// Code and message of the Error that `call` throws; ExitCode::ok if it throws none.
struct Caught {
  ExitCode code = ExitCode::ok;
  std::string message;
};
template <class Call>
Caught catch_error(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return {error.code(), error.what()};
  }
  return {};
}

using Fields = std::map<std::string, std::string>;

inline std::vector<Record> read_all(const std::filesystem::path& path, const Fields& fields,
                                    int64_t max_characters = 1000, const std::string& format = "auto") {
  const auto reader = open_table(path, table_format(path, format), fields, max_characters);
  std::vector<Record> records;
  for (Record record; reader->next(record);) records.push_back(record);
  return records;
}

// A table of the shared data folder, if this machine has it: LIMNER_DATA, or ../shared/data beside the
// sources.
inline std::optional<std::filesystem::path> real_table(const std::string& name) {
  std::vector<std::filesystem::path> folders;
  if (const char* data = std::getenv("LIMNER_DATA")) folders.emplace_back(data);
  if (const char* source = std::getenv("LIMNER_SOURCE")) {
    folders.push_back(std::filesystem::path(source) / ".." / "shared" / "data");
  }
  for (const auto& folder : folders) {
    if (std::filesystem::exists(folder / name)) return folder / name;
  }
  return std::nullopt;
}

}  // namespace limner::testing
