// Training and inference with CUDA graphs on the emulated module: the same bits as without, for batches whose
// shapes come again and again, on one rank and on two.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/select.h"
#include "model/padding.h"
#include "tests/model/model_testing.h"

namespace limner::testing {
namespace {

std::unique_ptr<Backend> backend_with(Graphs graphs, const Communicator& ranks) {
  RuntimeSettings settings;
  settings.device = "cuda";
  settings.cuda_graphs = graphs == Graphs::on;
  auto backend = select_backend(settings, 1, ranks);
  EXPECT_EQ(backend->device(), Device::cuda);
  EXPECT_EQ(backend->preferred_shapes(), graphs == Graphs::on ? Shapes::few : Shapes::any);
  EXPECT_EQ(backend->preferred_shapes(), select_shapes(settings)) << "what limner check takes it for";
  return backend;
}

// What varies between the runs below.
struct Case {
  std::string name, family;
  DType precision = DType::bf16;
  bool recompute = false, lora = false;
  double language_weight = 0.0;
};

ModelConfig config_of(const Case& chosen) {
  ModelConfig config = tiny_family(chosen.family);
  config.hidden = 64;
  config.heads = 2;
  config.inner = 40;
  config.max_positions = 200;
  config.initializer_range = 0.05f;
  if (chosen.family == "qwen3") config.head_width = 32;
  if (chosen.family == "mistral") config.windows = {20, 70};
  if (chosen.family == "modernbert") config.windows = {0, 12};
  config.recompute = chosen.recompute;
  config.language_weight = chosen.language_weight;
  if (chosen.lora) config.lora = {2, 4.0, 0.1f, {"all-linear"}, {}, {}};
  return config;
}

struct Work {
  Batch batch;
  std::vector<HeadLabels> labels;
};

// Three shapes, of which one has a row that is too long for the kernels of short rows; other rows each time.
Work work_of(const ModelConfig& config, int number, int rank) {
  const std::vector<std::vector<int>> shapes{{9, 17, 1, 12, 5}, {30, 2, 3}, {130, 4}};
  std::vector<int> lengths = shapes[static_cast<size_t>(number) % shapes.size()];
  lengths.back() += number / 3 % 3 + rank;  // not the same shape, but padded to the same
  Work work;
  work.batch = make_batch(lengths, config, 3, 100 * number + 10 * rank);
  const float missing = std::numeric_limits<float>::quiet_NaN();
  work.labels.resize(3);
  for (const int64_t row : work.batch.rows) {
    const bool absent = row % 7 == 6;
    work.labels[0].classes.push_back(absent ? -1 : static_cast<int32_t>(row % 3));
    for (const int64_t topic : {2, 5}) {
      work.labels[1].targets.push_back(absent ? missing : static_cast<float>(row / topic % 2));
    }
    work.labels[2].targets.push_back(row % 5 == 0 ? missing : static_cast<float>(15 + row % 10));
  }
  if (config.has_language_head()) {
    for (int i = 0; i < 3 + number % 2; ++i) {
      work.batch.target_places.push_back(4 * i + 1);
      work.batch.target_ids.push_back(i + 2);
    }
  }
  // Both runs compute the padding, so that they differ in nothing but the graphs.
  const int64_t rows = padded(work.batch).row_count();
  work.labels = padded(std::move(work.labels), three_heads(), work.batch.row_count(), rows);
  work.batch = padded(work.batch);
  return work;
}

struct Course {
  std::vector<double> losses, norms;
  std::vector<float> weights, vectors;
  GraphUse use;
};

// Two batches a step, as gradient accumulation has them; each layer's gradients are summed over the ranks as
// soon as they are complete.
Course train(Graphs graphs, const Case& chosen, int steps, const Communicator& ranks) {
  const auto backend = backend_with(graphs, ranks);
  const ModelConfig config = config_of(chosen);
  Model model(*backend, config, three_heads(), usual_input(chosen.family), chosen.precision);
  model.initialize(7);
  EXPECT_EQ(model.plan(Purpose::training, 160, 16),
            Model::predict_bytes(config, three_heads(), chosen.precision, Purpose::training, 160, 16,
                                 backend->preferred_shapes()));
  const int64_t elements = model.parameters().trained_elements();
  const Buffer moments = backend->allocate(2 * elements * static_cast<int64_t>(sizeof(float)));
  const Tensor both(moments.data(), DType::f32, {2 * elements}, backend->device());
  const auto reducer = select_reducer(*backend, ranks);
  const Tensor shadow = model.shadow();
  Course course;
  for (int step = 1; step <= steps; ++step) {
    backend->fill_zero(model.gradients());
    const std::vector<double> total(model.objectives().size(), 20.0);
    for (const int half : {0, 1}) {
      const Work work = work_of(config, 2 * step + half, ranks.rank());
      model.forward(work.batch, Purpose::training, static_cast<uint64_t>(2 * step + half));
      const Model::Loss loss = model.backward(work.batch, work.labels, total, [&](int layer) {
        const auto range = model.parameters().layer_range(layer);
        if (half == 0 || range.elements == 0) return;
        reducer->start_sum(model.gradients().slice_rows(range.offset, range.elements), "sum gradients");
        reducer->progress();
      });
      course.losses.insert(course.losses.end(), loss.sum.begin(), loss.sum.end());
    }
    reducer->finish();
    course.norms.push_back(std::sqrt(backend->sum_of_squares(model.gradients())));
    backend->as_one([&] {
      for (const int64_t part : {0, 1}) {  // as ranges with and without decay
        const int64_t first = part * (elements / 2), count = part == 0 ? elements / 2 : elements - first;
        const auto of = [&](const Tensor& whole) { return whole.slice_rows(first, count); };
        backend->adamw(of(model.weights()), shadow.absent() ? shadow : of(shadow), of(both),
                       both.slice_rows(elements + first, count), of(model.gradients()),
                       {1e-3f / static_cast<float>(step), 0.9f, 0.999f, 1e-8f,
                        0.01f * static_cast<float>(part), step, 0.5f});
      }
    });
  }
  for (int number = 0; number < 6; ++number) {
    const Work work = work_of(config, number, 0);
    const std::vector<std::vector<float>> predictions =
        model.predictions(model.forward(work.batch, Purpose::inference));
    for (const auto& head : predictions)
      course.vectors.insert(course.vectors.end(), head.begin(), head.end());
    const std::vector<float> pooled = model.download(model.pooled(work.batch, Pooling::mean, true));
    course.vectors.insert(course.vectors.end(), pooled.begin(), pooled.end());
  }
  course.weights = model.download(model.trained_weights());
  course.use = backend->graph_use();
  return course;
}

class GraphsModel : public ::testing::TestWithParam<Case> {};

TEST_P(GraphsModel, GivesTheBitsOfPlainCalls) {
  const Communicator ranks = Communicator::world();
  // The first of each shape makes its calls, the second its graph.
  const bool long_course = GetParam().name == "bert" || GetParam().name == "recompute";
  const int steps = long_course ? 22 : 7;
  const Course plain = train(Graphs::off, GetParam(), steps, ranks),
               found = train(Graphs::on, GetParam(), steps, ranks);
  EXPECT_EQ(plain.use.pieces, 0);
  EXPECT_GT(found.use.pieces, 4 * steps);
  EXPECT_GT((long_course ? 2 : 3) * found.use.replayed, found.use.pieces) << "work should come again";
  EXPECT_EQ(found.losses, plain.losses);
  EXPECT_EQ(found.norms, plain.norms);
  EXPECT_EQ(found.weights, plain.weights);
  EXPECT_EQ(found.vectors, plain.vectors);
  EXPECT_TRUE(std::isfinite(plain.norms.back()));
  EXPECT_NE(plain.norms.front(), plain.norms.back());
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const std::string& family : all_families()) all.push_back({family, family});
  all.push_back({"f32", "bert", DType::f32});
  all.push_back({"recompute", "bert", DType::bf16, true});
  all.push_back({"low_rank", "llama", DType::bf16, false, true});
  all.push_back({"language", "bert", DType::bf16, false, false, 0.5});
  return all;
}
INSTANTIATE_TEST_SUITE_P(All, GraphsModel, ::testing::ValuesIn(cases()),
                         [](const auto& one) { return one.param.name; });

// With graphs the model pads by itself: rows have the results that they have without.
TEST(GraphsModel, PadsByItself) {
  const Communicator ranks = Communicator::self();
  const Case bert{"bert", "bert", DType::f32};
  const ModelConfig config = config_of(bert);
  const Batch batch = make_batch({30, 2, 3}, config);
  const std::vector<HeadLabels> labels{
      {{0, 2, -1}, {}}, {{}, {1, 0, 0, 1, 1, 1}}, {{}, {24.0f, 11.0f, 19.0f}}};
  struct Found {
    std::vector<double> losses;
    std::vector<float> gradients, vectors;
    std::vector<std::vector<float>> predictions;
    int64_t logits_rows, tokens;
  };
  const auto run = [&](Graphs graphs) {
    const auto backend = backend_with(graphs, ranks);
    Model model(*backend, config, three_heads(), HeadInput::pooler, DType::f32);
    model.initialize(7);
    model.plan(Purpose::training, batch.token_count(), batch.row_count());
    Found found;
    for (int time = 0; time < 3; ++time) {
      backend->fill_zero(model.gradients());
      const Model::Output output = model.forward(batch, Purpose::training, 5);
      found.logits_rows = output.logits.front().rows();
      found.tokens = output.hidden.rows();
      found.predictions = model.predictions(output);
      found.vectors = model.download(model.pooled(batch, Pooling::mean, true));
      found.losses = model.backward(batch, labels, {3.0, 3.0, 3.0}, ignore_layer).sum;
      found.gradients = model.download(model.gradients());
    }
    model.forward(make_batch({}, config), Purpose::inference);
    EXPECT_TRUE(model.predictions({Tensor(), std::vector<Tensor>(3)}).front().empty());
    return found;
  };
  const Found plain = run(Graphs::off), found = run(Graphs::on);
  EXPECT_EQ(found.logits_rows, 3);
  EXPECT_EQ(found.tokens, 35);
  ASSERT_EQ(found.vectors.size(), plain.vectors.size());
  for (size_t i = 0; i < found.vectors.size(); ++i) ASSERT_NEAR(found.vectors[i], plain.vectors[i], 1e-5);
  for (size_t head = 0; head < 3; ++head) {
    EXPECT_NEAR(found.losses[head], plain.losses[head], 1e-5 * plain.losses[head]);
    ASSERT_EQ(found.predictions[head].size(), plain.predictions[head].size());
    for (size_t i = 0; i < found.predictions[head].size(); ++i) {
      EXPECT_NEAR(found.predictions[head][i], plain.predictions[head][i], 1e-4);
    }
  }
  for (size_t i = 0; i < found.gradients.size(); ++i) {
    ASSERT_NEAR(found.gradients[i], plain.gradients[i], 1e-4) << "element " << i;
  }
}

// What is wrong with a batch is found as without graphs, and the backend goes on.
TEST(GraphsModel, AnErrorInTheMiddleLeavesTheBackendAsItWas) {
  const auto backend = backend_with(Graphs::on, Communicator::self());
  const ModelConfig config = config_of({"bert", "bert"});
  Model model(*backend, config, three_heads(), HeadInput::pooler, DType::bf16);
  model.initialize(7);
  model.plan(Purpose::training, 160, 16);
  const Work work = work_of(config, 0, 0);
  const auto vectors = [&] {
    model.forward(work.batch, Purpose::inference);
    return model.download(model.pooled(work.batch, Pooling::mean, true));
  };
  const std::vector<float> expected = vectors();
  vectors();
  Batch wrong = work.batch;
  wrong.ids.front() = static_cast<int32_t>(config.vocabulary);
  expect_error(ExitCode::internal, {"embedding_forward", "word id"},
               [&] { model.forward(wrong, Purpose::inference); });
  std::vector<HeadLabels> wrong_labels = work.labels;
  wrong_labels[0].classes.front() = 3;
  model.forward(work.batch, Purpose::training, 1);
  expect_error(ExitCode::internal, {"class 3 of 3"}, [&] {
    model.backward(work.batch, wrong_labels, {9.0, 9.0, 9.0}, ignore_layer);
  });
  wrong_labels = work.labels;
  wrong_labels[0].classes.pop_back();
  model.forward(work.batch, Purpose::training, 1);
  expect_error(ExitCode::internal, {"'sentiment'", "7 labels, 8 rows want 8"}, [&] {
    model.backward(work.batch, wrong_labels, {9.0, 9.0, 9.0}, ignore_layer);
  });
  EXPECT_EQ(vectors(), expected);
}

}  // namespace
}  // namespace limner::testing
