#include "profile/vocabulary.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "profile/blocks.h"
#include "runtime/progress.h"

namespace limner {
namespace {

constexpr int64_t rows_per_block = 4096;

}  // namespace

void SparseRows::add(const std::map<int32_t, double>& row) {
  for (const auto& [term, value] : row) {
    terms.push_back(term);
    values.push_back(value);
  }
  offsets.push_back(static_cast<int64_t>(terms.size()));
}

void WordCounts::add(const std::vector<std::string>& words) {
  ++texts_;
  std::unordered_set<std::string_view> seen;
  for (const std::string& word : words) {
    Count& count = counts_[word];
    ++count.occurrences;
    if (seen.insert(word).second) ++count.texts;
  }
}

std::string WordCounts::bytes() const {
  ByteWriter bytes;
  bytes.value(texts_);
  for (const auto& [word, count] : counts_) {
    bytes.text(word);
    bytes.value(count);
  }
  return bytes.take();
}

void WordCounts::add_bytes(const std::string& message) {
  ByteReader bytes(message);
  texts_ += bytes.value<int64_t>();
  while (!bytes.done()) {
    Count& count = counts_[bytes.text()];
    const auto more = bytes.value<Count>();
    count.texts += more.texts;
    count.occurrences += more.occurrences;
  }
}

Vocabulary::Vocabulary(const WordCounts& counts, const WordSettings& settings) : texts_(counts.texts()) {
  using Entry = std::pair<std::string, WordCounts::Count>;
  std::vector<Entry> kept;
  const double most_texts = settings.max_share * static_cast<double>(texts_);
  for (const auto& [word, count] : counts.counts()) {
    if (count.texts < settings.min_texts || static_cast<double>(count.texts) > most_texts) continue;
    kept.emplace_back(word, count);
  }
  if (std::ssize(kept) > settings.most) {
    std::sort(kept.begin(), kept.end(), [](const Entry& a, const Entry& b) {
      return a.second.texts != b.second.texts ? a.second.texts > b.second.texts : a.first < b.first;
    });
    kept.resize(static_cast<size_t>(settings.most));
  }
  std::sort(kept.begin(), kept.end(), [](const Entry& a, const Entry& b) { return a.first < b.first; });
  for (auto& [word, count] : kept) {
    terms_.push_back(std::move(word));
    texts_with_.push_back(count.texts);
    occurrences_.push_back(count.occurrences);
  }
  make_index();
}

Vocabulary::Vocabulary(std::vector<std::string> terms, std::vector<int64_t> texts_with,
                       std::vector<int64_t> occurrences, int64_t texts)
    : terms_(std::move(terms)),
      texts_with_(std::move(texts_with)),
      occurrences_(std::move(occurrences)),
      texts_(texts) {
  require(terms_.size() == texts_with_.size() && terms_.size() == occurrences_.size(),
          "a vocabulary of {} terms with {} and {} counts", terms_.size(), texts_with_.size(),
          occurrences_.size());
  make_index();
}

void Vocabulary::make_index() {
  index_.reserve(terms_.size());
  for (const std::string& term : terms_) index_.emplace(term, static_cast<int32_t>(index_.size()));
}

int32_t Vocabulary::index(const std::string& term) const {
  const auto found = index_.find(term);
  return found == index_.end() ? -1 : found->second;
}

std::map<int32_t, double> Vocabulary::bag(const std::vector<std::string>& words) const {
  std::map<int32_t, double> bag;
  for (const std::string& word : words) {
    const int32_t term = index(word);
    if (term >= 0) bag[term] += 1;
  }
  return bag;
}

double Vocabulary::inverse_frequency(int32_t term) const {
  const auto with = static_cast<double>(texts_with_[static_cast<size_t>(term)]);
  return std::log((1 + static_cast<double>(texts_)) / (1 + with)) + 1;
}

Vocabulary count_vocabulary(const PreparedReader& prepared, WordCutter& cutter, const WordSettings& settings,
                            const Communicator& communicator) {
  WordCounts own;
  Progress progress("words", prepared.rows(), "rows", communicator.root());
  const int64_t blocks = (prepared.rows() + rows_per_block - 1) / rows_per_block;
  for (int64_t block = communicator.rank(); block < blocks; block += communicator.size()) {
    const int64_t first = block * rows_per_block;
    const int64_t count = std::min(rows_per_block, prepared.rows() - first);
    for (const std::string& text : prepared.texts(first, count)) own.add(cutter.words(text));
    progress.update(first + count);
  }
  if (stop_agreed(communicator)) interrupted("profile");
  WordCounts all;
  for (const std::string& message : communicator.gather(own.bytes(), 0, "gather the words")) {
    all.add_bytes(message);
  }
  std::string message;
  if (communicator.root()) {
    const Vocabulary vocabulary(all, settings);
    ByteWriter bytes;
    bytes.value(vocabulary.texts());
    bytes.values(vocabulary.texts_with());
    bytes.values(vocabulary.occurrences());
    for (const std::string& term : vocabulary.terms()) bytes.text(term);
    message = bytes.take();
  }
  communicator.broadcast(message, 0, "share the words");
  ByteReader bytes(message);
  const auto texts = bytes.value<int64_t>();
  std::vector<int64_t> texts_with = bytes.values<int64_t>(), occurrences = bytes.values<int64_t>();
  std::vector<std::string> terms;
  while (!bytes.done()) terms.push_back(bytes.text());
  return {std::move(terms), std::move(texts_with), std::move(occurrences), texts};
}

SparseRows tf_idf(const SparseRows& bags, const Vocabulary& vocabulary) {
  SparseRows rows = bags;
  for (size_t row = 0; row + 1 < rows.offsets.size(); ++row) {
    const auto begin = static_cast<size_t>(rows.offsets[row]),
               end = static_cast<size_t>(rows.offsets[row + 1]);
    double squares = 0;
    for (size_t at = begin; at < end; ++at) {
      rows.values[at] *= vocabulary.inverse_frequency(rows.terms[at]);
      squares += rows.values[at] * rows.values[at];
    }
    for (size_t at = begin; at < end; ++at) rows.values[at] /= std::sqrt(squares);
  }
  return rows;
}

}  // namespace limner
