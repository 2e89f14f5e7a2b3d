#include "profile/names.h"

#include <algorithm>
#include <string_view>
#include <vector>

namespace limner {
namespace {

constexpr std::string_view predicted = "predicted ";

}  // namespace

std::string feature_name(const Phrases& say, const Feature& feature) {
  const std::string& name = feature.name;
  const auto without_end = [&](const std::string& end) { return name.substr(0, name.size() - end.size()); };
  switch (feature.source) {
    case FeatureSource::component:
      return say("name.texts");
    case FeatureSource::word_vector:
      return say("name.word_vectors");
    case FeatureSource::prediction:
      return say("name.predicted", name.substr(predicted.size()));
    case FeatureSource::topic:
      return say("name.topic", std::stoll(feature.category) + 1);
    case FeatureSource::behaviour:
      return feature.part == Feature::Part::missing_number
                 ? say("name.missing", say.word("trait.", without_end(" missing")))
                 : say.word("trait.", name);
    case FeatureSource::attribute:
      break;
  }
  if (feature.part == Feature::Part::missing_number) return say("name.missing", without_end(" missing"));
  if (feature.part == Feature::Part::missing_value) return say("name.is_missing", without_end(" = missing"));
  return name;
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
  // Of a head of classes the name is the head's and the class's.
  if (trait.group == TraitGroup::prediction && !trait.is_share)
    return say("name.predicted", trait.name.substr(predicted.size()));
  return trait.name;
}

std::string regression_title(const Phrases& say, const Regression& regression) {
  if (regression.name == regression.target.name) return regression.name;
  return fmt::format("{} ({})", regression.target.name, say.word("model_kind.", regression.settings.kind));
}

}  // namespace limner
