// Pieces of a regression's part of the report: how far its predictions can be trusted, and where they fail.
#pragma once

#include <string>

#include "profile/evaluation.h"
#include "profile/phrases.h"

namespace limner {

// Figures, each of which may be empty.
std::string reliability_figure(const Phrases& say, const Regression& regression);
std::string lift_figures(const Phrases& say, const ProfileResults& results, const Regression& regression);
std::string segments_figure(const Phrases& say, const ProfileResults& results, const Regression& regression);
std::string importance_figure(const Phrases& say, const Regression& regression);
std::string associations_figure(const Phrases& say, const Regression& regression);

// "ROC AUC 0.862 (95 % interval 0.853 to 0.871)", and the threshold where there are two classes.
std::string evaluation_facts(const Phrases& say, const Regression& regression);

}  // namespace limner
