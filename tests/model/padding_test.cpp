#include "model/padding.h"

#include <cmath>

#include "tests/model/model_testing.h"

namespace limner {
namespace {

using testing::all_families;
using testing::expect_error;
using testing::five_lengths;
using testing::ignore_layer;
using testing::make_batch;
using testing::shake_weights;
using testing::three_heads;
using testing::three_labels;
using testing::tiny_config;
using testing::tiny_family;
using testing::usual_input;
using testing::values;

TEST(PaddedTokens, AreFewSizesAndLittleMore) {
  int64_t sizes = 0, last = 0;
  for (int64_t tokens = 1; tokens <= 1 << 16; ++tokens) {
    const int64_t padded = padded_tokens(tokens);
    ASSERT_GE(padded, tokens);
    ASSERT_GE(padded, last) << "a smaller batch becomes a larger one";
    ASSERT_LE(padded - tokens, std::max<int64_t>(7, tokens / 8)) << tokens;
    ASSERT_EQ(padded_tokens(padded), padded);
    sizes += padded != last;
    last = padded;
  }
  EXPECT_EQ(sizes, 8 + 10 * 8);  // to 64 in steps of 8, then eight an octave
}

TEST(PaddedBatch, HoldsItsRowsThenPaddingWithinTheLimits) {
  const ModelConfig config = tiny_config();
  const Random random(3, "padding test", 0);
  for (uint64_t trial = 0; trial < 300; ++trial) {
    std::vector<int> drawn(1 + random.below(2 * trial, 40));
    const auto longest = 1 + random.below(2 * trial + 1, 17);
    for (size_t row = 0; row < drawn.size(); ++row) {
      drawn[row] = 1 + static_cast<int>(random.below(1000 + 50 * trial + row, longest));
    }
    const Batch batch = make_batch(drawn, config), result = padded(batch);
    ASSERT_EQ(result.token_count(), padded_tokens(batch.token_count()));
    ASSERT_LE(result.row_count(), most_padded_rows(batch.row_count()));
    ASSERT_EQ(result.row_count() & (result.row_count() - 1), 0) << "not a power of two";
    ASSERT_EQ(result.max_length, batch.max_length);
    ASSERT_EQ(result.positions.size(), result.ids.size());
    ASSERT_EQ(result.segments.size(), result.ids.size());
    ASSERT_EQ(result.cu_lengths.back(), result.token_count());
    for (size_t row = 0; row < result.rows.size(); ++row) {
      const int32_t length = result.cu_lengths[row + 1] - result.cu_lengths[row];
      ASSERT_GE(length, 0);
      ASSERT_LE(length, batch.max_length);
    }
    ASSERT_TRUE(std::equal(batch.ids.begin(), batch.ids.end(), result.ids.begin()));
    ASSERT_TRUE(std::equal(batch.rows.begin(), batch.rows.end(), result.rows.begin()));
    ASSERT_TRUE(std::equal(batch.cu_lengths.begin(), batch.cu_lengths.end(), result.cu_lengths.begin()));
    const Batch again = padded(result);
    ASSERT_EQ(again.ids, result.ids);
    ASSERT_EQ(again.rows, result.rows);
  }
  EXPECT_EQ(padded(make_batch({}, config)).row_count(), 0);
  Batch pairs = make_batch({3, 3}, config);
  pairs.paired = true;
  expect_error(ExitCode::internal, {"pairs"}, [&] { static_cast<void>(padded(pairs)); });
}

// No result of a row, and no gradient, knows of the padding.
TEST(PaddedBatch, ChangesNoResult) {
  const auto backend = make_cpu_backend(1);
  for (const std::string& family : all_families()) {
    for (const double language_weight : {0.0, 0.5}) {
      ModelConfig config = tiny_family(family);
      config.language_weight = family == "bert" || family == "gpt2" ? language_weight : 0.0;
      const std::vector<HeadSpec> heads = three_heads();
      const std::vector<HeadLabels> labels = three_labels();
      Batch batch = make_batch(five_lengths, config);  // 33 tokens: 7 of padding
      if (config.has_language_head()) {
        batch.target_places = {2, 7, 30};
        batch.target_ids = {4, 5, 6};
      }
      const Batch with_padding = padded(batch);
      ASSERT_EQ(with_padding.row_count(), 8);
      Model model(*backend, config, heads, usual_input(family), DType::f32);
      model.initialize(5);
      shake_weights(model);
      model.plan(Purpose::training, with_padding.token_count(), with_padding.row_count());
      const std::vector<double> weights = model.loss_weights(batch, labels);
      const std::vector<HeadLabels> padded_labels =
          padded(labels, heads, batch.row_count(), with_padding.row_count());
      EXPECT_EQ(model.loss_weights(with_padding, padded_labels), weights);

      std::vector<HeadLabels> too_few = labels;
      too_few[1].targets.pop_back();
      expect_error(ExitCode::internal, {"'topics'", "9 labels, 5 rows want 10"},
                   [&] { static_cast<void>(padded(too_few, heads, 5, 8)); });

      struct Found {
        Losses losses;
        std::vector<float> gradients, vectors;
        std::vector<std::vector<float>> predictions;
      };
      const auto run = [&](const Batch& which, const std::vector<HeadLabels>& answers) {
        Found found;
        backend->fill_zero(model.gradients());
        const Model::Output output = model.forward(which, Purpose::training, 99);
        found.predictions = model.predictions(output);
        found.vectors = values(model.pooled(which, Pooling::weighted_mean, true));
        found.losses = model.backward(which, answers, weights, ignore_layer);
        found.gradients = values(model.gradients());
        return found;
      };
      const Found plain = run(batch, labels), other = run(with_padding, padded_labels);
      for (size_t i = 0; i < weights.size(); ++i) {
        EXPECT_NEAR(other.losses.sum[i], plain.losses.sum[i], 1e-5 * plain.losses.sum[i]) << family;
      }
      for (size_t i = 0; i < plain.vectors.size(); ++i) {
        ASSERT_NEAR(other.vectors[i], plain.vectors[i], 1e-5) << family;
      }
      for (size_t head = 0; head < heads.size(); ++head) {
        for (size_t i = 0; i < plain.predictions[head].size(); ++i) {
          ASSERT_NEAR(other.predictions[head][i], plain.predictions[head][i],
                      1e-5 * (1.0 + std::abs(plain.predictions[head][i])))
              << family;
        }
      }
      double most = 0.0;
      for (const float gradient : plain.gradients) most = std::max(most, std::abs(double{gradient}));
      for (size_t i = 0; i < plain.gradients.size(); ++i) {
        ASSERT_NEAR(other.gradients[i], plain.gradients[i], 1e-5 * most) << family << ", element " << i;
      }
    }
  }
}

}  // namespace
}  // namespace limner
