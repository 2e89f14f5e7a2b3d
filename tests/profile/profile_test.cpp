#include "profile/profile.h"

#include <gmock/gmock.h>

#include <cmath>

#include "profile/customer_vectors.h"
#include "profile/matrix.h"
#include "profile/words.h"
#include "runtime/hdf5.h"
#include "tests/profile/run_folder.h"
#include "tests/runtime/temporary_folder.h"

namespace limner {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

void run(const Settings& settings) {
  Communicator alone = Communicator::self();
  profile({settings, alone});
}

std::vector<Json> read_records(const fs::path& path) {
  std::vector<Json> records;
  std::istringstream lines(read_file(path));
  for (std::string line; std::getline(lines, line);) records.push_back(Json::parse(line));
  return records;
}

class WholeProfile : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder = new TemporaryFolder;
    run(write_run_folder(folder->path()));
  }
  static void TearDownTestSuite() { delete folder; }
  static fs::path file(const std::string& name) { return folder->path() / "profile" / name; }
  static TemporaryFolder* folder;
};
TemporaryFolder* WholeProfile::folder = nullptr;

TEST_F(WholeProfile, MeansAreThoseOfTheRows) {
  const PreparedReader prepared(folder->path() / "prepared/prepared.h5");
  const EmbeddingsReader embeddings(folder->path() / "embeddings", EmbeddingsReader::Verify::hashes);
  const int64_t rows = prepared.rows(), width = embeddings.width();
  std::vector<float> vectors(static_cast<size_t>(rows * width)), predictions(static_cast<size_t>(rows * 2));
  embeddings.embeddings(0, rows, vectors.data());
  embeddings.predictions("sentiment", 0, rows, predictions.data());
  const std::vector<int64_t> customer = prepared.customer_index(0, rows), time = prepared.time(0, rows);
  constexpr int64_t wanted = 57;

  int64_t newest = missing_time, oldest_of_all = INT64_MAX, newest_of_all = missing_time;
  for (size_t row = 0; row < customer.size(); ++row) {
    if (time[row] == missing_time) continue;
    oldest_of_all = std::min(oldest_of_all, time[row]);
    newest_of_all = std::max(newest_of_all, time[row]);
    if (customer[row] == wanted) newest = std::max(newest, time[row]);
  }
  std::vector<double> mean(static_cast<size_t>(width)), recent(mean.size());
  double count = 0, weights = 0, positive = 0;
  for (size_t row = 0; row < customer.size(); ++row) {
    if (customer[row] != wanted) continue;
    const double half_lives =
        4 * static_cast<double>(newest - time[row]) / static_cast<double>(newest_of_all - oldest_of_all);
    const double weight = time[row] == missing_time ? 0 : std::pow(2.0, -half_lives);
    count += 1;
    weights += weight;
    positive += predictions[row * 2 + 1];
    for (size_t i = 0; i < mean.size(); ++i) {
      mean[i] += vectors[row * mean.size() + i];
      recent[i] += weight * vectors[row * mean.size() + i];
    }
  }
  ASSERT_GT(count, 1);

  const hdf5::Reader profiles(file("profiles.h5"));
  std::vector<float> stored_mean(mean.size()), stored_recent(mean.size()), stored_prediction(2);
  int64_t texts = 0;
  profiles.read("/mean", hdf5::Type::f32, wanted, 1, stored_mean.data());
  profiles.read("/recent", hdf5::Type::f32, wanted, 1, stored_recent.data());
  profiles.read("/prediction/sentiment", hdf5::Type::f32, wanted, 1, stored_prediction.data());
  profiles.read("/texts", hdf5::Type::i64, wanted, 1, &texts);
  EXPECT_EQ(texts, static_cast<int64_t>(count));
  EXPECT_NEAR(stored_prediction[1], positive / count, 1e-6);
  for (size_t i = 0; i < mean.size(); ++i) {
    EXPECT_NEAR(stored_mean[i], mean[i] / count, 1e-6);
    EXPECT_NEAR(stored_recent[i], recent[i] / weights, 1e-5);
  }
}

