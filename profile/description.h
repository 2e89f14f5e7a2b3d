// What a segment is about: its most typical words, items and texts.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "extract/shards.h"
#include "profile/customers.h"
#include "profile/segments.h"
#include "profile/words.h"
#include "runtime/communicator.h"
#include "tables/prepared.h"

namespace limner {

struct TypicalTerm {
  std::string term;
  int64_t texts = 0;           // of the segment with this term
  double share = 0;            // of the segment's texts, every customer counting alike
  double share_elsewhere = 0;  // the same in the other segments; NaN with one segment
  double score = 0;
};
struct TypicalText {
  int64_t row = 0;
  double similarity = 0;  // to the segment's centroid
  std::string text;
};
struct SegmentDescription {
  std::vector<TypicalTerm> words, items;
  std::vector<TypicalText> texts;
};

// Terms counted per segment. A text adds 1 / (texts of its customer), so a customer who writes much does not
// speak for the segment.
class TermCounts {
 public:
  explicit TermCounts(int64_t segments) : segments_(segments) {}
  void add(const std::string& term, int64_t segment, double weight, int64_t texts = 1);
  // The terms that most tell a segment from the others, best first: score p * ln(p / q), each term's part of
  // the relative entropy between the segment (share p) and the rest (share q); shares are smoothed by ten
  // customers who write as all do. With one segment: the most frequent. Terms in fewer than `least_texts`
  // texts do not count. customers: per segment.
  std::vector<std::vector<TypicalTerm>> typical(const std::vector<int64_t>& customers, int64_t least_texts,
                                                int64_t most) const;
  std::string bytes() const;  // in the order of the terms
  void add_bytes(const std::string& bytes);

 private:
  struct Count {
    double weight = 0;
    int64_t texts = 0;
  };
  int64_t segments_;
  std::unordered_map<std::string, std::vector<Count>> counts_;
};

// The nearest texts of one segment, best first; at most one a customer and none twice.
class NearestTexts {
 public:
  explicit NearestTexts(int64_t most) : most_(most) {}
  void offer(int64_t customer, const TypicalText& text);
  double worst() const;  // a text must be more similar than this to enter
  const std::vector<std::pair<int64_t, TypicalText>>& texts() const { return texts_; }

 private:
  int64_t most_;
  std::vector<std::pair<int64_t, TypicalText>> texts_;
};

// A collective over all rows, in fixed blocks; the result is on rank 0. Customers and segmentation are read
// on rank 0 only.
std::vector<SegmentDescription> describe_segments(const PreparedReader& prepared,
                                                  const EmbeddingsReader& embeddings,
                                                  const Customers& customers,
                                                  const Segmentation& segmentation, bool quote_texts,
                                                  WordCutter& cutter, const Communicator& communicator);

}  // namespace limner
