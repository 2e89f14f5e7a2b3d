#include "text/added_tokens.h"

#include <algorithm>

namespace limner {

AddedTokenSet::AddedTokenSet(std::vector<Pattern> patterns)
    : patterns_(std::move(patterns)), may_begin_(256) {
  std::stable_sort(patterns_.begin(), patterns_.end(),
                   [](const Pattern& a, const Pattern& b) { return a.form.size() > b.form.size(); });
  for (size_t index = 0; index < patterns_.size(); ++index) {
    const char32_t first = patterns_[index].form.front();
    may_begin_[first & 0xFF] = true;
    by_first_[first].push_back(index);
    any_lstrip_ |= patterns_[index].lstrip;
  }
}

}  // namespace limner
