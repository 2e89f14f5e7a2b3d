// Whole training runs with other objectives than the heads' plain losses, with balanced classes and with
// averaged weights.
#include <cmath>
#include <functional>

#include "model/model.h"
#include "tests/train/run_checks.h"
#include "train/train.h"
#include "train/training_run.h"

namespace limner::testing {
namespace {

double accuracy(const Json& summary, size_t head = 0) {
  return summary["test"]["heads"][head]["accuracy"].get<double>();
}

// Trains it whole, and another in parts, which must be the same course.
void expect_resumes(const std::function<void(TrainSettings&)>& change,
                    const std::function<void(Settings&)>& more = {}) {
  TemporaryFolder whole_folder, parts_folder;
  SyntheticRun whole(whole_folder.path()), parts(parts_folder.path());
  for (SyntheticRun* run : {&whole, &parts}) {
    run->settings().train.num_train_epochs = 3;
    run->settings().train.gradient_accumulation_steps = 2;
    change(run->settings().train);
    if (more) more(run->settings());
  }
  train(whole.run());
  for (const int64_t step : {3, 9}) {
    expect_error(ExitCode::interrupted, {"train", "again"},
                 [&] { train_until(parts.run(), stop_at_step(parts.run().train_folder(), step)); });
  }
  train(parts.run());
  expect_same_course(whole, parts);
}

TEST(Objectives, LabelSmoothingAndFocalLossLearn) {
  TemporaryFolder folder;
  SyntheticRun synthetic(folder.path());
  synthetic.settings().train.num_train_epochs = 14;
  HeadSettings& sentiment = synthetic.settings().train.heads[0];
  sentiment.label_smoothing = 0.1;
  sentiment.focal_gamma = 1.0;
  sentiment.class_weight = "auto";
  synthetic.settings().train.heads[1].label_smoothing = 0.2;
  train(synthetic.run());
  const Json summary = synthetic.summary();
  EXPECT_GE(accuracy(summary, 0), 0.9);
  EXPECT_GE(accuracy(summary, 1), 0.9);
  // Of three classes, smoothing by 0.2 costs even the best guess -(0.8 + 0.2 / 3) log(0.8 + 0.2 / 3) - ….
  const double sure = 0.8 + 0.2 / 3, other = 0.2 / 3;
  EXPECT_GE(summary["test"]["heads"][1]["loss"].get<double>(),
            -sure * std::log(sure) - 2 * other * std::log(other));
}

TEST(Objectives, BalancedClassesLearnAndResumeToTheLastBit) {
  TemporaryFolder folder;
  SyntheticRun synthetic(folder.path());
  synthetic.settings().train.num_train_epochs = 14;
  synthetic.settings().train.balance = "topic";
  train(synthetic.run());
  EXPECT_GE(accuracy(synthetic.summary(), 1), 0.9);
  expect_resumes([](TrainSettings& settings) { settings.balance = "sentiment"; });
}

TEST(Objectives, AveragedWeightsArePublishedAndResumeToTheLastBit) {
  const auto change = [](TrainSettings& settings) { settings.weight_average = 0.9; };
  TemporaryFolder folder, plain_folder;
  SyntheticRun averaged(folder.path()), plain(plain_folder.path());
  change(averaged.settings().train);
  train(averaged.run());
  train(plain.run());
  // The course is the same, what is published is not.
  EXPECT_EQ(logged(averaged.run(), "train/loss"), logged(plain.run(), "train/loss"));
  EXPECT_EQ(flat(last_checkpoint(averaged), "weights"), flat(last_checkpoint(plain), "weights"));
  EXPECT_NE(logged(averaged.run(), "validation/loss"), logged(plain.run(), "validation/loss"));
  EXPECT_NE(flat(last_checkpoint(averaged), "weights"), flat(last_checkpoint(averaged), "weight_average"));
  const std::string name = "embeddings.LayerNorm.weight";
  const SafetensorsFile file(last_checkpoint(averaged) / "model.safetensors");
  std::vector<float> published(static_cast<size_t>(file.find(name)->elements()));
  file.read(*file.find(name), published);
  const std::vector<float> average = flat(last_checkpoint(averaged), "weight_average"),
                           weights = flat(last_checkpoint(averaged), "weights");
  const auto holds = [&](const std::vector<float>& all) {
    return std::search(all.begin(), all.end(), published.begin(), published.end()) != all.end();
  };
  EXPECT_TRUE(holds(average));
  EXPECT_FALSE(holds(weights));
  expect_resumes(change);
}

void make_decoder(Settings& settings, const char* family) {
  settings.model.architecture.family = family;
  settings.model.architecture.activation = "auto";
}

double language_loss(const Json& summary) {
  return summary["test"]["causal_language_model"]["loss"].get<double>();
}

TEST(Objectives, DecodersArePretrainedOnNextTokens) {
  for (const char* family : {"gpt2", "llama"}) {
    TemporaryFolder folder;
    SyntheticRun synthetic(folder.path());
    make_decoder(synthetic.settings(), family);
    synthetic.settings().train.pretraining = {.num_train_epochs = 8, .learning_rate = 5e-3};
    synthetic.settings().train.num_train_epochs = 6;
    train(synthetic.run());
    const Json summary = read_json(synthetic.run().directory() / "train" / "pretraining" / "summary.json");
    // Guessing at random among the words seen costs the logarithm of their number.
    EXPECT_LT(language_loss(summary), 0.8 * std::log(summary["vocabulary"].get<double>())) << family;
    EXPECT_GE(accuracy(synthetic.summary()), 0.85) << family;
  }
}

TEST(Objectives, NextTokensMayBeGuessedBesideTheHeads) {
  expect_resumes([](TrainSettings& settings) { settings.causal_language_model.weight = 0.5; },
                 [](Settings& settings) { make_decoder(settings, "gpt2"); });
  TemporaryFolder folder;
  SyntheticRun synthetic(folder.path());
  make_decoder(synthetic.settings(), "llama");
  synthetic.settings().train.causal_language_model.weight = 0.5;
  synthetic.settings().train.num_train_epochs = 3;
  train(synthetic.run());
  const Json summary = synthetic.summary();
  double sum = 0.5 * language_loss(summary);
  for (const Json& head : summary["test"]["heads"]) sum += head["loss"].get<double>();
  EXPECT_NEAR(summary["test"]["loss"].get<double>(), sum, 1e-9);
}

TEST(Objectives, ContrastivePairsDrawTogether) {
  for (const char* pair_by : {"none", "customer"}) {
    TemporaryFolder folder, before_folder;
    SyntheticRun after(folder.path()), before(before_folder.path());
    for (SyntheticRun* run : {&after, &before}) {
      run->settings().train.heads.clear();
      run->settings().train.contrastive.weight = 1.0;
      run->settings().train.contrastive.pair_by = pair_by;
      run->settings().train.contrastive.widths = {8, 32};
      run->settings().train.learning_rate = 2e-3;
      run->settings().train.num_train_epochs = 8;
    }
    before.settings().train.max_steps = 1;
    train(after.run());
    train(before.run());
    const auto loss = [](SyntheticRun& run) {
      return run.summary()["test"]["contrastive"]["loss"].get<double>();
    };
    EXPECT_LT(loss(after), loss(before)) << pair_by;
  }
  expect_resumes([](TrainSettings& settings) {
    settings.contrastive.weight = 0.5;
    settings.contrastive.pair_by = "customer";
  });
}

TEST(Objectives, PretrainingMayBeContrastive) {
  TemporaryFolder folder;
  SyntheticRun synthetic(folder.path());
  synthetic.settings().train.pretraining = {
      .num_train_epochs = 1, .learning_rate = 1e-3, .objective = "contrastive"};
  synthetic.settings().train.num_train_epochs = 1;
  train(synthetic.run());
  const Json summary = read_json(synthetic.run().directory() / "train" / "pretraining" / "summary.json");
  EXPECT_TRUE(summary["test"].contains("contrastive"));
  EXPECT_FALSE(summary["test"].contains("masked_language_model"));
}

TEST(Objectives, Refusals) {
  TemporaryFolder folder;
  SyntheticRun synthetic(folder.path(), {.rows = 45});
  const Settings before = synthetic.settings();
  const auto refused = [&](const std::vector<std::string>& words,
                           const std::function<void(Settings&)>& change) {
    synthetic.settings() = before;
    change(synthetic.settings());
    expect_error(ExitCode::bad_config, words, [&] { train(synthetic.run()); });
  };
  refused({"train.balance", "mood"}, [](Settings& s) { s.train.balance = "mood"; });
  refused({"train.balance", "stars"}, [](Settings& s) {
    s.train.heads.push_back({.name = "stars", .field = "stars", .kind = "regression"});
    s.train.balance = "stars";
  });
  refused({"train.causal_language_model", "bert", "train.masked_language_model"},
          [](Settings& s) { s.train.causal_language_model.weight = 1.0; });
  refused({"train.masked_language_model", "gpt2", "train.causal_language_model"}, [](Settings& s) {
    make_decoder(s, "gpt2");
    s.train.masked_language_model.weight = 1.0;
  });
  refused({"train.masked_language_model", "distilbert"}, [](Settings& s) {
    s.model.architecture.family = "distilbert";
    s.train.masked_language_model.weight = 1.0;
  });
  refused({"train.contrastive", "train.masked_language_model"}, [](Settings& s) {
    s.train.contrastive.weight = 1.0;
    s.train.masked_language_model.weight = 1.0;
  });
  refused({"train.contrastive.pair_by", "dropout"}, [](Settings& s) {
    s.train.contrastive.weight = 1.0;
    s.train.dropout.value = 0.0;
  });
  refused({"train.contrastive.pair_by", "item"}, [](Settings& s) {
    s.train.contrastive.weight = 1.0;
    s.train.contrastive.pair_by = "item";
  });
  refused({"train.contrastive.widths", "33"}, [](Settings& s) {
    s.train.contrastive.weight = 1.0;
    s.train.contrastive.widths = {16, 33};
  });
  refused({"head 'stars'", "label_smoothing"}, [](Settings& s) {
    s.train.heads.push_back(
        {.name = "stars", .field = "stars", .kind = "regression", .label_smoothing = 0.1});
  });
}

}  // namespace
}  // namespace limner::testing
