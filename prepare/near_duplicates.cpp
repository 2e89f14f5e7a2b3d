#include "prepare/near_duplicates.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/error.h"
#include "runtime/random.h"
#include "text/utf8.h"

namespace limner {

namespace {

constexpr double wanted_recall = 0.999;

// The chance that two texts of this similarity agree in a band of `rows` minima, in one of `bands`.
double chance(double similarity, int64_t rows, int64_t bands) {
  const double agree = std::pow(similarity, static_cast<double>(rows));
  return 1 - std::pow(1 - agree, static_cast<double>(bands));
}

}  // namespace

std::vector<uint64_t> shingles(std::string_view text, int64_t length) {
  std::vector<size_t> starts;
  for (size_t position = 0; position < text.size();) {
    starts.push_back(position);
    next_code_point(text, position);
  }
  starts.push_back(text.size());
  const auto run = static_cast<size_t>(length);
  std::vector<uint64_t> hashes;
  for (size_t first = 0; first == 0 || first + run < starts.size(); ++first) {
    const size_t last = std::min(first + run, starts.size() - 1);
    hashes.push_back(stable_hash(text.substr(starts[first], starts[last] - starts[first])));
  }
  std::sort(hashes.begin(), hashes.end());
  hashes.erase(std::unique(hashes.begin(), hashes.end()), hashes.end());
  return hashes;
}

double jaccard(const std::vector<uint64_t>& a, const std::vector<uint64_t>& b) {
  size_t common = 0;
  for (size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    common += a[i] == b[j] ? 1 : 0;
    const bool step_a = a[i] <= b[j], step_b = b[j] <= a[i];
    i += step_a ? 1 : 0;
    j += step_b ? 1 : 0;
  }
  return static_cast<double>(common) / static_cast<double>(a.size() + b.size() - common);
}

NearDuplicates::NearDuplicates(const NearDuplicateSettings& settings)
    : threshold_(settings.threshold.value()), length_(settings.shingle), heads_(1024, -1) {
  for (int64_t rows = 1; rows <= settings.hashes; ++rows) {  // the longer a band, the fewer false candidates
    if (chance(threshold_, rows, settings.hashes / rows) < wanted_recall) break;
    rows_per_band_ = rows;
  }
  bands_ = settings.hashes / rows_per_band_;
  for (int64_t index = 0; index < bands_ * rows_per_band_; ++index) {
    const auto seed = static_cast<uint64_t>(index);
    functions_.emplace_back(stable_hash("near-duplicate factor", seed) | 1,
                            stable_hash("near-duplicate term", seed));
  }
}

std::vector<uint32_t> NearDuplicates::band_keys(std::string_view text, std::string_view group) const {
  std::vector<uint64_t> minima(functions_.size(), std::numeric_limits<uint64_t>::max());
  for (const uint64_t shingle : shingles(text, length_)) {
    for (size_t index = 0; index < minima.size(); ++index) {
      const auto& [factor, term] = functions_[index];
      minima[index] = std::min(minima[index], factor * shingle + term);
    }
  }
  const uint64_t of_group = stable_hash(group);
  std::vector<uint32_t> keys;
  const auto rows = static_cast<size_t>(rows_per_band_);
  for (size_t band = 0; band < static_cast<size_t>(bands_); ++band) {
    const std::string_view bytes(reinterpret_cast<const char*>(&minima[band * rows]),
                                 rows * sizeof(uint64_t));
    keys.push_back(static_cast<uint32_t>(stable_hash(bytes, of_group + band)));
  }
  return keys;
}

std::optional<int64_t> NearDuplicates::find(std::string_view text, const std::vector<uint32_t>& keys,
                                            const std::vector<std::string>& texts) const {
  std::vector<int32_t> candidates;
  for (const uint32_t key : keys) {
    for (int32_t entry = heads_[key & (heads_.size() - 1)]; entry >= 0;) {
      const Entry& found = entries_[static_cast<size_t>(entry)];
      if (found.key == key) candidates.push_back(found.row);
      entry = found.next;
    }
  }
  if (candidates.empty()) return std::nullopt;
  std::sort(candidates.begin(), candidates.end());
  candidates.erase(std::unique(candidates.begin(), candidates.end()), candidates.end());
  const std::vector<uint64_t> of_text = shingles(text, length_);
  for (const int32_t row : candidates) {
    if (jaccard(of_text, shingles(texts[static_cast<size_t>(row)], length_)) >= threshold_) return row;
  }
  return std::nullopt;
}

void NearDuplicates::add(int64_t row, const std::vector<uint32_t>& keys) {
  require(entries_.size() + keys.size() < std::numeric_limits<int32_t>::max(),
          "near-duplicates of more than {} rows", row);
  for (const uint32_t key : keys) {
    entries_.push_back({key, static_cast<int32_t>(row), -1});
    if (entries_.size() > heads_.size()) {
      heads_.assign(heads_.size() * 2, -1);
      for (size_t entry = 0; entry + 1 < entries_.size(); ++entry) link(entry);
    }
    link(entries_.size() - 1);
  }
}

void NearDuplicates::link(size_t entry) {
  int32_t& head = heads_[entries_[entry].key & (heads_.size() - 1)];
  entries_[entry].next = head;
  head = static_cast<int32_t>(entry);
}

}  // namespace limner