// attention: texts weighted by exp(5 cos to the mean); trend: later half of the customer's time minus the
// rest.
TEST_F(WholeProfile, AttentionAndTrend) {
  const PreparedReader prepared(folder->path() / "prepared/prepared.h5");
  const EmbeddingsReader embeddings(folder->path() / "embeddings", EmbeddingsReader::Verify::sizes);
  const int64_t rows = prepared.rows(), width = embeddings.width();
  std::vector<float> vectors(static_cast<size_t>(rows * width));
  embeddings.embeddings(0, rows, vectors.data());
  const std::vector<int64_t> customer = prepared.customer_index(0, rows), time = prepared.time(0, rows);
  const Matrix all = Eigen::Map<const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>(
                         vectors.data(), rows, width)
                         .cast<double>();
  constexpr int64_t wanted = 57;
  Vector mean = Vector::Zero(width), attention = mean, early = mean, late = mean;
  double texts = 0, weights = 0, before = 0, after = 0;
  int64_t first = INT64_MAX, last = missing_time;
  for (int64_t row = 0; row < rows; ++row) {
    const auto at = static_cast<size_t>(row);
    if (customer[at] != wanted) continue;
    mean += all.row(row);
    texts += 1;
    if (time[at] == missing_time) continue;
    first = std::min(first, time[at]);
    last = std::max(last, time[at]);
  }
  mean /= texts;
  for (int64_t row = 0; row < rows; ++row) {
    const auto at = static_cast<size_t>(row);
    if (customer[at] != wanted) continue;
    const Vector vector = all.row(row);
    const double weight = std::exp(5 * vector.dot(mean) / vector.norm() / mean.norm());
    attention += weight * vector;
    weights += weight;
    if (time[at] == missing_time) continue;
    const bool is_late = time[at] > first + (last - first) / 2;
    (is_late ? late : early) += vector;
    (is_late ? after : before) += 1;
  }
  ASSERT_GT(before * after, 0);
  const hdf5::Reader profiles(file("profiles.h5"));
  std::vector<float> stored_attention(static_cast<size_t>(width)), stored_trend(stored_attention.size());
  double change = 0;
  profiles.read("/attention", hdf5::Type::f32, wanted, 1, stored_attention.data());
  profiles.read("/trend", hdf5::Type::f32, wanted, 1, stored_trend.data());
  profiles.read("/change", hdf5::Type::f64, wanted, 1, &change);
  for (int64_t i = 0; i < width; ++i) {
    EXPECT_NEAR(stored_attention[static_cast<size_t>(i)], attention[i] / weights, 1e-6);
    EXPECT_NEAR(stored_trend[static_cast<size_t>(i)], late[i] / after - early[i] / before, 1e-6);
  }
  EXPECT_NEAR(change, 1 - early.dot(late) / early.norm() / late.norm(), 1e-9);
}

// However few customers are summed at a time, their vectors are the same.
TEST_F(WholeProfile, CustomerVectorsDoNotDependOnMemory) {
  const PreparedReader prepared(folder->path() / "prepared/prepared.h5");
  const EmbeddingsReader embeddings(folder->path() / "embeddings", EmbeddingsReader::Verify::sizes);
  const hdf5::Reader profiles(file("profiles.h5"));
  const Communicator alone = Communicator::self();
  Heartbeat heartbeat(alone, "test");
  constexpr int64_t at_once = 7;
  Customers customers = read_customers(prepared, embeddings, {}, alone);
  add_customer_vectors(prepared, embeddings, customers, folder->path(), heartbeat,
                       at_once * customer_vector_sums * run_folder::width * 8);
  for (const auto& [name, vectors] :
       {std::pair("/recent", customers.recent.get()), std::pair("/attention", customers.attention.get()),
        std::pair("/trend", customers.trend.get())}) {
    ASSERT_EQ(vectors->count(), 240);
    const std::vector<float> found = vectors->floats(0, 240);
    std::vector<float> stored(found.size());
    profiles.read(name, hdf5::Type::f32, 0, 240, stored.data());
    for (size_t i = 0; i < found.size(); ++i)
      EXPECT_TRUE(found[i] == stored[i] || (std::isnan(found[i]) && std::isnan(stored[i]))) << name << i;
  }
}

// The labels follow the moods of the texts, which hold good and bad words.
TEST_F(WholeProfile, LexiconIsABaseline) {
  const Json texts = read_json(file("texts.json"));
  const Json& sentiment = texts["sentiment_by_lexicon"];
  EXPECT_GT(sentiment["share_of_texts_with_its_words"].get<double>(), 0.9);
  ASSERT_EQ(sentiment["baselines"].size(), 1u);
  EXPECT_EQ(sentiment["baselines"][0]["head"], "stars");
  EXPECT_EQ(sentiment["baselines"][0]["part"], "test");
  EXPECT_GT(sentiment["baselines"][0]["r2"].get<double>(), 0.3);
  EXPECT_TRUE(texts["unknown_tokens"].is_null());  // the folder has no checkpoint
  EXPECT_TRUE(texts["word_vectors"].is_null());
  for (const Json& record : read_records(file("profiles.jsonl"))) {
    if (record["sentiment_by_lexicon"].is_null()) continue;
    EXPECT_LE(std::abs(record["sentiment_by_lexicon"].get<double>()), 1);
  }
}

TEST_F(WholeProfile, TablesSayWhatTheJsonSays) {
  const auto lines_of = [](const fs::path& path) {
    const std::string content = read_file(path);
    return std::count(content.begin(), content.end(), '\n');
  };
  EXPECT_EQ(lines_of(file("segments.csv")), 1 + 3);
  EXPECT_EQ(lines_of(file("customers.csv")), 1 + 240);
  EXPECT_EQ(lines_of(file("topics.csv")),
            1 + static_cast<int64_t>(read_json(file("topics.json"))["topics"].size()));
  EXPECT_EQ(lines_of(file("models.csv")), 1 + 3 * 3);
  const Json segment = read_json(file("segments.json"))["segments"][0];
  EXPECT_THAT(read_file(file("segments.csv")),
              HasSubstr("\n1,\"" + segment["title"].get<std::string>() + "\"," +  // it has commas
                        std::to_string(segment["customers"].get<int64_t>())));
}

