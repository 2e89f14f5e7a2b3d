// Run by several ranks.
#include "runtime/communicator.h"

#include <array>
#include <thread>

#include "tests/runtime/temporary_folder.h"

namespace limner {
namespace {

Communicator& world() {
  static Communicator communicator = Communicator::world(std::chrono::seconds(60));
  return communicator;
}

TEST(Communicator, RanksKnowTheirPlace) {
  ASSERT_GT(world().size(), 1) << "this test is for several ranks";
  EXPECT_EQ(world().local_size(), world().size());
  EXPECT_EQ(world().local_rank(), world().rank());
  EXPECT_EQ(world().root(), world().rank() == 0);
}

TEST(Communicator, Broadcast) {
  const int root = world().size() - 1;
  for (const size_t bytes : {size_t{0}, size_t{1}, size_t{3000017}}) {
    const std::string expected(bytes, 'b');
    std::string text = world().rank() == root ? expected : "something else";
    world().broadcast(text, root, "text");
    EXPECT_EQ(text, expected);
  }
  int value = world().rank() + 5;
  world().broadcast_value(value, 1, "value");
  EXPECT_EQ(value, 6);
}

TEST(Communicator, GatherOfDifferentLengths) {
  const auto part_of = [](int rank) {
    return std::string(static_cast<size_t>(rank) * 70001, static_cast<char>('a' + rank));
  };
  std::vector<std::string> expected;
  for (int rank = 0; rank < world().size(); ++rank) expected.push_back(part_of(rank));
  for (int root = 0; root < world().size(); ++root) {
    const auto parts = world().gather(part_of(world().rank()), root, "parts");
    EXPECT_EQ(parts, world().rank() == root ? expected : std::vector<std::string>());
  }
  EXPECT_EQ(world().all_gather(part_of(world().rank()), "parts"), expected);
}

TEST(Communicator, SumsAndMaxima) {
  const int64_t ranks = world().size();
  const int64_t expected = ranks * (ranks + 1) / 2;
  EXPECT_EQ(world().sum(static_cast<int64_t>(world().rank() + 1), "sum"), expected);
  EXPECT_EQ(world().sum(world().rank() + 1.0, "sum"), static_cast<double>(expected));
  std::vector<double> values = {static_cast<double>(world().rank()), -1.0 - world().rank()};
  world().maximum(values, "maximum");
  EXPECT_EQ(values, (std::vector<double>{static_cast<double>(ranks - 1), -1.0}));
  std::vector<int64_t> counts(1009, world().rank() + 1);
  world().sum(counts, "counts");
  EXPECT_EQ(counts, std::vector<int64_t>(1009, expected));
  EXPECT_TRUE(world().any(world().rank() == 1, "any"));
  EXPECT_FALSE(world().any(false, "any"));
}

TEST(Communicator, MessagesFromWhoAsksFirst) {
  constexpr int request = 3;
  constexpr int answer = 4;
  if (world().root()) {
    for (int served = 1; served < world().size(); ++served) {
      int from = -1;
      while ((from = world().poll(request)) < 0) std::this_thread::yield();
      std::array<int64_t, 1> value{};
      world().receive(value, from, request);
      EXPECT_EQ(value[0], 10 * from);
      world().send(std::array<int64_t, 2>{value[0] + 1, from}, from, answer);
    }
    EXPECT_EQ(world().poll(request), -1);
  } else {
    world().send(std::array<int64_t, 1>{10 * world().rank()}, 0, request);
    std::array<int64_t, 2> value{};
    world().receive(value, 0, answer);
    EXPECT_EQ(value, (std::array<int64_t, 2>{10 * world().rank() + 1, world().rank()}));
  }
}

// The work queue's thread uses a duplicate while the main thread runs collectives.
TEST(Communicator, DuplicatesDoNotMix) {
  const Communicator other = world().duplicate();
  std::thread thread([&] {
    for (int64_t round = 0; round < 50; ++round) EXPECT_EQ(other.sum(round, "other"), round * other.size());
  });
  for (int64_t round = 0; round < 50; ++round) {
    EXPECT_EQ(world().sum(round + 1000, "main"), (round + 1000) * world().size());
  }
  thread.join();
}

TEST(Communicator, ReducerSumsInTheBackground) {
  const auto reducer = make_mpi_reducer(world());
  std::vector<float> first(100003, static_cast<float>(world().rank() + 1));
  std::vector<float> second(7, 0.5f);
  for (int round = 0; round < 2; ++round) {
    reducer->start_sum(Tensor(first.data(), DType::f32, {100003}), "first");
    reducer->start_sum(Tensor(second.data(), DType::f32, {7}), "second");
    reducer->progress();
    reducer->finish();
  }
  const auto ranks = static_cast<float>(world().size());
  EXPECT_EQ(first.back(), ranks * ranks * (ranks + 1) / 2);
  EXPECT_EQ(second, std::vector<float>(7, 0.5f * ranks * ranks));
}

// Rank 0 stays away until every other rank has given up waiting for it.
TEST(Communicator, WaitsEndWithNames) {
  constexpr int gave_up = 5;
  Communicator impatient = world().duplicate();
  std::array<int64_t, 1> word{};
  if (world().root()) {
    for (int rank = 1; rank < world().size(); ++rank) world().receive(word, rank, gave_up);
    impatient.barrier("a late barrier");
  } else {
    impatient.set_time_limit(std::chrono::seconds(1));
    expect_error(ExitCode::internal,
                 {"rank " + std::to_string(impatient.rank()), impatient.host(), "'a late barrier'", "1 s",
                  "runtime.collective_timeout"},
                 [&] { impatient.barrier("a late barrier"); });
    world().send(word, 0, gave_up);
  }
  world().barrier("end of test");
}

}  // namespace
}  // namespace limner
