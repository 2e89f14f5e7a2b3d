// Low-rank updates and frozen layers: what is trained, what is kept, and adapter folders out and in.
#include <cstring>

#include "model/adapter_config.h"
#include "model/low_rank.h"
#include "model/sentence_config.h"
#include "model/weight_files.h"
#include "tests/model/model_testing.h"

namespace limner {
namespace {

using testing::expect_error;
using testing::make_batch;
using testing::make_model;
using testing::shake_weights;
using testing::single_label_head;
using testing::TemporaryFolder;
using testing::tiny_config;
using testing::tiny_family;
using testing::usual_input;
using testing::values;

const std::vector<int> lengths{5, 1, 9, 2};

Lora lora_of(int64_t rank, std::vector<std::string> targets) {
  return {rank, 2.0 * static_cast<double>(rank), 0.0f, std::move(targets), {}, {}};
}

std::vector<HeadSpec> one_head() { return {single_label_head("mood", 3)}; }

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  double difference = 0.0;
  for (size_t index = 0; index < a.size(); ++index) {
    difference = std::max(difference, std::abs(static_cast<double>(a[index]) - b[index]));
  }
  return difference;
}

TEST(LowRankTable, TrainedFirstThenWhatIsFrozen) {
  ModelConfig config = tiny_config();
  config.has_pooler = true;
  config.lora = lora_of(2, {"query", "value", "intermediate.dense"});
  const ParameterTable table(config, one_head(), HeadInput::pooler);
  int64_t trained = 0;
  bool frozen = false;
  for (const ParamSpec& spec : table.all()) {
    const bool expected = spec.role == Role::update || spec.role == Role::head || spec.role == Role::pooler;
    EXPECT_EQ(spec.trained, expected) << spec.name;
    EXPECT_FALSE(frozen && spec.trained) << spec.name << " behind what is frozen";
    frozen = frozen || !spec.trained;
    if (spec.trained) {
      trained += spec.elements();
      EXPECT_LE(spec.offset + spec.elements(), table.trained_elements()) << spec.name;
    } else {
      EXPECT_EQ(spec.offset < table.f32_elements(), spec.f32) << spec.name;
    }
  }
  // Two layers of (2 x 12 + 12 x 2) twice and 2 x 12 + 19 x 2; pooler and classifier.
  EXPECT_EQ(trained, 2 * (2 * 48 + 62) + (12 * 12 + 12) + (3 * 12 + 3));
  EXPECT_EQ(table.trained_count(), trained);
  int64_t end = 0;
  for (int layer = 0; layer < table.layer_count(); ++layer) {
    EXPECT_EQ(table.layer_range(layer).offset, end);
    end += table.layer_range(layer).elements;
  }
  EXPECT_EQ(end, table.trained_elements());
  EXPECT_EQ(table.layer_range(0).elements, 0);
  EXPECT_FALSE(table.has("encoder.layer.0.attention.self.key.lora_A.weight"));
  EXPECT_EQ(table.find("encoder.layer.1.attention.self.value.lora_B.weight").dims,
            (std::vector<int64_t>{12, 2}));
}

class LowRank : public ::testing::Test {
 protected:
  std::unique_ptr<Backend> backend_ = make_cpu_backend(2);
  TemporaryFolder base_, adapter_;

  std::vector<float> logits(Model& model, const Batch& batch, Purpose purpose = Purpose::inference) {
    model.plan(purpose, batch.token_count(), batch.row_count());
    return values(model.forward(batch, purpose).logits[0]);
  }