TEST_F(WholeProfile, HdfFileDescribesItself) {
  const hdf5::Reader profiles(file("profiles.h5"));
  EXPECT_EQ(profiles.attribute_int("/", "format_version"), 1);
  EXPECT_EQ(profiles.attribute("/", "model_sha256"), sha256("model"));
  EXPECT_EQ(profiles.attribute_strings("/prediction/category", "classes")[1], "takeaway");
  EXPECT_EQ(profiles.dims("/mean"), (std::vector<int64_t>{240, run_folder::width}));
  EXPECT_EQ(profiles.dims("/neighbor"), (std::vector<int64_t>{240, 5}));
  EXPECT_EQ(profiles.strings("/customer", 3, 1)[0], "C1003");
  EXPECT_TRUE(profiles.has("/regression/spend/predicted"));
}

TEST_F(WholeProfile, RecordsTellTheirSources) {
  const std::vector<Json> records = read_records(file("profiles.jsonl"));
  ASSERT_EQ(records.size(), 240u);
  const PreparedReader prepared(folder->path() / "prepared/prepared.h5");
  const std::vector<int64_t> customer = prepared.customer_index(0, prepared.rows());
  int64_t rows = 0;
  for (size_t i = 0; i < records.size(); ++i) {
    const Json& record = records[i];
    EXPECT_EQ(record["schema_version"], 1);
    int64_t own = 0;
    for (const Json& range : record["sources"]["rows"]) {
      for (auto row = range[0].get<int64_t>(); row <= range[1].get<int64_t>(); ++row, ++own) {
        EXPECT_EQ(customer[static_cast<size_t>(row)], static_cast<int64_t>(i));
      }
    }
    EXPECT_EQ(record["texts"], own);
    rows += own;
    EXPECT_EQ(record["sources"]["model"], sha256("model").substr(0, 12));
    EXPECT_EQ(record["neighbors"].size(), 5u);
    EXPECT_NEAR(record["predictions"]["sentiment"]["positive"].get<double>() +
                    record["predictions"]["sentiment"]["negative"].get<double>(),
                1, 1e-4);
    // Every field but the frame says where it came from.
    std::set<std::string> told{"schema_version", "customer", "sources"};
    for (const auto& [from, names] : record["sources"].items()) {
      if (!from.starts_with("from_")) continue;
      for (const Json& name : names) told.insert(name.get<std::string>());
    }
    for (const auto& [name, value] : record.items()) EXPECT_TRUE(told.contains(name)) << name;
  }
  EXPECT_EQ(rows, prepared.rows());
}

TEST_F(WholeProfile, FindsWhatTheDataWereMadeFrom) {
  const Json segments = read_json(file("segments.json"));
  EXPECT_EQ(segments["k"], 3);
  int64_t customers = 0;
  for (const Json& segment : segments["segments"]) {
    customers += segment["customers"].get<int64_t>();
    EXPECT_GE(segment["words"].size(), 5u);
    EXPECT_EQ(segment["typical_texts"].size(), 3u);
    EXPECT_EQ(segment["items"].size(), 2u);
  }
  EXPECT_EQ(customers, 240);
  const Json regressions = read_json(file("regression.json"))["regressions"];
  ASSERT_EQ(regressions.size(), 3u);
  EXPECT_GT(regressions[0]["feature_sets"][2]["out_of_fold"]["r2"].get<double>(), 0.5);
  EXPECT_EQ(regressions[1]["positive"], "yes");
  EXPECT_TRUE(regressions[2]["head_was_trained_on_target"].get<bool>());
  EXPECT_FALSE(regressions[0]["head_was_trained_on_target"].get<bool>());
  EXPECT_EQ(regressions[2]["held_out_customers"], 48);
  EXPECT_EQ(read_json(file("fairness.json"))["comparisons"].size(), 3u);
}

TEST_F(WholeProfile, ReportStandsAlone) {
  const std::string report = read_file(file("report.html"));
  for (const char* id : {"summary", "quality", "training", "model", "map", "heat", "segments", "regression",
                         "fairness", "customers", "provenance"}) {
    EXPECT_THAT(report, HasSubstr(std::string("<section id=\"") + id + "\">"));
  }
  EXPECT_THAT(report, HasSubstr("among customers whose texts took no part in training"));
  for (const char* outside : {"http:", "https:", "src=", "@import", "url("})
    EXPECT_THAT(report, Not(HasSubstr(outside)));
  EXPECT_THAT(report, Not(HasSubstr(folder->path().string())));
}

TEST(Profile, TopicsOfAnEmptyCorpus) {
  const TemporaryFolder folder;
  Settings settings = write_run_folder(folder.path(), {.customers = 20});
  settings.profile.words.min_texts = 1000000;
  settings.profile.topics.k.value = 3;
  try {
    run(settings);
    FAIL() << "topics of no words";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::bad_data);
    EXPECT_THAT(error.what(), HasSubstr("profile.words.min_texts"));
  }
  settings.profile.topics.k.value.reset();  // auto: no topics, and no section about them
  run(settings);
  EXPECT_FALSE(fs::exists(folder.path() / "profile" / "topics.json"));
  EXPECT_THAT(read_file(folder.path() / "profile" / "report.html"), Not(HasSubstr("id=\"topics\"")));
}

TEST(Profile, ReportInChinese) {
  const TemporaryFolder folder;
  Settings settings = write_run_folder(folder.path(), {.customers = 60, .heads = false});
  settings.profile.report.language = "auto";
  const auto language = [&] {
    run(settings);
    const std::string report = read_file(folder.path() / "profile/report.html");
    return report.find("<html lang=\"zh-CN\">") != std::string::npos &&
           report.find("值得关注的客户") != std::string::npos;
  };
  EXPECT_TRUE(language());  // auto: quality.json says that most texts are Chinese
  settings.profile.report.language = "en";
  EXPECT_FALSE(language());
  settings.profile.report.language = "zh";
  EXPECT_TRUE(language());
}

