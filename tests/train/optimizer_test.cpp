#include "train/optimizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/train/synthetic_run.h"

namespace limner::testing {
namespace {

HeadSpec two_classes() {
  HeadSpec head;
  head.name = head.field = "h";
  head.kind = "single_label";
  head.classes = {"a", "b"};
  return head;
}

// The first update of AdamW is the learning rate times the gradient's sign.
TEST(Optimizer, LayersBelowTheHeadsLearnMoreSlowly) {
  ModelConfig config = ModelConfig::from_settings(synthetic_settings("").model.architecture, 50);
  config.freeze = {false, 1};
  const auto backend = make_cpu_backend(1);
  Model model(*backend, config, {two_classes()}, HeadInput::mean, DType::f32);
  model.initialize(3);
  model.plan(Purpose::training, 8, 2);
  const std::vector<float> ones(static_cast<size_t>(model.gradients().elements()), 1.0f);
  model.upload(model.gradients(), ones);
  TrainSettings settings;
  settings.layer_lr_decay = 0.5;
  settings.weight_decay = 0.0;
  settings.max_grad_norm = 0.0;
  const Communicator alone = Communicator::self();
  const auto reducer = make_mpi_reducer(alone);
  Optimizer optimizer(*backend, model, settings, alone, *reducer);
  const std::vector<float> before = model.download_weights();
  optimizer.update(1, 0.08, 1.0);
  const std::vector<float> after = model.download_weights();
  // Embeddings, two blocks of which the first is frozen, heads.
  const std::vector<double> rates{0.01, 0.0, 0.04, 0.08};
  for (const ParamSpec& spec : model.parameters().all()) {
    for (int64_t i = spec.offset; i < spec.offset + spec.elements(); ++i) {
      const auto at = static_cast<size_t>(i);
      ASSERT_NEAR(before[at] - after[at], rates[static_cast<size_t>(spec.layer)], 1e-6) << spec.name;
    }
  }
}

}  // namespace
}  // namespace limner::testing
