// The module that nvcc makes, on a machine whose driver or cuBLAS is hidden: the program starts, takes the
// CPU where it may choose, and says why there is no GPU where it may not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/program.h"

namespace limner::testing {
namespace {

using ::testing::HasSubstr;

class Module : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    scratch = new Scratch;
    scratch->write("reviews.csv", small_reviews(40, 120));
    scratch->write("config.yaml", small_config());
    const Outcome outcome = limner::testing::limner(scratch->path(), "prepare config.yaml");
    ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  }
  static void TearDownTestSuite() { delete scratch; }
  void expect_no_gpu(const std::string& prefix, const std::string& reason) {
    const Outcome chosen = limner::testing::limner(
        scratch->path(), "train config.yaml runtime.device=auto train.num_train_epochs=1", 1, prefix);
    EXPECT_EQ(chosen.exit_code, 0) << chosen.output;
    EXPECT_THAT(chosen.output, HasSubstr("device: cpu (" + reason));
    const Outcome demanded =
        limner::testing::limner(scratch->path(), "train config.yaml runtime.device=cuda", 1, prefix);
    EXPECT_EQ(demanded.exit_code, 78) << demanded.output;
    EXPECT_THAT(demanded.output, HasSubstr("runtime.device: cuda, but " + reason));
    EXPECT_THAT(demanded.output, HasSubstr("use auto or cpu"));
  }
  static Scratch* scratch;
};
Scratch* Module::scratch = nullptr;

TEST_F(Module, LoadsWhereThereIsNoDriverOrNoGpu) {
  expect_no_gpu("CUDA_VISIBLE_DEVICES= LIMNER_CUDA_MODULE=" + std::string(LIMNER_REAL_MODULE) + " ",
                "no GPU can be used: ");
}

// A copy of the module that wants a version of cuBLASLt that nobody has.
TEST_F(Module, IsLeftAloneWhereThereIsNoCublas) {
  std::string bytes = read(LIMNER_REAL_MODULE);
  const std::string library = "libcublasLt.so.";
  const size_t found = bytes.find(library);
  ASSERT_NE(found, std::string::npos);
  bytes.replace(found + library.size(), 2, "00");
  scratch->write("module.so", bytes);
  expect_no_gpu("LIMNER_CUDA_MODULE=./module.so ",
                "the CUDA module cannot be loaded: libcublasLt.so.00: cannot open shared object file");
}

}  // namespace
}  // namespace limner::testing
