#include "text/byte_pair_encoding.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "runtime/error.h"
#include "text/utf8.h"

namespace limner {
namespace {

constexpr std::string_view metaspace = "\u2581";

// The character that stands for each byte: itself where it is printable in Latin-1, else one from U+0100 on.
std::array<char32_t, 256> byte_level_characters() {
  std::array<char32_t, 256> characters{};
  char32_t next = 0x100;
  for (uint32_t byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte != 0xAD);
    characters[byte] = printable ? byte : next++;
  }
  return characters;
}

// Does a metaspace stand behind another character anywhere in the text?
bool goes_on_with_metaspace(std::string_view text) {
  for (size_t at = text.find(metaspace); at != std::string_view::npos; at = text.find(metaspace, at + 1)) {
    if (at > 0 && !text.substr(0, at).ends_with(metaspace)) return true;
  }
  return false;
}

}  // namespace

std::optional<std::string> bytes_of_byte_level(std::string_view text) {
  static const std::unordered_map<char32_t, char> bytes = [] {
    std::unordered_map<char32_t, char> table;
    const auto characters = byte_level_characters();
    for (size_t byte = 0; byte < characters.size(); ++byte)
      table.emplace(characters[byte], static_cast<char>(byte));
    return table;
  }();
  std::string result;
  for (const char32_t code : to_code_points(text)) {
    const auto byte = bytes.find(code);
    if (byte == bytes.end()) return {};
    result += byte->second;
  }
  return result;
}

BytePairEncoding::BytePairEncoding(const Vocabulary& vocabulary, const Merges& merges,
                                   const BytePairOptions& options, const std::string& where)
    : options_(options) {
  std::unordered_map<std::string_view, int32_t> ids;
  for (const auto& [entry, id] : vocabulary) {
    ids.emplace(entry, id);
    const std::optional<std::string> bytes = options.byte_level ? bytes_of_byte_level(entry) : entry;
    if (bytes) entries_.insert(*bytes, id);
  }
  if (options.unknown_token) {
    const auto found = ids.find(*options.unknown_token);
    if (found == ids.end())
      fail(ExitCode::bad_data, "{}: unk_token {} is not in the vocabulary", where, *options.unknown_token);
    unknown_ = found->second;
  }
  for (size_t byte = 0; byte < fallback_.size(); ++byte) {
    const auto found = ids.find(fmt::format("<0x{:02X}>", byte));
    fallback_[byte] = options.byte_fallback && found != ids.end() ? found->second : ByteTrie::none;
    const char character = static_cast<char>(byte);
    if (options.byte_level && unknown_ == ByteTrie::none && entries_.find({&character, 1}) == ByteTrie::none)
      fail(ExitCode::bad_data, "{}: the vocabulary has no token for the byte 0x{:02X}, and no unk_token",
           where, byte);
  }
  const auto id_of = [&](const std::string& entry) {
    const auto found = ids.find(entry);
    if (found == ids.end())
      fail(ExitCode::bad_data, "{}: a merge names {}, which is not in the vocabulary", where, entry);
    return found->second;
  };
  // Of equal merges the last one counts.
  for (size_t rank = merges.size(); rank-- > 0;) {
    const auto& [left, right] = merges[rank];
    merges_.insert(static_cast<uint64_t>(id_of(left)) << 32 | static_cast<uint32_t>(id_of(right)),
                   {static_cast<int32_t>(rank), id_of(left + right)});
  }
  const bool always_covered =
      unknown_ != ByteTrie::none ||
      std::none_of(fallback_.begin(), fallback_.end(), [](int32_t id) { return id == ByteTrie::none; });
  divides_ = !options.byte_level && always_covered && ids.contains(metaspace) &&
             std::none_of(vocabulary.begin(), vocabulary.end(),
                          [](const auto& entry) { return goes_on_with_metaspace(entry.first); });
}

void BytePairEncoding::tokenize(std::string_view piece, bool open, std::vector<Token>& tokens) const {
  if (!divides_) {
    if (!open) tokenize_word(piece, 0, tokens);
    return;
  }
  for (size_t begin = 0; begin < piece.size();) {
    // The word's metaspaces, then all up to the next metaspace.
    size_t end = begin;
    while (piece.substr(end).starts_with(metaspace)) end += metaspace.size();
    end = std::min(piece.find(metaspace, end), piece.size());
    if (open && end == piece.size()) return;
    tokenize_word(piece.substr(begin, end - begin), begin, tokens);
    begin = end;
  }
}

