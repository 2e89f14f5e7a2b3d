#include "profile/topics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "profile/bag_file.h"
#include "profile/blocks.h"
#include "profile/topic_measures.h"
#include "runtime/log.h"
#include "runtime/parallel.h"
#include "runtime/progress.h"
#include "runtime/random.h"

namespace limner {
namespace {

constexpr int64_t rows_per_block = 128;
constexpr int64_t topics_when_auto = 10, least_texts_when_auto = 200;
constexpr size_t telling_words_kept = 15;

// The blocks of rows as one rank sees them: block b lies in the file of rank b % ranks.
struct Corpus {
  int64_t rows = 0, blocks = 0;
  int64_t texts_with_words = 0;  // over all ranks
  BagFile own;

  Corpus(const PreparedReader& prepared, const std::filesystem::path& scratch)
      : rows(prepared.rows()), blocks((rows + rows_per_block - 1) / rows_per_block), own(scratch) {}
  int64_t rows_of(int64_t block) const { return std::min(rows_per_block, rows - block * rows_per_block); }
};

void fill(Corpus& corpus, const PreparedReader& prepared, WordCutter& cutter, const Vocabulary& vocabulary,
          const Communicator& communicator) {
  int64_t with_words = 0;
  for (int64_t block = communicator.rank(); block < corpus.blocks; block += communicator.size()) {
    SparseRows bags;
    for (const std::string& text : prepared.texts(block * rows_per_block, corpus.rows_of(block))) {
      const std::map<int32_t, double> bag = vocabulary.bag(cutter.words(text));
      with_words += bag.empty() ? 0 : 1;
      bags.add(bag);
    }
    corpus.own.append(bags);
  }
  corpus.texts_with_words = communicator.sum(with_words, "count the texts with words");
}

int64_t choose_topics(const TopicSettings& settings, const Corpus& corpus, const Vocabulary& vocabulary) {
  if (settings.k.is_auto()) {
    const bool enough =
        corpus.texts_with_words >= least_texts_when_auto && vocabulary.size() >= 5 * topics_when_auto;
    return enough ? topics_when_auto : 0;
  }
  const int64_t topics = settings.k.value_or(0);
  if (topics > 0 && corpus.texts_with_words == 0) {
    fail(ExitCode::bad_data,
         "profile.topics.k is {}, but none of the {} texts has a word that counts; set it to 0, or lower "
         "profile.words.min_texts or raise profile.words.max_share",
         topics, corpus.rows);
  }
  return topics;
}

// What the ranks found for the blocks of one batch, summed in the order of the batch.
std::vector<double> sum_batch(const std::vector<int64_t>& batch, const std::vector<std::string>& messages,
                              size_t size, int64_t topics) {
  std::map<int64_t, TopicStatistics> by_block;
  for (const std::string& message : messages) {
    ByteReader bytes(message);
    while (!bytes.done()) {
      TopicStatistics& statistics = by_block[bytes.value<int64_t>()];
      statistics.terms = bytes.values<int32_t>();
      statistics.values = bytes.values<double>();
    }
  }
  std::vector<double> sums(size);
  for (const int64_t block : batch) {
    const TopicStatistics& statistics = by_block.at(block);
    for (size_t i = 0; i < statistics.values.size(); ++i) {
      const auto term = static_cast<size_t>(statistics.terms[i / static_cast<size_t>(topics)]);
      sums[term * static_cast<size_t>(topics) + i % static_cast<size_t>(topics)] += statistics.values[i];
    }
  }
  return sums;
}

// What this rank's blocks of a batch add to the topics.
std::string statistics_of(const TopicModel& model, const Corpus& corpus, const std::vector<int64_t>& batch,
                          int threads, const Communicator& communicator) {
  const int64_t ranks = communicator.size();
  std::vector<int64_t> own;
  for (const int64_t block : batch) {
    if (block % ranks == communicator.rank()) own.push_back(block);
  }
  const TopicInference inference(model);
  std::vector<TopicStatistics> found(own.size());
  parallel_for(std::ssize(own), threads, [&](int64_t i) {
    const auto at = static_cast<size_t>(i);
    found[at] = inference.statistics(corpus.own.read(own[at] / ranks));
  });
  ByteWriter bytes;
  for (size_t i = 0; i < own.size(); ++i) {
    bytes.value(own[i]);
    bytes.values(found[i].terms);
    bytes.values(found[i].values);
  }
  return bytes.take();
}

void share_model(TopicModel& model, const Communicator& communicator) {
  ByteWriter writer;
  writer.values(model.weight);
  std::string message = communicator.root() ? writer.take() : "";
  communicator.broadcast(message, 0, "share the topics");
  model.weight = ByteReader(message).values<double>();
}

void fit(TopicModel& model, const Corpus& corpus, const TopicRun& run, const Communicator& communicator) {
  const int64_t blocks_per_batch = std::max<int64_t>(1, run.settings.texts_per_batch / rows_per_block);
  Progress progress("topics", run.settings.passes * corpus.rows, "rows", communicator.root());
  int64_t done = 0;
  for (int64_t pass = 0; pass < run.settings.passes; ++pass) {
    const std::vector<int64_t> order =
        permutation(corpus.blocks, Random(run.seed, "order of topics", static_cast<uint64_t>(pass)));
    for (int64_t first = 0; first < corpus.blocks; first += blocks_per_batch) {
      if (stop_agreed(communicator)) interrupted("profile");
      const std::vector<int64_t> batch(order.begin() + first,
                                       order.begin() + std::min(first + blocks_per_batch, corpus.blocks));
      const std::string found = statistics_of(model, corpus, batch, run.threads, communicator);
      const std::vector<std::string> messages = communicator.gather(found, 0, "gather the topics");
      int64_t texts = 0;
      for (const int64_t block : batch) texts += corpus.rows_of(block);
      if (communicator.root()) {
        update_topics(model, sum_batch(batch, messages, model.weight.size(), model.topics), texts,
                      corpus.rows);
      }
      share_model(model, communicator);
      progress.update(done += texts);
    }
  }
}

// The topic with the most words first.
void order_topics(TopicModel& model) {
  const std::vector<double> weights = model.topic_weights();
  std::vector<size_t> order(weights.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return weights[a] > weights[b]; });
  const std::vector<double> before = model.weight;
  for (size_t i = 0; i < before.size(); ++i) {
    model.weight[i] = before[i - i % order.size() + order[i % order.size()]];
  }
}

// Mixtures of all texts; on rank 0.
struct Mixtures {
  Matrix customers;              // mean; NaN without a text with words
  std::vector<int32_t> of_text;  // the largest topic; -1: no words
  Vector sum;                    // over the texts
};

Mixtures mix(const TopicModel& model, const Corpus& corpus, const PreparedReader& prepared,
             const Customers& customers, const Communicator& communicator) {
  const int64_t topics = model.topics, ranks = communicator.size();
  const TopicInference inference(model);
  Mixtures result;
  Matrix sums;
  Vector counts;
  if (communicator.root()) {
    sums = Matrix::Zero(prepared.customers(), topics);
    counts = Vector::Zero(prepared.customers());
    result.sum = Vector::Zero(topics);
    result.of_text.assign(static_cast<size_t>(corpus.rows), -1);
  }
  for_blocks(
      communicator, {corpus.rows, rows_per_block, "gather the topics of texts"},
      [&](int64_t first, int64_t) {
        const SparseRows bags = corpus.own.read(first / rows_per_block / ranks);
        std::vector<double> mixtures = inference.mixtures(bags);
        for (int64_t row = 0; row < bags.count(); ++row) {
          const auto at = static_cast<size_t>(row);
          if (bags.offsets[at] == bags.offsets[at + 1]) {
            mixtures[at * static_cast<size_t>(topics)] = std::numeric_limits<double>::quiet_NaN();
          }
        }
        ByteWriter bytes;
        bytes.values(mixtures);
        return bytes.take();
      },
      [&](int64_t first, int64_t count, const std::string& message) {
        const std::vector<double> values = ByteReader(message).values<double>();
        const std::vector<int64_t> customer = prepared.customer_index(first, count);
        for (int64_t row = 0; row < count; ++row) {
          const Eigen::Map<const Eigen::RowVectorXd> mixture(values.data() + row * topics, topics);
          if (std::isnan(mixture[0])) continue;
          sums.row(customer[static_cast<size_t>(row)]) += mixture;
          counts[customer[static_cast<size_t>(row)]] += 1;
          result.sum += mixture.transpose();
          Eigen::Index largest = 0;
          mixture.maxCoeff(&largest);
          result.of_text[static_cast<size_t>(first + row)] = static_cast<int32_t>(largest);
        }
      });
  if (!communicator.root()) return result;
  result.customers.resize(customers.count(), topics);
  for (int64_t row = 0; row < customers.count(); ++row) {
    const int64_t index = customers.table_index[static_cast<size_t>(row)];
    result.customers.row(row) = sums.row(index) / counts[index];  // 0 / 0 is NaN: no text with words
  }
  return result;
}

void add_mixtures(Topics& result, Mixtures mixtures) {
  for (size_t topic = 0; topic < result.topics.size(); ++topic) {
    result.topics[topic].share =
        mixtures.sum[static_cast<int64_t>(topic)] / static_cast<double>(result.texts_with_words);
  }
  for (const int32_t largest : mixtures.of_text) {
    if (largest >= 0) ++result.topics[static_cast<size_t>(largest)].texts;
  }
  result.customers = std::move(mixtures.customers);
  result.of_text = std::move(mixtures.of_text);
}

// What the fitted topics are about, and how far each text and customer is.
void describe(Topics& result, const Corpus& corpus, const PreparedReader& prepared,
              const Customers& customers, const Communicator& communicator) {
  for (int64_t topic = 0; topic < result.model.topics; ++topic) {
    result.topics.emplace_back().words =
        telling_words(result.model, result.vocabulary, topic, telling_words_kept);
  }
  PairCounts pairs(result.topics, result.vocabulary);
  for (int64_t block = 0; block < corpus.own.blocks(); ++block) pairs.add(corpus.own.read(block));
  communicator.sum(pairs.counts(), "count the pairs of words");
  for (Topic& topic : result.topics) topic.coherence = pairs.coherence(topic, corpus.texts_with_words);
  Mixtures mixtures = mix(result.model, corpus, prepared, customers, communicator);
  if (!communicator.root()) return;
  add_mixtures(result, std::move(mixtures));
  result.agreements = agreements_with_categories(prepared, result.of_text);
}

}  // namespace

