// Unicode's normalization forms, with the alignment that `tokenizers` gives them.
#pragma once

#include "text/aligned_text.h"

namespace limner {

enum class NormalizationForm { nfc, nfd, nfkc, nfkd };

// Unicode Standard Annex 15, with the data of Unicode 9 as the library behind `tokenizers`.
void normalize(AlignedText& text, NormalizationForm form);

}  // namespace limner
