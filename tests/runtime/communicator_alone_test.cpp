// One rank, and a program that a launcher started without its MPI.
#include <stdlib.h>

#include <array>

#include "runtime/communicator.h"
#include "tests/runtime/temporary_folder.h"

namespace limner {
namespace {

TEST(CommunicatorAlone, EveryCallWorksWithoutMpi) {
  const Communicator alone = Communicator::self();
  EXPECT_EQ(alone.rank(), 0);
  EXPECT_EQ(alone.size(), 1);
  EXPECT_EQ(alone.local_size(), 1);
  EXPECT_FALSE(alone.host().empty());
  alone.barrier("wait");
  std::string text = "abc";
  alone.broadcast(text, 0, "text");
  EXPECT_EQ(text, "abc");
  EXPECT_EQ(alone.gather(text, 0, "text"), std::vector<std::string>{"abc"});
  EXPECT_EQ(alone.all_gather(text, "text"), std::vector<std::string>{"abc"});
  EXPECT_EQ(alone.sum(int64_t{3}, "sum"), 3);
  EXPECT_EQ(alone.sum(0.5, "sum"), 0.5);
  EXPECT_TRUE(alone.any(true, "any"));
  EXPECT_FALSE(alone.any(false, "any"));
}

TEST(CommunicatorAlone, MessagesToItselfArriveInOrder) {
  const Communicator alone = Communicator::self();
  const Communicator other = alone.duplicate();
  EXPECT_EQ(alone.poll(1), -1);
  alone.send(std::array<int64_t, 2>{1, 2}, 0, 1);
  alone.send(std::array<int64_t, 1>{3}, 0, 1);
  EXPECT_EQ(alone.poll(2), -1);
  EXPECT_EQ(other.poll(1), -1);
  EXPECT_EQ(alone.poll(1), 0);
  std::array<int64_t, 2> values{};
  alone.receive(values, 0, 1);
  EXPECT_EQ(values, (std::array<int64_t, 2>{1, 2}));
  alone.receive(values, 0, 1);
  EXPECT_EQ(values[0], 3);
  EXPECT_EQ(alone.poll(1), -1);
}

TEST(CommunicatorAlone, ReducerChangesNothing) {
  const Communicator alone = Communicator::self();
  const auto reducer = make_mpi_reducer(alone);
  std::array<float, 3> values{1, 2, 3};
  reducer->start_sum(Tensor(values.data(), DType::f32, {3}), "gradients");
  reducer->progress();
  reducer->finish();
  EXPECT_EQ(values[2], 3.0f);
  expect_error(ExitCode::internal, {"bf16[3]"},
               [&] { reducer->start_sum(Tensor(values.data(), DType::bf16, {3}), "gradients"); });
}

TEST(CommunicatorAlone, NSingletonsAreRefused) {
  EXPECT_EQ(Communicator::world().size(), 1);
  setenv("SLURM_STEP_NUM_TASKS", "4", 1);
  expect_error(ExitCode::usage, {"SLURM_STEP_NUM_TASKS", "4 processes", "srun --mpi=pmix"},
               [] { Communicator::world(); });
  setenv("OMPI_COMM_WORLD_SIZE", "1", 1);  // mpirun -n 1 inside a step of several tasks is meant so
  EXPECT_EQ(Communicator::world().size(), 1);
  unsetenv("SLURM_STEP_NUM_TASKS");
  unsetenv("OMPI_COMM_WORLD_SIZE");
}

TEST(CommunicatorAloneDeathTest, AbortKeepsTheExitCode) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";  // MPI runs threads: a bare fork would hang
  EXPECT_EXIT(MpiSession::abort(65), testing::ExitedWithCode(65), "");
}

}  // namespace
}  // namespace limner
