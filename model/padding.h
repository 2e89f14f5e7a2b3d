// Batches of few shapes, for a backend that is faster when the same numbers of tokens and rows come again
// (Shapes::few): rows of padding stand behind a batch's own and change no result of theirs.
#pragma once

#include <cstdint>
#include <vector>

#include "model/config.h"
#include "model/labels.h"
#include "text/batch.h"

namespace limner {

// The next of the sizes that are taken, of which each octave has eight: at most an eighth more, below 64
// tokens at most 7.
int64_t padded_tokens(int64_t tokens);
// As many rows as a padded batch may have whose own are at most `rows`.
int64_t most_padded_rows(int64_t rows);

// The batch with rows of padding up to padded_tokens() and a power of two of rows. They hold tokens of the
// batch, so that they are as finite as it is, none is longer than its longest, and some may be empty. Without
// rows: the batch itself. Not for pairs, each of which is told from all other rows: internal error.
Batch padded(const Batch& batch);
// The labels of a batch of `own_rows` rows for the `rows` of its padded one: those of the padding are
// missing.
std::vector<HeadLabels> padded(std::vector<HeadLabels> labels, const std::vector<HeadSpec>& heads,
                               int64_t own_rows, int64_t rows);

}  // namespace limner
