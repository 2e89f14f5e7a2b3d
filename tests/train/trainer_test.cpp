// Whole training runs on the synthetic set.
#include <cmath>
#include <functional>

#include "model/model.h"
#include "model/safetensors.h"
#include "tests/train/run_checks.h"
#include "text/tokenizer.h"
#include "train/train.h"
#include "train/training_run.h"

namespace limner::testing {
namespace {

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

TEST(Train, LearnsWhatCanBeLearned) {
  TemporaryFolder folder;
  SyntheticRun synthetic(folder.path());
  synthetic.settings().train.num_train_epochs = 14;
  synthetic.settings().train.save_steps = 1000;
  synthetic.settings().train.heads.push_back({.name = "stars", .field = "stars", .kind = "regression"});
  synthetic.settings().train.heads.push_back({.name = "tags", .field = "tags", .kind = "multi_label"});
  train(synthetic.run());
  const Json summary = synthetic.summary();
  const Json& heads = summary["test"]["heads"];
  EXPECT_GE(heads[0]["accuracy"].get<double>(), 0.9);
  EXPECT_GE(heads[0]["auc"].get<double>(), 0.9);
  EXPECT_GE(heads[1]["accuracy"].get<double>(), 0.9);
  EXPECT_GE(heads[2]["r2"].get<double>(), 0.5);
  EXPECT_GE(heads[3]["micro_f1"].get<double>(), 0.9);
  EXPECT_LT(heads[2]["rmse"].get<double>(), heads[2]["baseline_rmse"].get<double>());
  // Each labelled row once.
  int64_t labelled = 0;
  const PreparedReader prepared(synthetic.run().prepared());
  const std::vector<int32_t> codes = prepared.values("sentiment", 0, prepared.rows()).codes;
  const std::vector<Split> split = prepared.split(0, prepared.rows());
  for (size_t row = 0; row < split.size(); ++row)
    labelled += split[row] == Split::test && codes[row] >= 0 ? 1 : 0;
  EXPECT_EQ(heads[0]["count"].get<int64_t>(), labelled);
  EXPECT_LT(summary["validation"]["loss"].get<double>(), 1.5);
  const auto losses = logged(synthetic.run(), "train/loss");
  EXPECT_EQ(static_cast<int64_t>(losses.size()), summary["steps"].get<int64_t>());
  EXPECT_FALSE(fs::exists(synthetic.run().train_folder() / "tokens.cache"));
}

TEST(Train, PublishesFoldersThatOpenAgain) {
  TemporaryFolder folder;
  SyntheticRun synthetic(folder.path());
  synthetic.settings().train.num_train_epochs = 4;
  synthetic.settings().train.save_total_limit = 2;
  train(synthetic.run());
  EXPECT_EQ(names_in(synthetic.run().checkpoints()).size(), 3u) << "two steps and the best";
  HeadInput input = HeadInput::pooler;
  const std::vector<HeadSpec> heads = read_heads(synthetic.run().checkpoints() / "best", input);
  ASSERT_EQ(heads.size(), 2u);
  EXPECT_EQ(heads[0].classes, (std::vector<std::string>{"bad", "good"}));
  EXPECT_EQ(input, HeadInput::mean);
  // A model that starts from it has every weight.
  TemporaryFolder second_folder;
  SyntheticRun second(second_folder.path());
  second.settings().model.checkpoint = (synthetic.run().checkpoints() / "best").string();
  second.settings().train.num_train_epochs = 0;
  train(second.run());
  EXPECT_EQ(second.summary()["test"], synthetic.summary()["test"]);
}

TEST(Train, StopAndResumeIsTheSameToTheLastBit) {
  TemporaryFolder whole_folder, parts_folder;
  SyntheticRun whole(whole_folder.path()), parts(parts_folder.path());
  for (SyntheticRun* run : {&whole, &parts}) {
    run->settings().train.gradient_accumulation_steps = 2;
    run->settings().train.logging_steps = 3;
    run->settings().train.heads.push_back({.name = "stars", .field = "stars", .kind = "regression"});
  }
  train(whole.run());
  for (const int64_t step : {4, 9}) {
    expect_error(ExitCode::interrupted, {"train", "again"},
                 [&] { train_until(parts.run(), stop_at_step(parts.run().train_folder(), step)); });
    EXPECT_FALSE(fs::exists(parts.run().train_folder() / "summary.json"));
    make_folder(parts.run().checkpoints() / "step-00000099.tmp-host-1");  // of a process killed while saving
  }
  train(parts.run());
  EXPECT_FALSE(fs::exists(parts.run().checkpoints() / "step-00000099.tmp-host-1"));
  expect_same_course(whole, parts);
}

Json pretraining_summary(SyntheticRun& run) {
  return read_json(run.run().directory() / "train" / "pretraining" / "summary.json");
}

double masked_loss(const Json& summary) {
  return summary["test"]["masked_language_model"]["loss"].get<double>();
}

TEST(Train, PretrainingTeachesTheTextsAndResumesToTheLastBit) {
  TemporaryFolder whole_folder, parts_folder;
  SyntheticRun whole(whole_folder.path()), parts(parts_folder.path());
  for (SyntheticRun* run : {&whole, &parts}) {
    run->settings().train.pretraining = {.num_train_epochs = 12, .learning_rate = 5e-3};
    run->settings().train.num_train_epochs = 1;
  }
  train(whole.run());
  const Json summary = pretraining_summary(whole);
  // Guessing at random among the words seen costs the logarithm of their number.
  EXPECT_LT(masked_loss(summary), 0.8 * std::log(summary["vocabulary"].get<double>()));
  EXPECT_TRUE(summary["test"]["heads"].empty());

  const fs::path folder = parts.run().directory() / "train" / "pretraining";
  expect_error(ExitCode::interrupted, {"train", "again"},
               [&] { train_until(parts.run(), stop_at_step(folder, 20)); });
  EXPECT_FALSE(fs::exists(folder / "summary.json"));
  train(parts.run());
  expect_same_course(whole, parts);
  EXPECT_EQ(masked_loss(pretraining_summary(parts)), masked_loss(summary));

  // What stands is not trained again; another number of epochs is.
  const auto written = fs::last_write_time(folder / "summary.json");
  parts.settings().train.learning_rate = 4e-3;
  train(parts.run());
  EXPECT_EQ(fs::last_write_time(folder / "summary.json"), written);
  parts.settings().train.pretraining.num_train_epochs = 1;
  train(parts.run());
  EXPECT_GT(masked_loss(pretraining_summary(parts)), masked_loss(summary));
}

TEST(Train, MaskedTokensMayBeGuessedBesideTheHeads) {
  TemporaryFolder folder;
  SyntheticRun synthetic(folder.path());
  synthetic.settings().train.masked_language_model.weight = 0.5;
  synthetic.settings().train.num_train_epochs = 14;
  train(synthetic.run());
  const Json summary = synthetic.summary();
  EXPECT_GE(summary["test"]["heads"][0]["accuracy"].get<double>(), 0.9);
  double sum = 0.5 * masked_loss(summary);
  for (const Json& head : summary["test"]["heads"]) sum += head["loss"].get<double>();
  EXPECT_NEAR(summary["test"]["loss"].get<double>(), sum, 1e-9);
}

TEST(Train, AStepThatIsNotFiniteNeverReachesACheckpoint) {
  for (const char* policy : {"stop", "skip"}) {
    TemporaryFolder folder;
    SyntheticRun synthetic(folder.path());
    TrainSettings& settings = synthetic.settings().train;
    settings.heads[0].weight = 1e300;  // infinite as the f32 that the gradients are
    settings.bad_step = policy;
    settings.save_steps = 1;
    expect_error(ExitCode::bad_config,
                 std::string(policy) == "stop"
                     ? std::vector<std::string>{"not finite in step 1 ", " 1 bad steps"}
                     : std::vector<std::string>{"not finite in step 10 ", " 10 bad steps"},
                 [&] { train(synthetic.run()); });
    if (!fs::exists(synthetic.run().checkpoints())) continue;
    for (const std::string& name : names_in(synthetic.run().checkpoints())) {
      if (name == "best") continue;  // holds the model alone
      for (const float weight : flat(synthetic.run().checkpoints() / name, "weights"))
        ASSERT_TRUE(std::isfinite(weight));
    }
  }
}

TEST(Train, SpikesAreSkippedAndTheRunGoesOnAlike) {
  TemporaryFolder folder, whole_folder;
  SyntheticRun parts(folder.path()), whole(whole_folder.path());
  for (SyntheticRun* run : {&parts, &whole}) {
    run->settings().train.bad_step = "skip";
    run->settings().train.spike_factor = 1.3;
    run->settings().train.max_grad_norm = 0.0;
  }
  train(whole.run());
  expect_error(ExitCode::interrupted, {"train"},
               [&] { train_until(parts.run(), stop_at_step(parts.run().train_folder(), 13)); });
  train(parts.run());
  expect_same_course(whole, parts);
  EXPECT_EQ(whole.summary()["steps"], whole.summary()["planned_steps"]);
  // Something was skipped: without the rule the weights are others.
  TemporaryFolder plain_folder;
  SyntheticRun plain(plain_folder.path());
  plain.settings().train.max_grad_norm = 0.0;
  train(plain.run());
  EXPECT_NE(flat(last_checkpoint(plain), "weights"), flat(last_checkpoint(whole), "weights"));
}

TEST(Train, GoesOnFromAnOlderCheckpointWhenTheNewestIsTorn) {
  TemporaryFolder folder, whole_folder;
  SyntheticRun synthetic(folder.path()), whole(whole_folder.path());
  train(whole.run());
  train(synthetic.run());
  fs::resize_file(last_checkpoint(synthetic) / "limner_state" / "optimizer.safetensors", 100);
  train(synthetic.run());
  expect_same_course(whole, synthetic);
}

TEST(Train, OtherSettingsStartAnew) {
  TemporaryFolder folder, fresh_folder;
  SyntheticRun synthetic(folder.path()), fresh(fresh_folder.path());
  train(synthetic.run());
  for (SyntheticRun* run : {&synthetic, &fresh}) {
    run->settings().train.learning_rate = 2e-3;
    run->settings().train.num_train_epochs = 1;
    train(run->run());
  }
  expect_same_course(fresh, synthetic);
  EXPECT_EQ(names_in(synthetic.run().checkpoints()), names_in(fresh.run().checkpoints()));
}

TEST(Train, LoggingOftenChangesNothingAndNeedsNoNewStart) {
  TemporaryFolder folder;
  SyntheticRun synthetic(folder.path());
  synthetic.settings().train.num_train_epochs = 2;
  train(synthetic.run());
  const auto published = fs::last_write_time(last_checkpoint(synthetic));
  synthetic.settings().train.logging_steps = 5;
  train(synthetic.run());
  EXPECT_EQ(fs::last_write_time(last_checkpoint(synthetic)), published);
}

TEST(Train, WithoutHeadsAndEpochsTheModelIsPublishedAsItIs) {
  TemporaryFolder folder, second_folder;
  SyntheticRun first(folder.path(), {.rows = 90}), second(second_folder.path(), {.rows = 90});
  first.settings().train.max_steps = 1;
  train(first.run());
  second.settings().model.checkpoint = (first.run().checkpoints() / "best").string();
  second.settings().train.heads.clear();
  second.settings().train.num_train_epochs = 0;
  train(second.run());
  const SafetensorsFile before(first.run().checkpoints() / "best" / "model.safetensors"),
      after(second.run().checkpoints() / "best" / "model.safetensors");
  for (const TensorEntry& entry : after.entries()) {
    EXPECT_EQ(after.bytes(entry), before.bytes(*before.find(entry.name))) << entry.name;
  }
  EXPECT_EQ(second.summary()["best_step"], 0);
  EXPECT_TRUE(second.summary()["test"]["loss"].is_null());
}

TEST(Train, StopsEarlyAndReportsTheBest) {
  TemporaryFolder folder;
  SyntheticRun synthetic(folder.path());
  TrainSettings& settings = synthetic.settings().train;
  settings.num_train_epochs = 200;
  settings.eval_steps = 4;
  settings.early_stopping_patience = 2;
  settings.metric_for_best_model = "topic/accuracy";
  train(synthetic.run());
  const Json summary = synthetic.summary();
  EXPECT_EQ(summary["steps"].get<int64_t>(), summary["best_step"].get<int64_t>() + 8);
  EXPECT_LT(summary["steps"].get<int64_t>(), summary["planned_steps"].get<int64_t>());
  const auto accuracy = logged(synthetic.run(), "validation/topic/accuracy");
  for (const auto& [step, value] : accuracy) {
    EXPECT_LE(value, summary["best_metric"]["value"].get<double>()) << step;
  }
  EXPECT_EQ(summary["validation"]["heads"][1]["accuracy"], summary["best_metric"]["value"]);
  // Another call finds the run finished.
  train(synthetic.run());
  EXPECT_EQ(synthetic.summary()["steps"], summary["steps"]);
}

TEST(Train, WithoutValidationRowsTheLastIsTheBest) {
  TemporaryFolder folder;
  SyntheticRun synthetic(folder.path(), {.rows = 90, .test_and_validation = false});
  synthetic.settings().train.num_train_epochs = 2;
  train(synthetic.run());
  EXPECT_EQ(synthetic.summary()["best_step"], synthetic.summary()["steps"]);
  EXPECT_EQ(synthetic.summary()["test"]["heads"][0]["count"], 0);
  synthetic.settings().train.early_stopping_patience = 3;
  expect_error(ExitCode::bad_config, {"validation"}, [&] { train(synthetic.run()); });
}

TEST(Train, MaxStepsCountsPastEpochs) {
  TemporaryFolder folder;
  SyntheticRun synthetic(folder.path(), {.rows = 60});
  synthetic.settings().train.max_steps = 11;
  synthetic.settings().train.save_steps = 4;
  synthetic.settings().train.save_total_limit = 9;
  train(synthetic.run());
  EXPECT_EQ(synthetic.summary()["steps"], 11);
  EXPECT_EQ(names_in(synthetic.run().checkpoints()),
            (std::vector<std::string>{"best", "step-00000004", "step-00000008", "step-00000011"}));
}

TEST(Train, ClassWeightsAndDropoutSettingsAreUsed) {
  TemporaryFolder folder, other_folder;
  SyntheticRun plain(folder.path(), {.rows = 90}), other(other_folder.path(), {.rows = 90});
  for (SyntheticRun* run : {&plain, &other}) run->settings().train.max_steps = 2;
  other.settings().train.dropout.value = 0.0;
  train(plain.run());
  train(other.run());
  EXPECT_NE(logged(plain.run(), "train/loss"), logged(other.run(), "train/loss"));
  other.settings().train.heads[0].class_weight = "auto";
  const auto before = logged(other.run(), "train/loss");
  train(other.run());
  EXPECT_NE(logged(other.run(), "train/loss"), before);
}

TEST(Train, DivergenceNamesStepAndRemedy) {
  TemporaryFolder folder;
  SyntheticRun synthetic(folder.path(), {.rows = 90});
  synthetic.settings().train.learning_rate = 1e30;
  synthetic.settings().train.warmup_ratio = 0.0;
  synthetic.settings().train.max_grad_norm = 0.0;
  expect_error(ExitCode::bad_config, {"step", "train.learning_rate"}, [&] { train(synthetic.run()); });
}

TEST(Train, Refusals) {
  TemporaryFolder folder;
  SyntheticRun synthetic(folder.path(), {.rows = 45});
  const auto with = [&](const std::function<void(Settings&)>& change) {
    return [&synthetic, change] {
      const Settings before = synthetic.settings();
      change(synthetic.settings());
      struct Restore {
        SyntheticRun& run;
        const Settings& settings;
        ~Restore() { run.settings() = settings; }
      } restore{synthetic, before};
      train(synthetic.run());
    };
  };
  expect_error(ExitCode::bad_config, {"train.heads", "nothing to learn"},
               with([](Settings& s) { s.train.heads.clear(); }));
  expect_error(ExitCode::bad_config, {"model.max_length", "64", "32"},
               with([](Settings& s) { s.model.max_length.value = 64; }));
  expect_error(ExitCode::bad_config, {"metric_for_best_model", "topic", "speed"},
               with([](Settings& s) { s.train.metric_for_best_model = "topic/speed"; }));
  expect_error(ExitCode::bad_config, {"HEAD/METRIC"},
               with([](Settings& s) { s.train.metric_for_best_model = "accuracy"; }));
  expect_error(ExitCode::bad_config, {"CUDA"}, with([](Settings& s) { s.runtime.device = "cuda"; }));
  expect_error(ExitCode::missing_input, {"nowhere"},
               with([](Settings& s) { s.model.checkpoint = "nowhere"; }));
}

TEST(Train, TokenizerThatDoesNotFit) {
  TemporaryFolder folder, second_folder;
  SyntheticRun first(folder.path(), {.rows = 90}), second(second_folder.path(), {.rows = 90});
  first.settings().train.max_steps = 1;
  train(first.run());
  const fs::path best = first.run().checkpoints() / "best";
  std::vector<std::string> vocabulary;
  std::ifstream lines(best / "vocab.txt");
  for (std::string line; std::getline(lines, line);) vocabulary.push_back(line);
  for (int extra = 0; extra < 20; ++extra) vocabulary.push_back("extra" + std::to_string(extra));
  Tokenizer::from_vocabulary(vocabulary, {}).save(best, 32);
  second.settings().model.checkpoint = best.string();
  expect_error(ExitCode::bad_data, {"tokenizer does not fit the model", best.string()},
               [&] { train(second.run()); });
}

TEST(Train, CheckpointsThatCannotBeWritten) {
  for (const bool in_background : {false, true}) {
    TemporaryFolder folder;
    SyntheticRun synthetic(folder.path(), {.rows = 45});
    synthetic.settings().train.max_steps = 1;
    synthetic.settings().train.save_in_background = in_background;
    std::ofstream(synthetic.run().checkpoints()) << "a file where a folder should be";
    expect_error(ExitCode::io, {"checkpoints"}, [&] { train(synthetic.run()); });
    EXPECT_FALSE(fs::exists(synthetic.run().train_folder() / "summary.json"));
  }
}

// A copy that training changed while it was written would differ from what stands when training waits.
TEST(Train, SavingInTheBackgroundWritesTheSameFiles) {
  TemporaryFolder waiting_folder, going_folder;
  SyntheticRun waiting(waiting_folder.path()), going(going_folder.path());
  for (SyntheticRun* run : {&waiting, &going}) {
    run->settings().train.max_steps = 12;
    run->settings().train.save_steps = run->settings().train.eval_steps = 1;
    run->settings().train.save_total_limit = 20;
    run->settings().train.save_in_background = run == &going;
    train(run->run());
  }
  std::vector<std::string> names = names_in(waiting.run().checkpoints());
  EXPECT_EQ(names.size(), 13u);
  EXPECT_EQ(names_in(going.run().checkpoints()), names);
  for (const std::string& name : names) {
    for (const char* file : {"model.safetensors", "limner_state/optimizer.safetensors"}) {
      if (name == "best" && std::string(file) != "model.safetensors") continue;
      EXPECT_EQ(read_file(waiting.run().checkpoints() / name / file),
                read_file(going.run().checkpoints() / name / file))
          << name << " " << file;
    }
  }
}

}  // namespace
}  // namespace limner::testing
