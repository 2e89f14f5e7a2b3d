// A two-layer model on the emulated CUDA module: 20 steps of training on one and on two ranks against the
// CPU.
#include <gtest/gtest.h>

#include <cmath>

#include "kernels/cuda_module.h"
#include "kernels/select.h"
#include "tests/model/model_testing.h"

namespace limner::testing {
namespace {

constexpr int kSteps = 20;
const std::vector<int> kLengths = {9, 17, 1, 12, 5, 16, 3, 14};

ModelConfig two_layers() {
  ModelConfig config = tiny_config();
  config.hidden = 64;
  config.heads = 2;
  config.inner = 96;
  config.initializer_range = 0.05f;  // a calm course: rounding must not decide where it goes
  return config;
}

struct Training {
  std::vector<double> losses;
  std::vector<float> weights, vectors;  // afterwards; before
};

// Of this rank's rows, gradients summed over `ranks`; losses are of all rows.
Training train(Backend& backend, const Communicator& ranks) {
  const ModelConfig config = two_layers();
  Model model(backend, config, {single_label_head("label", 3)}, HeadInput::pooler, DType::bf16);
  model.initialize(7);
  const int64_t elements = model.parameters().elements();
  const int share = static_cast<int>(kLengths.size()) / ranks.size(), first = ranks.rank() * share;
  const std::vector<int> lengths(kLengths.begin() + first, kLengths.begin() + first + share);
  const Batch batch = make_batch(lengths, config, 3, first);
  HeadLabels labels;
  for (const int64_t row : batch.rows) labels.classes.push_back(static_cast<int32_t>(row * 5 % 3));
  model.plan(Purpose::training, batch.token_count(), batch.row_count());
  const Buffer moments = backend.allocate(2 * elements * static_cast<int64_t>(sizeof(float)));
  const Tensor both(moments.data(), DType::f32, {2 * elements}, backend.device());
  const auto reducer = select_reducer(backend, ranks);

  Training training;
  model.forward(batch, Purpose::inference);
  training.vectors = model.download(model.pooled(batch, Pooling::mean, true));
  for (int step = 1; step <= kSteps; ++step) {
    backend.fill_zero(model.gradients());
    model.forward(batch, Purpose::training, static_cast<uint64_t>(step));
    const Model::Loss loss =
        model.backward(batch, {labels}, {static_cast<double>(kLengths.size())}, [](int) {});
    reducer->start_sum(model.gradients(), "sum gradients");
    reducer->progress();
    reducer->finish();
    backend.adamw(model.weights(), model.shadow(), both.slice_rows(0, elements),
                  both.slice_rows(elements, elements), model.gradients(),
                  {1e-3f, 0.9f, 0.999f, 1e-8f, 0.01f, step, 1.0f});
    training.losses.push_back(ranks.sum(loss.sum.front(), "sum losses"));
  }
  training.weights = model.download_weights();
  return training;
}

RuntimeSettings cuda_settings() {
  RuntimeSettings settings;
  settings.device = "cuda";
  return settings;
}

TEST(EmulatedModel, TrainsAsOnTheCpu) {
  const Communicator ranks = Communicator::world();
  const auto gpu = select_backend(cuda_settings(), 1, ranks), cpu = make_cpu_backend(1);
  ASSERT_EQ(gpu->device(), Device::cuda);
  const Training found = train(*gpu, ranks), expected = train(*cpu, ranks);
  EXPECT_LT(expected.losses.back(), 0.9 * expected.losses.front()) << "the test wants a model that learns";
  for (size_t step = 0; step < expected.losses.size(); ++step) {
    EXPECT_NEAR(found.losses[step], expected.losses[step], 0.02 * expected.losses.front()) << "step " << step;
  }
  for (size_t i = 0; i < expected.vectors.size(); ++i) {
    ASSERT_NEAR(found.vectors[i], expected.vectors[i], 0.02) << "vector element " << i;
  }
}

TEST(EmulatedModel, TrainsToTheSameBytesAgain) {
  const Communicator ranks = Communicator::world();
  const auto first = select_backend(cuda_settings(), 1, ranks),
             second = select_backend(cuda_settings(), 1, ranks);
  const Training once = train(*first, ranks), again = train(*second, ranks);
  EXPECT_EQ(once.losses, again.losses);
  EXPECT_EQ(once.weights, again.weights);
}

TEST(EmulatedModel, PrecisionIsWhatTheGpuMultiplies) {
  EXPECT_EQ(select_precision(cuda_settings()), DType::bf16);
  RuntimeSettings settings = cuda_settings();
  settings.precision = "f32";
  EXPECT_EQ(select_precision(settings), DType::f32);
}

}  // namespace
}  // namespace limner::testing
