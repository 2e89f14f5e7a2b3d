// A small random model of every family on the emulated CUDA module against the CPU: hidden states after each
// layer, losses, gradients of every parameter tensor and pooled vectors, in f32 and bf16.
#include <gtest/gtest.h>

#include <cmath>

#include "kernels/cuda_module.h"
#include "kernels/select.h"
#include "tests/model/model_testing.h"

namespace limner::testing {
namespace {

constexpr int kWordsToGuess = 5;

struct FamilyCase {
  std::string family;
  DType precision;
  double language_weight = 0.0;
};

// Heads of 32, which a GPU has; windows below and above a tile of keys.
ModelConfig config_of(const FamilyCase& chosen) {
  ModelConfig config = tiny_family(chosen.family);
  config.hidden = 64;
  config.heads = 2;
  config.inner = 37;
  config.max_positions = 200;
  config.initializer_range = 0.1f;
  if (chosen.family == "qwen3") {
    config.hidden = 48;  // not the heads' width
    config.head_width = 32;
  }
  if (chosen.family == "mistral") config.windows = {20, 70};
  if (chosen.family == "modernbert") config.windows = {0, 12};
  config.language_weight = chosen.language_weight;
  return config;
}

// Norm of the difference as a share of the expected norm, or of `least` where that is larger.
double error_of(const float* found, const float* expected, int64_t count, double least = 0.0) {
  double difference = 0.0, size = 0.0;
  for (int64_t i = 0; i < count; ++i) {
    difference += std::pow(static_cast<double>(found[i]) - expected[i], 2);
    size += std::pow(static_cast<double>(expected[i]), 2);
  }
  return std::sqrt(difference) / std::max(std::sqrt(size), least);
}
double error_of(const std::vector<float>& found, const std::vector<float>& expected) {
  EXPECT_EQ(found.size(), expected.size());
  return error_of(found.data(), expected.data(), static_cast<int64_t>(expected.size()));
}

std::vector<float> on_host(Backend& backend, const Tensor& tensor) {
  const Buffer memory = backend.allocate(tensor.elements() * static_cast<int64_t>(sizeof(float)));
  const Tensor plain(memory.data(), DType::f32, {tensor.elements()}, backend.device());
  backend.cast(plain, tensor);
  std::vector<float> values(static_cast<size_t>(tensor.elements()));
  backend.download(values.data(), plain);
  return values;
}

class EmulatedFamily : public ::testing::TestWithParam<FamilyCase> {
 protected:
  static std::unique_ptr<Backend> cuda_backend() {
    RuntimeSettings settings;
    settings.device = "cuda";
    return select_backend(settings, 1, Communicator::self());
  }
  Model model_on(Backend& backend) const {
    Model model(backend, config_, {single_label_head("label", 3)}, usual_input(GetParam().family),
                GetParam().precision);
    model.plan(Purpose::training, batch_.token_count(), batch_.row_count());
    return model;
  }
  Batch batch() const {
    Batch batch = make_batch({33, 1, 17, 150, 5}, config_);
    for (int i = 0; i < kWordsToGuess && GetParam().language_weight > 0.0; ++i) {
      batch.target_places.push_back(7 * i + 2);
      batch.target_ids.push_back(i + 1);
    }
    return batch;
  }
  const ModelConfig config_ = config_of(GetParam());
  const Batch batch_ = batch();
};

TEST_P(EmulatedFamily, ComputesAsOnTheCpu) {
  const auto gpu = cuda_backend(), cpu = make_cpu_backend(1);
  ASSERT_EQ(gpu->device(), Device::cuda);
  Model expected = model_on(*cpu), found = model_on(*gpu);
  expected.initialize(7);
  shake_weights(expected);
  found.upload(found.weights(), expected.download_weights());
  found.refresh_shadow();
  const bool rounds = GetParam().precision == DType::bf16;
  const double share = rounds ? 0.02 : 1e-5;

  constexpr uint64_t kDropout = 99;
  cpu->fill_zero(expected.gradients());
  gpu->fill_zero(found.gradients());
  expected.forward(batch_, Purpose::training, kDropout);
  found.forward(batch_, Purpose::training, kDropout);
  for (int layer = 0; layer <= config_.layers; ++layer) {
    EXPECT_LE(error_of(on_host(*gpu, found.hidden_state(layer)), on_host(*cpu, expected.hidden_state(layer))),
              share)
        << "after layer " << layer;
  }
  const std::vector<HeadLabels> labels{{{0, 2, -1, 1, 1}, {}}};
  const std::vector<double> weights = expected.loss_weights(batch_, labels);
  const Losses expected_loss = expected.backward(batch_, labels, weights, ignore_layer),
               found_loss = found.backward(batch_, labels, weights, ignore_layer);
  ASSERT_EQ(found_loss.sum.size(), expected_loss.sum.size());
  for (size_t i = 0; i < expected_loss.sum.size(); ++i) {
    EXPECT_NEAR(found_loss.sum[i], expected_loss.sum[i], share * expected_loss.sum[i]);
  }
  const std::vector<float> expected_gradients = values(expected.gradients()),
                           gradients = found.download(found.gradients());
  double size = 0.0;
  for (const float value : expected_gradients) size += static_cast<double>(value) * value;
  for (const ParamSpec& spec : expected.parameters().all()) {
    // What is zero but for rounding (keys' biases) is measured against all gradients.
    EXPECT_LE(error_of(gradients.data() + spec.offset, expected_gradients.data() + spec.offset,
                       spec.elements(), 1e-3 * std::sqrt(size)),
              3.0 * share)
        << spec.name;
  }

  expected.forward(batch_, Purpose::inference);
  found.forward(batch_, Purpose::inference);
  for (const Pooling pooling :
       {Pooling::mean, Pooling::cls, Pooling::max, Pooling::last, Pooling::weighted_mean}) {
    EXPECT_LE(error_of(found.download(found.pooled(batch_, pooling, true)),
                       expected.download(expected.pooled(batch_, pooling, true))),
              share)
        << "pooling " << static_cast<int>(pooling);
  }
}

std::vector<FamilyCase> cases() {
  std::vector<FamilyCase> all;
  for (const DType precision : {DType::f32, DType::bf16}) {
    for (const std::string& family : all_families()) all.push_back({family, precision});
    all.push_back({"bert", precision, 0.5});
  }
  return all;
}
INSTANTIATE_TEST_SUITE_P(All, EmulatedFamily, ::testing::ValuesIn(cases()), [](const auto& one) {
  return one.param.family + (one.param.language_weight > 0.0 ? "_and_language_" : "_") +
         dtype_name(one.param.precision);
});

}  // namespace
}  // namespace limner::testing
