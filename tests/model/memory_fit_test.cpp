// All ranks come to the same size of batches, whoever lacks memory.
#include "model/memory_fit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernels/select.h"
#include "tests/model/model_testing.h"

namespace limner::testing {
namespace {

using ::testing::HasSubstr;

const Communicator& world() {
  static const Communicator communicator = Communicator::world();
  return communicator;
}

class MemoryFit : public ::testing::Test {
 protected:
  // Batches beyond `most` tokens find no memory on rank `poor`.
  limner::MemoryFit fit(int poor, int64_t most, int64_t wanted, int64_t least) {
    return plan_within_memory(world(), model_, wanted, {least, "the longest row", "be brief"},
                              [&](int64_t tokens) {
                                tried_.push_back(tokens);
                                if (world().rank() == poor && tokens > most)
                                  throw OutOfMemory(fmt::format("no room for {}", tokens));
                                model_.plan(Purpose::training, tokens, 2);
                              });
  }

  std::unique_ptr<Backend> backend_ = make_cpu_backend(1);
  Model model_{*backend_, tiny_config(), {single_label_head("h", 2)}, HeadInput::mean, DType::f32};
  std::vector<int64_t> tried_;
};

TEST_F(MemoryFit, TakesEverythingWhereItFits) {
  const limner::MemoryFit found = fit(0, 64, 64, 8);
  EXPECT_EQ(found.tokens, 64);
  EXPECT_EQ(found.lack, "");
  EXPECT_EQ(tried_, std::vector<int64_t>{64});
}

TEST_F(MemoryFit, HalvesOnAllRanksWhereOneLacksMemory) {
  for (int poor = 0; poor < world().size(); ++poor) {
    tried_.clear();
    const limner::MemoryFit found = fit(poor, 20, 64, 8);
    EXPECT_EQ(found.tokens, 16);
    EXPECT_EQ(tried_, (std::vector<int64_t>{64, 32, 16}));
    EXPECT_THAT(found.lack, HasSubstr(fmt::format("rank {} on {}: no room for 32", poor, world().host())));
    // Planned for what was found, and no more of it is held.
    EXPECT_EQ(model_.planned_bytes(), Model::predict_bytes(tiny_config(), {single_label_head("h", 2)},
                                                           DType::f32, Purpose::training, 16, 2));
    model_.release_plan();
  }
}

TEST_F(MemoryFit, TriesTheLongestRowLast) {
  EXPECT_EQ(fit(0, 11, 64, 11).tokens, 11);
  EXPECT_EQ(tried_, (std::vector<int64_t>{64, 32, 16, 11}));
}

TEST_F(MemoryFit, ARowThatDoesNotFitIsAnErrorOfAllRanks) {
  const int last = world().size() - 1;
  const Error error = error_of([&] { fit(last, 10, 64, 11); });
  EXPECT_EQ(error.code(), ExitCode::internal);
  EXPECT_EQ(error.what(),
            fmt::format("the longest row, 11 tokens, does not fit into memory (rank {} on {}: no room "
                        "for 11); be brief",
                        last, world().host()));
}

TEST_F(MemoryFit, OtherErrorsAreNotForBatches) {
  expect_error(ExitCode::internal, {"broken"}, [&] {
    plan_within_memory(world(), model_, 64, {8, "", ""}, [](int64_t) { fail(ExitCode::internal, "broken"); });
  });
}

}  // namespace
}  // namespace limner::testing
