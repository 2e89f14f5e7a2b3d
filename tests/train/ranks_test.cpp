// Training by several ranks: the same course as by one.
#include <cmath>

#include "model/safetensors.h"
#include "tests/train/run_checks.h"
#include "tests/train/shared_folder.h"
#include "train/fixed_tree_sum.h"
#include "train/gradient_sync.h"
#include "train/train.h"
#include "train/training_run.h"

namespace limner::testing {
namespace {

Run shared_run(const fs::path& directory) {
  Run run{synthetic_settings(directory), world()};
  if (world().root()) {
    make_folder(run.prepared().parent_path());
    write_prepared(run.prepared(), synthetic_table());
  }
  world().barrier("prepared");
  return run;
}

TEST(TrainRanks, SameLossesAndMetricsAsOneRank) {
  ASSERT_GT(world().size(), 1) << "this test is for several ranks";
  SharedFolder folder;
  limner::Run run = shared_run(folder.path() / "many");
  run.settings.train.gradient_accumulation_steps = 2;
  run.settings.train.heads.push_back({.name = "stars", .field = "stars", .kind = "regression"});
  run.settings.train.masked_language_model.weight = 0.3;
  train(run);
  world().barrier("trained");
  if (!world().root()) return;
  SyntheticRun one(folder.path() / "one");
  const std::string directory = one.settings().run.directory;
  one.settings() = run.settings;
  one.settings().run.directory = directory;
  train(one.run());
  const auto expected = logged(one.run(), "train/loss"), found = logged(run, "train/loss");
  ASSERT_EQ(found.size(), expected.size());
  int64_t compared = 0;
  for (const auto& [step, loss] : expected) {
    if (++compared > 10) break;
    EXPECT_NEAR(found.at(step), loss, 1e-5 * std::abs(loss)) << "step " << step;
  }
  const Json many = read_json(run.train_folder() / "summary.json"), single = one.summary();
  EXPECT_EQ(many["steps"], single["steps"]);
  for (size_t head = 0; head < 3; ++head) {
    EXPECT_EQ(many["test"]["heads"][head]["count"], single["test"]["heads"][head]["count"]);
  }
  EXPECT_NEAR(many["test"]["heads"][0]["accuracy"].get<double>(),
              single["test"]["heads"][0]["accuracy"].get<double>(), 0.05);
}

// Each rank's texts are told from those of all ranks: the loss does not depend on where they are. Some ranks
// have no row in the smallest batches.
TEST(TrainRanks, ContrastiveLossesAreThoseOfOneRank) {
  SharedFolder folder;
  for (const int64_t budget : {400, 60}) {
    limner::Run run = shared_run(folder.path() / fmt::format("many-{}", budget));
    run.settings.train.contrastive.weight = 1.0;
    run.settings.train.contrastive.pair_by = "customer";
    run.settings.train.weight_average = 0.9;
    run.settings.train.balance = "topic";
    run.settings.train.max_tokens_per_batch = budget;
    run.settings.train.max_steps = 10;
    train(run);
    world().barrier("trained");
    if (!world().root()) continue;
    SyntheticRun one(folder.path() / fmt::format("one-{}", budget));
    const std::string directory = one.settings().run.directory;
    one.settings() = run.settings;
    one.settings().run.directory = directory;
    train(one.run());
    const auto expected = logged(one.run(), "train/loss/contrastive"),
               found = logged(run, "train/loss/contrastive");
    ASSERT_EQ(expected.size(), 10u);
    for (const auto& [step, loss] : expected) {
      EXPECT_NEAR(found.at(step), loss, 1e-4 * std::abs(loss)) << "step " << step;
    }
    const auto validation = [](const Json& summary) {
      return summary["validation"]["contrastive"]["loss"].get<double>();
    };
    const Json many = read_json(run.train_folder() / "summary.json");
    EXPECT_NEAR(validation(many), validation(one.summary()), 1e-3);
  }
}

// A batch budget so small that some ranks have no row in most batches.
TEST(TrainRanks, RanksWithoutRowsTakePart) {
  SharedFolder folder;
  limner::Run run = shared_run(folder.path() / "many");
  run.settings.train.max_tokens_per_batch = 16;
  run.settings.train.max_steps = 12;
  run.settings.train.masked_language_model.weight = 1.0;
  train(run);
  world().barrier("trained");
  if (!world().root()) return;
  SyntheticRun one(folder.path() / "one");
  const std::string directory = one.settings().run.directory;
  one.settings() = run.settings;
  one.settings().run.directory = directory;
  train(one.run());
  const auto expected = logged(one.run(), "train/loss"), found = logged(run, "train/loss");
  ASSERT_EQ(expected.size(), 12u);
  for (const auto& [step, loss] : expected) EXPECT_NEAR(found.at(step), loss, 1e-4 * std::abs(loss)) << step;
}

TEST(TrainRanks, StopOfOneRankIsStopOfAllAndResumeIsBitEqual) {
  SharedFolder folder;
  limner::Run whole = shared_run(folder.path() / "whole"), parts = shared_run(folder.path() / "parts");
  for (limner::Run* run : {&whole, &parts}) run->settings.train.num_train_epochs = 2;
  train(whole);
  const int last = world().size() - 1;
  int asked = 0;
  expect_error(ExitCode::interrupted, {"train"},
               [&] { train_until(parts, [&] { return world().rank() == last && ++asked == 8; }); });
  train(parts);
  world().barrier("trained");
  if (!world().root()) return;
  EXPECT_EQ(logged(whole, "train/loss"), logged(parts, "train/loss"));
  const auto weights = [](const limner::Run& run) {
    const fs::path checkpoint =
        run.directory() /
        read_json(run.train_folder() / "summary.json")["last_checkpoint"].get<std::string>();
    return read_file(checkpoint / "limner_state" / "optimizer.safetensors");
  };
  EXPECT_EQ(sha256(weights(whole)), sha256(weights(parts)));
}

std::string last_state(const limner::Run& run) {
  const fs::path checkpoint =
      run.directory() / read_json(run.train_folder() / "summary.json")["last_checkpoint"].get<std::string>();
  return sha256_file(checkpoint / "limner_state" / "optimizer.safetensors");
}

TEST(TrainRanks, AcrossRanksGivesTheBitsOfOneRank) {
  ASSERT_GT(world().size(), 1) << "this test is for several ranks";
  SharedFolder folder;
  limner::Run fixed = shared_run(folder.path() / "fixed"), usual = shared_run(folder.path() / "usual");
  for (limner::Run* run : {&fixed, &usual}) {
    run->settings.train.max_steps = 6;
    run->settings.train.gradient_accumulation_steps = 2;
    run->settings.train.heads.push_back({.name = "stars", .field = "stars", .kind = "regression"});
    run->settings.train.heads[0].class_weight = "auto";
    run->settings.train.masked_language_model.weight = 0.3;
  }
  fixed.settings.train.deterministic = "across_ranks";
  fixed.settings.train.micro_batches = 5;  // no multiple of the ranks
  train(fixed);
  train(usual);
  world().barrier("trained");
  if (!world().root()) return;
  for (limner::Run* run : {&fixed, &usual}) {
    SyntheticRun one(folder.path() / ("one-" + run->directory().filename().string()));
    const std::string directory = one.settings().run.directory;
    one.settings() = run->settings;
    one.settings().run.directory = directory;
    one.settings().runtime.threads.value = 2;
    train(one.run());
    if (run == &fixed) {
      EXPECT_EQ(last_state(fixed), last_state(one.run()));
      EXPECT_EQ(read_file(fixed.checkpoints() / "best" / "model.safetensors"),
                read_file(one.run().checkpoints() / "best" / "model.safetensors"));
    } else {
      EXPECT_NE(last_state(usual), last_state(one.run())) << "then the test above shows nothing";
    }
  }
}

// The only checkpoint of a run that was stopped, rewritten: memory allowed no more than this at once.
void set_share_tokens(const limner::Run& run, int64_t tokens) {
  const fs::path checkpoint = fs::directory_iterator(run.checkpoints())->path();
  FolderWriter folder(checkpoint);
  fs::copy(checkpoint, folder.path(), fs::copy_options::recursive);
  fs::remove(folder.path() / "checksums.json");
  const fs::path file = folder.path() / "limner_state" / "state.json";
  Json state = read_json(file);
  EXPECT_TRUE(state.at("share_tokens").is_null());
  state["share_tokens"] = tokens;
  write_json(file, state);
  folder.publish();
}

// As after running out of memory: three pieces and more of each rank's share, their gradients added up.
TEST(TrainRanks, SharesInPiecesTrainAsWholeOnes) {
  SharedFolder folder;
  for (const char* deterministic : {"same_ranks", "across_ranks"}) {
    limner::Run whole = shared_run(folder.path() / fmt::format("whole-{}", deterministic)),
                pieces = shared_run(folder.path() / fmt::format("pieces-{}", deterministic));
    for (limner::Run* run : {&whole, &pieces}) {
      run->settings.train.max_steps = 8;
      run->settings.train.eval_steps = run->settings.train.save_steps = 1000;
      run->settings.train.gradient_accumulation_steps = 2;
      run->settings.train.heads[0].class_weight = "auto";
      run->settings.train.masked_language_model.weight = 0.3;
      run->settings.train.deterministic = deterministic;
      run->settings.train.micro_batches = 3;
    }
    train(whole);
    expect_error(ExitCode::interrupted, {"train"},
                 [&] { train_until(pieces, stop_at_step(pieces.train_folder(), 2)); });
    world().barrier("stopped");
    if (world().root()) set_share_tokens(pieces, 50);
    train(pieces);
    world().barrier("trained");
    if (!world().root()) continue;
    const auto expected = logged(whole, "train/loss"), found = logged(pieces, "train/loss");
    ASSERT_EQ(expected.size(), 8u);
    ASSERT_EQ(found.size(), 8u);
    for (const auto& [step, loss] : expected) {
      EXPECT_NEAR(found.at(step), loss, 1e-4 * loss) << deterministic << ", step " << step;
    }
    EXPECT_NE(last_state(whole), last_state(pieces)) << "then nothing was cut";
    const Json state = read_json(pieces.checkpoints() / "step-00000008" / "limner_state" / "state.json");
    EXPECT_EQ(state.at("share_tokens"), 50);
  }
}

TEST(TrainRanks, ErrorsReachEveryRank) {
  SharedFolder folder;
  limner::Run run = shared_run(folder.path() / "bad");
  run.settings.train.learning_rate = 1e30;
  run.settings.train.warmup_ratio = 0.0;
  run.settings.train.max_grad_norm = 0.0;
  expect_error(ExitCode::bad_config, {"learning_rate"}, [&] { train(run); });
}

// Values whose sum depends on the order of addition.
float leaf_value(int64_t leaf, int64_t element) {
  const Random random(7, "leaf", static_cast<uint64_t>(leaf));
  const double exponent = 12.0 * random.uniform(static_cast<uint64_t>(element)) - 6.0;
  return static_cast<float>((element % 2 == 0 ? 1.0 : -1.0) * std::pow(10.0, exponent));
}

float tree_value(int64_t begin, int64_t end, int64_t element) {
  if (end - begin == 1) return leaf_value(begin, element);
  int64_t left = 1;
  while (2 * left < end - begin) left *= 2;
  return tree_value(begin, begin + left, element) + tree_value(begin + left, end, element);
}

TEST(FixedTreeSum, AddsInTheOrderOfItsTreeWhateverTheRanks) {
  constexpr int64_t elements = 40;
  std::vector<float> values(elements);
  const auto backend = make_cpu_backend(1);
  const Tensor gradients(values.data(), DType::f32, {elements});
  FixedTreeSum shared(*backend, world(), gradients);
  int64_t other_order = 0;
  for (int64_t leaves = 1; leaves <= 9; ++leaves) {
    int64_t computed = 0;
    shared.sum(leaves, [&](int64_t leaf) {
      for (int64_t i = 0; i < elements; ++i) {
        EXPECT_EQ(values[static_cast<size_t>(i)], 0.0f);
        values[static_cast<size_t>(i)] += leaf_value(leaf, i);
      }
      ++computed;
    });
    EXPECT_EQ(computed, shared.own(leaves).count);
    EXPECT_EQ(world().sum(computed, "count leaves"), leaves);
    for (int64_t i = 0; i < elements; ++i) {
      ASSERT_EQ(values[static_cast<size_t>(i)], tree_value(0, leaves, i))
          << leaves << " leaves, element " << i;
      float in_order = 0.0f;
      for (int64_t leaf = 0; leaf < leaves; ++leaf) in_order += leaf_value(leaf, i);
      other_order += in_order != values[static_cast<size_t>(i)];
    }
  }
  EXPECT_GT(other_order, 0) << "these values do not show an order";
}

TEST(GradientSync, SumsEveryElementOnce) {
  ModelConfig config = ModelConfig::from_settings(synthetic_settings("").model.architecture, 50);
  HeadSpec head;
  head.name = "h";
  head.kind = "single_label";
  head.classes = {"a", "b"};
  const ParameterTable table(config, {head}, HeadInput::mean);
  std::vector<float> values(static_cast<size_t>(table.elements()));
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(i % 97) + static_cast<float>(world().rank());
  const auto reducer = make_mpi_reducer(world());
  GradientSync sync(*reducer, table, Tensor(values.data(), DType::f32, {table.elements()}));
  const float ranks = static_cast<float>(world().size());
  for (int round = 0; round < 2; ++round) {
    if (world().rank() == 0) {
      sync.all_layers_done();
    } else {
      for (int layer = table.layer_count() - 1; layer >= 0; --layer) sync.layer_done(layer);
    }
    sync.finish();
    float factor = 1.0f;
    for (int i = 0; i < round; ++i) factor *= ranks;
    for (size_t i = 0; i < values.size(); ++i) {
      const float once = static_cast<float>(i % 97) * ranks + ranks * (ranks - 1.0f) / 2.0f;
      ASSERT_EQ(values[i], once * factor) << i << " in round " << round;
    }
  }
}

}  // namespace
}  // namespace limner::testing
