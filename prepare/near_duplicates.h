// Near-duplicate texts: sets of character shingles compared by Jaccard's similarity (common shingles over all
// shingles), candidates found by MinHash with banding (Broder, "On the resemblance and containment of
// documents", 1997; Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, chapter 3).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/settings.h"

namespace limner {

// Hashes of the distinct runs of `length` characters, ascending; of a shorter text, one of the whole.
std::vector<uint64_t> shingles(std::string_view text, int64_t length);

// Of two ascending sets that are not empty.
double jaccard(const std::vector<uint64_t>& a, const std::vector<uint64_t>& b);

class NearDuplicates {
 public:
  // settings.threshold is set.
  explicit NearDuplicates(const NearDuplicateSettings& settings);

  // One a band: texts as similar as the threshold share at least one with a probability of 0.999. Threads may
  // call it at once. group: texts of different groups are never compared.
  std::vector<uint32_t> band_keys(std::string_view text, std::string_view group) const;

  // The first row added that is at least as similar as the threshold; `texts` by row. What bands propose is
  // compared exactly, so a row is never dropped that is less similar.
  std::optional<int64_t> find(std::string_view text, const std::vector<uint32_t>& keys,
                              const std::vector<std::string>& texts) const;
  void add(int64_t row, const std::vector<uint32_t>& keys);

  int64_t bands() const { return bands_; }

 private:
  // 12 bytes, and 4 to 8 in heads_: what a row costs for each band.
  struct Entry {
    uint32_t key;
    int32_t row, next;  // next: of the same place in heads_, -1 at the end
  };
  double threshold_;
  int64_t length_, bands_ = 1, rows_per_band_ = 1;
  std::vector<std::pair<uint64_t, uint64_t>> functions_;
  std::vector<Entry> entries_;
  std::vector<int32_t> heads_;

  void link(size_t entry);
};

}  // namespace limner
