#include "kernels/dropout.h"
#include "compare.h"
#include "operand.h"
#include "reference.h"
#include "runtime/error.h"
#include "runtime/random.h"

namespace limner::test {

TEST(DropoutBits, BlockIsPhilox) {
  const PhiloxBlock block = philox_block({{1, 2, 3, 4}}, 0x0000000600000005ULL);
  const auto expected = philox4x32({1, 2, 3, 4}, {5, 6});
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(block.word[i], expected[i]);
}

TEST(DropoutBits, ShareOfKeptElements) {
  int64_t kept = 0;
  for (int64_t position = 0; position < 100; ++position) {
    for (int64_t element = 0; element < 1000; ++element) kept += dropout_keeps(0.1f, 5, 7, position, element);
  }
  EXPECT_NEAR(static_cast<double>(kept) / 1e5, 0.9, 0.005);
}

class DropoutTest : public KernelTest {};

TEST_P(DropoutTest, EqualsScalarDefinition) {
  const Rows rows({3, 0, 1, 40});
  for (const int64_t width : {1, 7, 8, 9, 63, 64, 65, 200}) {
    for (const float probability : {0.0f, 0.1f, 0.5f, 0.99f}) {
      const Dropout dropout{probability, 0xfedcba9876543210ULL};
      const Operand x(dtype(), {44, width}, 1), y(dtype(), {44, width});
      backend_->dropout(y, x, dropout, rows);
      expect_close(y.values(), reference::dropout(x.values(), dropout, rows), tolerance(dtype(), 1), "y");
      const Doubles kept = y.values();
      backend_->dropout(x, x, dropout, rows);
      EXPECT_EQ(x.values(), kept) << "in place";
    }
  }
}

TEST_P(DropoutTest, ARowIsTheSameInAnyBatch) {
  const Dropout dropout{0.4f, 3};
  const Operand x(dtype(), {30, 33}, 2), y(dtype(), {30, 33}), alone(dtype(), {12, 33});
  backend_->dropout(y, x, dropout, Rows({10, 12, 8}, 5));
  backend_->dropout(alone, x.tensor().slice_rows(10, 12), dropout, Rows({12}, 6));
  const Doubles all = y.values();
  EXPECT_EQ(alone.values(), Doubles(all.begin() + 330, all.begin() + 726));
}

TEST_P(DropoutTest, ProbabilityOneIsRefused) {
  const Operand x(dtype(), {2, 4}, 3), y(dtype(), {2, 4});
  EXPECT_THROW(backend_->dropout(y, x, {1.0f, 1}, Rows({2})), Error);
  EXPECT_THROW(backend_->dropout(y, x, {-0.1f, 1}, Rows({2})), Error);
}

LIMNER_FOR_BOTH_TYPES(DropoutTest);

}  // namespace limner::test