TEST(Profile, WordVectorsAndBags) {
  const TemporaryFolder folder;
  Settings settings = write_run_folder(folder.path(), {.customers = 60});
  write_file(folder.path() / "vectors.txt", "3 2\nguitar 1 0\nquality 0 1\nzebra 5 5\n");
  settings.profile.words.vectors = (folder.path() / "vectors.txt").string();
  settings.profile.words.bags = true;
  settings.profile.words.max_share = 1;
  run(settings);
  const PreparedReader prepared(folder.path() / "prepared/prepared.h5");
  const EmbeddingsReader vectors(folder.path() / "profile/word_vectors", EmbeddingsReader::Verify::hashes);
  ASSERT_EQ(vectors.rows(), prepared.rows());
  WordCutter cutter;
  int64_t with = 0;
  for (int64_t row = 0; row < prepared.rows(); ++row) {
    const std::vector<std::string> words = cutter.words(prepared.texts(row, 1)[0]);
    const auto guitars = std::count(words.begin(), words.end(), "guitar");
    const auto qualities = std::count(words.begin(), words.end(), "quality");
    std::vector<float> vector(2);
    vectors.embeddings(row, 1, vector.data());
    EXPECT_EQ(vectors.tokens(row, 1)[0], guitars + qualities);
    if (guitars + qualities == 0) {
      EXPECT_TRUE(std::isnan(vector[0]));
      continue;
    }
    ++with;
    EXPECT_NEAR(vector[0], static_cast<double>(guitars) / static_cast<double>(guitars + qualities), 1e-6);
  }
  EXPECT_GT(with, 10);
  const Json words = read_json(folder.path() / "profile/texts.json")["word_vectors"];
  EXPECT_EQ(words["width"], 2);
  EXPECT_EQ(words["words"].get<int64_t>() - words["words_without_vector"].get<int64_t>(), 2);
  const hdf5::Reader bags(folder.path() / "profile/words.h5");
  EXPECT_EQ(bags.dims("/row_start")[0], prepared.rows() + 1);
  EXPECT_EQ(bags.dims("/count"), bags.dims("/tf_idf"));
  EXPECT_EQ(hdf5::Reader(folder.path() / "profile/profiles.h5").dims("/word_vector"),
            (std::vector<int64_t>{60, 2}));
}

// Words of the three kinds of customers, apart in three numbers.
constexpr const char* kind_vectors =
    "13 3\nguitar 1 0 0.1\nstrings 0.9 0.1 0\namplifier 1 0.2 0\npickup 0.8 0 0\nband 1 0 0\n味道 0 1 0\n"
    "米饭 0.1 0.9 0\n外卖 0 1 0.1\n辣椒 0 0.8 0\n包装 0.2 1 0\n故事 0 0 1\n作者 0.1 0 0.9\nnovel 0 0.1 1\n";

