// Masked language modelling's task (Devlin et al., "BERT", 2019): of a row's tokens a share is to be guessed;
// of these 80 % are replaced by the mask token, 10 % by a random token, 10 % stay.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/settings.h"
#include "text/batch.h"
#include "text/tokenizer.h"

namespace limner {

class TokenMasking {
 public:
  // A tokenizer without a mask token is bad_config.
  TokenMasking(const Tokenizer& tokenizer, const MaskedLanguageModelSettings& settings);

  // Draws targets for every row and hides them. Special and unknown tokens are never targets; a row of others
  // has at least one. What is drawn is a function of the key and the row, not of its batch.
  void hide(Batch& batch, uint64_t key) const;

 private:
  double share_;
  int32_t mask_ = -1;
  std::vector<bool> special_, continues_word_;  // by id

  void hide_row(Batch& batch, int64_t row, uint64_t key) const;
  std::vector<int32_t> draw(const Batch& batch, int64_t row, uint64_t key) const;
};

}  // namespace limner
