#include "profile/topic_measures.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace limner {
namespace {

constexpr int64_t rows_per_scan = 1 << 18;
constexpr size_t most_categories = 100;

double entropy(const std::map<int32_t, int64_t>& counts, double all) {
  double sum = 0;
  for (const auto& [label, count] : counts) {
    const double share = static_cast<double>(count) / all;
    sum -= share * std::log(share);
  }
  return sum;
}

}  // namespace

PairCounts::PairCounts(const std::vector<Topic>& topics, const Vocabulary& vocabulary) {
  for (const Topic& topic : topics) {
    for (size_t i = 0; i < std::min(coherence_words, topic.words.size()); ++i) {
      const auto [entry, added] = place_of_word_.emplace(topic.words[i].word, place_of_word_.size());
      if (added) place_of_term_.emplace(vocabulary.index(entry->first), entry->second);
    }
  }
  counts_.resize(place_of_word_.size() * place_of_word_.size());
}

void PairCounts::add(const SparseRows& bags) {
  std::vector<size_t> here;
  for (size_t row = 0; row + 1 < bags.offsets.size(); ++row) {
    here.clear();
    for (auto at = static_cast<size_t>(bags.offsets[row]); at < static_cast<size_t>(bags.offsets[row + 1]);
         ++at) {
      const auto place = place_of_term_.find(bags.terms[at]);
      if (place != place_of_term_.end()) here.push_back(place->second);
    }
    for (const size_t a : here) {
      for (const size_t b : here) ++counts_[a * place_of_word_.size() + b];
    }
  }
}

double PairCounts::coherence(const Topic& topic, int64_t texts) const {
  std::vector<size_t> places;
  for (size_t i = 0; i < std::min(coherence_words, topic.words.size()); ++i) {
    places.push_back(place_of_word_.at(topic.words[i].word));
  }
  double sum = 0, pairs = 0;
  const auto share = [&](size_t a, size_t b) {
    return static_cast<double>(count(a, b)) / static_cast<double>(texts);
  };
  for (size_t i = 0; i < places.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      const double a = share(places[i], places[i]), b = share(places[j], places[j]);
      const double both = share(places[i], places[j]);
      pairs += 1;
      sum += both == 0 ? -1 : both == 1 ? 1 : std::log(both / (a * b)) / -std::log(both);
    }
  }
  return pairs > 0 ? sum / pairs : std::numeric_limits<double>::quiet_NaN();
}

double normalised_mutual_information(const std::vector<int32_t>& left, const std::vector<int32_t>& right) {
  std::map<std::pair<int32_t, int32_t>, int64_t> both;
  std::map<int32_t, int64_t> of_left, of_right;
  double all = 0;
  for (size_t i = 0; i < left.size(); ++i) {
    if (left[i] < 0 || right[i] < 0) continue;
    ++both[{left[i], right[i]}];
    ++of_left[left[i]];
    ++of_right[right[i]];
    all += 1;
  }
  double information = 0;
  for (const auto& [labels, count] : both) {
    const auto pair = static_cast<double>(count);
    const auto a = static_cast<double>(of_left[labels.first]),
               b = static_cast<double>(of_right[labels.second]);
    information += pair / all * std::log(pair * all / (a * b));
  }
  const double entropies = entropy(of_left, all) + entropy(of_right, all);
  return entropies > 0 ? 2 * information / entropies : std::numeric_limits<double>::quiet_NaN();
}

std::vector<TopicAgreement> agreements_with_categories(const PreparedReader& prepared,
                                                       const std::vector<int32_t>& topic_of_row) {
  std::vector<TopicAgreement> agreements;
  for (const Field& field : prepared.fields()) {
    if (field.type != FieldType::category || field.categories.size() < 2 ||
        field.categories.size() > most_categories) {
      continue;
    }
    std::vector<int32_t> codes;
    for (int64_t first = 0; first < prepared.rows(); first += rows_per_scan) {
      const FieldValues values =
          prepared.values(field.name, first, std::min(rows_per_scan, prepared.rows() - first));
      codes.insert(codes.end(), values.codes.begin(), values.codes.end());
    }
    int64_t texts = 0;
    for (size_t row = 0; row < codes.size(); ++row) texts += codes[row] >= 0 && topic_of_row[row] >= 0;
    agreements.push_back({field.name, normalised_mutual_information(topic_of_row, codes), texts});
  }
  return agreements;
}

std::vector<TopicWord> telling_words(const TopicModel& model, const Vocabulary& vocabulary, int64_t topic,
                                     size_t most) {
  const double of_topic = model.topic_weights()[static_cast<size_t>(topic)];
  double all = 0;
  for (const int64_t count : vocabulary.occurrences()) all += static_cast<double>(count);
  std::vector<std::pair<double, TopicWord>> words;
  for (int64_t term = 0; term < vocabulary.size(); ++term) {
    const auto at = static_cast<size_t>(term);
    const double probability = model.weight[static_cast<size_t>(term * model.topics + topic)] / of_topic;
    const double lift = probability * all / static_cast<double>(vocabulary.occurrences()[at]);
    words.push_back(
        {0.6 * std::log(probability) + 0.4 * std::log(lift), {vocabulary.terms()[at], probability, lift}});
  }
  std::stable_sort(words.begin(), words.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<TopicWord> best;
  for (size_t i = 0; i < std::min(most, words.size()); ++i) best.push_back(std::move(words[i].second));
  return best;
}

}  // namespace limner
