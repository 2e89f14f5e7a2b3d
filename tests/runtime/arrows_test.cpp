// The folders' arrows: who may include whom.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace {

namespace fs = std::filesystem;

// What a folder may include besides itself: a folder ("runtime/") or one file of it ("text/batch.h").
const std::map<std::string, std::vector<std::string>>& arrows() {
  static const std::map<std::string, std::vector<std::string>> table = {
      {"runtime", {}},
      {"kernels", {"runtime/"}},
      {"tables", {"runtime/"}},
      {"text", {"runtime/"}},
      {"model", {"kernels/", "text/batch.h", "runtime/"}},
      {"prepare", {"tables/", "text/", "runtime/"}},
      {"train", {"model/", "text/", "tables/", "kernels/", "runtime/"}},
      {"extract", {"model/", "text/", "tables/", "kernels/", "runtime/"}},
      {"profile", {"extract/shards.h", "tables/", "text/", "runtime/"}},
      {"cli",
       {"runtime/", "kernels/", "tables/", "text/", "model/", "prepare/", "train/", "extract/", "profile/"}},
  };
  return table;
}

bool starts_with_any(const std::string& text, std::initializer_list<const char*> beginnings) {
  for (const char* beginning : beginnings) {
    if (text.starts_with(beginning)) return true;
  }
  return false;
}

bool is_gpu_header(const std::string& included) {
  return starts_with_any(included, {"cuda", "cublas", "nccl", "nvml", "curand", "cufft"});
}

bool may_hold_gpu_code(const std::string& file) {
  if (starts_with_any(file, {"kernels/cuda/", "runtime/communicator_nccl."})) return true;
  return file.starts_with("runtime/") && file.find("_cuda.") != std::string::npos;
}

// `file` and `included` are relative to the root of the sources.
bool is_allowed(const std::string& file, const std::string& included) {
  if (is_gpu_header(included)) return may_hold_gpu_code(file);
  const std::string from = file.substr(0, file.find('/'));
  const std::string to = included.substr(0, included.find('/'));
  if (to == "tests" || to == "bench") return false;
  if (from == to || arrows().count(to) == 0) return true;  // itself, or a system's or package's header
  for (const std::string& target : arrows().at(from)) {
    if (target.ends_with('/') ? included.starts_with(target) : included == target) return true;
  }
  return false;
}

// What stands between the quotes or brackets of an include line; empty for other lines.
std::string included_by(const std::string& line) {
  std::string words;
  for (const char c : line) {
    if (c != ' ' && c != '\t') words += c;
  }
  if (!starts_with_any(words, {"#include\"", "#include<"})) return "";
  const size_t begin = words.find_first_of("\"<") + 1;
  return words.substr(begin, words.find_first_of("\">", begin) - begin);
}

std::vector<std::string> includes_of(std::istream& stream) {
  std::vector<std::string> result;
  for (std::string line; std::getline(stream, line);) {
    if (std::string included = included_by(line); !included.empty()) result.push_back(std::move(included));
  }
  return result;
}

TEST(Arrows, TheRuleRefusesAndAllows) {
  EXPECT_TRUE(is_allowed("profile/report.cpp", "extract/shards.h"));
  EXPECT_FALSE(is_allowed("profile/report.cpp", "extract/extract.h"));
  EXPECT_FALSE(is_allowed("profile/report.cpp", "model/model.h"));
  EXPECT_FALSE(is_allowed("train/trainer.cpp", "extract/shards.h"));
  EXPECT_FALSE(is_allowed("extract/extract.cpp", "train/train.h"));
  EXPECT_TRUE(is_allowed("model/model.cpp", "text/batch.h"));
  EXPECT_FALSE(is_allowed("model/model.cpp", "text/tokenizer.h"));
  EXPECT_FALSE(is_allowed("runtime/files.cpp", "tables/utf8.h"));
  EXPECT_FALSE(is_allowed("text/batcher.cpp", "tests/compare.h"));
  EXPECT_TRUE(is_allowed("cli/main.cpp", "train/train.h"));
  EXPECT_TRUE(is_allowed("model/model.cpp", "model/config.h"));
  EXPECT_TRUE(is_allowed("runtime/log.cpp", "spdlog/spdlog.h"));
  EXPECT_FALSE(is_allowed("model/model.cpp", "cuda_runtime.h"));
  EXPECT_FALSE(is_allowed("runtime/communicator.cpp", "nccl.h"));
  EXPECT_TRUE(is_allowed("runtime/communicator_nccl.cpp", "nccl.h"));
  EXPECT_TRUE(is_allowed("kernels/cuda/backend.cu", "cublasLt.h"));
}

TEST(Arrows, IncludesAreFound) {
  std::istringstream source(
      "#include <vector>\n  #  include \"a/b.h\"  // why\n// #include \"no.h\"\nint x;\n");
  EXPECT_EQ(includes_of(source), (std::vector<std::string>{"vector", "a/b.h"}));
}

TEST(Arrows, EverySourceFileKeepsThem) {
  const char* source = std::getenv("LIMNER_SOURCE");
  ASSERT_NE(source, nullptr) << "LIMNER_SOURCE names the root of the sources; ctest sets it";
  const fs::path root = source;
  const std::set<std::string> endings = {".h", ".cpp", ".cu", ".cuh", ".c", ".hpp", ".inc"};
  std::set<std::string> folders_seen;
  int files = 0;
  for (const auto& [folder, targets] : arrows()) {
    if (!fs::is_directory(root / folder)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      if (endings.count(entry.path().extension().string()) == 0) continue;
      const std::string file = fs::relative(entry.path(), root).generic_string();
      std::ifstream stream(entry.path());
      for (const std::string& included : includes_of(stream)) {
        EXPECT_TRUE(is_allowed(file, included)) << file << " may not include " << included;
        folders_seen.insert(included.substr(0, included.find('/')));
      }
      ++files;
    }
  }
  // The search itself works: it saw the sources and the includes between folders.
  EXPECT_GT(files, 20);
  for (const char* folder : {"runtime", "kernels", "tables", "text"})
    EXPECT_EQ(folders_seen.count(folder), 1u);
}

}  // namespace