// Segments and models of word vectors; new customers get the same from what was saved, without the file.
TEST(Profile, WordVectorsMakeSegmentsAndModels) {
  const TemporaryFolder folder;
  Settings settings = write_run_folder(folder.path(), {.customers = 120});
  write_file(folder.path() / "vectors.txt", kind_vectors);
  settings.profile.words.vectors = (folder.path() / "vectors.txt").string();
  settings.profile.words.min_texts = 2;
  settings.profile.words.max_share = 1;
  settings.profile.segments.vectors = "word_vectors";
  settings.profile.segments.k.value = 3;
  settings.profile.regressions[0].features = {"word_vectors"};
  settings.profile.regressions[1].features = {"attributes", "texts", "word_vectors"};
  RegressionSettings region = settings.profile.regressions[1];
  region.target = "region";
  settings.profile.regressions.push_back(region);
  run(settings);

  const fs::path profile = folder.path() / "profile";
  const Json segments = read_json(profile / "segments.json");
  EXPECT_EQ(segments["vectors"], "word_vectors");
  for (const Json& one : segments["segments"]) EXPECT_EQ(one["typical_texts"].size(), 3u);
  EXPECT_THAT(read_file(profile / "report.html"), HasSubstr("averaged vectors of the customers' words"));
  const hdf5::Reader profiles(profile / "profiles.h5");
  Matrix vectors(120, 3);
  std::vector<float> stored(360);
  std::vector<int32_t> segment(120);
  profiles.read("/word_vector", hdf5::Type::f32, 0, 120, stored.data());
  profiles.read("/segment", hdf5::Type::i32, 0, 120, segment.data());
  for (int64_t i = 0; i < 360; ++i) vectors.data()[i] = stored[static_cast<size_t>(i)];
  // Everyone stands by the nearest centre; who has no such word stands at the mean of the others.
  Eigen::RowVectorXd sum = Eigen::RowVectorXd::Zero(3);
  double known = 0;
  for (int64_t i = 0; i < 120; ++i) {
    if (std::isnan(vectors(i, 0))) continue;
    sum += vectors.row(i);
    known += 1;
  }
  ASSERT_GT(known, 60);
  const Json saved = read_json(profile / "models/segments.json");
  for (int64_t i = 0; i < 120; ++i) {
    if (std::isnan(vectors(i, 0))) vectors.row(i) = sum / known;
    int best = 0;
    double nearest = -2;
    for (int index = 0; index < 3; ++index) {
      const auto centre = saved["centroids"][static_cast<size_t>(index)].get<std::vector<double>>();
      const double cosine =
          vectors.row(i).dot(Eigen::Map<const Eigen::RowVectorXd>(centre.data(), 3)) / vectors.row(i).norm();
      if (cosine > nearest) nearest = cosine, best = index;
    }
    EXPECT_EQ(segment[static_cast<size_t>(i)], best + 1) << i;
  }

  const Json models = read_json(profile / "regression.json");
  const Json& churned = models["regressions"][1];
  EXPECT_EQ(churned["feature_sets"].back()["features"], "attributes, texts and word vectors");
  EXPECT_EQ(models["classifications"][0]["feature_sets"].size(), 4u);
  int64_t together = 0;
  for (const Json& entry : churned["importance"]) together += entry["source"] == "word_vector" ? 1 : 0;
  EXPECT_EQ(together, 1);
  for (const Json& model : {churned, models["classifications"][0]}) {
    for (const Json& entry : model["coefficients"]) EXPECT_NE(entry["source"], "word_vector");
  }
  for (const Json& entry : churned["associations"]) EXPECT_NE(entry["source"], "word_vector");
  // What the saved line says of the stored vectors, of customers who have one.
  const Json spend = read_json(profile / "models/model-spend.json");
  ASSERT_EQ(spend["features"].size(), 3u);
  const Json& line = spend["model"];

  fs::rename(profile, folder.path() / "fitted");
  fs::remove(folder.path() / "vectors.txt");
  settings.prepare.fitted_from = (folder.path() / "prepared/prepared.h5").string();
  settings.profile.fitted_from = (folder.path() / "fitted").string();
  settings.profile.words.vectors.reset();
  run(settings);
  const std::vector<Json> told = read_records(profile / "predictions.jsonl");
  ASSERT_EQ(told.size(), 120u);
  for (size_t i = 0; i < told.size(); ++i) {
    EXPECT_EQ(told[i]["segment"]["number"], segment[i]) << i;
    if (std::isnan(stored[i * 3])) continue;
    double expected = line["intercept"].get<double>();
    for (size_t place = 0; place < 3; ++place) {
      expected += line["coefficients"][place].get<double>() *
                  (stored[i * 3 + place] - line["mean"][place].get<double>()) /
                  line["deviation"][place].get<double>();
    }
    EXPECT_NEAR(told[i]["predictions"]["spend"]["predicted"].get<double>(), expected,
                1e-4 * std::abs(expected));
  }
  fs::remove(folder.path() / "fitted/models/word_vectors.h5");
  expect_error(ExitCode::missing_input, {"word_vectors.h5"}, [&] { run(settings); });
}

TEST(Profile, WordVectorsWantAFileAndTexts) {
  const TemporaryFolder folder, bare;
  Settings settings = write_run_folder(folder.path(), {.customers = 20});
  settings.profile.segments.vectors = "word_vectors";
  expect_error(ExitCode::bad_config, {"profile.words.vectors"}, [&] { run(settings); });
  Settings attributes = write_run_folder(bare.path(), {.customers = 20, .texts = false});
  attributes.profile.regressions[0].features = {"attributes", "word_vectors"};
  attributes.profile.words.vectors = "vectors.txt";
  expect_error(ExitCode::bad_config, {"no texts"}, [&] { run(attributes); });
}

// Topics of new texts want them cut into the same words.
TEST(Profile, NewTextsWantTheSameWords) {
  const TemporaryFolder folder;
  Settings settings = write_run_folder(folder.path(), {.customers = 40});
  const auto list = [&](const char* name, const char* words) {
    write_file(folder.path() / name, words);
    return (folder.path() / name).string();
  };
  settings.profile.topics.k.value = 3;
  settings.profile.words.min_texts = 2;
  settings.profile.words.dictionary = list("names.txt", "外卖小哥\n");
  run(settings);
  const std::vector<Json> known = read_records(folder.path() / "profile/profiles.jsonl");
  fs::rename(folder.path() / "profile", folder.path() / "fitted");
  settings.prepare.fitted_from = (folder.path() / "prepared/prepared.h5").string();
  settings.profile.fitted_from = (folder.path() / "fitted").string();
  const std::string sha = sha256("外卖小哥\n").substr(0, 12);
  settings.profile.words.dictionary = list("other.txt", "外卖小哥\n作者文笔\n");
  expect_error(ExitCode::bad_config, {"profile.words.dictionary", "names.txt", sha, "other.txt"},
               [&] { run(settings); });
  settings.profile.words.dictionary.reset();
  expect_error(ExitCode::bad_config, {"profile.words.dictionary", "names.txt", "with none"},
               [&] { run(settings); });
  settings.profile.words.dictionary = list("moved.txt", "外卖小哥\n");
  settings.profile.words.stop_words = list("stop.txt", "味道\n");
  expect_error(ExitCode::bad_config, {"profile.words.stop_words", "with none", "stop.txt"},
               [&] { run(settings); });
  EXPECT_FALSE(fs::exists(folder.path() / "profile"));
  // The same words of another file; which words count is the fitted vocabulary's matter.
  settings.profile.words.stop_words.reset();
  settings.profile.words.min_texts = 50;
  run(settings);
  const std::vector<Json> told = read_records(folder.path() / "profile/predictions.jsonl");
  ASSERT_EQ(told.size(), known.size());
  for (size_t i = 0; i < told.size(); ++i) {
    for (size_t topic = 0; topic < 3; ++topic)
      EXPECT_NEAR(told[i]["topics"][topic].get<double>(), known[i]["topics"][topic].get<double>(), 1e-5) << i;
  }
}

