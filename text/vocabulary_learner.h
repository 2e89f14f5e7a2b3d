// From counted words to a WordPiece vocabulary.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace limner {

using WordCount = std::pair<std::string, int64_t>;

// The vocabulary in id order: [PAD], [UNK], [CLS], [SEP], [MASK]; characters by falling count, as beginnings
// ("a") and continuations ("##a"); merges in the order in which they were learnt. Characters and pairs rarer
// than `min_frequency` are left out. Characters take at most three quarters of the entries as long as there
// are pairs to merge. Equal counts are ordered by bytes; the order of `words` does not matter.
std::vector<std::string> learn_vocabulary(const std::vector<WordCount>& words, int64_t size,
                                          int64_t min_frequency);

}  // namespace limner
