#include "text/aligned_text.h"

#include <algorithm>

namespace limner {

void transform(AlignedText& text, const std::vector<Change>& changes, size_t removed) {
  std::u32string codes;
  std::vector<int32_t> sources;
  codes.reserve(changes.size());
  sources.reserve(changes.size());
  size_t next = removed;  // of the old codes
  for (const Change& change : changes) {
    const size_t from = change.change > 0 && next > 0 ? next - 1 : next;
    codes.push_back(change.code);
    sources.push_back(text.sources[std::min(from, text.sources.size() - 1)]);
    if (change.change <= 0) next += 1 + static_cast<size_t>(-change.change);
  }
  text.codes = std::move(codes);
  text.sources = std::move(sources);
}

}  // namespace limner
