// Names that Limner made, in the language of the report.
#pragma once

#include <string>

#include "profile/phrases.h"
#include "profile/regression.h"
#include "profile/traits.h"

namespace limner {

// Of a feature: "predicted sentiment = positive", "age missing", "texts" for all components of the vectors. A
// user's field keeps its own name, whatever it is like.
std::string feature_name(const Phrases& say, const Feature& feature);
// Of a set of features: "attributes, behaviour and texts".
std::string set_name(const Phrases& say, const std::string& name);
std::string trait_name(const Phrases& say, const Trait& trait);
// "churned", or "churned (boosting)" where the target has several models.
std::string regression_title(const Phrases& say, const Regression& regression);

}  // namespace limner