  Model save_base(const std::string& family, HeadInput input) {
    Model model = make_model(*backend_, one_head(), input, DType::f32, tiny_family(family));
    shake_weights(model);
    save_model(model, base_.path(), {});
    return model;
  }
  Model make_updated(const std::string& family, HeadInput input, const Lora& lora,
                     DType precision = DType::f32) {
    ModelConfig config = tiny_family(family);
    config.has_pooler = input == HeadInput::pooler;
    config.lora = lora;
    config.lora.base = base_.path();
    config.lora.base_sha256 = checkpoint_sha256(base_.path());
    return make_model(*backend_, one_head(), input, precision, config);
  }
};

TEST_F(LowRank, BeginsAsItsBaseAndTouchesNothingElse) {
  for (const char* family : {"bert", "gpt2"}) {
    const HeadInput input = usual_input(family);
    Model base = save_base(family, input);
    Model model = make_updated(family, input, lora_of(3, {"all-linear"}));
    EXPECT_TRUE(model.load(base_.path()).empty());
    const Batch batch = make_batch(lengths, model.config());
    EXPECT_LE(largest_difference(logits(model, batch), logits(base, batch)), 1e-6);
    EXPECT_EQ(logits(model, batch, Purpose::inference), logits(model, batch, Purpose::training));
    EXPECT_EQ(model.gradients().elements(), model.parameters().trained_elements());
  }
}

TEST_F(LowRank, AdapterRoundTripsAndIsReadAsAWholeModel) {
  for (const char* family : {"bert", "gpt2"}) {
    const HeadInput input = usual_input(family);
    save_base(family, input);
    const Lora lora = lora_of(3, {"all-linear"});
    Model model = make_updated(family, input, lora);
    model.load(base_.path());
    shake_weights(model, 23);  // what is frozen too: only what is trained may come back
    model.load(base_.path());  // the base again; updates stay as they are
    save_model(model, adapter_.path(), {});
    EXPECT_FALSE(std::filesystem::exists(adapter_ / "model.safetensors"));

    Model back = make_updated(family, input, lora);
    EXPECT_TRUE(back.load(adapter_.path()).empty());
    EXPECT_EQ(values(back.weights()), values(model.weights()));

    HeadInput recorded = HeadInput::mean;
    const std::vector<HeadSpec> heads = read_heads(adapter_.path(), recorded);
    EXPECT_EQ(recorded, input);
    Model whole(*backend_, ModelConfig::read(adapter_.path()), heads, recorded, DType::f32);
    EXPECT_TRUE(whole.load(adapter_.path()).empty());
    EXPECT_EQ(whole.parameters().trained_elements(), whole.parameters().elements());
    const Batch batch = make_batch(lengths, model.config());
    EXPECT_LE(largest_difference(logits(whole, batch), logits(model, batch)), 1e-5);
  }
}

TEST_F(LowRank, AdaptersThatDoNotFitAreRefused) {
  save_base("bert", HeadInput::pooler);
  Model model = make_updated("bert", HeadInput::pooler, lora_of(3, {"query", "key"}));
  model.load(base_.path());
  save_model(model, adapter_.path(), {});
  const auto load_with = [&](const Lora& lora) {
    make_updated("bert", HeadInput::pooler, lora).load(adapter_.path());
  };
  expect_error(ExitCode::bad_config, {"query.lora_A.weight", "[3, 12]", "[2, 12]"}, [&] {
    load_with(lora_of(2, {"query", "key"}));
  });
  expect_error(ExitCode::bad_config, {"value.lora_A.weight", "train.lora.targets"}, [&] {
    load_with(lora_of(3, {"query", "key", "value"}));
  });
  expect_error(ExitCode::bad_config, {"attention.self.key.weight", "limner merge"},
               [&] { load_with(lora_of(3, {"query"})); });
  Lora louder = lora_of(3, {"query", "key"});
  louder.alpha *= 2;
  expect_error(ExitCode::bad_config, {"scaled by 2", "4"}, [&] { load_with(louder); });

  // Another base: as large, other weights.
  Model other = make_model(*backend_, one_head(), HeadInput::pooler, DType::f32, tiny_family("bert"), 6);
  save_model(other, base_.path(), {});
  expect_error(ExitCode::bad_data, {"adapter_model.safetensors", "base", "SHA-256"}, [&] {
    load_with(lora_of(3, {"query", "key"}));
  });
}

TEST_F(LowRank, FrozenMatricesAreHeldInBf16Alone) {
  save_base("llama", HeadInput::last);
  Model exact = make_updated("llama", HeadInput::last, lora_of(2, {"q_proj", "down_proj"}));
  Model model = make_updated("llama", HeadInput::last, lora_of(2, {"q_proj", "down_proj"}), DType::bf16);
  for (Model* one : {&exact, &model}) one->load(base_.path());
  const ParameterTable& table = model.parameters();
  EXPECT_EQ(model.weights().elements(), table.f32_elements());
  EXPECT_LT(table.f32_elements(), table.elements() / 4);
  EXPECT_EQ(model.shadow().elements(), table.elements());
  const Batch batch = make_batch(lengths, model.config());
  EXPECT_LE(largest_difference(logits(model, batch), logits(exact, batch)), 0.1);
}

// Frozen layers keep no gradients; those of the others are what they were.
TEST_F(LowRank, FrozenLayersHaveNoGradients) {
  for (const char* family : {"bert", "llama"}) {
    for (const Freeze& freeze : {Freeze{true, 0}, Freeze{true, 1}, Freeze{false, 1}, Freeze{true, 2}}) {
      const HeadInput input = usual_input(family);
      ModelConfig config = tiny_family(family);
      Model all = make_model(*backend_, one_head(), input, DType::f32, config);
      config.freeze = freeze;
      Model part = make_model(*backend_, one_head(), input, DType::f32, config);
      EXPECT_EQ(part.parameters().elements(), all.parameters().elements());
      const Batch batch = make_batch(lengths, config);
      const std::vector<HeadLabels> labels{{{2, 0, 1, 1}, {}}};
      std::vector<int> reported;
      for (Model* model : {&all, &part}) {
        model->plan(Purpose::training, batch.token_count(), batch.row_count());
        reported.clear();
        model->forward(batch, Purpose::training, 7);
        model->backward(batch, labels, {4.0}, [&](int layer) { reported.push_back(layer); });
        EXPECT_EQ(reported, (std::vector<int>{3, 2, 1, 0}));
      }
      const std::vector<float> whole = values(all.gradients()), some = values(part.gradients());
      for (const ParamSpec& spec : part.parameters().all()) {
        EXPECT_EQ(spec.trained, !freeze.holds(spec.layer)) << spec.name;
        if (!spec.trained) continue;
        const float* const expected = whole.data() + all.parameters().find(spec.name).offset;
        EXPECT_EQ(std::memcmp(some.data() + spec.offset, expected,
                              static_cast<size_t>(spec.elements()) * sizeof(float)),
                  0)
            << spec.name;
      }
    }
  }
}

}  // namespace
}  // namespace limner
