// Text on its way through normalizers, each code point with the one of the raw text that it stands for.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace limner {

struct AlignedText {
  std::u32string codes;
  std::vector<int32_t> sources;  // of each code
  // The raw text goes on behind what was read of it. A normalizer then leaves away the end of its result that
  // more text could change, so that the codes are always the beginning of what the whole text gives.
  bool open = false;

  void cut(size_t size) {
    codes.resize(size);
    sources.resize(size);
  }
};

// How `tokenizers` describes a code of a new text: 0 takes the place of the next code of the old one, 1 is
// inserted behind the code before it, -n takes the place of the next code and lets n more vanish.
struct Change {
  char32_t code;
  int32_t change;
};

// The new text; `removed` codes vanish at its beginning.
void transform(AlignedText& text, const std::vector<Change>& changes, size_t removed = 0);

// Leaves only the codes for which keep(code) holds.
template <class Keep>
void filter(AlignedText& text, Keep&& keep) {
  size_t kept = 0;
  for (size_t index = 0; index < text.codes.size(); ++index) {
    if (!keep(text.codes[index])) continue;
    text.codes[kept] = text.codes[index];
    text.sources[kept++] = text.sources[index];
  }
  text.cut(kept);
}

}  // namespace limner