std::string Topic::title() const {
  std::string title;
  for (size_t i = 0; i < std::min<size_t>(3, words.size()); ++i) title += (i > 0 ? ", " : "") + words[i].word;
  return title;
}

double Topics::coherence() const {
  double sum = 0;
  for (const Topic& topic : topics) sum += topic.coherence;
  return sum / static_cast<double>(topics.size());
}

Topics find_topics(const PreparedReader& prepared, const Customers& customers, WordCutter& cutter,
                   const Vocabulary& vocabulary, const TopicRun& run, const Communicator& communicator) {
  if (!run.settings.k.is_auto() && run.settings.k.value_or(0) == 0) return {};
  Corpus corpus(prepared, run.scratch);
  fill(corpus, prepared, cutter, vocabulary, communicator);
  const int64_t topics = choose_topics(run.settings, corpus, vocabulary);
  if (topics == 0) {
    if (communicator.root())
      log_info("profile: no topics: {} texts have words that count", corpus.texts_with_words);
    return {};
  }
  Topics result;
  result.vocabulary = vocabulary;
  result.texts_with_words = corpus.texts_with_words;
  result.model =
      start_topics(topics, vocabulary.size(), run.settings.alpha.value_or(1.0 / static_cast<double>(topics)),
                   run.settings.eta, run.seed);
  fit(result.model, corpus, run, communicator);
  order_topics(result.model);
  describe(result, corpus, prepared, customers, communicator);
  if (!communicator.root()) return {};
  return result;
}

Topics apply_topics(const PreparedReader& prepared, const Customers& customers, WordCutter& cutter,
                    SavedTopics saved, const std::filesystem::path& scratch,
                    const Communicator& communicator) {
  Corpus corpus(prepared, scratch);
  fill(corpus, prepared, cutter, saved.vocabulary, communicator);
  Topics result;
  result.vocabulary = std::move(saved.vocabulary);
  result.model = std::move(saved.model);
  result.texts_with_words = corpus.texts_with_words;
  describe(result, corpus, prepared, customers, communicator);
  if (!communicator.root()) return {};
  return result;
}

}  // namespace limner
