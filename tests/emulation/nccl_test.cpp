// Sums and gathers of three ranks with a GPU each, by NCCL: values, order against the computing stream, and a
// rank that does not come.
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <string>
#include <vector>

#include "kernels/select.h"
#include "runtime/buffer.h"
#include "runtime/error.h"

namespace limner::testing {
namespace {

const Communicator& world() {
  static const Communicator communicator = Communicator::world();
  return communicator;
}

// Values of this rank on its GPU.
struct OnGpu {
  OnGpu(Backend& backend, const std::vector<float>& values)
      : memory(backend.allocate(static_cast<int64_t>(values.size() * sizeof(float)))),
        tensor(memory.data(), DType::f32, {static_cast<int64_t>(values.size())}, Device::cuda) {
    backend.upload(tensor, values.data());
  }
  Buffer memory;
  Tensor tensor;
};

std::unique_ptr<Backend> gpu() {
  RuntimeSettings settings;
  settings.device = "cuda";
  return select_backend(settings, 1, world());
}

TEST(Nccl, SumsWhatTheComputingStreamHasMade) {
  const auto backend = gpu();
  const auto reducer = select_reducer(*backend, world());
  const auto mine = static_cast<float>(world().rank() + 1), ranks = static_cast<float>(world().size());
  const float all = ranks * (ranks + 1) / 2;
  const OnGpu first(*backend, std::vector<float>(100'003, mine)),
      second(*backend, std::vector<float>(7, mine));
  std::vector<float> found(100'003);
  float expected = 1.0f;  // times `mine` before a round, times `all` after it
  for (int round = 0; round < 3; ++round) {
    backend->add(first.tensor, first.tensor);  // under way when the sum is asked for
    reducer->start_sum(first.tensor, "first");
    reducer->start_sum(second.tensor, "second");
    reducer->progress();
    reducer->finish();
    backend->download(found.data(), first.tensor);
    expected *= 2.0f * (round == 0 ? all : ranks);
    EXPECT_EQ(found.front(), expected);
    EXPECT_EQ(found.back(), expected);
  }
  backend->download(found.data(), second.tensor);
  EXPECT_EQ(found[6], all * ranks * ranks);
}

// Each rank's part, changed by its computing stream just before, comes to all.
TEST(Nccl, GathersPartsWhatTheComputingStreamHasMadeOfThem) {
  constexpr int64_t kPart = 4'099;
  const auto backend = gpu();
  const auto reducer = select_reducer(*backend, world());
  const int64_t elements = kPart * world().size();
  std::vector<float> values(static_cast<size_t>(elements), -1.0f);
  for (int64_t i = 0; i < kPart; ++i) {
    values[static_cast<size_t>(world().rank() * kPart + i)] = static_cast<float>(world().rank() * 10'000 + i);
  }
  const OnGpu whole(*backend, values);
  for (int round = 1; round <= 2; ++round) {
    const Tensor own = whole.tensor.slice_rows(world().rank() * kPart, kPart);
    backend->add(own, own);  // under way when the gather is asked for
    reducer->start_gather(whole.tensor, "parts");
    reducer->finish();
    backend->download(values.data(), whole.tensor);
    for (int64_t i = 0; i < elements; ++i) {
      const auto expected = static_cast<float>((1 << round) * (i / kPart * 10'000 + i % kPart));
      ASSERT_EQ(values[static_cast<size_t>(i)], expected) << i << " in round " << round;
    }
  }
  const Tensor uneven = whole.tensor.slice_rows(0, elements - 1);
  EXPECT_THROW(reducer->start_gather(uneven, "uneven parts"), Error);
}

// The last rank stays away until the others have given up.
TEST(Nccl, NamesTheOperationAndTheRankThatIsMissing) {
  constexpr int kGaveUp = 5;
  const auto backend = gpu();
  Communicator impatient = world().duplicate();
  impatient.set_time_limit(std::chrono::seconds(2));
  const auto reducer = select_reducer(*backend, impatient);
  const OnGpu values(*backend, {1.0f, 2.0f});
  reducer->start_sum(values.tensor, "early gradients");
  reducer->finish();
  const int last = world().size() - 1;
  std::array<int64_t, 1> word{};
  if (world().rank() == last) {
    for (int rank = 0; rank < last; ++rank) world().receive(word, rank, kGaveUp);
    reducer->start_sum(values.tensor, "late gradients");
    reducer->finish();
  } else {
    reducer->start_sum(values.tensor, "late gradients");
    try {
      reducer->finish();
      FAIL() << "a rank was missing, but the sum came to an end";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::internal);
      const std::string message = error.what();
      for (const std::string& part :
           {"rank " + std::to_string(world().rank()) + " on " + world().host() + " waited 2 s",
            std::string("'late gradients', operation 3 of NCCL, to which rank 2 has not come"),
            std::string("runtime.collective_timeout")}) {
        EXPECT_NE(message.find(part), std::string::npos) << message;
      }
    }
    world().send(word, last, kGaveUp);
  }
  world().barrier("end of test");
}

}  // namespace
}  // namespace limner::testing
