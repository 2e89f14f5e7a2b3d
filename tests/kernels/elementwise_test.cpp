#include "compare.h"
#include "operand.h"
#include "reference.h"
#include "runtime/error.h"

namespace limner::test {

const int64_t kCounts[] = {0, 1, 15, 16, 17, 1009, 16385, 40000};

TEST(Elementwise, CastRoundsLikeTheScalarType) {
  const auto backend = make_backend(2);
  for (const int64_t count : kCounts) {
    const Operand x(DType::f32, {count}, 1, 1e3), y(DType::bf16, {count}), back(DType::f32, {count});
    backend->cast(y, x);
    const Operand expected(DType::bf16, {count}, 1, 1e3);
    EXPECT_EQ(y.bytes(), expected.bytes());
    backend->cast(back, y);
    EXPECT_EQ(back.values(), expected.values());
    backend->cast(back, x);
    EXPECT_EQ(back.bytes(), x.bytes()) << "without a change of type";
  }
}

TEST(Elementwise, CastOfSpecialValues) {
  const auto backend = make_backend(1);
  const Doubles special{INFINITY, -INFINITY, -0.0, 1e-40, 3.4e38, 1.00390625, 1.01171875};
  const Operand x(DType::f32, {7}, special), y(DType::bf16, {7}), expected(DType::bf16, {7}, special);
  backend->cast(y, x);
  EXPECT_EQ(y.bytes(), expected.bytes());
  const Operand none(DType::f32, {2}, Doubles{NAN, -NAN}), rounded(DType::bf16, {2});
  backend->cast(rounded, none);
  for (const double value : rounded.values()) EXPECT_TRUE(std::isnan(value));
}

class ElementwiseTypes : public KernelTest {};

TEST_P(ElementwiseTypes, AddAndFill) {
  for (const int64_t count : kCounts) {
    const Operand dst(dtype(), {count}, 2), src(dtype(), {count}, 3);
    Doubles expected = dst.values();
    const Doubles other = src.values();
    for (size_t i = 0; i < expected.size(); ++i) expected[i] += other[i];
    backend_->add(dst, src);
    expect_close(dst.values(), expected, tolerance(dtype(), 1), "dst");
    backend_->fill_zero(dst);
    EXPECT_EQ(largest(dst.values()), 0.0);
  }
  const Operand dst(dtype(), {4}, 4), longer(dtype(), {5}, 5);
  EXPECT_THROW(backend_->add(dst, longer), Error);
  EXPECT_THROW(backend_->cast(dst, longer), Error);
}

TEST_P(ElementwiseTypes, ColumnsEqualReference) {
  const double factor = -1.5;
  for (const int64_t rows : {0, 1, 33, 301}) {
    for (const int64_t columns : {1, 7, 8, 17, 101}) {
      for (const auto& [before, behind] : {std::pair<int64_t, int64_t>{0, 0}, {0, 5}, {3, 0}, {8, 16}}) {
        const int64_t width = before + columns + behind;
        const Operand whole(dtype(), {rows, width}, 7), part(dtype(), {rows, columns}, 8);
        const Operand copy(dtype(), {rows, columns});
        const Doubles outer = whole.values(), inner = part.values();
        Doubles sum = outer, scaled(inner.size());
        for (int64_t row = 0; row < rows; ++row) {
          for (int64_t column = 0; column < columns; ++column) {
            const auto at = static_cast<size_t>(row * width + before + column);
            const auto here = static_cast<size_t>(row * columns + column);
            sum[at] += factor * inner[here];
            scaled[here] = factor * outer[at];
          }
        }
        backend_->copy_columns(copy, whole, before, static_cast<float>(factor));
        expect_close(copy.values(), scaled, tolerance(dtype(), 1), "copy");
        backend_->add_columns(whole, before, part, static_cast<float>(factor));
        expect_close(whole.values(), sum, tolerance(dtype(), 1), "sum");
        const Doubles after = whole.values();
        for (size_t i = 0; i < after.size(); ++i) {
          const auto column = static_cast<int64_t>(i) % width;
          if (column < before || column >= before + columns) {
            ASSERT_EQ(after[i], outer[i]) << "column " << column;
          }
        }
      }
    }
  }
}

TEST_P(ElementwiseTypes, ColumnsThatDoNotFitAreRefused) {
  const Operand whole(dtype(), {3, 9}, 9), part(dtype(), {3, 4}, 10), fewer(dtype(), {2, 4}, 11);
  EXPECT_THROW(backend_->add_columns(whole, 6, part, 1.0f), Error);
  EXPECT_THROW(backend_->add_columns(whole, -1, part, 1.0f), Error);
  EXPECT_THROW(backend_->add_columns(whole, 0, fewer, 1.0f), Error);
  EXPECT_THROW(backend_->copy_columns(part, whole, 6, 1.0f), Error);
  EXPECT_THROW(backend_->copy_columns(fewer, whole, 0, 1.0f), Error);
}

TEST_P(ElementwiseTypes, UploadAndDownload) {
  const Operand source(dtype(), {7, 3}, 6), device(dtype(), {7, 3});
  std::vector<std::byte> host(source.bytes());
  backend_->upload(device, host.data());
  EXPECT_EQ(device.bytes(), source.bytes());
  std::fill(host.begin(), host.end(), std::byte{0});
  backend_->download(host.data(), device);
  EXPECT_EQ(host, source.bytes());
}

LIMNER_FOR_BOTH_TYPES(ElementwiseTypes);

}  // namespace limner::test
