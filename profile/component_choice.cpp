#include "profile/component_choice.h"

#include <algorithm>
#include <limits>

namespace limner {
namespace {

constexpr int64_t inner_folds = 3;

bool too_few(const Vector& target, Outcome outcome) {
  return outcome == Outcome::two_classes ? smaller_class(target) < inner_folds
                                         : target.size() < 2 * inner_folds;
}

}  // namespace

int64_t smaller_class(const Vector& target) {
  const auto positives = static_cast<int64_t>(target.sum());
  return std::min(positives, static_cast<int64_t>(target.size()) - positives);
}

int64_t choose_components(const ComponentChoice& choice, const Indices& rows, const std::string& purpose,
                          const ComponentLoss& loss) {
  const Indices chosen = sample_rows(rows, most_choosing, choice.seed, purpose + "/sample");
  const int64_t limit = std::min({choice.set.most_components(), most_components, std::ssize(chosen) / 3});
  const Vector target = pick(choice.target, chosen);
  if (limit == 0 || too_few(target, choice.outcome)) return 0;
  const Indices folds = deal_folds({target.begin(), target.end()}, choice.outcome != Outcome::number,
                                   inner_folds, choice.seed, purpose);
  int64_t best = 0;
  double best_loss = std::numeric_limits<double>::infinity();
  for (int64_t components = 0; components <= limit; components = std::max<int64_t>(1, components * 2)) {
    double sum = 0;
    for (int64_t fold = 0; fold < inner_folds; ++fold) {
      Indices fitting, asked;
      split_fold(chosen, folds, fold, fitting, asked);
      sum += loss(fitting, asked, components);
    }
    if (sum < best_loss * (1 - 1e-9)) {
      best_loss = sum;
      best = components;
    }
  }
  return best;
}

}  // namespace limner
