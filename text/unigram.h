// Unigram: the cut of a piece into entries of the vocabulary whose scores have the greatest sum.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "text/byte_trie.h"
#include "text/token_model.h"

namespace limner {

class Unigram : public TokenModel {
 public:
  // Entries and their scores (logarithms of probabilities) in id order. Errors: bad_data with `where`.
  Unigram(const std::vector<std::pair<std::string, double>>& vocabulary, std::optional<int32_t> unknown_id,
          bool byte_fallback, const std::string& where);

  void tokenize(std::string_view piece, bool open, std::vector<Token>& tokens) const override;

 private:
  ByteTrie entries_;
  std::vector<double> scores_;
  double unknown_score_;
  int32_t unknown_;
  bool byte_fallback_;
  std::array<int32_t, 256> fallback_{};
  std::string where_;

  void append(std::string_view piece, size_t begin, size_t end, int32_t id, std::vector<Token>& tokens) const;
};

}  // namespace limner
