#include "text/graphemes.h"

#include <unicode/uchar.h>

#include <cstdint>
#include <vector>

namespace limner {
namespace {

struct Kind {
  uint8_t cluster_break : 7;  // UGraphemeClusterBreak
  uint8_t pictographic : 1;
};

// Marks of Unicode 16 and 17 that `tokenizers` knows. Longer ones than these of three bytes do not matter:
// PrecompiledMap looks up clusters of at most five bytes.
struct CodeRange {
  char32_t first, last;
};
constexpr CodeRange newer_marks[] = {{0x897, 0x897}, {0x1ACF, 0x1ADD}, {0x1AE0, 0x1AEB}};

Kind kind_of(char32_t code) {
  static const std::vector<Kind> kinds = [] {
    std::vector<Kind> all(0x110000);
    for (uint32_t index = 0; index < all.size(); ++index) {
      const auto character = static_cast<UChar32>(index);
      all[index].cluster_break =
          static_cast<uint8_t>(u_getIntPropertyValue(character, UCHAR_GRAPHEME_CLUSTER_BREAK));
      all[index].pictographic = u_hasBinaryProperty(character, UCHAR_EXTENDED_PICTOGRAPHIC) != 0;
    }
    for (const CodeRange& range : newer_marks) {
      for (char32_t mark = range.first; mark <= range.last; ++mark) all[mark].cluster_break = U_GCB_EXTEND;
    }
    return all;
  }();
  return kinds[code];
}

bool is_control(Kind kind) {
  return kind.cluster_break == U_GCB_CONTROL || kind.cluster_break == U_GCB_CR ||
         kind.cluster_break == U_GCB_LF;
}

bool joins_hangul(uint8_t before, uint8_t behind) {
  switch (before) {
    case U_GCB_L:
      return behind == U_GCB_L || behind == U_GCB_V || behind == U_GCB_LV || behind == U_GCB_LVT;
    case U_GCB_LV:
    case U_GCB_V:
      return behind == U_GCB_V || behind == U_GCB_T;
    case U_GCB_LVT:
    case U_GCB_T:
      return behind == U_GCB_T;
    default:
      return false;
  }
}

}  // namespace

size_t grapheme_end(std::u32string_view codes, size_t begin) {
  Kind before = kind_of(codes[begin]);
  int flags = before.cluster_break == U_GCB_REGIONAL_INDICATOR ? 1 : 0;
  bool picture = before.pictographic;  // a pictograph and marks only: what a joiner may go on
  size_t end = begin + 1;
  for (; end < codes.size(); ++end) {
    const Kind behind = kind_of(codes[end]);
    if (before.cluster_break == U_GCB_CR && behind.cluster_break == U_GCB_LF) return end + 1;
    if (is_control(before) || is_control(behind)) return end;
    const bool joined_picture = picture && before.cluster_break == U_GCB_ZWJ && behind.pictographic;
    const bool marks = behind.cluster_break == U_GCB_EXTEND || behind.cluster_break == U_GCB_ZWJ;
    const bool flag = flags == 1 && behind.cluster_break == U_GCB_REGIONAL_INDICATOR;
    if (!marks && !joined_picture && !flag && behind.cluster_break != U_GCB_SPACING_MARK &&
        before.cluster_break != U_GCB_PREPEND && !joins_hangul(before.cluster_break, behind.cluster_break))
      return end;
    flags = flag ? 2 : behind.cluster_break == U_GCB_REGIONAL_INDICATOR ? 1 : 0;
    picture = behind.pictographic || (picture && marks);
    before = behind;
  }
  return end;
}

}  // namespace limner