// Vectors of another pooling are of another kind, whatever model they are from.
TEST(Profile, NewCustomersWantTheSamePooling) {
  const TemporaryFolder folder;
  Settings settings = write_run_folder(folder.path(), {.customers = 20});
  run(settings);
  fs::rename(folder.path() / "profile", folder.path() / "fitted");
  Json saved = read_json(folder.path() / "fitted/models/segments.json");
  saved["pooling"] = "cls";
  write_json(folder.path() / "fitted/models/segments.json", saved);
  settings.prepare.fitted_from = (folder.path() / "prepared/prepared.h5").string();
  settings.profile.fitted_from = (folder.path() / "fitted").string();
  expect_error(ExitCode::bad_config, {"pooling mean", "pooling cls"}, [&] { run(settings); });
}

TEST(Profile, RulesBecomeActions) {
  const TemporaryFolder folder;
  Settings settings = write_run_folder(folder.path(), {.customers = 60});
  write_file(folder.path() / "rules.yaml",
             "segments:\n"
             "  - name: big spenders\n"
             "    when: [{column: spend, at_least: 130}, {column: texts, above: 1}]\n"
             "    action: call\n"
             "audiences:\n"
             "  - {name: at risk, score: churned predicted, most: 7}\n");
  settings.profile.rules = (folder.path() / "rules.yaml").string();
  run(settings);
  EXPECT_THAT(read_file(folder.path() / "profile" / "actions.csv"), HasSubstr(",big spenders,call,,\r\n"));
  EXPECT_THAT(read_file(folder.path() / "profile" / "audiences.csv"), HasSubstr("at risk,7,"));
  EXPECT_THAT(read_file(folder.path() / "profile" / "report.html"), HasSubstr("big spenders"));
}

TEST(Profile, RerunReplacesTheFolderWithTheSameBytes) {
  const TemporaryFolder folder;
  const Settings settings = write_run_folder(folder.path(), {.customers = 60});
  run(settings);
  std::map<std::string, std::string> before;
  const fs::path profile = folder.path() / "profile";
  for (const auto& entry : fs::recursive_directory_iterator(profile)) {
    if (entry.is_regular_file()) before[fs::relative(entry.path(), profile)] = read_file(entry.path());
  }
  EXPECT_EQ(before.size(), 23u);  // sixteen, and models/: segments, words, index, components, three models
  write_file(folder.path() / "profile" / "old.txt", "left over");
  run(settings);
  EXPECT_FALSE(fs::exists(folder.path() / "profile" / "old.txt"));
  for (const auto& [name, bytes] : before)
    EXPECT_TRUE(read_file(folder.path() / "profile" / name) == bytes) << name;
}

// The customers of the fit, as if they were new: the same segments, and predictions by every model.
TEST(Profile, NewCustomersOfTexts) {
  const TemporaryFolder folder;
  Settings settings = write_run_folder(folder.path());
  settings.profile.regressions[1].kind = "boosting";
  run(settings);
  const std::vector<Json> known = read_records(folder.path() / "profile/profiles.jsonl");
  fs::rename(folder.path() / "profile", folder.path() / "fitted");
  settings.prepare.fitted_from = (folder.path() / "prepared/prepared.h5").string();
  settings.profile.fitted_from = (folder.path() / "fitted").string();
  run(settings);
  const std::vector<Json> told = read_records(folder.path() / "profile/predictions.jsonl");
  ASSERT_EQ(told.size(), known.size());
  double fitted = 0, left_out = 0;  // squared errors: with the customer in the fit, and without
  for (size_t i = 0; i < told.size(); ++i) {
    EXPECT_EQ(told[i]["segment"]["number"], known[i]["segment"]["number"]) << i;
    EXPECT_EQ(told[i]["predictions"]["churned"]["of"], "yes");
    const Json& spend = known[i]["regressions"]["spend"];
    const auto observed = spend["observed"].get<double>();
    fitted += std::pow(told[i]["predictions"]["spend"]["predicted"].get<double>() - observed, 2);
    left_out += std::pow(spend["predicted"].get<double>() - observed, 2);
  }
  EXPECT_LT(fitted, left_out);
  EXPECT_GT(fitted, 0.3 * left_out);
  for (size_t i = 0; i < told.size(); ++i) {
    if (known[i]["topics"].is_null()) continue;
    for (size_t topic = 0; topic < known[i]["topics"].size(); ++topic)
      EXPECT_NEAR(told[i]["topics"][topic].get<double>(), known[i]["topics"][topic].get<double>(), 1e-5) << i;
  }
  const std::string report = read_file(folder.path() / "profile/report.html");
  for (const char* id :
       {"summary", "map", "heat", "segments", "topics", "regression", "attention", "customers"})
    EXPECT_THAT(report, HasSubstr(std::string("<section id=\"") + id + "\">"));
  EXPECT_THAT(report, Not(HasSubstr("id=\"fairness\"")));
  EXPECT_THAT(read_file(folder.path() / "profile/customers.csv"), HasSubstr("spend predicted"));

  fs::remove_all(folder.path() / "profile");
  fs::remove(folder.path() / "fitted/models/components.json");
  expect_error(ExitCode::missing_input, {"components.json"}, [&] { run(settings); });
  EXPECT_FALSE(fs::exists(folder.path() / "profile"));
  write_file(folder.path() / "fitted/models/model-spend.json", R"({"format_version": 1, "name": "spend"})");
  expect_error(ExitCode::bad_data, {"model-spend.json"}, [&] { run(settings); });
  settings.prepare.fitted_from.reset();
  expect_error(ExitCode::bad_config, {"prepare.fitted_from"}, [&] { run(settings); });
}

