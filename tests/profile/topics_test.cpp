// Vocabulary, TF-IDF and topics on plain memory, against scikit-learn on three sets of texts.
#include <gmock/gmock.h>

#include <cmath>

#include "profile/bag_file.h"
#include "profile/topic_measures.h"
#include "profile/topics.h"
#include "tests/profile/text_reference.h"
#include "tests/runtime/temporary_folder.h"

namespace limner {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

using Texts = std::vector<std::vector<std::string>>;

WordSettings every_word() {
  WordSettings settings;
  settings.min_texts = 1;
  settings.max_share = 1;
  return settings;
}

Vocabulary vocabulary_of(const Texts& texts, const WordSettings& settings = every_word()) {
  WordCounts counts;
  for (const auto& words : texts) counts.add(words);
  return {counts, settings};
}

SparseRows bags_of(const Texts& texts, const Vocabulary& vocabulary, size_t first, size_t count) {
  SparseRows bags;
  for (size_t row = first; row < std::min(first + count, texts.size()); ++row)
    bags.add(vocabulary.bag(texts[row]));
  return bags;
}

TEST(Vocabulary, KeepsWhatTheSettingsSay) {
  const Texts texts = {{"a", "b", "b"}, {"a", "c"}, {"a", "b"}, {}};
  WordSettings settings = every_word();
  settings.min_texts = 2;
  EXPECT_THAT(vocabulary_of(texts, settings).terms(), ElementsAre("a", "b"));
  EXPECT_THAT(vocabulary_of(texts, settings).occurrences(), ElementsAre(3, 3));
  EXPECT_THAT(vocabulary_of(texts, settings).texts_with(), ElementsAre(3, 2));
  settings.max_share = 0.5;
  EXPECT_THAT(vocabulary_of(texts, settings).terms(), ElementsAre("b"));
  settings = every_word();
  settings.most = 1;
  EXPECT_THAT(vocabulary_of(texts, settings).terms(), ElementsAre("a"));
  EXPECT_EQ(vocabulary_of(texts).index("d"), -1);
}

TEST(Vocabulary, CountsSurviveAMessage) {
  WordCounts left, right, all;
  left.add({"a", "a", "书"});
  right.add({"书"});
  all.add({"a", "a", "书"});
  all.add({"书"});
  left.add_bytes(right.bytes());
  EXPECT_EQ(left.texts(), 2);
  EXPECT_EQ(left.counts().at("书").texts, all.counts().at("书").texts);
  EXPECT_EQ(left.counts().at("a").occurrences, 2);
}

// Tolerance 1e-12: the same formula.
TEST(Vocabulary, TfIdfIsScikitLearns) {
  for (const Json& data : text_reference("topics")) {
    const auto texts = data["texts"].get<Texts>();
    const Vocabulary vocabulary = vocabulary_of(texts);
    EXPECT_EQ(vocabulary.terms(), data["terms"].get<std::vector<std::string>>());
    const SparseRows rows = tf_idf(bags_of(texts, vocabulary, 0, texts.size()), vocabulary);
    Matrix dense = Matrix::Zero(rows.count(), vocabulary.size());
    for (size_t row = 0; row < texts.size(); ++row) {
      for (auto at = static_cast<size_t>(rows.offsets[row]); at < static_cast<size_t>(rows.offsets[row + 1]);
           ++at) {
        dense(static_cast<int64_t>(row), rows.terms[at]) = rows.values[at];
      }
    }
    EXPECT_LT((dense - matrix_of(data["tf_idf"])).cwiseAbs().maxCoeff(), 1e-12);
  }
}

// Two passes of updates from the same start. scikit-learn's digamma function is good to about 1e-10, and an
// iteration ends by a threshold: 1e-6.
TEST(TopicModel, UpdatesAreScikitLearns) {
  for (const Json& data : text_reference("topics")) {
    const auto texts = data["texts"].get<Texts>();
    const Vocabulary vocabulary = vocabulary_of(texts);
    const auto batch = data["rows_per_batch"].get<size_t>();
    const auto topics = data["topics"].get<int64_t>();
    const Matrix start = matrix_of(data["start"]);
    TopicModel model{topics, data["alpha"], data["eta"], {start.data(), start.data() + start.size()}, 0};
    for (int pass = 0; pass < 2; ++pass) {
      for (size_t first = 0; first < texts.size(); first += batch) {
        const SparseRows bags = bags_of(texts, vocabulary, first, batch);
        const TopicStatistics statistics = TopicInference(model).statistics(bags);
        std::vector<double> sums(model.weight.size());
        for (size_t i = 0; i < statistics.values.size(); ++i) {
          const auto k = static_cast<size_t>(topics);
          sums[static_cast<size_t>(statistics.terms[i / k]) * k + i % k] = statistics.values[i];
        }
        update_topics(model, sums, bags.count(), std::ssize(texts));
      }
    }
    const Matrix expected = matrix_of(data["components"]);
    const Eigen::Map<const Matrix> found(model.weight.data(), expected.rows(), expected.cols());
    EXPECT_LT((found - expected).cwiseAbs().maxCoeff(), 1e-6 * expected.maxCoeff());
    const std::vector<double> mixtures =
        TopicInference(model).mixtures(bags_of(texts, vocabulary, 0, texts.size()));
    const Matrix mixed = matrix_of(data["mixtures"]);
    EXPECT_LT(
        (Eigen::Map<const Matrix>(mixtures.data(), mixed.rows(), mixed.cols()) - mixed).cwiseAbs().maxCoeff(),
        1e-6);
  }
}

TEST(TopicModel, SurvivesAFileAndMixesUnseenTexts) {
  const auto texts = text_reference("topics")[0]["texts"].get<Texts>();
  Topics topics;
  topics.vocabulary = vocabulary_of(texts);
  topics.model = start_topics(3, topics.vocabulary.size(), 0.3, 0.1, 5);
  topics.of_text = {0, 1, -1};
  const TemporaryFolder folder;
  write_topics_hdf5(folder.path() / "topics.h5", topics);
  const SavedTopics saved = read_topics_hdf5(folder.path() / "topics.h5");
  EXPECT_EQ(saved.vocabulary.terms(), topics.vocabulary.terms());
  EXPECT_EQ(saved.model.weight, topics.model.weight);
  SparseRows unseen;
  unseen.add(saved.vocabulary.bag({"string1", "string2", "never seen"}));
  unseen.add({});
  const std::vector<double> mixtures = TopicInference(saved.model).mixtures(unseen);
  EXPECT_EQ(mixtures, TopicInference(topics.model).mixtures(unseen));
  EXPECT_NEAR(mixtures[0] + mixtures[1] + mixtures[2], 1, 1e-12);
  EXPECT_NEAR(mixtures[3], 1.0 / 3, 1e-12);  // nothing known: even
  write_file(folder.path() / "other.h5", "no HDF5");
  EXPECT_NE(error_of([&] { read_topics_hdf5(folder.path() / "other.h5"); }).first, ExitCode::ok);
}

TEST(Bags, ComeBackFromTheScratchFile) {
  const TemporaryFolder folder;
  BagFile file(folder.path());
  SparseRows first, empty;
  first.add({{2, 1.0}, {7, 3.0}});
  first.add({});
  file.append(first);
  file.append(empty);
  file.append(first);
  EXPECT_EQ(file.blocks(), 3);
  EXPECT_EQ(file.read(2).terms, first.terms);
  EXPECT_EQ(file.read(0).offsets, first.offsets);
  EXPECT_EQ(file.read(1).count(), 0);
  EXPECT_TRUE(fs::is_empty(folder.path()));
  EXPECT_EQ(error_of([&] { BagFile(folder.path() / "missing"); }).first, ExitCode::io);
}

// Tolerance 1e-12: counts of whole numbers.
TEST(Measures, InformationIsScikitLearns) {
  for (const Json& data : text_reference("labels")) {
    EXPECT_NEAR(normalised_mutual_information(data["left"], data["right"]), data["information"].get<double>(),
                1e-12);
  }
  EXPECT_TRUE(std::isnan(normalised_mutual_information({0, 0}, {1, 1})));
  EXPECT_NEAR(normalised_mutual_information({0, 1, -1}, {1, 0, 1}), 1, 1e-12);
}

TEST(Measures, CoherenceByHand) {
  const Vocabulary vocabulary = vocabulary_of({{"a", "b"}, {"a", "b"}, {"a", "c"}, {"d"}});
  std::vector<Topic> topics(2);
  topics[0].words = {{"a"}, {"b"}};
  topics[1].words = {{"b"}, {"c"}};
  PairCounts pairs(topics, vocabulary);
  pairs.add(bags_of({{"a", "b"}, {"a", "b"}, {"a", "c"}, {"d"}}, vocabulary, 0, 4));
  // p(a, b) = 1/2, p(a) = 3/4, p(b) = 1/2
  EXPECT_NEAR(pairs.coherence(topics[0], 4), std::log(0.5 / (0.75 * 0.5)) / -std::log(0.5), 1e-12);
  EXPECT_EQ(pairs.coherence(topics[1], 4), -1);
}

}  // namespace
}  // namespace limner
