#include "text/tokenizer.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <set>

#include "runtime/error.h"
#include "runtime/parallel.h"
#include "text/tokenizer_files.h"
#include "text/word_pieces.h"
#include "text/word_reader.h"

namespace limner {
namespace {

// The normalized form of a token's content.
std::u32string normalized_form(const std::string& content, const NormalizerOptions& options) {
  const CharacterTable table(options, CharacterTable::Spaces::explicit_);
  const AddedTokenSet none({});
  RawText text;
  text.restart(content);
  PieceReader<RawText> piece(text, none);
  piece.restart();
  NormalizedText normalized(piece, table);
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
  const auto put = [&contents](int32_t id, const std::string& content) {
    const auto index = static_cast<size_t>(id);
    if (index >= contents.size()) contents.resize(index + 1);
    contents[index] = content;
  };
  for (const auto& [entry, id] : parts.vocabulary) put(id, entry);
  for (const AddedToken& token : parts.added_tokens) put(token.id, token.content);
  return contents;
}

}  // namespace

struct Tokenizer::State {
  TokenizerParts parts;
  AddedTokenSet raw_tokens, normalized_tokens;
  CharacterTable table;
  int32_t unknown_id, pad_id;
  WordPieces pieces;
  std::vector<std::string> contents;

  explicit State(TokenizerParts given)
      : parts(std::move(given)),
        raw_tokens(token_set(parts, false)),
        normalized_tokens(token_set(parts, true)),
        table(parts.normalizer, normalized_tokens.empty() ? CharacterTable::Spaces::implied
                                                          : CharacterTable::Spaces::explicit_),
        unknown_id(id_of(parts, parts.unknown_token)),
        pad_id(id_of(parts, parts.special_tokens.contains("pad_token") ? parts.special_tokens.at("pad_token")
                                                                       : "[PAD]")),
        pieces(parts.vocabulary, parts.continuing_prefix, unknown_id, parts.max_word_characters),
        contents(contents_by_id(parts)) {
    for (const std::vector<int32_t>* ids : {&parts.ids_before, &parts.ids_behind}) {
      for (const int32_t id : *ids) {
        if (static_cast<size_t>(id) >= contents.size()) {
          fail(ExitCode::bad_data, "the post_processor adds id {} to a vocabulary of {}", id,
               contents.size());
        }
      }
    }
  }
};

namespace {

// Encodes one text after another with the same memory.
class Encoder {
 public:
  using Offsets = std::vector<std::pair<int32_t, int32_t>>;
  Encoder(const TokenizerParts& parts, const WordPieces& pieces, const CharacterTable& table,
          const AddedTokenSet& raw_tokens, const AddedTokenSet& normalized_tokens)
      : parts_(parts), pieces_(pieces), reader_(table, raw_tokens, normalized_tokens) {}

  // Returns whether the text had more tokens than max_length. offsets may be null.
  bool encode(std::string_view text, int64_t max_length, std::vector<int32_t>& ids, Offsets* offsets) {
    require(text.size() <= std::numeric_limits<int32_t>::max(), "a text of {} bytes is too long",
            text.size());
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

 private:
  const TokenizerParts& parts_;
  const WordPieces& pieces_;
  WordReader reader_;
  std::vector<WordPieces::Piece> word_;
};

constexpr int64_t texts_per_block = 64;

}  // namespace

Tokenizer::Tokenizer(std::shared_ptr<const State> state) : state_(std::move(state)) {}
Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;

Tokenizer Tokenizer::load(const std::filesystem::path& folder) {
  return Tokenizer(std::make_shared<const State>(read_tokenizer_files(folder)));
}

Tokenizer Tokenizer::from_vocabulary(std::vector<std::string> vocabulary, const WordPieceOptions& options) {
  return Tokenizer(std::make_shared<const State>(bert_parts(std::move(vocabulary), normalizer_of(options))));
}

std::vector<int32_t> Tokenizer::encode(std::string_view text, int64_t max_length) const {
  const State& s = *state_;
  std::vector<int32_t> ids;
  Encoder(s.parts, s.pieces, s.table, s.raw_tokens, s.normalized_tokens)
      .encode(text, max_length, ids, nullptr);
  return ids;
}

Encoding Tokenizer::encode_with_offsets(std::string_view text, int64_t max_length) const {
  const State& s = *state_;
  Encoding encoding;
  Encoder(s.parts, s.pieces, s.table, s.raw_tokens, s.normalized_tokens)
      .encode(text, max_length, encoding.ids, &encoding.offsets);
  return encoding;
}

std::vector<std::vector<int32_t>> Tokenizer::encode_all(const std::vector<std::string>& texts,
                                                        int64_t max_length, int threads,
                                                        int64_t* truncated) const {
  const State& s = *state_;
  const auto count = static_cast<int64_t>(texts.size());
  const int64_t blocks = (count + texts_per_block - 1) / texts_per_block;
  std::vector<std::vector<int32_t>> ids(texts.size());
  std::vector<int64_t> cut(static_cast<size_t>(blocks));
  parallel_for(blocks, threads, [&](int64_t block) {
    Encoder encoder(s.parts, s.pieces, s.table, s.raw_tokens, s.normalized_tokens);
    const int64_t end = std::min(count, (block + 1) * texts_per_block);
    for (int64_t index = block * texts_per_block; index < end; ++index) {
      const auto i = static_cast<size_t>(index);
      cut[static_cast<size_t>(block)] += encoder.encode(texts[i], max_length, ids[i], nullptr) ? 1 : 0;
    }
  });
  if (truncated != nullptr) {
    *truncated = 0;
    for (const int64_t rows : cut) *truncated += rows;
  }
  return ids;
}

int64_t Tokenizer::vocabulary_size() const { return static_cast<int64_t>(state_->contents.size()); }
int32_t Tokenizer::unknown_id() const { return state_->unknown_id; }
int32_t Tokenizer::pad_id() const { return state_->pad_id; }

const std::string& Tokenizer::token(int32_t id) const {
  require(id >= 0 && id < vocabulary_size(), "token {} of a vocabulary of {}", id, vocabulary_size());
  return state_->contents[static_cast<size_t>(id)];
}

void Tokenizer::save(const std::filesystem::path& folder, int64_t model_max_length) const {
  write_tokenizer_files(folder, state_->parts, model_max_length);
}

std::string Tokenizer::sha256() const { return limner::sha256(describe_tokenizer(state_->parts)); }

}  // namespace limner
