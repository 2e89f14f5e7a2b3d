#include "train/token_masking.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "runtime/error.h"
#include "runtime/random.h"

namespace limner {
namespace {

constexpr const char* mask_token = "[MASK]";
constexpr std::array<const char*, 5> special_tokens{"[PAD]", "[UNK]", "[CLS]", "[SEP]", mask_token};
constexpr const char* continuation = "##";

}  // namespace

TokenMasking::TokenMasking(const Tokenizer& tokenizer, const MaskedLanguageModelSettings& settings)
    : share_(settings.mask_probability) {
  for (int32_t id = 0; id < static_cast<int32_t>(tokenizer.vocabulary_size()); ++id) {
    const std::string& token = tokenizer.token(id);
    if (token == mask_token) mask_ = id;
    special_.push_back(std::find(special_tokens.begin(), special_tokens.end(), token) !=
                       special_tokens.end());
    continues_word_.push_back(settings.whole_words && token.starts_with(continuation));
  }
  if (mask_ < 0) {
    fail(ExitCode::bad_config,
         "train.masked_language_model: the tokenizer has no token {}; use a checkpoint that has one, or set "
         "train.masked_language_model.weight and train.pretraining.num_train_epochs to 0",
         mask_token);
  }
}

void TokenMasking::hide(Batch& batch, uint64_t key) const {
  batch.target_places.clear();
  batch.target_ids.clear();
  for (int64_t row = 0; row < batch.row_count(); ++row) hide_row(batch, row, key);
}

// The row's targets: whole words in the order of a random number each, until they make up the share.
std::vector<int32_t> TokenMasking::draw(const Batch& batch, int64_t row, uint64_t key) const {
  const Random random(key, static_cast<uint64_t>(batch.rows[static_cast<size_t>(row)]));
  const int32_t first = batch.cu_lengths[static_cast<size_t>(row)];
  const int32_t last = batch.cu_lengths[static_cast<size_t>(row) + 1];
  struct Word {
    double order;
    std::vector<int32_t> places;
  };
  std::vector<Word> words;
  int64_t tokens = 0;
  for (int32_t place = first; place < last; ++place) {
    const auto id = static_cast<size_t>(batch.ids[static_cast<size_t>(place)]);
    if (special_[id]) continue;
    ++tokens;
    const bool goes_on = continues_word_[id] && !words.empty() && words.back().places.back() == place - 1;
    if (!goes_on) words.push_back({random.uniform(static_cast<uint64_t>(place - first)), {}});
    words.back().places.push_back(place);
  }
  const int64_t wanted =
      std::min(tokens, std::max<int64_t>(1, std::llround(share_ * static_cast<double>(tokens))));
  std::stable_sort(words.begin(), words.end(),
                   [](const Word& a, const Word& b) { return a.order < b.order; });
  std::vector<int32_t> places;
  for (const Word& word : words) {
    if (static_cast<int64_t>(places.size()) >= wanted) break;
    places.insert(places.end(), word.places.begin(), word.places.end());
  }
  std::sort(places.begin(), places.end());
  return places;
}

void TokenMasking::hide_row(Batch& batch, int64_t row, uint64_t key) const {
  // Apart from draw(): one number decides what becomes of a target, another which token replaces it.
  const Random random(stable_hash("replacement", key),
                      static_cast<uint64_t>(batch.rows[static_cast<size_t>(row)]));
  const int32_t first = batch.cu_lengths[static_cast<size_t>(row)];
  for (const int32_t place : draw(batch, row, key)) {
    int32_t& id = batch.ids[static_cast<size_t>(place)];
    batch.target_places.push_back(place);
    batch.target_ids.push_back(id);
    const auto index = 2 * static_cast<uint64_t>(place - first);
    const double fate = random.uniform(2 * index);
    if (fate < 0.8) {
      id = mask_;
    } else if (fate < 0.9) {
      id = static_cast<int32_t>(random.below(index + 1, special_.size()));
    }
  }
}

}  // namespace limner
