#include <array>
#include <cmath>
#include <limits>

#include "runtime/buffer.h"
#include "runtime/tensor.h"
#include "tests/runtime/temporary_folder.h"

namespace limner {
namespace {

TEST(Tensor, ShapesAndSizes) {
  std::array<float, 24> values{};
  const Tensor tensor(values.data(), DType::f32, {2, 3, 4});
  EXPECT_EQ(tensor.elements(), 24);
  EXPECT_EQ(tensor.bytes(), 96);
  EXPECT_EQ(tensor.rows(), 6);
  EXPECT_EQ(tensor.columns(), 4);
  EXPECT_EQ(tensor.description(), "f32[2, 3, 4]");
  EXPECT_EQ(tensor.slice_rows(1, 1).data, values.data() + 12);
  EXPECT_EQ(tensor.slice_rows(2, 0).elements(), 0);
  EXPECT_EQ(tensor.reshaped({8, 3}).description(), "f32[8, 3]");
}

TEST(Tensor, AbsentHasNothing) {
  const Tensor tensor;
  EXPECT_TRUE(tensor.absent());
  EXPECT_EQ(tensor.elements(), 0);
  EXPECT_EQ(tensor.rows(), 0);
  EXPECT_EQ(tensor.as<float>(), nullptr);
}

TEST(Tensor, MistakesAreInternalErrors) {
  std::array<float, 6> values{};
  const Tensor tensor(values.data(), DType::f32, {2, 3});
  expect_error(ExitCode::internal, {"f32[2, 3]", "bf16"}, [&] { tensor.as<bfloat16>(); });
  expect_error(ExitCode::internal, {"f32[2, 3]", "f32[5]"}, [&] { tensor.reshaped({5}); });
  expect_error(ExitCode::internal, {"rows 1 to 3"}, [&] { tensor.slice_rows(1, 2); });
  expect_error(ExitCode::internal, {"1 to 4 dimensions"}, [&] { Tensor(nullptr, DType::f32, {}); });
  expect_error(ExitCode::internal, {"-1"}, [&] { Tensor(nullptr, DType::f32, {2, -1}); });
}

TEST(Tensor, BfloatRoundsToNearestEven) {
  EXPECT_EQ(bfloat16(1.0f).bits, 0x3f80);
  EXPECT_EQ(bfloat16(1.00390625f).bits, 0x3f80);  // 1 + 2^-8 lies half-way: the even neighbour is 1
  EXPECT_EQ(bfloat16(1.01171875f).bits, 0x3f82);  // 1 + 3 * 2^-8: half-way, up to even
  EXPECT_EQ(bfloat16(std::numeric_limits<float>::max()).bits, 0x7f80);
  EXPECT_TRUE(std::isnan(static_cast<float>(bfloat16(std::nanf("")))));
  EXPECT_EQ(static_cast<float>(bfloat16(-2.5f)), -2.5f);
}

TEST(Buffer, IsZeroedAndAligned) {
  for (const int64_t bytes : {0, 1, 63, 64, 65, 4099}) {
    const Buffer buffer(bytes);
    EXPECT_EQ(buffer.bytes(), bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % 64, 0u);
    for (int64_t index = 0; index < bytes; ++index) {
      ASSERT_EQ(static_cast<const char*>(buffer.data())[index], 0);
    }
  }
#ifndef __SANITIZE_ADDRESS__  // AddressSanitizer ends the process instead
  expect_error(ExitCode::internal, {"out of memory"}, [] { Buffer(int64_t{1} << 60); });
#endif
}

TEST(Arena, MeasuringAndPlacingAgree) {
  const auto lay_out = [](Arena& arena) {
    arena.take(DType::f32, {3, 5});
    const int64_t mark = arena.mark();
    arena.take(DType::bf16, {7});
    arena.take(DType::i64, {1});
    arena.release(mark);
    return arena.take(DType::f32, {2});
  };
  Arena counting;
  EXPECT_EQ(lay_out(counting).data, nullptr);
  const Buffer buffer(counting.high_water_bytes());
  Arena placing(buffer);
  const Tensor last = lay_out(placing);
  EXPECT_EQ(placing.high_water_bytes(), counting.high_water_bytes());
  EXPECT_EQ(placing.used_bytes(), counting.used_bytes());
  EXPECT_EQ(static_cast<std::byte*>(last.data) - static_cast<std::byte*>(buffer.data()), 64);
  EXPECT_LT(counting.used_bytes(), counting.high_water_bytes());
}

TEST(Arena, FullArenaSaysBothSizes) {
  const Buffer buffer(100);
  Arena arena(buffer);
  arena.take(DType::f32, {16});
  expect_error(ExitCode::internal, {"100 bytes", "f32[10]", "104"}, [&] { arena.take(DType::f32, {10}); });
}

}  // namespace
}  // namespace limner
