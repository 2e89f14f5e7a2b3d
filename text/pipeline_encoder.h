// Encodes one text after another through a pipeline, with the same memory.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "text/piece_cache.h"
#include "text/piece_list.h"
#include "text/pipeline.h"

namespace limner {

// A pipeline with what is worked out from it once.
class PipelineTables {
 public:
  explicit PipelineTables(Pipeline pipeline);
  const Pipeline pipeline;
  const AddedTokenSet raw_tokens, normalized_tokens;
  // White space at the ends of each token's content, as trimming counts it.
  struct Spaces {
    int32_t leading, trailing;
  };
  std::vector<Spaces> spaces;
};

class PipelineEncoder {
 public:
  using Offsets = std::vector<std::pair<int32_t, int32_t>>;
  enum class Use { one_text, many_texts };  // many: pieces are remembered from text to text
  PipelineEncoder(const PipelineTables& tables, Use use)
      : tables_(tables), cache_(use == Use::many_texts ? 15 : 8) {}

  // Returns whether the text had more tokens than max_length. offsets may be null.
  bool encode(std::string_view text, int64_t max_length, std::vector<int32_t>& ids, Offsets* offsets);

 private:
  struct Token {
    int32_t id, begin, end;  // code points of the text
    PipelineTables::Spaces spaces = {0, 0};
  };
  const PipelineTables& tables_;
  PieceCache cache_;
  PieceList list_;
  std::u32string codes_;
  std::vector<Token> tokens_;
  std::vector<TokenModel::Token> piece_tokens_;

  void read(std::string_view text, bool open, size_t wanted);
  bool add_section(size_t begin, size_t end, bool open);
  void add_piece(const AlignedText& text, size_t begin, size_t end, bool open);
  void add_token(const AlignedText& text, int32_t id, size_t begin, size_t end);
  void tokenize(const PieceList::Piece& piece);
  void trim();
};

}  // namespace limner
