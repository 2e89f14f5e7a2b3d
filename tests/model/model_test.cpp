#include "model/model.h"

#include <array>
#include <cmath>
#include <numeric>

#include "tests/model/model_testing.h"

namespace limner {
namespace {

using testing::all_families;
using testing::expect_error;
using testing::five_lengths;
using testing::ignore_layer;
using testing::make_batch;
using testing::make_model;
using testing::shake_weights;
using testing::single_label_head;
using testing::three_heads;
using testing::three_labels;
using testing::tiny_config;
using testing::tiny_family;
using testing::usual_input;
using testing::values;

double total_loss(const Model& model, const Losses& loss, const std::vector<double>& weights) {
  double total = 0.0;
  for (size_t i = 0; i < model.objectives().size(); ++i) {
    if (weights[i] > 0) total += model.objectives()[i].weight * loss.sum[i] / weights[i];
  }
  return total;
}

std::vector<float> gradients_of(Model& model, Backend& backend, const Batch& batch,
                                const std::vector<HeadLabels>& labels, const std::vector<double>& weights,
                                std::optional<uint64_t> key = std::nullopt) {
  backend.fill_zero(model.gradients());
  model.forward(batch, Purpose::training, key);
  model.backward(batch, labels, weights, ignore_layer);
  return values(model.gradients());
}

void expect_near(const std::vector<float>& a, const std::vector<float>& b, double tolerance) {
  ASSERT_EQ(a.size(), b.size());
  double difference = 0.0, size = 0.0;
  for (size_t index = 0; index < a.size(); ++index) {
    difference = std::max(difference, std::abs(static_cast<double>(a[index]) - b[index]));
    size = std::max(size, std::abs(static_cast<double>(b[index])));
  }
  EXPECT_LE(difference, tolerance * size);
}

struct GradientCase {
  HeadInput input;
  bool dropout;
  const char* family = "bert";
  double language_weight = 0.0;
  int64_t rank = 0;  // of low-rank updates of all linear layers
};
class Gradients : public ::testing::TestWithParam<GradientCase> {};

// Every parameter tensor: along its gradient, and along a random direction, the loss changes as backward
// says.
TEST_P(Gradients, EqualCentralDifferences) {
  const auto backend = make_cpu_backend(1);
  ModelConfig config = tiny_family(GetParam().family);
  config.language_weight = GetParam().language_weight;
  config.tied_embeddings = config.family != "llama";
  if (GetParam().rank > 0) config.lora = {GetParam().rank, 3.0, 0.2f, {"all-linear"}, {}, {}};
  Model model = make_model(*backend, three_heads(), GetParam().input, DType::f32, config);
  shake_weights(model);
  Batch batch = make_batch(five_lengths, model.config());
  batch.target_places = {0, 3, 6, 7, 20, 32};
  batch.target_ids = {4, 28, 0, 4, 11, 9};
  model.plan(Purpose::training, batch.token_count(), batch.row_count());
  const auto labels = three_labels();
  const std::vector<double> weights = model.loss_weights(batch, labels);
  const std::optional<uint64_t> key = GetParam().dropout ? std::optional<uint64_t>(77) : std::nullopt;
  const std::vector<float> gradient = gradients_of(model, *backend, batch, labels, weights, key);
  const std::vector<float> start = model.download_weights();

  const auto slope = [&](const ParamSpec& spec, const std::vector<double>& direction) {
    constexpr double step = 4e-3;
    double losses[2];
    for (const int side : {0, 1}) {
      std::vector<float> moved = start;
      for (size_t index = 0; index < direction.size(); ++index) {
        moved[static_cast<size_t>(spec.offset) + index] +=
            static_cast<float>((side == 0 ? -step : step) * direction[index]);
      }
      backend->upload(model.weights(), moved.data());
      model.forward(batch, Purpose::training, key);
      losses[side] = total_loss(model, model.evaluate_loss(batch, labels), weights);
    }
    backend->upload(model.weights(), start.data());
    return (losses[1] - losses[0]) / (2 * step);
  };

  for (const ParamSpec& spec : model.parameters().all()) {
    if (!spec.trained) break;  // behind all that is
    const auto count = static_cast<size_t>(spec.elements());
    const auto first = gradient.begin() + static_cast<std::ptrdiff_t>(spec.offset);
    const std::vector<double> own(first, first + static_cast<std::ptrdiff_t>(count));
    const double length = std::sqrt(std::inner_product(own.begin(), own.end(), own.begin(), 0.0));
    const bool unread = spec.name.starts_with("pooler.") && GetParam().input != HeadInput::pooler;
    if (unread) {
      EXPECT_EQ(length, 0.0) << spec.name;
      continue;
    }
    ASSERT_GT(length, 1e-4) << spec.name;
    std::vector<double> along(count), random(count);
    const Random dice(1, spec.name);
    for (size_t index = 0; index < count; ++index) {
      along[index] = own[index] / length;
      random[index] = dice.normal(index) / std::sqrt(static_cast<double>(count));
    }
    EXPECT_NEAR(slope(spec, along), length, 0.01 * length + 1e-4) << spec.name;
    const double expected = std::inner_product(own.begin(), own.end(), random.begin(), 0.0);
    EXPECT_NEAR(slope(spec, random), expected, 0.02 * length + 1e-4) << spec.name;
  }
}
INSTANTIATE_TEST_SUITE_P(
    Inputs, Gradients,
    ::testing::Values(
        GradientCase{HeadInput::pooler, false}, GradientCase{HeadInput::pooler, true},
        GradientCase{HeadInput::mean, true}, GradientCase{HeadInput::cls, false},
        GradientCase{HeadInput::max, true}, GradientCase{HeadInput::mean, true, "bert", 0.6},
        GradientCase{HeadInput::pooler, true, "roberta"}, GradientCase{HeadInput::pooler, true, "mpnet"},
        GradientCase{HeadInput::mean, true, "mpnet", 0.0, 2},
        GradientCase{HeadInput::pooler, true, "distilbert"}, GradientCase{HeadInput::last, true, "gpt2"},
        GradientCase{HeadInput::mean, true, "llama"}, GradientCase{HeadInput::last, true, "gpt2", 0.6},
        GradientCase{HeadInput::mean, true, "llama", 0.6}, GradientCase{HeadInput::last, true, "mistral"},
        GradientCase{HeadInput::last, true, "qwen3"}, GradientCase{HeadInput::pooler, true, "modernbert"},
        GradientCase{HeadInput::pooler, true, "bert", 0.0, 2},
        GradientCase{HeadInput::last, true, "gpt2", 0.0, 3},
        GradientCase{HeadInput::last, true, "qwen3", 0.0, 1},
        GradientCase{HeadInput::pooler, true, "modernbert", 0.0, 2}),
    [](const auto& one) {
      return std::string(one.param.family) + "_" + head_input_name(one.param.input) +
             (one.param.dropout ? "_with_dropout" : "") +
             (one.param.language_weight > 0 ? "_and_language" : "") + (one.param.rank > 0 ? "_low_rank" : "");
    });

class ModelTest : public ::testing::Test {
 protected:
  std::unique_ptr<Backend> backend_ = make_cpu_backend(2);
};

TEST_F(ModelTest, RowAloneEqualsRowInBatch) {
  for (const DType precision : {DType::f32, DType::bf16}) {
    Model model = make_model(*backend_, three_heads(), HeadInput::pooler, precision);
    shake_weights(model);
    model.plan(Purpose::inference, 64, 8);
    model.plan(Purpose::training, 64, 8);
    const Batch batch = make_batch(five_lengths, model.config());
    for (const std::optional<uint64_t> key : {std::optional<uint64_t>(), std::optional<uint64_t>(5)}) {
      const Purpose purpose = key ? Purpose::training : Purpose::inference;
      const Model::Output together = model.forward(batch, purpose, key);
      const std::vector<float> hidden = values(together.hidden), logits = values(together.logits[0]);
      const std::vector<float> vectors = values(model.pooled(batch, Pooling::mean, true));
      for (size_t row = 0; row < five_lengths.size(); ++row) {
        const Batch single = make_batch({five_lengths[row]}, model.config(), 3, static_cast<int64_t>(row));
        const Model::Output alone = model.forward(single, purpose, key);
        const auto width = static_cast<size_t>(model.config().hidden);
        const auto part = [](const std::vector<float>& all, size_t first, size_t count) {
          return std::vector<float>(all.begin() + static_cast<std::ptrdiff_t>(first),
                                    all.begin() + static_cast<std::ptrdiff_t>(first + count));
        };
        const auto start = static_cast<size_t>(batch.cu_lengths[row]);
        const double tolerance = precision == DType::f32 ? 1e-5 : 0.02;
        expect_near(values(alone.hidden), part(hidden, start * width, single.ids.size() * width), tolerance);
        expect_near(values(alone.logits[0]), part(logits, row * 3, 3), tolerance);
        expect_near(values(model.pooled(single, Pooling::mean, true)), part(vectors, row * width, width),
                    tolerance);
      }
    }
  }
}

TEST_F(ModelTest, InferenceEqualsTrainingForward) {
  for (const std::string& family : all_families()) {
    SCOPED_TRACE(family);
    Model model = make_model(*backend_, three_heads(), usual_input(family), DType::f32, tiny_family(family));
    shake_weights(model);
    model.plan(Purpose::training, 64, 8);
    const Batch batch = make_batch(five_lengths, model.config());
    const Model::Output output = model.forward(batch, Purpose::training);
    const std::vector<float> training = values(output.hidden), logits = values(output.logits[0]);
    EXPECT_EQ(values(model.hidden_state(2)), training);
    EXPECT_NE(values(model.hidden_state(0)), training);
    EXPECT_NE(values(model.hidden_state(1)), training);
    const Model::Output inference = model.forward(batch, Purpose::inference);
    expect_near(values(inference.hidden), training, 1e-6);
    expect_near(values(inference.logits[0]), logits, 1e-6);
    expect_error(ExitCode::internal, {"training"}, [&] { model.hidden_state(0); });
  }
}

// A causal row's tokens do not know those after them; with a window of 4 in 2 layers not those 7 before them.
TEST_F(ModelTest, TokensSeeWhatTheyMay) {
  const auto changed = [&](const std::string& family, int position) {
    Model model = make_model(*backend_, {}, HeadInput::mean, DType::f32, tiny_family(family));
    model.plan(Purpose::inference, 17, 1);
    Batch batch = make_batch({17}, model.config());
    const std::vector<float> before = values(model.forward(batch, Purpose::inference).hidden);
    batch.ids[static_cast<size_t>(position)] ^= 1;
    const std::vector<float> after = values(model.forward(batch, Purpose::inference).hidden);
    std::vector<int> tokens;
    for (int token = 0; token < 17; ++token) {
      const auto start = static_cast<std::ptrdiff_t>(token * model.config().hidden);
      const auto end = start + static_cast<std::ptrdiff_t>(model.config().hidden);
      if (!std::equal(before.begin() + start, before.begin() + end, after.begin() + start))
        tokens.push_back(token);
    }
    return tokens;
  };
  const auto range = [](int first, int last) {
    std::vector<int> tokens(static_cast<size_t>(last - first));
    std::iota(tokens.begin(), tokens.end(), first);
    return tokens;
  };
  EXPECT_EQ(changed("bert", 5), range(0, 17));
  EXPECT_EQ(changed("gpt2", 5), range(5, 17));
  EXPECT_EQ(changed("llama", 5), range(5, 17));
  EXPECT_EQ(changed("mistral", 5), range(5, 12));
  EXPECT_EQ(changed("modernbert", 5), range(0, 17));
}

TEST_F(ModelTest, UnpooledTokensAreReadButNotPooled) {
  ModelConfig config = tiny_config();
  const Batch batch = make_batch({9, 3}, config);
  const auto run = [&](HeadInput input, int64_t unpooled) {
    config.unpooled_tokens = unpooled;
    Model model = make_model(*backend_, {single_label_head("mood", 2)}, input, DType::f32, config);
    model.plan(Purpose::inference, 12, 2);
    const Model::Output output = model.forward(batch, Purpose::inference);
    return std::array{values(output.hidden), values(output.logits[0]),
                      values(model.pooled(batch, Pooling::mean, false))};
  };
  const auto [hidden, logits, vectors] = run(HeadInput::mean, 2);
  for (int64_t c = 0; c < config.hidden; ++c) {
    float sum = 0.0f;
    for (int64_t token = 2; token < 9; ++token) sum += hidden[static_cast<size_t>(token * config.hidden + c)];
    EXPECT_NEAR(vectors[static_cast<size_t>(c)], sum / 7.0f, 1e-5);
    EXPECT_NEAR(vectors[static_cast<size_t>(config.hidden + c)],
                hidden[static_cast<size_t>(11 * config.hidden + c)], 1e-5);
  }
  const auto whole = run(HeadInput::mean, 0);
  EXPECT_EQ(whole[0], hidden);
  EXPECT_NE(whole[1], logits) << "heads read the pooled vector";
  EXPECT_EQ(run(HeadInput::pooler, 2)[1], run(HeadInput::pooler, 0)[1]) << "the pooler reads the first token";
}

TEST_F(ModelTest, DecodersHaveNoPooler) {
  expect_error(ExitCode::bad_config, {"pooler", "gpt2"}, [&] {
    make_model(*backend_, three_heads(), HeadInput::pooler, DType::f32, tiny_family("gpt2"));
  });
}

TEST_F(ModelTest, Bf16StaysNearF32) {
  for (const HeadInput input : {HeadInput::pooler, HeadInput::mean}) {
    Model exact = make_model(*backend_, three_heads(), input),
          rounded = make_model(*backend_, three_heads(), input, DType::bf16);
    const Batch batch = make_batch(five_lengths, exact.config());
    const auto labels = three_labels();
    const std::vector<double> weights = exact.loss_weights(batch, labels);
    exact.plan(Purpose::training, 64, 8);
    rounded.plan(Purpose::training, 64, 8);
    EXPECT_EQ(rounded.shadow().dtype, DType::bf16);
    EXPECT_TRUE(exact.shadow().absent());
    const auto a = gradients_of(rounded, *backend_, batch, labels, weights);
    const auto b = gradients_of(exact, *backend_, batch, labels, weights);
    expect_near(a, b, 0.05);
    expect_near(values(rounded.forward(batch, Purpose::inference).hidden),
                values(exact.forward(batch, Purpose::inference).hidden), 0.05);
  }
}

TEST_F(ModelTest, DropoutIsAFunctionOfItsKey) {
  Model model = make_model(*backend_, three_heads());
  model.plan(Purpose::training, 64, 8);
  const Batch batch = make_batch(five_lengths, model.config());
  const auto logits = [&](std::optional<uint64_t> key) {
    return values(model.forward(batch, Purpose::training, key).logits[0]);
  };
  const auto first = logits(1);
  EXPECT_NE(logits(2), first);
  EXPECT_NE(logits(std::nullopt), first);
  EXPECT_EQ(logits(1), first);
}

TEST_F(ModelTest, RecomputedActivationsGiveTheSameGradientsInLessMemory) {
  for (const std::string& family : all_families()) {
    SCOPED_TRACE(family);
    ModelConfig config = tiny_family(family);
    config.layers = 4;
    if (!config.windows.empty()) config.windows.resize(4, config.windows.front());
    std::vector<float> gradient[2];
    int64_t bytes[2];
    for (const int recompute : {0, 1}) {
      config.recompute = recompute == 1;
      Model model = make_model(*backend_, three_heads(), usual_input(family), DType::bf16, config);
      shake_weights(model);
      const Batch batch = make_batch(five_lengths, model.config());
      bytes[recompute] = model.plan(Purpose::training, batch.token_count(), batch.row_count());
      const auto labels = three_labels();
      gradient[recompute] =
          gradients_of(model, *backend_, batch, labels, model.loss_weights(batch, labels), 77);
    }
    EXPECT_EQ(gradient[0], gradient[1]);
    EXPECT_LT(bytes[1], 0.75 * static_cast<double>(bytes[0]));
  }
}

TEST_F(ModelTest, PredictedBytesAreWhatPlanUses) {
  const auto heads = three_heads();
  int64_t inference = 0;
  for (const DType precision : {DType::f32, DType::bf16}) {
    for (const Purpose purpose : {Purpose::inference, Purpose::training}) {
      Model model = make_model(*backend_, heads, HeadInput::pooler, precision);
      const int64_t planned = model.plan(purpose, 61, 7);
      EXPECT_EQ(planned, Model::predict_bytes(model.config(), heads, precision, purpose, 61, 7));
      EXPECT_EQ(planned, Model::predict_bytes(tiny_config(), heads, precision, purpose, 61, 7));
      if (purpose == Purpose::training) {
        EXPECT_GT(planned, 2 * inference);
      } else {
        inference = planned;
      }
      EXPECT_EQ(model.gradients().absent(), purpose == Purpose::inference);
    }
  }
}

TEST_F(ModelTest, BatchesBeyondThePlanAreRefused) {
  Model model = make_model(*backend_, {});
  const Batch batch = make_batch({5, 6}, model.config());
  expect_error(ExitCode::internal, {"11 tokens", "2 rows"},
               [&] { model.forward(batch, Purpose::inference); });
  model.plan(Purpose::inference, 11, 2);
  model.forward(batch, Purpose::inference);
  expect_error(ExitCode::internal, {"planned"}, [&] { model.forward(batch, Purpose::training); });
  expect_error(ExitCode::internal, {"planned"}, [&] {
    model.forward(make_batch({5, 7}, model.config()), Purpose::inference);
  });
  expect_error(ExitCode::internal, {"planned"}, [&] {
    model.forward(make_batch({5, 1, 1}, model.config()), Purpose::inference);
  });
  model.plan(Purpose::inference, 40, 2);
  expect_error(ExitCode::internal, {"18 tokens", "17 positions"},
               [&] { model.forward(make_batch({18}, model.config()), Purpose::inference); });
  expect_error(ExitCode::internal, {"not that of the last forward"},
               [&] { model.pooled(make_batch({3}, model.config()), Pooling::mean, false); });
}

TEST_F(ModelTest, HeadWithoutLabelsLeavesNoTrace) {
  Model both = make_model(*backend_, {single_label_head("a", 3), single_label_head("b", 4)}, HeadInput::mean);
  Model one = make_model(*backend_, {single_label_head("a", 3)}, HeadInput::mean);
  const Batch batch = make_batch(five_lengths, one.config());
  both.plan(Purpose::training, 64, 8);
  one.plan(Purpose::training, 64, 8);
  const HeadLabels labels{{2, 0, -1, 1, 1}, {}}, none{{-1, -1, -1, -1, -1}, {}};
  EXPECT_EQ(both.loss_weights(batch, {labels, none}), (std::vector<double>{4.0, 0.0}));
  const auto a = gradients_of(both, *backend_, batch, {labels, none}, {4.0, 0.0});
  const auto b = gradients_of(one, *backend_, batch, {labels}, {4.0});
  for (const ParamSpec& spec : both.parameters().all()) {
    for (int64_t index = 0; index < spec.elements(); ++index) {
      const auto place = static_cast<size_t>(spec.offset + index);
      const float expected = spec.name.starts_with("heads.b.")
                                 ? 0.0f
                                 : b[static_cast<size_t>(one.parameters().find(spec.name).offset + index)];
      ASSERT_EQ(a[place], expected) << spec.name << " " << index;
    }
  }
  expect_error(ExitCode::internal, {"'b'", "total weight"}, [&] {
    both.forward(batch, Purpose::training);
    both.backward(batch, {labels, labels}, {4.0, 0.0}, ignore_layer);
  });
}

TEST_F(ModelTest, ClassWeightsAsByHand) {
  HeadSpec head = single_label_head("sentiment", 3);
  head.class_weight = {0.5f, 1.0f, 2.5f};
  Model model = make_model(*backend_, {head});
  shake_weights(model);
  model.plan(Purpose::training, 64, 8);
  const Batch batch = make_batch(five_lengths, model.config());
  const HeadLabels labels{{2, -1, 0, 1, 2}, {}};
  const std::vector<float> logits = values(model.forward(batch, Purpose::training).logits[0]);
  double sum = 0.0;
  for (size_t row = 0; row < five_lengths.size(); ++row) {
    if (labels.classes[row] < 0) continue;
    const auto label = static_cast<size_t>(labels.classes[row]);
    double total = 0.0;
    for (size_t c = 0; c < 3; ++c) total += std::exp(static_cast<double>(logits[row * 3 + c]));
    sum += head.class_weight[label] * (std::log(total) - logits[row * 3 + label]);
  }
  const Losses loss = model.evaluate_loss(batch, {labels});
  EXPECT_NEAR(loss.sum[0], sum, 1e-5);
  EXPECT_DOUBLE_EQ(loss.weight[0], 2.5 + 0.5 + 1.0 + 2.5);
}

TEST_F(ModelTest, PredictionsAreInTheReadersUnit) {
  Model model = make_model(*backend_, three_heads());
  shake_weights(model);
  model.plan(Purpose::inference, 64, 8);
  const Batch batch = make_batch(five_lengths, model.config());
  const Model::Output output = model.forward(batch, Purpose::inference);
  const auto predictions = model.predictions(output);
  ASSERT_EQ(predictions.size(), 3u);
  for (size_t row = 0; row < five_lengths.size(); ++row) {
    EXPECT_NEAR(predictions[0][row * 3] + predictions[0][row * 3 + 1] + predictions[0][row * 3 + 2], 1.0,
                1e-6);
    const float topic = values(output.logits[1])[row * 2 + 1];
    EXPECT_NEAR(predictions[1][row * 2 + 1], 1.0 / (1.0 + std::exp(-topic)), 1e-6);
    EXPECT_NEAR(predictions[2][row], 20.0 + 4.0 * values(output.logits[2])[row], 1e-4);
  }
}

TEST_F(ModelTest, HalfBatchesAddUpToOne) {
  Model model = make_model(*backend_, three_heads());
  shake_weights(model);
  model.plan(Purpose::training, 64, 8);
  const Batch whole = make_batch(five_lengths, model.config());
  const auto labels = three_labels();
  const std::vector<double> weights = model.loss_weights(whole, labels);
  const auto at_once = gradients_of(model, *backend_, whole, labels, weights, 9);

  const Batch first = make_batch({5, 1}, model.config()),
              second = make_batch({17, 2, 8}, model.config(), 3, 2);
  const auto part = [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
    std::vector<HeadLabels> some(3);
    some[0].classes.assign(labels[0].classes.begin() + begin, labels[0].classes.begin() + end);
    some[1].targets.assign(labels[1].targets.begin() + 2 * begin, labels[1].targets.begin() + 2 * end);
    some[2].targets.assign(labels[2].targets.begin() + begin, labels[2].targets.begin() + end);
    return some;
  };
  backend_->fill_zero(model.gradients());
  model.forward(first, Purpose::training, 9);
  Losses loss = model.backward(first, part(0, 2), weights, ignore_layer);
  model.forward(second, Purpose::training, 9);
  const Losses rest = model.backward(second, part(2, 5), weights, ignore_layer);
  expect_near(values(model.gradients()), at_once, 1e-5);
  for (size_t head = 0; head < 3; ++head) {
    EXPECT_DOUBLE_EQ(loss.weight[head] + rest.weight[head], weights[head]);
  }
}

TEST_F(ModelTest, LayersAreReportedWhenComplete) {
  Model model = make_model(*backend_, three_heads());
  model.plan(Purpose::training, 64, 8);
  const Batch batch = make_batch(five_lengths, model.config());
  const auto labels = three_labels();
  const auto final_gradients =
      gradients_of(model, *backend_, batch, labels, model.loss_weights(batch, labels));
  backend_->fill_zero(model.gradients());
  model.forward(batch, Purpose::training);
  std::vector<int> order;
  int64_t covered = 0;
  model.backward(batch, labels, model.loss_weights(batch, labels), [&](int layer) {
    order.push_back(layer);
    const LayerRange range = model.parameters().layer_range(layer);
    covered += range.elements;
    const auto now = values(model.gradients());
    for (int64_t index = range.offset; index < range.offset + range.elements; ++index) {
      ASSERT_EQ(now[static_cast<size_t>(index)], final_gradients[static_cast<size_t>(index)]) << layer;
    }
  });
  EXPECT_EQ(order, (std::vector<int>{3, 2, 1, 0}));
  EXPECT_EQ(covered, model.parameters().elements());
}

TEST_F(ModelTest, BatchWithoutRows) {
  Model model = make_model(*backend_, three_heads());
  model.plan(Purpose::training, 64, 8);
  const Batch empty = make_batch({}, model.config());
  const Model::Output output = model.forward(empty, Purpose::training, 3);
  EXPECT_EQ(output.hidden.elements(), 0);
  EXPECT_EQ(model.predictions(output).size(), 3u);
  EXPECT_EQ(model.pooled(empty, Pooling::mean, true).elements(), 0);
  const std::vector<HeadLabels> labels(3);
  std::vector<int> order;
  const Losses loss = model.backward(empty, labels, {1, 1, 1}, [&](int layer) { order.push_back(layer); });
  EXPECT_EQ(order, (std::vector<int>{3, 2, 1, 0}));
  EXPECT_EQ(loss.sum, (std::vector<double>{0, 0, 0}));
  for (const float value : values(model.gradients())) ASSERT_EQ(value, 0.0f);
}

TEST_F(ModelTest, InitialisationDependsOnSeedAndNameOnly) {
  Model a = make_model(*backend_, {single_label_head("x", 3)}),
        same = make_model(*backend_, {single_label_head("x", 3)});
  ModelConfig wider = tiny_config();
  wider.vocabulary += 5;
  Model other = make_model(*backend_, {single_label_head("y", 2), single_label_head("x", 3)}, HeadInput::mean,
                           DType::f32, wider);
  EXPECT_EQ(a.download_weights(), same.download_weights());
  const auto weights_of = [](Model& model, const std::string& name) {
    return values(parameter_view(model.weights(), model.parameters().find(name)));
  };
  for (const char* name : {"encoder.layer.1.output.dense.weight", "heads.x.weight"}) {
    EXPECT_EQ(weights_of(a, name), weights_of(other, name));
  }
  Model seeded =
      make_model(*backend_, {single_label_head("x", 3)}, HeadInput::pooler, DType::f32, tiny_config(), 6);
  EXPECT_NE(a.download_weights(), seeded.download_weights());
  const auto word = weights_of(a, "embeddings.word_embeddings.weight");
  const double square = std::inner_product(word.begin(), word.end(), word.begin(), 0.0);
  EXPECT_NEAR(std::sqrt(square / static_cast<double>(word.size())), 0.3, 0.03);
  for (const float one : weights_of(a, "embeddings.LayerNorm.weight")) EXPECT_EQ(one, 1.0f);
  for (const float zero : weights_of(a, "pooler.dense.bias")) EXPECT_EQ(zero, 0.0f);
}

TEST(Parameters, TableIsAlignedAndLayered) {
  ModelConfig config = tiny_config();
  config.has_pooler = true;
  const ParameterTable table(config, {single_label_head("a", 3)}, HeadInput::mean);
  EXPECT_EQ(table.layer_count(), 4);
  int64_t end = 0, count = 0;
  int layer = 0;
  for (const ParamSpec& spec : table.all()) {
    EXPECT_EQ(spec.offset % 16, 0) << spec.name;
    EXPECT_GE(spec.offset, end) << spec.name;
    EXPECT_GE(spec.layer, layer) << spec.name;
    end = spec.offset + spec.elements();
    layer = spec.layer;
    count += spec.elements();
    const bool vector = spec.dims.size() == 1;
    const bool idle = spec.name.starts_with("pooler.");  // no head reads it
    EXPECT_EQ(spec.decay, vector || idle ? Decay::none : Decay::weight_decay) << spec.name;
  }
  EXPECT_EQ(table.parameter_count(), count);
  EXPECT_GE(table.elements(), end);
  int64_t start = 0;
  for (int index = 0; index < table.layer_count(); ++index) {
    EXPECT_EQ(table.layer_range(index).offset, start);
    start += table.layer_range(index).elements;
  }
  EXPECT_EQ(start, table.elements());
  EXPECT_EQ(table.find("encoder.layer.1.attention.self.qkv.weight").dims, (std::vector<int64_t>{36, 12}));
  expect_error(ExitCode::internal, {"'nothing'"}, [&] { table.find("nothing"); });
  expect_error(ExitCode::internal, {"layer 4"}, [&] { table.layer_range(4); });
  expect_error(ExitCode::bad_config, {"'a'"}, [&] {
    ParameterTable(config, {single_label_head("a", 3), single_label_head("a", 2)});
  });
  config.has_pooler = false;
  const ParameterTable bare(config, {});
  EXPECT_EQ(bare.layer_range(3).elements, 0);
}

}  // namespace
}  // namespace limner
