#include "text/unigram.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "runtime/error.h"
#include "text/utf8.h"

namespace limner {
namespace {

constexpr double unknown_penalty = 10;  // below the worst score, as SentencePiece has it

}  // namespace

Unigram::Unigram(const std::vector<std::pair<std::string, double>>& vocabulary,
                 std::optional<int32_t> unknown_id, bool byte_fallback, const std::string& where)
    : unknown_(unknown_id.value_or(ByteTrie::none)), byte_fallback_(byte_fallback), where_(where) {
  double lowest = std::numeric_limits<double>::infinity();
  for (const auto& [entry, score] : vocabulary) {
    if (!entry.empty()) entries_.insert(entry, static_cast<int32_t>(scores_.size()));
    scores_.push_back(score);
    lowest = std::min(lowest, score);
  }
  if (unknown_ >= static_cast<int32_t>(vocabulary.size()))
    fail(ExitCode::bad_data, "{}: unk_id = {} is not in the vocabulary of {}", where, unknown_,
         vocabulary.size());
  unknown_score_ = lowest - unknown_penalty;
  for (size_t byte = 0; byte < fallback_.size(); ++byte)
    fallback_[byte] = entries_.find(fmt::format("<0x{:02X}>", byte));
}

void Unigram::tokenize(std::string_view piece, bool open, std::vector<Token>& tokens) const {
  struct Node {  // the best way to a place
    double score = 0;
    int32_t id = 0;
    int32_t from = -1;
  };
  std::vector<Node> nodes(piece.size() + 1);
  size_t reach = 0;     // the furthest place that an entry from before here leads to
  size_t certain = 0;   // up to here nothing behind matters
  bool at_end = false;  // an entry may go on behind an open piece
  for (size_t begin = 0; begin < piece.size();) {
    if (begin >= reach && !at_end) certain = begin;
    size_t next = begin;
    next_code_point(piece, next);
    bool has_single = false;
    const auto lead = [&](size_t end, double score, int32_t id) {
      Node& node = nodes[end];
      const double sum = score + nodes[begin].score;
      if (node.from < 0 || sum > node.score) node = {sum, id, static_cast<int32_t>(begin)};
      reach = std::max(reach, end);
    };
    uint32_t trie = ByteTrie::root;
    size_t end = begin;
    while (end < piece.size()) {
      trie = entries_.child(trie, piece[end]);
      if (trie == ByteTrie::no_node) break;
      ++end;
      const int32_t id = entries_.value(trie);
      if (id == ByteTrie::none) continue;
      lead(end, scores_[static_cast<size_t>(id)], id);
      has_single |= end == next;
    }
    at_end |= trie != ByteTrie::no_node;
    if (!has_single) {
      if (unknown_ == ByteTrie::none)
        fail(ExitCode::bad_data, "{}: a character is not in the vocabulary, and there is no unk_id", where_);
      lead(next, unknown_score_, unknown_);
    }
    begin = next;
  }
  const size_t last = open ? certain : piece.size();
  std::vector<std::pair<size_t, int32_t>> path;  // begin and id of each entry, from the end
  for (size_t end = last; end > 0; end = path.back().first)
    path.emplace_back(static_cast<size_t>(nodes[end].from), nodes[end].id);
  for (size_t index = path.size(); index-- > 0;) {
    const auto [begin, id] = path[index];
    // Neighbouring unknown ones are one token.
    while (id == unknown_ && index > 0 && path[index - 1].second == unknown_) --index;
    const size_t end = index > 0 ? path[index - 1].first : last;
    if (open && id == unknown_ && index == 0) return;
    append(piece, begin, end, id, tokens);
  }
}

void Unigram::append(std::string_view piece, size_t begin, size_t end, int32_t id,
                     std::vector<Token>& tokens) const {
  const auto first = static_cast<int32_t>(begin), behind = static_cast<int32_t>(end);
  const std::string_view text = piece.substr(begin, end - begin);
  if (id == unknown_) {
    const int32_t whole = entries_.find(text);
    const auto has_token = [&](char byte) { return fallback_[static_cast<uint8_t>(byte)] != ByteTrie::none; };
    if (whole != ByteTrie::none) {
      id = whole;
    } else if (byte_fallback_ && std::all_of(text.begin(), text.end(), has_token)) {
      for (const char byte : text) tokens.push_back({fallback_[static_cast<uint8_t>(byte)], first, behind});
      return;
    }
  }
  tokens.push_back({id, first, behind});
}

}  // namespace limner
