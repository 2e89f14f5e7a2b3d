// Linked into a second test program: the same tests on the code an older processor would run.
#include <gtest/gtest.h>

#include "hwy/highway.h"

namespace limner::test {

class OlderProcessor : public testing::Environment {
 public:
  void SetUp() override {
    hwy::SetSupportedTargetsForTest(LIMNER_TEST_TARGET);
    hwy::GetChosenTarget().DeInit();
  }
};

[[maybe_unused]] const testing::Environment* const kOlderProcessor =
    testing::AddGlobalTestEnvironment(new OlderProcessor);

}  // namespace limner::test
