// The known word nearest to a misspelt one, for messages.
#pragma once

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

namespace limner {

// Levenshtein distance in bytes.
inline size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t substituted = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, diagonal + 1, substituted});
    }
  }
  return row.back();
}

// `known` must not be empty; the first of equally near words wins. Of a long word only the beginning counts.
inline std::string nearest(const std::string& word, const std::vector<std::string>& known) {
  constexpr size_t most_bytes = 64;
  const std::string beginning = word.substr(0, most_bytes);
  std::vector<size_t> distances;
  for (const std::string& each : known) distances.push_back(edit_distance(beginning, each));
  const auto least = std::min_element(distances.begin(), distances.end());
  return known[static_cast<size_t>(least - distances.begin())];
}

}  // namespace limner
