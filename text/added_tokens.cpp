#include "text/added_tokens.h"

#include <algorithm>

#include "runtime/error.h"

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

void put_content(std::vector<std::string>& contents, size_t entries, int32_t id, const std::string& content) {
  constexpr size_t most_unused = 65536;  // published vocabularies leave out a few thousand ids
  const auto index = static_cast<size_t>(id);
  if (index >= 4 * entries + most_unused) {
    fail(ExitCode::bad_data,
         "tokenizer: token '{}' has the id {}, far beyond the {} entries of its vocabulary", content, id,
         entries);
  }
  if (index >= contents.size()) contents.resize(index + 1);
  contents[index] = content;
}

}  // namespace limner