// More than two classes, a network, topics and behaviour: fitted, written, and applied to the same customers.
TEST(Profile, ClassesTopicsAndBehaviour) {
  const TemporaryFolder folder;
  Settings settings = write_run_folder(folder.path());
  settings.profile.topics.k.value = 4;
  settings.profile.words.min_texts = 2;
  RegressionSettings region = settings.profile.regressions[1];
  region.target = "region";
  region.features = {"attributes", "texts", "topics", "behaviour"};
  RegressionSettings& spend = settings.profile.regressions[0];
  spend.features = region.features;
  settings.profile.regressions[1].kind = "mlp";
  settings.profile.regressions[1].hidden = 3;
  settings.profile.regressions.push_back(region);
  run(settings);
  const Json found = read_json(folder.path() / "profile/regression.json");
  ASSERT_EQ(found["classifications"].size(), 1u);
  const Json& classes = found["classifications"][0];
  EXPECT_EQ(classes["name"], "region");
  EXPECT_EQ(classes["classes"].size(), 4u);
  EXPECT_EQ(classes["feature_sets"].size(), 5u);
  EXPECT_EQ(classes["feature_sets"][4]["features"], "attributes, behaviour, texts and topics");
  EXPECT_EQ(classes["customers"].get<int64_t>() + classes["missing"].get<int64_t>(), 240);
  std::set<std::string> sources;
  for (const Json& entry : classes["coefficients"]) sources.insert(entry["source"].get<std::string>());
  EXPECT_EQ(sources, (std::set<std::string>{"attribute", "behaviour", "prediction", "topic"}));
  EXPECT_EQ(found["regressions"].size(), 3u);
  EXPECT_GT(found["regressions"][0]["feature_sets"][4]["out_of_fold"]["r2"].get<double>(), 0.5);
  const hdf5::Reader profiles(folder.path() / "profile/profiles.h5");
  EXPECT_EQ(profiles.dims("/classification/region/predicted"), (std::vector<int64_t>{240, 4}));
  std::vector<int64_t> fold(240);
  profiles.read("/regression/spend/fold", hdf5::Type::i64, 0, 240, fold.data());
  for (const int64_t number : fold) EXPECT_TRUE(number >= 0 && number < 5);
  const std::vector<Json> known = read_records(folder.path() / "profile/profiles.jsonl");

  fs::rename(folder.path() / "profile", folder.path() / "fitted");
  settings.prepare.fitted_from = (folder.path() / "prepared/prepared.h5").string();
  settings.profile.fitted_from = (folder.path() / "fitted").string();
  run(settings);
  const std::vector<Json> told = read_records(folder.path() / "profile/predictions.jsonl");
  ASSERT_EQ(told.size(), 240u);
  double fitted = 0, left_out = 0;
  for (size_t i = 0; i < told.size(); ++i) {
    const Json& entry = told[i]["predictions"]["region"];
    const auto chance = entry["probabilities"][entry["predicted"].get<std::string>()].get<double>();
    for (const auto& [name, other] : entry["probabilities"].items()) EXPECT_LE(other.get<double>(), chance);
    EXPECT_EQ(told[i]["predictions"]["churned"]["of"], "yes");
    const Json& of_spend = known[i]["regressions"]["spend"];
    const auto observed = of_spend["observed"].get<double>();
    fitted += std::pow(told[i]["predictions"]["spend"]["predicted"].get<double>() - observed, 2);
    left_out += std::pow(of_spend["predicted"].get<double>() - observed, 2);
  }
  EXPECT_LT(fitted, left_out);
  EXPECT_GT(fitted, 0.3 * left_out);
  fs::remove(folder.path() / "fitted/topics.h5");
  expect_error(ExitCode::missing_input, {"topics.h5"}, [&] { run(settings); });
}

TEST(Profile, MarkupInNamesStaysText) {
  const TemporaryFolder folder;
  run(write_run_folder(folder.path(), {.customers = 60, .hostile = true}));
  const std::string report = read_file(folder.path() / "profile/report.html");
  EXPECT_THAT(report, Not(HasSubstr("<script>alert")));
  EXPECT_THAT(report, HasSubstr("&lt;script&gt;alert"));
  size_t scripts = 0;
  for (size_t at = report.find("</script"); at != std::string::npos; at = report.find("</script", at + 1))
    ++scripts;
  EXPECT_EQ(scripts, 2u);
}

