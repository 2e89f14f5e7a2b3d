#include "text/character_table.h"

#include <map>
#include <memory>
#include <mutex>
#include <tuple>

#include "text/unicode.h"
#include "text/utf8.h"

namespace limner {
namespace {

constexpr uint32_t pack_character(char32_t code, CharacterClass character_class) {
  return code | static_cast<uint32_t>(character_class) << 21;
}
constexpr uint32_t packed_space = pack_character(U' ', CharacterClass::space);

// Nothing is here in Unicode 15, nor in the exceptions: such characters stay as they are. Saves two thirds of
// the work.
bool is_unassigned_plane(char32_t code) { return code >= 0x32400 && code < 0xE0000; }

bool removed_by_cleaning(char32_t code) {
  if (code == U'\t' || code == U'\n' || code == U'\r') return false;
  return code == 0 || code == replacement_character || is_other(code);
}

}  // namespace

CharacterTable::CharacterTable(const NormalizerOptions& options, Spaces spaces)
    : options_(options),
      strips_accents_(options.strips_accents()),
      explicit_spaces_(spaces == Spaces::explicit_) {
  std::map<std::array<uint32_t, 256>, uint32_t> known_pages;
  std::array<uint32_t, 256> page;
  for (uint32_t index = 0; index < pages_.size(); ++index) {
    for (uint32_t low = 0; low < 256; ++low) {
      const char32_t code = index << 8 | low;
      page[low] = is_unassigned_plane(code) ? 0 : make_entry(code) ^ code;
    }
    const auto [place, is_new] = known_pages.emplace(page, static_cast<uint32_t>(entries_.size()));
    if (is_new) entries_.insert(entries_.end(), page.begin(), page.end());
    pages_[index] = place->second;
  }
}

const CharacterTable& CharacterTable::of(const NormalizerOptions& options, Spaces spaces) {
  using Settings = std::tuple<bool, bool, bool, bool, Spaces>;
  static std::mutex mutex;
  static std::map<Settings, std::unique_ptr<const CharacterTable>> tables;
  const Settings settings{options.clean_text, options.handle_chinese_chars, options.strips_accents(),
                          options.lowercase, spaces};
  const std::lock_guard lock(mutex);
  std::unique_ptr<const CharacterTable>& table = tables[settings];
  if (!table) table.reset(new CharacterTable(options, spaces));
  return *table;
}

void CharacterTable::append_parts(char32_t code, std::vector<Part>& parts) const {
  bool replaces = true;
  for (const char32_t part : canonical_decomposition(code)) {
    parts.push_back({part, combining_class(part), replaces, 0});
    replaces = false;
  }
}

void CharacterTable::append_packed(char32_t decomposed, std::vector<uint32_t>& packed) const {
  if (strips_accents_ && is_nonspacing_mark(decomposed)) return;
  const auto put = [&packed](char32_t code) {
    const bool parts_words = is_white_space(code);
    const bool stands_alone = is_punctuation(code);
    packed.push_back(pack_character(code, parts_words    ? CharacterClass::space
                                          : stands_alone ? CharacterClass::isolated
                                                         : CharacterClass::word));
  };
  if (!options_.lowercase) return put(decomposed);
  for (const char32_t code : lowercase(decomposed)) put(code);
}

uint32_t CharacterTable::make_entry(char32_t code) {
  if (options_.clean_text && removed_by_cleaning(code)) return dropped | transparent;
  if (options_.clean_text && is_white_space(code)) return packed_space;

  std::vector<uint32_t> packed;
  uint32_t flags = 0;
  if (strips_accents_) {
    std::vector<Part> parts;
    append_parts(code, parts);
    for (const Part& part : parts) append_packed(part.code, packed);
    const bool starts = parts.front().combining_class == 0;
    if (!starts) flags |= mark;
    for (const Part& part : parts) {
      if (starts && part.combining_class != 0 && !is_nonspacing_mark(part.code)) flags |= leaves_mark;
    }
  } else {
    append_packed(code, packed);
  }
  if (options_.handle_chinese_chars && is_chinese_character(code)) {
    for (uint32_t& character : packed)
      character = pack_character(character & 0x1FFFFF, CharacterClass::isolated);
    if (explicit_spaces_) {
      packed.insert(packed.begin(), packed_space);
      packed.push_back(packed_space);
    }
  }

  if (packed.empty()) return flags | dropped;
  if (packed.size() == 1) return flags | packed.front();
  expansions_.push_back(std::move(packed));
  return flags | sequence | static_cast<uint32_t>(expansions_.size() - 1);
}

}  // namespace limner
