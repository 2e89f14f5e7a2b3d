// WordPiece: the longest entry of the vocabulary that the rest of a word begins with, again and again.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace limner {

class WordPieces {
 public:
  struct Piece {
    int32_t id;
    int32_t begin, end;  // characters of the word
  };
  // vocabulary: (entry, id). An entry that begins with `continuing_prefix` is, without it, a piece that goes
  // on a word; every entry as it stands begins one.
  WordPieces(const std::vector<std::pair<std::string, int32_t>>& vocabulary,
             std::string_view continuing_prefix, int32_t unknown_id, int64_t max_characters);

  // The pieces of one word of `length` characters; code(i) is its i-th. A word that cannot be covered, or is
  // longer than max_characters, is one unknown piece.
  template <class Code>
  void split(int64_t length, Code&& code, std::vector<Piece>& pieces) const {
    pieces.clear();
    const auto whole = static_cast<int32_t>(length);
    if (length > max_characters_) return pieces.push_back({unknown_id_, 0, whole});
    for (int32_t begin = 0; begin < whole;) {
      Piece longest{no_id, begin, begin};
      uint32_t node = begin == 0 ? begins_word : continues_word;
      for (int32_t index = begin; index < whole; ++index) {
        node = child(node, code(index));
        if (node == no_node) break;
        if (ids_[node] != no_id) longest = {ids_[node], begin, index + 1};
      }
      if (longest.id == no_id) {
        pieces.clear();
        return pieces.push_back({unknown_id_, 0, whole});
      }
      pieces.push_back(longest);
      begin = longest.end;
    }
  }

 private:
  // A trie over code points with two roots; its edges (node, code point) → node lie in one open hash table.
  static constexpr int32_t no_id = -1;
  static constexpr uint32_t begins_word = 0, continues_word = 1, no_node = 0xFFFFFFFF;
  struct Edge {
    uint64_t key = 0;  // 0: empty
    uint32_t node = no_node;
  };
  int32_t unknown_id_;
  int64_t max_characters_;
  std::vector<int32_t> ids_;  // of the entry that ends at a node
  std::vector<Edge> edges_;   // a power of two, at most half full
  int shift_ = 0;             // 64 - log2(size of edges_)

  static uint64_t key_of(uint32_t node, char32_t code) {
    return (static_cast<uint64_t>(node) << 21 | code) + 1;
  }
  size_t slot(uint64_t key) const { return static_cast<size_t>((key * 0x9E3779B97F4A7C15u) >> shift_); }
  uint32_t child(uint32_t node, char32_t code) const {
    const uint64_t key = key_of(node, code);
    for (size_t index = slot(key);; index = (index + 1) & (edges_.size() - 1)) {
      if (edges_[index].key == key) return edges_[index].node;
      if (edges_[index].key == 0) return no_node;
    }
  }
  void insert(uint32_t root, std::string_view entry, int32_t id);
  Edge& edge_for(uint64_t key);  // the edge or the empty place for it
  void resize(size_t edges);
};

}  // namespace limner