void BytePairEncoding::tokenize_word(std::string_view word, size_t shift, std::vector<Token>& tokens) const {
  auto begin = static_cast<int32_t>(shift);
  if (options_.ignore_merges) {
    const int32_t whole = entries_.find(word);
    if (whole != ByteTrie::none)
      return tokens.push_back({whole, begin, begin + static_cast<int32_t>(word.size())});
  }
  std::vector<Symbol> symbols;
  symbols.reserve(word.size());
  append_symbols(word, symbols);
  merge(symbols);
  for (const Symbol& symbol : symbols) {
    if (symbol.length == 0) continue;
    tokens.push_back({symbol.id, begin, begin + symbol.length});
    begin += symbol.length;
  }
}

void BytePairEncoding::append_symbols(std::string_view word, std::vector<Symbol>& symbols) const {
  const auto add = [&](int32_t id, size_t length) {
    const auto index = static_cast<int32_t>(symbols.size());
    symbols.push_back({id, static_cast<int32_t>(length), index - 1, index + 1});
  };
  size_t unknown_length = 0;  // of unknown characters that are not yet added
  for (size_t position = 0; position < word.size();) {
    const size_t begin = position;
    if (options_.byte_level) {
      ++position;
    } else {
      next_code_point(word, position);
    }
    const std::string_view character = word.substr(begin, position - begin);
    const int32_t id = entries_.find(character);
    if (id != ByteTrie::none) {
      if (unknown_length > 0) add(unknown_, unknown_length);
      unknown_length = 0;
      add(id, character.size());
      continue;
    }
    const auto has_fallback = [&](char byte) {
      return fallback_[static_cast<uint8_t>(byte)] != ByteTrie::none;
    };
    if (options_.byte_fallback && std::all_of(character.begin(), character.end(), has_fallback)) {
      for (const char byte : character) add(fallback_[static_cast<uint8_t>(byte)], 1);
      continue;
    }
    if (unknown_ == ByteTrie::none) continue;
    if (unknown_length > 0 && !options_.fuse_unknown) {
      add(unknown_, unknown_length);
      unknown_length = 0;
    }
    unknown_length += character.size();
  }
  if (unknown_length > 0) add(unknown_, unknown_length);
}

void BytePairEncoding::merge(std::vector<Symbol>& symbols) const {
  struct Candidate {
    int32_t rank, place, id;
    bool operator<(const Candidate& other) const {  // the heap's top: the lowest rank, then the leftmost
      return rank != other.rank ? rank > other.rank : place > other.place;
    }
  };
  const auto count = static_cast<int32_t>(symbols.size());
  const auto at = [&](int32_t index) -> Symbol& { return symbols[static_cast<size_t>(index)]; };
  std::vector<Candidate> heap;
  heap.reserve(symbols.size());
  const auto candidate = [&](int32_t left, int32_t right) {
    if (const Merge* found = merge_of(at(left).id, at(right).id)) {
      heap.push_back({found->rank, left, found->id});
      return true;
    }
    return false;
  };
  for (int32_t left = 0; left + 1 < count; ++left) candidate(left, left + 1);
  std::make_heap(heap.begin(), heap.end());
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end());
    const Candidate top = heap.back();
    heap.pop_back();
    Symbol& left = at(top.place);
    if (left.length == 0 || left.next >= count) continue;
    Symbol& right = at(left.next);
    const Merge* found = merge_of(left.id, right.id);
    if (found == nullptr || found->id != top.id) continue;  // no longer the same pair
    left.id = top.id;
    left.length += right.length;
    left.next = right.next;
    right.length = 0;
    if (left.next < count) at(left.next).previous = top.place;
    if (left.previous >= 0 && candidate(left.previous, top.place)) std::push_heap(heap.begin(), heap.end());
    if (left.next < count && candidate(top.place, left.next)) std::push_heap(heap.begin(), heap.end());
  }
}

}  // namespace limner
