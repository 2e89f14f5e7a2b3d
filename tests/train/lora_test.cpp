// Training of low-rank updates and with frozen layers, from the settings to checkpoints that open again.
#include "model/adapter_config.h"
#include "model/model.h"
#include "model/safetensors.h"
#include "tests/train/synthetic_run.h"
#include "train/train.h"
#include "train/training_run.h"

namespace limner::testing {
namespace {

// A model that has read the texts a little, to be adapted.
class AdaptedRun : public ::testing::Test {
 protected:
  AdaptedRun() : base_(base_folder_.path()) {
    base_.settings().train.num_train_epochs = 2;
    train(base_.run());
  }
  fs::path base() { return base_.run().checkpoints() / "best"; }

  void adapt(SyntheticRun& run, const fs::path& checkpoint) {
    run.settings().model.checkpoint = checkpoint.string();
    run.settings().train.lora = {.rank = 4, .alpha = 8, .dropout = 0.1, .targets = {"all-linear"}};
    run.settings().train.num_train_epochs = 6;
    run.settings().train.save_steps = 1000;
  }

  TemporaryFolder base_folder_, folder_;
  SyntheticRun base_;
};

std::vector<float> flat(const fs::path& checkpoint, const char* name) {
  const SafetensorsFile file(checkpoint / "limner_state" / "optimizer.safetensors");
  const TensorEntry* entry = file.find(name);
  std::vector<float> values(static_cast<size_t>(entry->elements()));
  file.read(*entry, values);
  return values;
}

fs::path last_checkpoint(SyntheticRun& run) {
  return run.run().directory() / run.summary()["last_checkpoint"].get<std::string>();
}

TEST_F(AdaptedRun, LearnsResumesToTheLastBitAndIsForetold) {
  TemporaryFolder other;
  SyntheticRun whole(folder_.path()), parts(other.path());
  for (SyntheticRun* run : {&whole, &parts}) adapt(*run, base());
  const TrainForecast forecast = forecast_train(whole.run());
  train(whole.run());
  const Json summary = whole.summary();
  EXPECT_LT(summary["test"]["loss"].get<double>(), base_.summary()["test"]["loss"].get<double>());
  EXPECT_EQ(forecast.parameters, summary["parameters"].get<int64_t>());
  EXPECT_EQ(forecast.trained_parameters, summary["trained_parameters"].get<int64_t>());
  EXPECT_LT(forecast.trained_parameters * 2, forecast.parameters);
  EXPECT_LT(forecast.bytes_per_rank, forecast_train(base_.run()).bytes_per_rank);
  int64_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(last_checkpoint(whole))) {
    if (entry.is_regular_file()) bytes += static_cast<int64_t>(entry.file_size());
  }
  EXPECT_NEAR(static_cast<double>(forecast.checkpoint_bytes), static_cast<double>(bytes),
              0.3 * static_cast<double>(bytes));

  const fs::path metrics = parts.run().train_folder() / "metrics.jsonl";
  expect_error(ExitCode::interrupted, {"train"}, [&] {
    train_until(parts.run(),
                [&, asked = int64_t{-1}]() mutable { return fs::exists(metrics) && ++asked == 7; });
  });
  train(parts.run());
  for (const char* name : {"weights", "first_moment", "second_moment"}) {
    EXPECT_EQ(flat(last_checkpoint(whole), name), flat(last_checkpoint(parts), name)) << name;
  }
  EXPECT_EQ(whole.summary()["test"], parts.summary()["test"]);
}

TEST_F(AdaptedRun, IsAnAdapterThatOthersGoOnFrom) {
  SyntheticRun adapted(folder_.path());
  adapt(adapted, base());
  train(adapted.run());
  const fs::path best = adapted.run().checkpoints() / "best";
  EXPECT_EQ(AdapterConfig::read(best).base, fs::canonical(base()));
  EXPECT_FALSE(fs::exists(best / "model.safetensors"));
  const double loss = adapted.summary()["test"]["loss"].get<double>();

  // Its updates added to the weights, and beside them: the same answers.
  for (const int64_t rank : {0, 4}) {
    TemporaryFolder folder;
    SyntheticRun again(folder.path());
    adapt(again, best);
    again.settings().train.lora.rank = rank;
    again.settings().train.num_train_epochs = 0;
    train(again.run());
    EXPECT_NEAR(again.summary()["test"]["loss"].get<double>(), loss, 1e-5 * loss) << "rank " << rank;
    EXPECT_EQ(AdapterConfig::present(again.run().checkpoints() / "best"), rank > 0);
  }
}

TEST_F(AdaptedRun, SettingsThatMeanNothingAreRefused) {
  SyntheticRun run(folder_.path());
  const auto refuses = [&](const std::vector<std::string>& words, const auto& change) {
    adapt(run, base());
    run.settings().train.freeze = {};
    run.settings().train.masked_language_model.weight = 0;
    change(run.settings());
    expect_error(ExitCode::bad_config, words, [&] { train(run.run()); });
  };
  refuses({"train.lora", "model.checkpoint"}, [](Settings& s) { s.model.checkpoint.reset(); });
  refuses({"train.lora.targets", "querry", "attention.self.query"}, [](Settings& s) {
    s.train.lora.targets = {"query", "querry"};
  });
  refuses({"train.lora", "targets"}, [](Settings& s) { s.train.lora.targets.clear(); });
  refuses({"train.freeze"}, [](Settings& s) { s.train.freeze.layers = 1; });
  refuses({"train.lora", "language"}, [](Settings& s) { s.train.masked_language_model.weight = 1; });
  refuses({"train.freeze.layers", "3", "2"}, [](Settings& s) {
    s.train.lora = {};
    s.train.freeze.layers = 3;
  });
}

TEST_F(AdaptedRun, FrozenLayersKeepTheWeightsTheyStartWith) {
  SyntheticRun run(folder_.path());
  run.settings().model.checkpoint = base().string();
  run.settings().train.freeze = {.embeddings = true, .layers = 1};
  run.settings().train.num_train_epochs = 1;
  train(run.run());
  const SafetensorsFile before(base() / "model.safetensors");
  const SafetensorsFile after(run.run().checkpoints() / "best" / "model.safetensors");
  int64_t kept = 0, changed = 0;
  for (const TensorEntry& entry : before.entries()) {
    const bool same = before.bytes(entry) == after.bytes(*after.find(entry.name));
    const bool frozen = entry.name.find("embeddings") != std::string::npos ||
                        entry.name.find("layer.0.") != std::string::npos;
    EXPECT_TRUE(same || !frozen) << entry.name;
    kept += same ? 1 : 0;
    changed += same ? 0 : 1;
  }
  EXPECT_GT(kept, 15);
  EXPECT_GT(changed, 10);
}

}  // namespace
}  // namespace limner::testing
