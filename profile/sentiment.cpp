#include "profile/sentiment.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "profile/blocks.h"
#include "runtime/progress.h"

namespace limner {
namespace {

constexpr int64_t rows_per_block = 2048;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// Scores and labels of the training texts and of those a head is measured on.
struct Labelled {
  std::vector<double> train_scores, scores;
  std::vector<double> train_labels, labels;
  std::string part;
};

Labelled labelled_texts(const std::vector<double>& scores, const std::vector<double>& labels,
                        const std::vector<Split>& split) {
  const auto has = [&](Split part) {
    for (size_t row = 0; row < split.size(); ++row) {
      if (split[row] == part && !std::isnan(labels[row])) return true;
    }
    return false;
  };
  const Split measured = has(Split::test) ? Split::test : Split::validation;
  Labelled result;
  result.part = measured == Split::test ? "test" : "validation";
  for (size_t row = 0; row < split.size(); ++row) {
    if (std::isnan(labels[row])) continue;
    const double score = std::isnan(scores[row]) ? 0 : scores[row];
    if (split[row] == Split::train) {
      result.train_scores.push_back(score);
      result.train_labels.push_back(labels[row]);
    } else if (split[row] == measured) {
      result.scores.push_back(score);
      result.labels.push_back(labels[row]);
    }
  }
  return result;
}

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

void classify(LexiconBaseline& baseline, const Labelled& texts) {
  const std::vector<int32_t> labels(texts.train_labels.begin(), texts.train_labels.end());
  const ScoreThreshold threshold = learn_threshold(texts.train_scores, labels);
  const double commonest = mean_of(texts.train_labels) >= 0.5 ? 1 : 0;
  double right = 0, guessed = 0;
  for (size_t i = 0; i < texts.scores.size(); ++i) {
    right += threshold.predict(texts.scores[i]) == (texts.labels[i] > 0.5) ? 1 : 0;
    guessed += texts.labels[i] == commonest ? 1 : 0;
  }
  baseline.accuracy = right / static_cast<double>(texts.scores.size());
  baseline.guess = guessed / static_cast<double>(texts.scores.size());
}

// The least-squares line of the training texts.
void regress(LexiconBaseline& baseline, const Labelled& texts) {
  const double x = mean_of(texts.train_scores), y = mean_of(texts.train_labels);
  double products = 0, squares = 0;
  for (size_t i = 0; i < texts.train_scores.size(); ++i) {
    products += (texts.train_scores[i] - x) * (texts.train_labels[i] - y);
    squares += (texts.train_scores[i] - x) * (texts.train_scores[i] - x);
  }
  const double slope = squares > 0 ? products / squares : 0, mean = mean_of(texts.labels);
  double errors = 0, spread = 0;
  for (size_t i = 0; i < texts.scores.size(); ++i) {
    errors += std::pow(y + slope * (texts.scores[i] - x) - texts.labels[i], 2);
    spread += std::pow(texts.labels[i] - mean, 2);
  }
  baseline.r2 = spread > 0 ? 1 - errors / spread : nan;
}

std::vector<LexiconBaseline> baselines_of(const PreparedReader& prepared, const std::vector<double>& scores,
                                          const std::vector<HeadSettings>& heads) {
  const std::vector<Split> split = prepared.split(0, prepared.rows());
  std::vector<LexiconBaseline> result;
  for (const HeadSettings& head : heads) {
    const auto& fields = prepared.fields();
    const auto field = std::find_if(fields.begin(), fields.end(),
                                    [&](const Field& entry) { return entry.name == head.field; });
    if (field == fields.end() || head.kind == "multi_label") continue;
    const FieldValues values = prepared.values(head.field, 0, prepared.rows());
    std::vector<double> labels = values.numbers;
    if (field->type == FieldType::category && field->categories.size() == 2) {
      labels.clear();
      for (const int32_t code : values.codes) labels.push_back(code < 0 ? nan : code);
    }
    if ((field->type == FieldType::number) != (head.kind == "regression") || labels.empty()) continue;
    const Labelled texts = labelled_texts(scores, labels, split);
    if (texts.train_scores.empty() || texts.scores.empty()) continue;
    LexiconBaseline& baseline = result.emplace_back();
    baseline.head = head.name;
    baseline.kind = head.kind;
    baseline.part = texts.part;
    baseline.texts = std::ssize(texts.scores);
    if (head.kind == "regression") {
      regress(baseline, texts);
    } else {
      classify(baseline, texts);
    }
  }
  return result;
}

}  // namespace

ScoreThreshold learn_threshold(const std::vector<double>& scores, const std::vector<int32_t>& labels) {
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const auto value = [&](size_t i) { return std::isnan(scores[i]) ? 0 : scores[i]; };
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return value(a) < value(b); });
  const auto count = static_cast<int64_t>(scores.size());
  // With everything at or above the threshold in class 1, as many are right as there are ones.
  int64_t right = std::count(labels.begin(), labels.end(), 1);
  ScoreThreshold best{-std::numeric_limits<double>::infinity(), right >= count - right};
  int64_t most = std::max(right, count - right);
  for (size_t i = 0; i < order.size(); ++i) {
    right += labels[order[i]] == 1 ? -1 : 1;
    const bool last = i + 1 == order.size();
    if (last || value(order[i + 1]) == value(order[i])) continue;
    if (std::max(right, count - right) <= most) continue;
    most = std::max(right, count - right);
    best = {value(order[i + 1]), right >= count - right};
  }
  return best;
}

Sentiment measure_sentiment(const PreparedReader& prepared, Customers& customers, const Lexicon& lexicon,
                            const std::vector<HeadSettings>& heads, const Communicator& communicator) {
  std::vector<double> scores, sums, counts;
  if (communicator.root()) {
    sums.resize(static_cast<size_t>(prepared.customers()));
    counts.resize(sums.size());
  }
  Progress progress("sentiment", prepared.rows(), "rows", communicator.root());
  for_blocks(
      communicator, {prepared.rows(), rows_per_block, "gather the sentiment of texts"},
      [&](int64_t first, int64_t count) {
        std::vector<double> found;
        for (const std::string& text : prepared.texts(first, count)) found.push_back(lexicon.score(text));
        ByteWriter bytes;
        bytes.values(found);
        return bytes.take();
      },
      [&](int64_t first, int64_t count, const std::string& message) {
        const std::vector<double> found = ByteReader(message).values<double>();
        const std::vector<int64_t> customer = prepared.customer_index(first, count);
        for (size_t row = 0; row < found.size(); ++row) {
          scores.push_back(found[row]);
          if (std::isnan(found[row])) continue;
          sums[static_cast<size_t>(customer[row])] += found[row];
          counts[static_cast<size_t>(customer[row])] += 1;
        }
        progress.update(first + count);
      });
  if (!communicator.root()) return {};
  Sentiment result;
  for (const int64_t index : customers.table_index) {
    const auto at = static_cast<size_t>(index);
    customers.sentiment.push_back(sums[at] / counts[at]);  // 0 / 0 is NaN: no word of the lexicon
  }
  const double with_words = std::accumulate(counts.begin(), counts.end(), 0.0);
  result.share_with_words = with_words / static_cast<double>(scores.size());
  result.mean = std::accumulate(sums.begin(), sums.end(), 0.0) / with_words;
  result.baselines = baselines_of(prepared, scores, heads);
  return result;
}

}  // namespace limner
