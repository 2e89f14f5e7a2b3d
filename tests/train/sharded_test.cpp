// train.shard_optimizer_state: the bits of training without it, whatever is trained and however the run is
// cut, with the moments spread over the ranks.
#include "kernels/select.h"
#include "tests/train/run_checks.h"
#include "tests/train/shared_folder.h"
#include "train/optimizer.h"
#include "train/train.h"
#include "train/training_run.h"

namespace limner::testing {
namespace {

limner::Run shared_run(const fs::path& directory) {
  limner::Run run{synthetic_settings(directory), world()};
  run.settings.train.max_steps = 8;
  run.settings.train.save_steps = 4;
  if (world().root()) {
    make_folder(run.prepared().parent_path());
    write_prepared(run.prepared(), synthetic_table());
  }
  world().barrier("prepared");
  return run;
}

std::string last_state(const limner::Run& run) {
  const fs::path checkpoint =
      run.directory() / read_json(run.train_folder() / "summary.json")["last_checkpoint"].get<std::string>();
  return sha256_file(checkpoint / "limner_state" / "optimizer.safetensors");
}

// Weights, moments, averages, losses and what is published.
void expect_same_bits(const limner::Run& a, const limner::Run& b) {
  if (!world().root()) return;
  EXPECT_EQ(last_state(a), last_state(b));
  EXPECT_EQ(logged(a, "train/loss"), logged(b, "train/loss"));
  EXPECT_EQ(logged(a, "train/grad_norm"), logged(b, "train/grad_norm"));
  EXPECT_GE(logged(a, "train/loss").size(), 8u);
  for (const char* file : {"model.safetensors", "adapter_model.safetensors"}) {
    const fs::path of_a = a.checkpoints() / "best" / file, of_b = b.checkpoints() / "best" / file;
    ASSERT_EQ(fs::exists(of_a), fs::exists(of_b)) << file;
    if (!fs::exists(of_a)) continue;
    EXPECT_EQ(sha256_file(of_a), sha256_file(of_b)) << file;
  }
}

void expect_the_bits_of_whole_state(const std::function<void(TrainSettings&, RuntimeSettings&)>& choose,
                                    const std::string& checkpoint = {}) {
  ASSERT_GT(world().size(), 1) << "this test is for several ranks";
  SharedFolder folder;
  limner::Run whole = shared_run(folder.path() / "whole"), sharded = shared_run(folder.path() / "sharded");
  for (limner::Run* run : {&whole, &sharded}) {
    choose(run->settings.train, run->settings.runtime);
    if (!checkpoint.empty()) run->settings.model.checkpoint = checkpoint;
  }
  sharded.settings.train.shard_optimizer_state = true;
  train(whole);
  train(sharded);
  world().barrier("trained");
  expect_same_bits(whole, sharded);
  if (!world().root()) return;
  const auto bytes = [](const limner::Run& run) {
    return read_json(run.train_folder() / "summary.json")["state_bytes"].get<int64_t>();
  };
  const auto trained = static_cast<int64_t>(flat(sharded.checkpoints() / "step-00000008", "weights").size());
  const int64_t ranks = world().size(), saved = bytes(whole) - bytes(sharded);
  // Two moments of four bytes, of all parts but one's own; less than sixteen elements a rank are left over.
  EXPECT_LE(saved, 8 * trained * (ranks - 1) / ranks);
  EXPECT_GT(saved, 8 * (trained * (ranks - 1) / ranks - 16 * ranks));
}

TEST(ShardedState, HasTheBitsOfWholeStateInF32) {
  expect_the_bits_of_whole_state([](TrainSettings& train, RuntimeSettings&) {
    train.gradient_accumulation_steps = 2;
    train.weight_average = 0.9;
    train.weight_decay = 0.1;
    train.layer_lr_decay = 0.7;
    train.max_grad_norm = 0.5;
    train.heads.push_back({.name = "stars", .field = "stars", .kind = "regression"});
    train.masked_language_model.weight = 0.3;
  });
}

TEST(ShardedState, HasTheBitsOfWholeStateInBf16) {
  expect_the_bits_of_whole_state([](TrainSettings& train, RuntimeSettings& runtime) {
    runtime.precision = "bf16";
    train.freeze.layers = 1;
    train.save_in_background = false;
  });
}

TEST(ShardedState, HasTheBitsOfWholeStateAcrossRanks) {
  expect_the_bits_of_whole_state([](TrainSettings& train, RuntimeSettings&) {
    train.deterministic = "across_ranks";
    train.micro_batches = 5;
  });
}

TEST(ShardedState, HasTheBitsOfWholeStateWithLowRankUpdates) {
  SharedFolder folder;
  limner::Run base = shared_run(folder.path() / "base");
  train(base);
  for (const char* precision : {"f32", "bf16"}) {
    expect_the_bits_of_whole_state(
        [&](TrainSettings& train, RuntimeSettings& runtime) {
          runtime.precision = precision;
          train.lora = {.rank = 4, .alpha = 8, .dropout = 0.1, .targets = {"all-linear"}};
        },
        (base.checkpoints() / "best").string());
  }
}

// Stopped and gone on with, each part of the run with the setting as it stands; then the state by hand: what
// each rank kept is what a checkpoint says.
TEST(ShardedState, GoesOnFromACheckpointOfEitherKind) {
  SharedFolder folder;
  limner::Run whole = shared_run(folder.path() / "whole");
  whole.settings.train.weight_average = 0.9;
  train(whole);
  int number = 0;
  for (const std::array<bool, 2> sharded : {std::array{true, true}, {true, false}, {false, true}}) {
    limner::Run parts = shared_run(folder.path() / fmt::format("parts-{}", ++number));
    parts.settings.train.weight_average = 0.9;
    parts.settings.train.shard_optimizer_state = sharded[0];
    expect_error(ExitCode::interrupted, {"train"},
                 [&] { train_until(parts, stop_at_step(parts.train_folder(), 3)); });
    world().barrier("stopped");
    parts.settings.train.shard_optimizer_state = sharded[1];
    train(parts);
    world().barrier("trained");
    expect_same_bits(whole, parts);
  }
}

TEST(ShardedState, MemoryIsForetold) {
  SharedFolder folder;
  limner::Run run = shared_run(folder.path() / "run");
  run.settings.model.architecture.hidden = 512;
  run.settings.model.architecture.inner = 2048;
  const TrainForecast whole = forecast_train(run);
  run.settings.train.shard_optimizer_state = true;
  const TrainForecast sharded = forecast_train(run);
  EXPECT_EQ(whole.checkpoint_bytes, sharded.checkpoint_bytes);
  const auto ranks = static_cast<double>(world().size());
  const double saved = 8.0 * static_cast<double>(whole.trained_parameters) * (ranks - 1) / ranks;
  const auto added = [](const TrainForecast& forecast) {
    return static_cast<double>(forecast.bytes_per_rank - forecast.held_bytes);
  };
  // Parts are cut at multiples of 16 elements.
  EXPECT_NEAR(added(whole) - added(sharded), saved, 0.001 * saved);
}

}  // namespace
}  // namespace limner::testing
