// Every operation of kernels/backend.h is called by a kernel test, which runs on every backend; every CUDA
// kernel is launched by the file it stands in.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <regex>
#include <set>
#include <sstream>
#include <string>

namespace {

namespace fs = std::filesystem;

fs::path source_folder() { return std::getenv("LIMNER_SOURCE"); }

std::string text_of(const fs::path& file) {
  std::ifstream stream(file);
  EXPECT_TRUE(stream) << file;
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

std::set<std::string> first_groups(const std::string& text, const std::string& pattern) {
  const std::regex expression(pattern);
  std::set<std::string> found;
  for (std::sregex_iterator match(text.begin(), text.end(), expression), end; match != end; ++match) {
    found.insert((*match)[1]);
  }
  return found;
}

TEST(KernelCoverage, EveryOperationHasATest) {
  const auto operations =
      first_groups(text_of(source_folder() / "kernels/backend.h"), R"(virtual [\w:<>]+ (\w+)\()");
  ASSERT_GT(operations.size(), 25u);
  std::string tests;
  for (const auto& entry : fs::directory_iterator(source_folder() / "tests/kernels")) {
    const std::string name = entry.path().filename();
    if (name.ends_with("_test.cpp") && name != "coverage_test.cpp") tests += text_of(entry.path());
  }
  const auto called = first_groups(tests, R"(backend_?(?:->|\.)(\w+)\()");
  int without = 0;
  for (const std::string& operation : operations) {
    const bool tested = called.contains(operation);
    std::cout << (tested ? "tested   " : "untested ") << operation << "\n";
    without += tested ? 0 : 1;
  }
  EXPECT_EQ(without, 0) << "operations without a test";
}

TEST(KernelCoverage, EveryCudaKernelIsLaunched) {
  size_t kernels = 0;
  for (const auto& entry : fs::directory_iterator(source_folder() / "kernels/cuda")) {
    if (entry.path().extension() != ".cu") continue;
    const std::string text = text_of(entry.path());
    for (const std::string& kernel : first_groups(text, R"(\b(\w+_kernel)(?=[<(, ]))")) {
      const bool launched = std::regex_search(text, std::regex("launch\\w*\\(\\s*" + kernel + "\\b"));
      EXPECT_TRUE(launched) << kernel << " in " << entry.path().filename();
      ++kernels;
    }
  }
  EXPECT_GT(kernels, 20u);
}

}  // namespace
