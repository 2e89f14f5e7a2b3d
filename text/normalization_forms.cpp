#include "text/normalization_forms.h"

#include <unicode/uchar.h>
#include <unicode/unorm2.h>

#include <algorithm>
#include <array>
#include <functional>

#include "text/unicode.h"

namespace limner {
namespace {

// The code points that a form leaves alone wherever they stand among others of the kind; nearly every text
// has no others.
class Unchanged {
 public:
  explicit Unchanged(UProperty quick_check) : unchanged_(0x110000) {
    for (uint32_t code = 0; code < unchanged_.size(); ++code) {
      const auto character = static_cast<UChar32>(code);
      unchanged_[code] =
          u_getIntPropertyValue(character, quick_check) == UNORM_YES && u_getCombiningClass(character) == 0;
    }
  }
  Unchanged(const Unchanged&) = delete;  // an algorithm takes its predicate by value: 136 KiB
  Unchanged& operator=(const Unchanged&) = delete;
  bool operator()(char32_t code) const { return unchanged_[code]; }

 private:
  std::vector<bool> unchanged_;
};

const Unchanged& unchanged_by(NormalizationForm form) {
  static const std::array<Unchanged, 4> forms = {
      Unchanged(UCHAR_NFC_QUICK_CHECK), Unchanged(UCHAR_NFD_QUICK_CHECK), Unchanged(UCHAR_NFKC_QUICK_CHECK),
      Unchanged(UCHAR_NFKD_QUICK_CHECK)};
  return forms[static_cast<size_t>(form)];
}

struct Part {
  char32_t code;
  int32_t change;
  int combining_class;
};

// Full decompositions, marks behind each starter in canonical order.
std::vector<Part> decompose(const std::u32string& codes, bool compatibility) {
  std::vector<Part> parts;
  parts.reserve(codes.size() + 16);
  size_t pending = 0;  // parts from here on are not yet in order
  const auto sort_pending = [&] {
    std::stable_sort(parts.begin() + static_cast<int64_t>(pending), parts.end(),
                     [](const Part& a, const Part& b) { return a.combining_class < b.combining_class; });
    pending = parts.size();
  };
  const auto add = [&](char32_t code, int32_t change) {
    const int combining = code < 0x300 ? 0 : combining_class(code);
    if (combining == 0 && pending < parts.size()) sort_pending();
    parts.push_back({code, change, combining});
  };
  for (const char32_t code : codes) {
    if (code < 0xA0) {
      add(code, 0);
      continue;
    }
    int32_t change = 0;
    for (const char32_t part :
         compatibility ? compatibility_decomposition(code) : canonical_decomposition(code)) {
      add(part, change);
      change = 1;
    }
  }
  sort_pending();
  return parts;
}

// Canonical composition. A composed character keeps the place of its first part; the others vanish.
std::vector<Change> compose(const std::vector<Part>& parts, const Unchanged& unchanged) {
  std::vector<Change> changes;
  changes.reserve(parts.size());
  std::vector<Change> marks;  // behind the starter, not composed with it
  bool has_starter = false;
  Change starter{};
  int last_class = -1;  // of the last of `marks`; -1: none
  const auto put = [&] {
    changes.push_back(starter);
    changes.insert(changes.end(), marks.begin(), marks.end());
    marks.clear();
    last_class = -1;
  };
  for (const Part& part : parts) {
    if (!has_starter) {
      if (part.combining_class != 0) {
        changes.push_back({part.code, part.change});
      } else {
        starter = {part.code, part.change};
        has_starter = true;
      }
      continue;
    }
    const bool blocked = last_class >= 0 && last_class >= part.combining_class;
    const char32_t composed = blocked || unchanged(part.code) ? 0 : composition(starter.code, part.code);
    if (composed != 0) {
      starter = {composed, starter.change + part.change - 1};
    } else if (part.combining_class == 0) {
      put();
      starter = {part.code, part.change};
    } else {
      marks.push_back({part.code, part.change});
      last_class = part.combining_class;
    }
  }
  if (has_starter) put();
  return changes;
}

}  // namespace

void normalize(AlignedText& text, NormalizationForm form) {
  if (text.open) {
    // A basic letter or sign begins anew: nothing before it composes or is reordered with what follows.
    size_t end = text.codes.size();
    while (end > 0 && (text.codes[end - 1] >= 0x80)) --end;
    text.cut(end == 0 ? 0 : end - 1);
  }
  const Unchanged& unchanged = unchanged_by(form);
  if (std::all_of(text.codes.begin(), text.codes.end(), std::cref(unchanged))) return;
  const bool compatibility = form == NormalizationForm::nfkc || form == NormalizationForm::nfkd;
  const std::vector<Part> parts = decompose(text.codes, compatibility);
  if (form == NormalizationForm::nfc || form == NormalizationForm::nfkc)
    return transform(text, compose(parts, unchanged));
  std::vector<Change> changes;
  changes.reserve(parts.size());
  for (const Part& part : parts) changes.push_back({part.code, part.change});
  transform(text, changes);
}

}  // namespace limner
