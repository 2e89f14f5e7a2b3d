#include "text/word_pieces.h"

#include <bit>

#include "text/utf8.h"

namespace limner {

WordPieces::WordPieces(const std::vector<std::pair<std::string, int32_t>>& vocabulary,
                       std::string_view continuing_prefix, int32_t unknown_id, int64_t max_characters)
    : unknown_id_(unknown_id), max_characters_(max_characters), ids_(2, no_id) {
  resize(1024);
  for (const auto& [entry, id] : vocabulary) {
    insert(begins_word, entry, id);
    if (entry.starts_with(continuing_prefix)) {
      insert(continues_word, std::string_view(entry).substr(continuing_prefix.size()), id);
    }
  }
}

WordPieces::Edge& WordPieces::edge_for(uint64_t key) {
  size_t index = slot(key);
  while (edges_[index].key != 0 && edges_[index].key != key) index = (index + 1) & (edges_.size() - 1);
  return edges_[index];
}

void WordPieces::resize(size_t edges) {
  std::vector<Edge> old(edges);
  old.swap(edges_);
  shift_ = 64 - std::countr_zero(edges);
  for (const Edge& edge : old) {
    if (edge.key != 0) edge_for(edge.key) = edge;
  }
}

void WordPieces::insert(uint32_t root, std::string_view entry, int32_t id) {
  if (entry.empty()) return;  // it could cover nothing
  uint32_t node = root;
  for (size_t position = 0; position < entry.size();) {
    // There are two nodes more than edges: the roots.
    if (2 * ids_.size() > edges_.size()) resize(2 * edges_.size());
    const uint64_t key = key_of(node, next_code_point(entry, position));
    Edge& edge = edge_for(key);
    if (edge.key == 0) {
      edge = {key, static_cast<uint32_t>(ids_.size())};
      ids_.push_back(no_id);
    }
    node = edge.node;
  }
  ids_[node] = id;
}

}  // namespace limner
