// Where what a reader takes for one character ends: extended grapheme clusters.
#pragma once

#include <cstddef>
#include <string_view>

namespace limner {

// The end of the cluster that begins at `begin` (Unicode Standard Annex 29, without the rule for Indic
// conjuncts).
size_t grapheme_end(std::u32string_view codes, size_t begin);

}  // namespace limner
