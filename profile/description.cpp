#include "profile/description.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "profile/blocks.h"
#include "runtime/progress.h"

namespace limner {
namespace {

constexpr int64_t rows_per_block = 4096;
constexpr int64_t typical_terms = 12;
constexpr int64_t typical_texts = 3;
constexpr size_t shortest_typical_text = 12;  // bytes: "good" is near many centroids and tells nothing
constexpr double prior_customers = 10;

// What every rank needs of the segmentation, by customer of the table.
struct Assignment {
  std::vector<int32_t> segment;  // -1: no texts
  std::vector<int64_t> texts;
  Matrix centroids;
  Geometry geometry = Geometry::euclidean;
};

Assignment share_assignment(const Customers& customers, const Segmentation& segmentation,
                            int64_t table_customers, const Communicator& communicator) {
  std::string message;
  if (communicator.root()) {
    std::vector<int32_t> segment(static_cast<size_t>(table_customers), -1);
    std::vector<int64_t> texts(static_cast<size_t>(table_customers));
    for (size_t i = 0; i < customers.ids.size(); ++i) {
      segment[static_cast<size_t>(customers.table_index[i])] = segmentation.segment[i];
      texts[static_cast<size_t>(customers.table_index[i])] = customers.texts[i];
    }
    ByteWriter bytes;
    bytes.value(segmentation.geometry);
    bytes.value(segmentation.centroids.rows());
    bytes.values(segment);
    bytes.values(texts);
    bytes.values(std::span<const double>(segmentation.centroids.data(),
                                         static_cast<size_t>(segmentation.centroids.size())));
    message = bytes.take();
  }
  communicator.broadcast(message, 0, "share the segments");
  ByteReader bytes(message);
  Assignment result;
  result.geometry = bytes.value<Geometry>();
  const auto segments = bytes.value<Eigen::Index>();
  result.segment = bytes.values<int32_t>();
  result.texts = bytes.values<int64_t>();
  const std::vector<double> values = bytes.values<double>();
  result.centroids = Eigen::Map<const Matrix>(values.data(), segments, std::ssize(values) / segments);
  return result;
}

double similarity_to(const Assignment& assignment, const Eigen::RowVectorXd& vector, int32_t segment) {
  const auto centroid = assignment.centroids.row(segment);
  if (assignment.geometry == Geometry::euclidean) return -(vector - centroid).norm();
  const double length = vector.norm();
  return length > 0 ? vector.dot(centroid) / length : 0;
}

// Words, items and near texts of one block.
class BlockDescriber {
 public:
  BlockDescriber(const Assignment& assignment, bool quote_texts, WordCutter& cutter)
      : assignment_(assignment), quote_texts_(quote_texts), cutter_(cutter) {}

  std::string describe(const PreparedReader& prepared, const EmbeddingsReader& embeddings, int64_t first,
                       int64_t count) {
    const std::vector<int64_t> customer = prepared.customer_index(first, count);
    const std::vector<std::string> texts = prepared.texts(first, count);
    const std::vector<std::string> items =
        prepared.has_items() ? prepared.items(first, count) : std::vector<std::string>();
    std::vector<float> vectors;
    if (quote_texts_) {
      vectors.resize(static_cast<size_t>(count * embeddings.width()));
      embeddings.embeddings(first, count, vectors.data());
    }
    const int64_t segments = assignment_.centroids.rows();
    TermCounts words(segments), item_counts(segments);
    std::vector<NearestTexts> nearest(static_cast<size_t>(segments), NearestTexts(typical_texts));
    for (size_t row = 0; row < customer.size(); ++row) {
      const auto index = static_cast<size_t>(customer[row]);
      const int32_t segment = assignment_.segment[index];
      const double weight = 1.0 / static_cast<double>(assignment_.texts[index]);
      for (const std::string& word : cutter_.distinct_words(texts[row])) words.add(word, segment, weight);
      if (!items.empty() && !items[row].empty()) item_counts.add(items[row], segment, weight);
      if (!quote_texts_ || texts[row].size() < shortest_typical_text) continue;
      const Eigen::Map<const Eigen::RowVectorXf> vector(
          vectors.data() + row * static_cast<size_t>(embeddings.width()), embeddings.width());
      if (std::isnan(vector[0])) continue;  // no word of the text has a vector
      const double similarity = similarity_to(assignment_, vector.cast<double>(), segment);
      nearest[static_cast<size_t>(segment)].offer(
          customer[row], {first + static_cast<int64_t>(row), similarity, texts[row]});
    }
    ByteWriter bytes;
    bytes.text(words.bytes());
    bytes.text(item_counts.bytes());
    for (const NearestTexts& texts_of_segment : nearest) {
      bytes.value(std::ssize(texts_of_segment.texts()));
      for (const auto& [author, text] : texts_of_segment.texts()) {
        bytes.value(author);
        bytes.value(text.row);
        bytes.value(text.similarity);
        bytes.text(text.text);
      }
    }
    return bytes.take();
  }

