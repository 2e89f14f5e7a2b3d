#include "text/bert_encoder.h"

#include <limits>
#include <set>

#include "runtime/error.h"

namespace limner {
namespace {

// The normalized form of a token's content.
std::u32string normalized_form(const std::string& content, const NormalizerOptions& options) {
  const AddedTokenSet none({});
  RawText text;
  text.restart(content);
  PieceReader<RawText> piece(text, none);
  piece.restart();
  NormalizedText normalized(piece, CharacterTable::of(options, CharacterTable::Spaces::explicit_));
  normalized.restart();
  std::u32string form;
  for (int64_t index = 0; normalized.has(index); ++index) form.push_back(normalized.code(index));
  return form;
}

AddedTokenSet token_set(const TokenizerParts& parts, bool normalized) {
  std::vector<AddedTokenSet::Pattern> patterns;
  std::set<std::u32string> forms;
  for (const AddedToken& token : parts.added_tokens) {
    if (token.normalized != normalized) continue;
    std::u32string form =
        normalized ? normalized_form(token.content, parts.normalizer) : to_code_points(token.content);
    if (form.empty() || !forms.insert(form).second) {
      fail(ExitCode::bad_data, "added token {} is empty or equal to another one once it is normalized",
           token.content);
    }
    patterns.push_back({std::move(form), token.id, token.single_word, token.lstrip, token.rstrip});
  }
  return AddedTokenSet(std::move(patterns));
}

int32_t id_of(const TokenizerParts& parts, const std::string& content) {
  for (const auto& [entry, id] : parts.vocabulary) {
    if (entry == content) return id;
  }
  for (const AddedToken& token : parts.added_tokens) {
    if (token.content == content) return token.id;
  }
  fail(ExitCode::bad_data, "token {} is not in the vocabulary", content);
}

// The contents by id; an id without one is empty.
std::vector<std::string> contents_by_id(const TokenizerParts& parts) {
  std::vector<std::string> contents;
  const size_t entries = parts.vocabulary.size() + parts.added_tokens.size();
  for (const auto& [entry, id] : parts.vocabulary) put_content(contents, entries, id, entry);
  for (const AddedToken& token : parts.added_tokens) put_content(contents, entries, token.id, token.content);
  return contents;
}

}  // namespace

BertTables::BertTables(TokenizerParts given)
    : parts(std::move(given)),
      raw_tokens(token_set(parts, false)),
      normalized_tokens(token_set(parts, true)),
      table(CharacterTable::of(parts.normalizer, normalized_tokens.empty()
                                                     ? CharacterTable::Spaces::implied
                                                     : CharacterTable::Spaces::explicit_)),
      unknown_id(id_of(parts, parts.unknown_token)),
      pad_id(id_of(parts, parts.special_tokens.contains("pad_token") ? parts.special_tokens.at("pad_token")
                                                                     : "[PAD]")),
      pieces(parts.vocabulary, parts.continuing_prefix, unknown_id, parts.max_word_characters),
      contents(contents_by_id(parts)) {
  for (const std::vector<int32_t>* ids : {&parts.ids_before, &parts.ids_behind}) {
    for (const int32_t id : *ids) {
      if (static_cast<size_t>(id) >= contents.size()) {
        fail(ExitCode::bad_data, "the post_processor adds id {} to a vocabulary of {}", id, contents.size());
      }
    }
  }
}

bool BertEncoder::encode(std::string_view text, int64_t max_length, std::vector<int32_t>& ids,
                         Offsets* offsets) {
  require(text.size() <= std::numeric_limits<int32_t>::max(), "a text of {} bytes is too long", text.size());
  const auto behind = static_cast<int64_t>(parts_.ids_behind.size());
  const int64_t room = max_length - behind;
  require(room >= static_cast<int64_t>(parts_.ids_before.size()),
          "{} ids leave no room for the special tokens", max_length);
  bool cut = false;
  const auto put = [&](int32_t id, int64_t begin, int64_t end) {
    cut = static_cast<int64_t>(ids.size()) >= room;
    if (cut) return false;
    ids.push_back(id);
    if (offsets != nullptr) offsets->emplace_back(static_cast<int32_t>(begin), static_cast<int32_t>(end));
    return true;
  };
  const auto put_word = [&](int64_t begin, int64_t end) {
    pieces_.split(
        end - begin, [&](int32_t index) { return reader_.at(begin + index).code(); }, word_);
    for (const WordPieces::Piece& piece : word_) {
      if (!put(piece.id, reader_.at(begin + piece.begin).source,
               reader_.at(begin + piece.end - 1).source + 1)) {
        return false;
      }
    }
    return true;
  };
  for (const int32_t id : parts_.ids_before) put(id, 0, 0);
  reader_.read(text, put_word, put);
  for (const int32_t id : parts_.ids_behind) {
    ids.push_back(id);
    if (offsets != nullptr) offsets->emplace_back(0, 0);
  }
  return cut;
}

}  // namespace limner
