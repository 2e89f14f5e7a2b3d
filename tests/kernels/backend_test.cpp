// What a backend does besides its operations: memory, copies, its name.
#include "operand.h"
#include "reference.h"

namespace limner::test {

TEST(BackendTest, SaysWhatItIs) {
  const auto backend = make_backend(2);
  EXPECT_EQ(backend->device(), device_memory(64).device());
  const std::string name = backend->device() == Device::cpu ? "cpu: " : "cuda: ";
  EXPECT_TRUE(backend->description().starts_with(name)) << backend->description();
}

TEST(BackendTest, AllocatesZeros) {
  const auto backend = make_backend(1);
  const Buffer buffer = backend->allocate(1000);
  EXPECT_EQ(buffer.device(), backend->device());
  std::vector<std::byte> bytes(1000, std::byte{1});
  backend->download(bytes.data(), Tensor(buffer.data(), DType::i32, {250}, backend->device()));
  EXPECT_EQ(bytes, std::vector<std::byte>(1000));
}

TEST(BackendTest, ReserveAndSynchronizeChangeNoResult) {
  const auto backend = make_backend(2), other = make_backend(2);
  backend->reserve(40, 200);
  const Operand x(DType::f32, {40, 50}, 1), y(DType::f32, {40, 50}), z(DType::f32, {40, 50});
  const Rows rows({40});
  backend->dropout(y, x, {0.5f, 1}, rows);
  backend->synchronize();
  other->dropout(z, x, {0.5f, 1}, rows);
  EXPECT_EQ(y.bytes(), z.bytes());
}

TEST(BackendTest, UploadIsDoneWithItsSource) {
  const auto backend = make_backend(1);
  const Operand device(DType::f32, {100});
  std::vector<float> values(100, 1.0f);
  backend->upload(device, values.data());
  values.assign(100, 2.0f);
  EXPECT_EQ(device.values(), std::vector<double>(100, 1.0));
}

TEST(BackendTest, OthersSeeWhatWasWaitedFor) {
  const auto backend = make_backend(1), other = make_backend(1);
  const Operand x(DType::f32, {40, 50}, 1), y(DType::f32, {40, 50});
  backend->dropout(y, x, {0.5f, 1}, Rows({40}));
  backend->synchronize();
  std::vector<std::byte> seen(static_cast<size_t>(y.tensor().bytes()));
  other->download(seen.data(), y);
  EXPECT_EQ(seen, y.bytes());
  const Buffer buffer = backend->allocate(1000);
  std::vector<std::byte> zeros(1000, std::byte{1});
  other->download(zeros.data(), Tensor(buffer.data(), DType::i32, {250}, buffer.device()));
  EXPECT_EQ(zeros, std::vector<std::byte>(1000));
}

// Nothing waits between these: what is copied for one must not be overwritten for a later one.
TEST(BackendTest, ManyOperationsAheadKeepTheirPackings) {
  const auto backend = make_backend(1), other = make_backend(1);
  std::vector<int32_t> lengths(15000);
  lengths.back() = 1;
  constexpr int kOperations = 16;
  const Operand x(DType::f32, {1, 64}, 1), expected(DType::f32, {1, 64});
  std::vector<std::unique_ptr<Operand>> results;
  for (int i = 0; i < kOperations; ++i)
    results.push_back(std::make_unique<Operand>(DType::f32, std::vector<int64_t>{1, 64}));
  const auto rows = [&](int i) { return Rows(lengths, 1 + 100000 * int64_t{i}); };
  for (int i = 0; i < kOperations; ++i)
    backend->dropout(*results[static_cast<size_t>(i)], x, {0.5f, 7}, rows(i));
  for (int i = 0; i < kOperations; ++i) {
    other->dropout(expected, x, {0.5f, 7}, rows(i));
    EXPECT_EQ(results[static_cast<size_t>(i)]->bytes(), expected.bytes()) << "operation " << i;
  }
}

TEST(BackendTest, WorkAsOneIsTheSameWork) {
  const auto backend = make_backend(1);
  const Operand x(DType::f32, {40, 50}, 1), y(DType::f32, {40, 50});
  for (int time = 0; time < 3; ++time) {
    backend->as_one([&] {
      backend->cast(y, x);
      backend->add(y, x);
    });
    EXPECT_NEAR(backend->sum_of_squares(y), 4.0 * backend->sum_of_squares(x), 1e-3);
  }
  EXPECT_THROW(backend->as_one([] { fail(ExitCode::internal, "in the middle"); }), Error);
  backend->as_one([&] { backend->fill_zero(y); });
  EXPECT_EQ(backend->sum_of_squares(y), 0.0);
  // Graphs are off.
  EXPECT_EQ(backend->preferred_shapes(), Shapes::any);
  EXPECT_EQ(backend->graph_use().pieces, 0);
}

}  // namespace limner::test