TEST(Profile, WithTextsAlone) {
  const TemporaryFolder folder;
  run(write_run_folder(folder.path(), {.customers = 40,
                                       .time = false,
                                       .items = false,
                                       .attributes = false,
                                       .heads = false,
                                       .training_files = false,
                                       .quality = false}));
  const std::string report = read_file(folder.path() / "profile/report.html");
  for (const char* reason : {"no <code>prepared/quality.json</code>", "not trained in this run",
                             "no labelled test", "No regression was asked for", "No groups were named"}) {
    EXPECT_THAT(report, HasSubstr(reason));
  }
  const hdf5::Reader profiles(folder.path() / "profile/profiles.h5");
  EXPECT_FALSE(profiles.has("/recent"));
  EXPECT_FALSE(profiles.has("/last_time"));
  EXPECT_TRUE(read_json(folder.path() / "profile/regression.json")["regressions"].empty());
  const Json record = read_records(folder.path() / "profile/profiles.jsonl")[0];
  EXPECT_FALSE(record.contains("attributes") || record.contains("predictions") ||
               record.contains("last_text"));
}

TEST(Profile, IdenticalVectorsAreOneSegment) {
  const TemporaryFolder folder;
  run(write_run_folder(folder.path(), {.customers = 30, .identical_vectors = true}));
  const Json segments = read_json(folder.path() / "profile/segments.json");
  EXPECT_EQ(segments["k"], 1);
  EXPECT_TRUE(segments["silhouette"].is_null());
  EXPECT_THAT(read_file(folder.path() / "profile/report.html"), HasSubstr("one segment only"));
}

TEST(Profile, ReportSaysWhatTheNumberOfSegmentsWasChosenBy) {
  const TemporaryFolder folder;
  Settings settings = write_run_folder(folder.path(), {.customers = 60});
  const auto report = [&](const char* choose) {
    settings.profile.segments.choose = choose;
    run(settings);
    return read_file(folder.path() / "profile/report.html");
  };
  EXPECT_THAT(report("silhouette"),
              AllOf(HasSubstr("Silhouette for each number"), Not(HasSubstr("at the elbow"))));
  EXPECT_THAT(report("elbow"),
              AllOf(HasSubstr("at the elbow of the curve"), Not(HasSubstr("Silhouette for each"))));
  const Json tried = read_json(folder.path() / "profile/segments.json")["tried"];
  EXPECT_EQ(tried[0]["k"], 1);
  EXPECT_TRUE(tried[0]["silhouette"].is_null());
}

TEST(Profile, TwoCustomers) {
  const TemporaryFolder folder;
  run(write_run_folder(folder.path(), {.customers = 2, .attributes = false, .heads = false}));
  EXPECT_EQ(read_records(folder.path() / "profile/profiles.jsonl").size(), 2u);
}

TEST(Profile, ProtectedTextsAreNotQuoted) {
  const TemporaryFolder folder;
  Settings settings = write_run_folder(folder.path(), {.customers = 40});
  settings.profile.report.show_texts = false;
  run(settings);
  EXPECT_THAT(read_file(folder.path() / "profile/report.html"), Not(HasSubstr("<blockquote>")));
  EXPECT_TRUE(read_json(folder.path() / "profile/segments.json")["segments"][0]["typical_texts"].empty());
}

class BadProfile : public testing::Test {
 protected:
  TemporaryFolder folder;
  Settings settings = write_run_folder(folder.path(), {.customers = 40});
  void expect(ExitCode code, const std::vector<std::string>& parts) {
    expect_error(code, parts, [&] { run(settings); });
    EXPECT_FALSE(fs::exists(folder.path() / "profile"));
  }
};

TEST_F(BadProfile, TooFewCustomers) {
  settings.profile.min_customers = 100;
  expect(ExitCode::bad_data, {"40 customers", "profile.min_customers is 100"});
}

TEST_F(BadProfile, UnknownTarget) {
  settings.profile.regressions[0].target = "spendings";
  expect(ExitCode::bad_config, {"spendings", "age, region, spend"});
}

TEST_F(BadProfile, UnknownAttribute) {
  settings.profile.regressions[0].attributes = {"shoe_size"};
  expect(ExitCode::bad_config, {"attributes", "shoe_size"});
}

TEST_F(BadProfile, TargetOfAnotherKind) {
  settings.profile.regressions[0].target = "region";
  expect(ExitCode::bad_config, {"region", "logistic"});
}

TEST_F(BadProfile, GroupThatIsNoCategory) {
  settings.profile.fairness.groups = {"age"};
  expect(ExitCode::bad_config, {"age", "not a category of customers"});
}

TEST_F(BadProfile, TooManySegments) {
  settings.profile.segments.k.value = 41;
  expect(ExitCode::bad_config, {"41 segments of 40 customers"});
}

TEST_F(BadProfile, EmbeddingsOfAnotherTable) {
  const TemporaryFolder other;
  write_run_folder(other.path(), {.customers = 41});
  fs::remove(folder.path() / "prepared/prepared.h5");
  fs::copy(other.path() / "prepared/prepared.h5", folder.path() / "prepared/prepared.h5");
  expect(ExitCode::bad_data, {"another table", "limner extract"});
}

TEST_F(BadProfile, NoEmbeddings) {
  fs::remove_all(folder.path() / "embeddings");
  expect(ExitCode::missing_input, {"limner extract"});
}

}  // namespace
}  // namespace limner