 private:
  const Assignment& assignment_;
  bool quote_texts_;
  WordCutter& cutter_;
};

}  // namespace

void TermCounts::add(const std::string& term, int64_t segment, double weight, int64_t texts) {
  std::vector<Count>& counts = counts_[term];
  if (counts.empty()) counts.resize(static_cast<size_t>(segments_));
  counts[static_cast<size_t>(segment)].weight += weight;
  counts[static_cast<size_t>(segment)].texts += texts;
}

std::string TermCounts::bytes() const {
  std::map<std::string_view, const std::vector<Count>*> ordered;
  for (const auto& [term, counts] : counts_) ordered.emplace(term, &counts);
  ByteWriter bytes;
  for (const auto& [term, counts] : ordered) {
    bytes.text(std::string(term));
    bytes.values(*counts);
  }
  return bytes.take();
}

void TermCounts::add_bytes(const std::string& message) {
  ByteReader bytes(message);
  while (!bytes.done()) {
    const std::string term = bytes.text();
    const std::vector<Count> counts = bytes.values<Count>();
    for (size_t segment = 0; segment < counts.size(); ++segment) {
      if (counts[segment].texts == 0) continue;
      add(term, static_cast<int64_t>(segment), counts[segment].weight, counts[segment].texts);
    }
  }
}

std::vector<std::vector<TypicalTerm>> TermCounts::typical(const std::vector<int64_t>& customers,
                                                          int64_t least_texts, int64_t most) const {
  double everyone = 0;
  for (const int64_t count : customers) everyone += static_cast<double>(count);
  std::vector<std::vector<TypicalTerm>> result(customers.size());
  for (const auto& [term, counts] : counts_) {
    double weight_everywhere = 0;
    for (const Count& count : counts) weight_everywhere += count.weight;
    const double overall = weight_everywhere / everyone;
    for (size_t segment = 0; segment < counts.size(); ++segment) {
      const Count& here = counts[segment];
      if (here.texts < least_texts) continue;
      const auto size = static_cast<double>(customers[segment]);
      const double rest = everyone - size;
      TypicalTerm entry{term, here.texts, here.weight / size, std::numeric_limits<double>::quiet_NaN(), 0};
      if (rest > 0) {
        const double prior = prior_customers * overall;
        const double p = (here.weight + prior) / (size + prior_customers);
        const double q = (weight_everywhere - here.weight + prior) / (rest + prior_customers);
        entry.share_elsewhere = std::max(0.0, weight_everywhere - here.weight) / rest;
        entry.score = p * std::log(p / q);
      } else {
        entry.score = entry.share;
      }
      if (entry.score > 0) result[segment].push_back(std::move(entry));
    }
  }
  for (std::vector<TypicalTerm>& terms : result) {
    std::sort(terms.begin(), terms.end(), [](const TypicalTerm& a, const TypicalTerm& b) {
      return a.score != b.score ? a.score > b.score : a.term < b.term;
    });
    if (std::ssize(terms) > most) terms.resize(static_cast<size_t>(most));
  }
  return result;
}

double NearestTexts::worst() const {
  return std::ssize(texts_) < most_ ? -std::numeric_limits<double>::infinity()
                                    : texts_.back().second.similarity;
}

void NearestTexts::offer(int64_t customer, const TypicalText& text) {
  if (text.similarity <= worst()) return;
  const auto same = std::find_if(texts_.begin(), texts_.end(), [&](const auto& entry) {
    return entry.first == customer || entry.second.text == text.text;
  });
  if (same != texts_.end()) {
    if (same->second.similarity >= text.similarity) return;
    texts_.erase(same);
  }
  const auto place = std::find_if(texts_.begin(), texts_.end(), [&](const auto& entry) {
    return entry.second.similarity < text.similarity;
  });
  texts_.insert(place, {customer, text});
  if (std::ssize(texts_) > most_) texts_.pop_back();
}

std::vector<SegmentDescription> describe_segments(const PreparedReader& prepared,
                                                  const EmbeddingsReader& embeddings,
                                                  const Customers& customers,
                                                  const Segmentation& segmentation, bool quote_texts,
                                                  WordCutter& cutter, const Communicator& communicator) {
  const Assignment assignment = share_assignment(customers, segmentation, prepared.customers(), communicator);
  const int64_t segments = assignment.centroids.rows();
  BlockDescriber describer(assignment, quote_texts, cutter);
  TermCounts words(segments), items(segments);
  std::vector<NearestTexts> nearest(static_cast<size_t>(segments), NearestTexts(typical_texts));
  Progress progress("segments", prepared.rows(), "rows", communicator.root());
  for_blocks(
      communicator, {prepared.rows(), rows_per_block, "gather the words of segments"},
      [&](int64_t first, int64_t count) { return describer.describe(prepared, embeddings, first, count); },
      [&](int64_t first, int64_t count, const std::string& message) {
        ByteReader bytes(message);
        words.add_bytes(bytes.text());
        items.add_bytes(bytes.text());
        for (NearestTexts& of_segment : nearest) {
          const auto offered = bytes.value<ptrdiff_t>();
          for (ptrdiff_t i = 0; i < offered; ++i) {
            const auto author = bytes.value<int64_t>();
            TypicalText text;
            text.row = bytes.value<int64_t>();
            text.similarity = bytes.value<double>();
            text.text = bytes.text();
            of_segment.offer(author, text);
          }
        }
        progress.update(first + count);
      });
  if (!communicator.root()) return {};

  const int64_t least_texts = prepared.rows() < 50 ? 1 : 3;
  const auto typical_words = words.typical(segmentation.sizes, least_texts, typical_terms);
  const auto typical_items = items.typical(segmentation.sizes, least_texts, typical_terms / 2);
  std::vector<SegmentDescription> result;
  for (size_t segment = 0; segment < nearest.size(); ++segment) {
    SegmentDescription& description = result.emplace_back();
    description.words = typical_words[segment];
    description.items = typical_items[segment];
    for (const auto& [author, text] : nearest[segment].texts()) description.texts.push_back(text);
  }
  return result;
}

}  // namespace limner
