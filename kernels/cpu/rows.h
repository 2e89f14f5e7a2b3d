// Walks the tokens of a packed batch and knows each one's row and position.
#pragma once

#include <algorithm>

#include "kernels/backend.h"

namespace limner {

// Scratch that RandomBits::draw() may write for `elements` elements: 16 bits each, in whole vectors.
inline int64_t drawn_bytes(int64_t elements) { return (elements / 64 + 1) * 64 * 2; }

class TokenCursor {
 public:
  TokenCursor(const Packing& packing, int64_t token) : packing_(&packing), token_(token) {
    const auto end = std::upper_bound(packing.cu_lengths.begin(), packing.cu_lengths.end(), token);
    row_ = end - packing.cu_lengths.begin() - 1;
  }
  int64_t row_key() const { return packing_->row_keys[static_cast<size_t>(row_)]; }
  int64_t position() const { return token_ - packing_->cu_lengths[static_cast<size_t>(row_)]; }
  void next() {
    ++token_;
    while (row_ + 1 < packing_->rows() && packing_->cu_lengths[static_cast<size_t>(row_) + 1] <= token_) {
      ++row_;
    }
  }

 private:
  const Packing* packing_;
  int64_t token_;
  int64_t row_;
};

}  // namespace limner
