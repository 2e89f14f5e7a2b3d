#include "text/normalized_text.h"

#include <algorithm>

namespace limner {
namespace {

constexpr int step = 64;  // characters read ahead: few, for reading stops when a row is full

}  // namespace

bool RawText::decode() {
  if (next_byte_ == bytes_.size()) return false;
  for (int count = 0; count < step && next_byte_ < bytes_.size(); ++count) {
    codes_.push_back(next_code_point(bytes_, next_byte_));
  }
  return true;
}

bool NormalizedText::normalize() {
  if (!raw_.has(next_raw_)) return false;
  for (int count = 0; count < step && raw_.has(next_raw_); ++count) {
    const uint32_t entry = table_.entry(raw_.code(next_raw_));
    if (entry < CharacterTable::first_flag) {
      characters_.push_back({entry, static_cast<int32_t>(next_raw_++)});
    } else {
      normalize_flagged(entry);
    }
  }
  return true;
}

void NormalizedText::normalize_flagged(uint32_t entry) {
  if (entry & (CharacterTable::mark | CharacterTable::leaves_mark)) {
    bool any_kept = (entry & CharacterTable::leaves_mark) != 0;
    const int64_t end = marks_end(next_raw_, any_kept);
    if (any_kept) {
      reorder(end);
    } else {
      next_raw_ = end;
    }
    return;
  }
  if (entry & CharacterTable::sequence) {
    for (const uint32_t packed : table_.expansion(entry)) {
      characters_.push_back({packed, static_cast<int32_t>(next_raw_)});
    }
  }
  ++next_raw_;
}

// The end of the run of marks that begins or goes on at `index`; any_kept is set if one of them is not
// dropped.
int64_t NormalizedText::marks_end(int64_t index, bool& any_kept) {
  for (bool first = true; raw_.has(index); ++index, first = false) {
    const uint32_t entry = table_.entry(raw_.code(index));
    if (entry & CharacterTable::transparent) continue;
    if (!first && !(entry & CharacterTable::mark)) break;
    if (!(entry & CharacterTable::dropped) && (entry & CharacterTable::mark)) any_kept = true;
  }
  return index;
}

// Canonical order of the marks in [next_raw_, end), as Unicode's normalization form D wants it. Each part
// that replaces a character takes the next source after sorting, not its own: so `tokenizers` counts.
void NormalizedText::reorder(int64_t end) {
  parts_.clear();
  std::vector<int32_t> sources;
  for (; next_raw_ < end; ++next_raw_) {
    if (table_.entry(raw_.code(next_raw_)) & CharacterTable::transparent) continue;
    table_.append_parts(raw_.code(next_raw_), parts_);
    sources.push_back(static_cast<int32_t>(next_raw_));
  }
  const auto is_starter = [](const CharacterTable::Part& part) { return part.combining_class == 0; };
  const auto last_starter = std::find_if(parts_.rbegin(), parts_.rend(), is_starter).base();
  std::stable_sort(last_starter, parts_.end(),
                   [](const CharacterTable::Part& a, const CharacterTable::Part& b) {
                     return a.combining_class < b.combining_class;
                   });
  auto next_source = sources.begin();
  for (CharacterTable::Part& part : parts_) {
    if (part.replaces) ++next_source;
    part.source = next_source == sources.begin() ? sources.front() : *(next_source - 1);
    packed_.clear();
    table_.append_packed(part.code, packed_);
    for (const uint32_t packed : packed_) characters_.push_back({packed, part.source});
  }
}

}  // namespace limner
