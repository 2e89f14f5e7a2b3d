#include "profile/keywords.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "profile/blocks.h"
#include "runtime/progress.h"

namespace limner {
namespace {

constexpr int64_t customers_per_block = 64;
constexpr size_t shortest_sentence = 12;  // bytes

using RowRanges = std::vector<std::pair<int64_t, int64_t>>;  // ranges, both ends included

std::vector<RowRanges> share_rows_of(const Customers& customers, const Communicator& communicator) {
  ByteWriter writer;
  for (const RowRanges& rows : customers.rows) {
    writer.value(std::ssize(rows));
    for (const auto& [first, last] : rows) {
      writer.value(first);
      writer.value(last);
    }
  }
  std::string message = writer.take();
  communicator.broadcast(message, 0, "share the customers' rows");
  ByteReader reader(message);
  std::vector<RowRanges> all;
  while (!reader.done()) {
    RowRanges& rows = all.emplace_back(static_cast<size_t>(reader.value<ptrdiff_t>()));
    for (auto& [first, last] : rows) {
      first = reader.value<int64_t>();
      last = reader.value<int64_t>();
    }
  }
  return all;
}

std::vector<Keyword> keywords_of(const std::map<int32_t, double>& counts, double words,
                                 const Vocabulary& vocabulary, double words_per_customer, int64_t most) {
  std::vector<Keyword> keywords;
  for (const auto& [term, count] : counts) {
    const auto place = static_cast<size_t>(term);
    const auto occurrences = static_cast<double>(vocabulary.occurrences()[place]);
    keywords.push_back(
        {vocabulary.terms()[place], count / words * std::log(1 + words_per_customer / occurrences)});
  }
  std::stable_sort(keywords.begin(), keywords.end(),
                   [](const Keyword& a, const Keyword& b) { return a.score > b.score; });
  if (std::ssize(keywords) > most) keywords.resize(static_cast<size_t>(most));
  return keywords;
}

}  // namespace

KeyPhrases key_phrases(const std::vector<std::string>& texts, WordCutter& cutter,
                       const Vocabulary& vocabulary, double words_per_customer, int64_t most) {
  KeyPhrases result;
  SparseRows bags;
  std::map<int32_t, double> counts;
  double words = 0;
  for (const std::string& text : texts) {
    const std::map<int32_t, double> bag = vocabulary.bag(cutter.words(text));
    for (const auto& [term, count] : bag) {
      counts[term] += count;
      words += count;
    }
    bags.add(bag);
  }
  if (counts.empty()) return result;
  result.words = keywords_of(counts, words, vocabulary, words_per_customer, most);

  const SparseRows rows = tf_idf(bags, vocabulary);
  std::map<int32_t, double> middle;
  for (size_t at = 0; at < rows.terms.size(); ++at) middle[rows.terms[at]] += rows.values[at];
  double best = 0;
  for (size_t text = 0; text < texts.size(); ++text) {
    for (const std::string& sentence : cutter.sentences(texts[text])) {
      if (sentence.size() < shortest_sentence) continue;
      SparseRows bag;
      bag.add(vocabulary.bag(cutter.words(sentence)));
      const SparseRows vector = tf_idf(bag, vocabulary);
      double similarity = 0;  // times the length of `middle`, which all sentences share
      for (size_t at = 0; at < vector.terms.size(); ++at) {
        const auto found = middle.find(vector.terms[at]);
        if (found != middle.end()) similarity += vector.values[at] * found->second;
      }
      if (similarity <= best) continue;
      best = similarity;
      result.row = static_cast<int64_t>(text);
      result.sentence = sentence;
    }
  }
  return result;
}

std::vector<KeyPhrases> find_key_phrases(const PreparedReader& prepared, const Customers& customers,
                                         WordCutter& cutter, const Vocabulary& vocabulary, int64_t most,
                                         bool quote_texts, const Communicator& communicator) {
  if (most == 0) return {};
  const std::vector<RowRanges> rows_of = share_rows_of(customers, communicator);
  const auto count = static_cast<int64_t>(rows_of.size());
  const int64_t occurrences =
      std::accumulate(vocabulary.occurrences().begin(), vocabulary.occurrences().end(), int64_t{0});
  const double words_per_customer = static_cast<double>(occurrences) / static_cast<double>(count);
  std::vector<KeyPhrases> result;
  Progress progress("keywords", count, "customers", communicator.root());
  for_blocks(
      communicator, {count, customers_per_block, "gather the keywords"},
      [&](int64_t first, int64_t customers_here) {
        ByteWriter bytes;
        for (int64_t customer = first; customer < first + customers_here; ++customer) {
          std::vector<std::string> texts;
          std::vector<int64_t> numbers;
          for (const auto& [begin, end] : rows_of[static_cast<size_t>(customer)]) {
            for (std::string& text : prepared.texts(begin, end - begin + 1)) texts.push_back(std::move(text));
            for (int64_t row = begin; row <= end; ++row) numbers.push_back(row);
          }
          KeyPhrases phrases = key_phrases(texts, cutter, vocabulary, words_per_customer, most);
          bytes.value(std::ssize(phrases.words));
          for (const Keyword& word : phrases.words) {
            bytes.text(word.word);
            bytes.value(word.score);
          }
          const bool quoted = quote_texts && phrases.row >= 0;
          bytes.value(quoted ? numbers[static_cast<size_t>(phrases.row)] : int64_t{-1});
          bytes.text(quoted ? phrases.sentence : "");
        }
        return bytes.take();
      },
      [&](int64_t first, int64_t customers_here, const std::string& message) {
        ByteReader bytes(message);
        while (!bytes.done()) {
          KeyPhrases& phrases = result.emplace_back();
          phrases.words.resize(static_cast<size_t>(bytes.value<ptrdiff_t>()));
          for (Keyword& word : phrases.words) {
            word.word = bytes.text();
            word.score = bytes.value<double>();
          }
          phrases.row = bytes.value<int64_t>();
          phrases.sentence = bytes.text();
        }
        progress.update(first + customers_here);
      });
  return result;
}

}  // namespace limner
