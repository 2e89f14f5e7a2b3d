#include "text/pipeline_encoder.h"

#include <algorithm>
#include <limits>
#include <set>

#include "runtime/error.h"
#include "text/piece_reader.h"
#include "text/unicode.h"
#include "text/utf8.h"

namespace limner {
namespace {

// Bytes of a text that are read at first for each token wanted; more only if they do not suffice.
constexpr size_t bytes_per_token = 8, least_bytes = 512;

struct CodeView {
  const std::u32string& codes;
  bool has(int64_t index) const { return index < static_cast<int64_t>(codes.size()); }
  char32_t code(int64_t index) const { return codes[static_cast<size_t>(index)]; }
};

AddedTokenSet token_set(const Pipeline& pipeline, bool normalized) {
  std::vector<AddedTokenSet::Pattern> patterns;
  std::set<std::u32string> forms;
  for (const AddedToken& token : pipeline.added_tokens) {
    if (token.normalized != normalized) continue;
    AlignedText text;
    text.codes = to_code_points(token.content);
    text.sources.resize(text.codes.size());
    if (normalized) {
      for (const Normalizer& normalize : pipeline.normalizers) normalize(text);
    }
    if (text.codes.empty() || !forms.insert(text.codes).second) {
      fail(ExitCode::bad_data, "added token {} is empty or equal to another one once it is normalized",
           token.content);
    }
    patterns.push_back({std::move(text.codes), token.id, token.single_word, token.lstrip, token.rstrip});
  }
  return AddedTokenSet(std::move(patterns));
}

constexpr char32_t byte_level_space = 0x120;

PipelineTables::Spaces spaces_of(const std::u32string& content) {
  const auto is_space = [](char32_t code) { return code == byte_level_space || is_white_space(code); };
  PipelineTables::Spaces spaces{0, 0};
  const auto size = static_cast<int32_t>(content.size());
  while (spaces.leading < size && is_space(content[static_cast<size_t>(spaces.leading)])) ++spaces.leading;
  while (spaces.trailing < size && is_space(content[static_cast<size_t>(size - 1 - spaces.trailing)]))
    ++spaces.trailing;
  return spaces;
}

// Of an open text, the codes that no added token can reach into from behind.
size_t certain_size(const std::u32string& codes, const AddedTokenSet& tokens, bool open) {
  size_t size = codes.size();
  if (!open || tokens.empty()) return size;
  size -= std::min(size, tokens.longest() + 1);
  while (tokens.any_lstrip() && size > 0 && is_white_space(codes[size - 1])) --size;
  return size;
}

}  // namespace

PipelineTables::PipelineTables(Pipeline given)
    : pipeline(std::move(given)),
      raw_tokens(token_set(pipeline, false)),
      normalized_tokens(token_set(pipeline, true)) {
  for (const std::string& content : pipeline.contents) spaces.push_back(spaces_of(to_code_points(content)));
}

bool PipelineEncoder::encode(std::string_view text, int64_t max_length, std::vector<int32_t>& ids,
                             Offsets* offsets) {
  require(text.size() <= std::numeric_limits<int32_t>::max(), "a text of {} bytes is too long", text.size());
  const PostProcessing& post = tables_.pipeline.post_processing;
  const auto special = static_cast<int64_t>(post.ids_before.size() + post.ids_behind.size());
  require(max_length >= special, "{} ids leave no room for the special tokens", max_length);
  const auto room = static_cast<size_t>(max_length - special);
  const size_t enough = room + 1;
  size_t bytes = text.size();
  if (enough < text.size() / bytes_per_token) bytes = std::min(bytes, least_bytes + bytes_per_token * enough);
  for (;; bytes = std::min(text.size(), 4 * bytes)) {
    while (bytes < text.size() && bytes > 0 && (static_cast<uint8_t>(text[bytes]) & 0xC0) == 0x80) --bytes;
    if (bytes == 0) bytes = text.size();
    const bool open = bytes < text.size();
    read(text.substr(0, bytes), open, enough);
    if (!open || tokens_.size() >= enough) break;
  }
  const bool cut = tokens_.size() > room;
  if (cut) tokens_.resize(room);
  ids.insert(ids.end(), post.ids_before.begin(), post.ids_before.end());
  for (const Token& token : tokens_) ids.push_back(token.id);
  ids.insert(ids.end(), post.ids_behind.begin(), post.ids_behind.end());
  if (offsets == nullptr) return cut;
  trim();
  offsets->insert(offsets->end(), post.ids_before.size(), {0, 0});
  for (const Token& token : tokens_) offsets->emplace_back(token.begin, token.end);
  offsets->insert(offsets->end(), post.ids_behind.size(), {0, 0});
  return cut;
}

// The tokens of a text, or of the beginning of one: as many as are wanted, or all that are certain.
void PipelineEncoder::read(std::string_view text, bool open, size_t wanted) {
  list_.clear();
  tokens_.clear();
  codes_.clear();
  for (size_t position = 0; position < text.size();) codes_.push_back(next_code_point(text, position));

  CodeView view{codes_};
  PieceReader<CodeView> sections(view, tables_.raw_tokens);
  sections.restart();
  const size_t certain = certain_size(codes_, tables_.raw_tokens, open);
  for (bool more = true; more;) {
    const auto begin = static_cast<size_t>(sections.begin());
    const auto found = sections.leave();
    const size_t end = found ? static_cast<size_t>(found->begin) : codes_.size();
    const bool last = open && (!found || static_cast<size_t>(found->end) >= certain);
    if (begin < end && !add_section(begin, last ? std::max(begin, std::min(end, certain)) : end, last)) break;
    more = found && !last;
    if (!more) break;
    AlignedText token;
    for (auto index = found->begin; index < found->end; ++index) {
      token.codes.push_back(view.code(index));
      token.sources.push_back(static_cast<int32_t>(index));
    }
    add_token(token, found->id, 0, token.codes.size());
  }
  for (const auto& step : tables_.pipeline.pre_tokenizers.steps) step(list_);
  for (const PieceList::Piece& piece : list_.pieces) {
    tokenize(piece);
    if (tokens_.size() >= wanted) return;
  }
}

// Text between added tokens. Returns false if what follows is not certain.
bool PipelineEncoder::add_section(size_t begin, size_t end, bool open) {
  AlignedText text;
  text.codes = codes_.substr(begin, end - begin);
  text.open = open;
  text.sources.resize(end - begin);
  for (size_t index = begin; index < end; ++index) text.sources[index - begin] = static_cast<int32_t>(index);
  for (const Normalizer& normalize : tables_.pipeline.normalizers) normalize(text);

  CodeView view{text.codes};
  PieceReader<CodeView> plain(view, tables_.normalized_tokens);
  plain.restart();
  const size_t certain = certain_size(text.codes, tables_.normalized_tokens, open);
  for (;;) {
    const auto from = static_cast<size_t>(plain.begin());
    const auto found = plain.leave();
    const size_t to = found ? static_cast<size_t>(found->begin) : text.codes.size();
    const bool last = open && (!found || static_cast<size_t>(found->end) >= certain);
    add_piece(text, from, last ? std::max(from, std::min(to, certain)) : to, last);
    if (!found || last) return !last;
    add_token(text, found->id, static_cast<size_t>(found->begin), static_cast<size_t>(found->end));
  }
}

void PipelineEncoder::add_piece(const AlignedText& text, size_t begin, size_t end, bool open) {
  if (begin == end) return;
  const size_t first = list_.bytes.size();
  for (size_t index = begin; index < end; ++index) {
    append_utf8(list_.bytes, text.codes[index]);
    list_.sources.resize(list_.bytes.size(), text.sources[index]);
  }
  list_.pieces.push_back({first, list_.bytes.size(), -1, open});
}

void PipelineEncoder::add_token(const AlignedText& text, int32_t id, size_t begin, size_t end) {
  add_piece(text, begin, end, false);
  if (begin < end) list_.pieces.back().token = id;
}

void PipelineEncoder::tokenize(const PieceList::Piece& piece) {
  const std::string_view text = list_.text(piece);
  if (piece.token >= 0) {
    Token token{piece.token, list_.sources[piece.begin], list_.sources[piece.end - 1] + 1};
    if (!tables_.pipeline.post_processing.trims.empty()) token.spaces = spaces_of(to_code_points(text));
    tokens_.push_back(token);
    return;
  }
  const std::vector<TokenModel::Token>* found = piece.open ? nullptr : cache_.find(text);
  if (found == nullptr) {
    piece_tokens_.clear();
    tables_.pipeline.model->tokenize(text, piece.open, piece_tokens_);
    if (!piece.open) cache_.keep(text, piece_tokens_);
    found = &piece_tokens_;
  }
  for (const TokenModel::Token& token : *found) {
    tokens_.push_back({token.id, list_.sources[piece.begin + static_cast<size_t>(token.begin)],
                       list_.sources[piece.begin + static_cast<size_t>(token.end) - 1] + 1,
                       tables_.spaces[static_cast<size_t>(token.id)]});
  }
}

// As the post-processor of `tokenizers` does it, which counts characters of tokens, not of the text.
void PipelineEncoder::trim() {
  const PostProcessing& post = tables_.pipeline.post_processing;
  for (const PostProcessing::Trim& step : post.trims) {
    const bool first_is_special = step.behind_special && !post.ids_before.empty();
    for (size_t index = 0; index < tokens_.size(); ++index) {
      Token& token = tokens_[index];
      int32_t leading = token.spaces.leading;
      const bool is_first = (index == 0 && !first_is_special) || token.begin == 0;
      if (is_first && step.add_prefix_space && leading == 1) leading = 0;
      token.begin = std::min(token.begin + leading, token.end);
      if (token.end >= token.spaces.trailing)
        token.end = std::max(token.end - token.spaces.trailing, token.begin);
    }
  }
}

}  // namespace limner
