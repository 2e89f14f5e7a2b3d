#include "profile/phrases.h"

#include <algorithm>
#include <iterator>

#include "profile/html.h"
#include "profile/report_sections.h"
#include "runtime/error.h"

namespace limner {
namespace {

// Blocks of three lines: name, English, Chinese; blank lines and lines with # stand between them. Sorted by
// name.
std::vector<Phrase> read_phrases(std::string_view text) {
  std::vector<std::string_view> lines;
  for (size_t from = 0; from < text.size();) {
    const size_t end = std::min(text.find('\n', from), text.size());
    const std::string_view line = text.substr(from, end - from);
    if (!line.empty() && line[0] != '#') lines.push_back(line);
    from = end + 1;
  }
  require(lines.size() % 3 == 0, "report_phrases.txt has {} lines", lines.size());
  std::vector<Phrase> phrases;
  for (size_t at = 0; at < lines.size(); at += 3)
    phrases.push_back({lines[at], lines[at + 1], lines[at + 2]});
  std::sort(phrases.begin(), phrases.end(), [](const Phrase& a, const Phrase& b) { return a.name < b.name; });
  return phrases;
}

const Phrase* find_phrase(std::string_view name) {
  const std::vector<Phrase>& all = phrase_table();
  const auto found =
      std::lower_bound(all.begin(), all.end(), name,
                       [](const Phrase& phrase, std::string_view wanted) { return phrase.name < wanted; });
  return found != all.end() && found->name == name ? &*found : nullptr;
}

std::string joined(const std::vector<std::string>& parts, const char* between) {
  std::string text;
  for (const std::string& part : parts) {
    if (!part.empty()) text += (text.empty() ? "" : between) + part;
  }
  return text;
}

}  // namespace

const std::vector<Phrase>& phrase_table() {
  static const std::vector<Phrase> table = read_phrases(report_phrases);
  return table;
}

std::string_view Phrases::text(std::string_view name) const {
  const Phrase* phrase = find_phrase(name);
  require(phrase != nullptr, "report_phrases.txt has no phrase '{}'", name);
  return language_ == Language::english ? phrase->english : phrase->chinese;
}

std::string Phrases::count(std::string_view name, int64_t count) const {
  std::string_view form = text(name);
  const size_t bar = form.find('|');
  if (bar != std::string_view::npos) form = count == 1 ? form.substr(0, bar) : form.substr(bar + 1);
  return fmt::vformat(form, fmt::make_format_args(count_text(count)));
}

std::string Phrases::form(std::string_view name) const {
  const std::string_view forms = text(name);
  return std::string(forms.substr(forms.find('|') + 1));  // npos + 1 is 0
}

std::string Phrases::join(const std::vector<std::string>& sentences) const {
  return joined(sentences, language_ == Language::english ? " " : "");
}

std::string Phrases::list(const std::vector<std::string>& members) const {
  return joined(members, language_ == Language::english ? ", " : "、");
}

std::string Phrases::word(std::string_view prefix, const std::string& value) const {
  const Phrase* phrase = find_phrase(std::string(prefix) + value);
  if (!phrase) return value;
  return std::string(language_ == Language::english ? phrase->english : phrase->chinese);
}

}  // namespace limner
