#include "model/padding.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "runtime/error.h"

namespace limner {
namespace {

constexpr int64_t sizes_an_octave = 8;
constexpr int64_t least_step = 8;
constexpr int64_t padding_key = -1;  // names rows of padding in random numbers

int64_t power_of_two(int64_t rows) {
  return static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(rows)));
}

void add_row(Batch& batch, int32_t length) {
  for (int32_t position = 0; position < length; ++position) {
    batch.ids.push_back(batch.ids[static_cast<size_t>(position)]);
    batch.positions.push_back(position);
    batch.segments.push_back(0);
  }
  batch.cu_lengths.push_back(static_cast<int32_t>(batch.ids.size()));
  batch.rows.push_back(padding_key);
}

}  // namespace

int64_t padded_tokens(int64_t tokens) {
  const auto octave = static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(tokens)));
  const int64_t step = std::max(least_step, octave / sizes_an_octave);
  return (tokens + step - 1) / step * step;
}

// The padding is shorter than an eighth of the batch, or than least_step, and its rows, but for the last, are
// as long as the batch's longest: they are at most an eighth of the batch's, or less than least_step.
int64_t most_padded_rows(int64_t rows) { return power_of_two(rows + rows / sizes_an_octave + least_step); }

Batch padded(const Batch& batch) {
  require(!batch.paired, "padding for a batch of pairs");
  Batch result = batch;
  if (batch.row_count() == 0) return result;
  for (int64_t left = padded_tokens(batch.token_count()) - batch.token_count(); left > 0;) {
    const auto length = static_cast<int32_t>(std::min<int64_t>(left, batch.max_length));
    add_row(result, length);
    left -= length;
  }
  const int64_t rows = power_of_two(result.row_count());
  while (result.row_count() < rows) add_row(result, 0);
  return result;
}

std::vector<HeadLabels> padded(std::vector<HeadLabels> labels, const std::vector<HeadSpec>& heads,
                               int64_t own_rows, int64_t rows) {
  require(labels.size() == heads.size(), "labels of {} heads, the model has {}", labels.size(), heads.size());
  const auto pad = [&](const HeadSpec& head, auto& values, int64_t width, auto missing) {
    require(static_cast<int64_t>(values.size()) == own_rows * width, "head '{}': {} labels, {} rows want {}",
            head.name, values.size(), own_rows, own_rows * width);
    values.resize(static_cast<size_t>(rows * width), missing);
  };
  for (size_t index = 0; index < heads.size(); ++index) {
    const HeadSpec& head = heads[index];
    if (head.kind == "single_label") {
      pad(head, labels[index].classes, 1, int32_t{-1});
    } else {
      pad(head, labels[index].targets, head.outputs(), std::numeric_limits<float>::quiet_NaN());
    }
  }
  return labels;
}

}  // namespace limner
