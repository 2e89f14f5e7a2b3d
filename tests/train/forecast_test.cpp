#include <cmath>

#include "tests/train/synthetic_run.h"
#include "train/train.h"

namespace limner::testing {
namespace {

TEST(ForecastTrain, TellsWhatARunThenTakes) {
  TemporaryFolder folder;
  SyntheticRun synthetic(folder.path());
  synthetic.settings().train.gradient_accumulation_steps = 2;
  synthetic.settings().model.max_length.value = 14;
  const TrainForecast forecast = forecast_train(synthetic.run());
  EXPECT_FALSE(fs::exists(synthetic.run().train_folder())) << "a forecast writes nothing";
  train(synthetic.run());
  const Json summary = synthetic.summary();
  // All texts fit into the sample, so these are exact.
  EXPECT_EQ(forecast.parameters, summary["parameters"].get<int64_t>());
  EXPECT_EQ(forecast.steps, summary["steps"].get<int64_t>());
  EXPECT_EQ(forecast.rows, summary["rows"]["train"].get<int64_t>());
  EXPECT_EQ(forecast.truncated_rows, summary["rows"]["truncated"].get<int64_t>());
  EXPECT_EQ(forecast.tokens_per_epoch, summary["tokens_per_epoch"].get<int64_t>());
  int64_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(synthetic.run().directory() /
                                                            summary["last_checkpoint"].get<std::string>())) {
    if (entry.is_regular_file()) bytes += static_cast<int64_t>(entry.file_size());
  }
  EXPECT_NEAR(static_cast<double>(forecast.checkpoint_bytes), static_cast<double>(bytes),
              0.15 * static_cast<double>(bytes));
}

TEST(ForecastTrain, ReadsTheRawTableBeforePrepare) {
  TemporaryFolder folder;
  SyntheticRun synthetic(folder.path());
  const PreparedTable table = synthetic_table();
  const fs::path raw = folder.path() / "raw.csv";
  std::ofstream file(raw);
  file << "text,label,who\n";
  for (size_t row = 0; row < table.texts.size(); ++row) {
    const char* label = table.values[0].codes[row] < 0    ? ""
                        : table.values[0].codes[row] == 1 ? "good"
                                                          : "bad";
    file << table.texts[row] << "," << label << ","
         << table.customer_ids[static_cast<size_t>(table.customer[row])] << "\n";
  }
  file.close();
  fs::remove_all(synthetic.run().prepared().parent_path());
  synthetic.settings().train.heads = {{.name = "sentiment", .field = "sentiment"}};
  synthetic.settings().prepare.sources = {
      {.path = raw.string(), .fields = {{"text", "text"}, {"sentiment", "label"}, {"customer", "who"}}}};
  const TrainForecast forecast = forecast_train(synthetic.run());
  EXPECT_EQ(forecast.rows, std::llround(0.8 * static_cast<double>(table.texts.size())));
  EXPECT_GT(forecast.steps, 0);
  synthetic.settings().train.heads[0].field = "colour";
  expect_error(ExitCode::bad_config, {"colour", "sentiment"}, [&] { forecast_train(synthetic.run()); });
}

}  // namespace
}  // namespace limner::testing
