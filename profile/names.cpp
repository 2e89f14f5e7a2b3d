#include "profile/names.h"

#include <algorithm>
#include <vector>

namespace limner {

std::string feature_name(const Phrases& say, const std::string& name) {
  const auto without_end = [&](const std::string& end) { return name.substr(0, name.size() - end.size()); };
  if (name == "texts") return say("name.texts");
  if (name.starts_with("predicted ")) return say("name.predicted", feature_name(say, name.substr(10)));
  if (name.ends_with(" = missing")) return say("name.is_missing", without_end(" = missing"));
  if (name.ends_with(" missing")) return say("name.missing", without_end(" missing"));
  if (name.starts_with("topic ")) return say("name.topic", name.substr(6));
  return say.word("trait.", name);
}

std::string set_name(const Phrases& say, const std::string& name) {
  if (say.language() == Language::english) return name;
  std::vector<std::string> parts;
  for (size_t from = 0; from < name.size();) {
    const size_t comma = name.find(", ", from), last = name.find(" and ", from);
    const size_t end = std::min({comma, last, name.size()});
    parts.push_back(say.word("set.", name.substr(from, end - from)));
    from = end + (end == name.size() ? 0 : end == comma ? 2 : 5);
    if (end == name.size()) break;
  }
  return say.list(parts);
}

std::string trait_name(const Phrases& say, const Trait& trait) {
  if (trait.group == TraitGroup::behaviour) return say.word("trait.", trait.name);
  return feature_name(say, trait.name);
}

std::string regression_title(const Phrases& say, const Regression& regression) {
  if (regression.name == regression.target.name) return regression.name;
  return fmt::format("{} ({})", regression.target.name, say.word("model_kind.", regression.settings.kind));
}

}  // namespace limner
