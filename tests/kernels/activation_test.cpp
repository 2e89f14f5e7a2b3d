#include "compare.h"
#include "operand.h"
#include "reference.h"
#include "runtime/error.h"

namespace limner::test {

const Activation kActivations[] = {Activation::none, Activation::gelu, Activation::gelu_tanh,
                                   Activation::tanh, Activation::relu, Activation::silu};

// A product with the 1 x 1 identity shows the activation alone.
Doubles activate(Backend& backend, const Operand& x, Activation activation) {
  const int64_t count = x.tensor().elements();
  const Operand one(x.tensor().dtype, {1, 1}, Doubles{1.0}), y(x.tensor().dtype, {count, 1});
  backend.linear_forward(y, Tensor(), x.tensor().reshaped({count, 1}), one, Tensor(), activation);
  return y.values();
}

TEST(ActivationAccuracy, GeluIsExactToAnEpsilon) {
  const auto backend = make_backend(1);
  Doubles points;
  for (double x = -9.0; x <= 9.0; x += 1.0 / 512) points.push_back(x);
  for (const double x : {0.0, 1e-30, -1e-30, 1e30, -1e30, -100.0, 100.0}) points.push_back(x);
  const Operand x(DType::f32, {static_cast<int64_t>(points.size())}, points);
  const Doubles y = activate(*backend, x, Activation::gelu);
  const Doubles rounded = x.values();
  for (size_t i = 0; i < y.size(); ++i) {
    const double expected = reference::activation(rounded[i], Activation::gelu);
    EXPECT_NEAR(y[i], expected, std::numeric_limits<float>::epsilon() * std::max(1.0, std::abs(rounded[i])))
        << "at " << rounded[i];
  }
}

TEST(ActivationAccuracy, NotANumberStaysOne) {
  const auto backend = make_backend(1);
  for (const DType dtype : {DType::f32, DType::bf16}) {
    for (const Activation activation : kActivations) {
      const Operand x(dtype, {1}, Doubles{NAN});
      EXPECT_TRUE(std::isnan(activate(*backend, x, activation)[0])) << static_cast<int>(activation);
    }
  }
}

class ActivationForward : public KernelTest {};

TEST_P(ActivationForward, EqualsReference) {
  for (const int64_t width : {1, 15, 17, 101}) {
    for (const Activation activation : kActivations) {
      const Operand pre(dtype(), {37, width}, 7, 2.0), y(dtype(), {37, width});
      Doubles expected = pre.values();
      for (double& value : expected) value = reference::activation(value, activation);
      backend_->activation_forward(y, pre, activation);
      expect_close(y.values(), expected, tolerance(dtype(), 1), "y");
      const auto apart = y.bytes();
      backend_->activation_forward(pre, pre, activation);
      EXPECT_EQ(pre.bytes(), apart) << "in place";
    }
  }
  const Operand y(dtype(), {3, 4}), pre(dtype(), {3, 5}, 8);
  EXPECT_THROW(backend_->activation_forward(y, pre, Activation::gelu), Error);
}

LIMNER_FOR_BOTH_TYPES(ActivationForward);

class ActivationGradient : public KernelTest {};

TEST_P(ActivationGradient, EqualsCentralDifferences) {
  for (const int64_t count : {1, 15, 16, 17, 31, 101, 16411}) {
    for (const Activation activation : kActivations) {
      const Operand pre(dtype(), {count, 1}, 1, 2.0), dy(dtype(), {count, 1}, 2), dx(dtype(), {count, 1});
      backend_->activation_backward(dx, dy, pre, activation);
      const Doubles x = pre.values(), gradient = dy.values();
      Doubles expected(x.size());
      for (size_t i = 0; i < x.size(); ++i) {
        constexpr double kStep = 1e-4;
        expected[i] = gradient[i] *
                      (reference::activation(x[i] + kStep, activation) -
                       reference::activation(x[i] - kStep, activation)) /
                      (2.0 * kStep);
        if (activation == Activation::relu && std::abs(x[i]) < 1.01 * kStep)
          expected[i] = dx.values()[i];  // the kink
      }
      expect_close(dx.values(), expected, tolerance(dtype(), 1), "dx");
      const auto apart = dx.bytes();
      backend_->activation_backward(dy, dy, pre, activation);
      EXPECT_EQ(dy.bytes(), apart) << "in place";
    }
  }
}

LIMNER_FOR_BOTH_TYPES(ActivationGradient);

class Gate : public KernelTest {};

TEST_P(Gate, ForwardAndBackwardEqualReference) {
  for (const int64_t tokens : {0, 1, 33}) {
    for (const int64_t width : {1, 15, 17, 101}) {
      for (const Activation activation : {Activation::silu, Activation::gelu}) {
        const Operand x(dtype(), {tokens, 2 * width}, 3, 2.0), y(dtype(), {tokens, width});
        const Operand dy(dtype(), {tokens, width}, 4), dx(dtype(), {tokens, 2 * width});
        backend_->gate_forward(y, x, activation);
        expect_close(y.values(), reference::gate(x.values(), width, activation), tolerance(dtype(), 1), "y");
        backend_->gate_backward(dx, dy, x, activation);
        const Doubles values = x.values(), gradient = dy.values();
        Doubles expected(values.size());
        const size_t columns = static_cast<size_t>(width);
        for (size_t i = 0; i < gradient.size(); ++i) {
          constexpr double kStep = 1e-4;
          const size_t at = i / columns * 2 * columns + i % columns;
          const double above = reference::activation(values[at] + kStep, activation);
          const double below = reference::activation(values[at] - kStep, activation);
          expected[at] = gradient[i] * values[at + columns] * (above - below) / (2.0 * kStep);
          expected[at + columns] = gradient[i] * reference::activation(values[at], activation);
        }
        expect_close(dx.values(), expected, tolerance(dtype(), 1), "dx");
      }
    }
  }
}

TEST_P(Gate, WrongShapeIsRefused) {
  const Operand x(dtype(), {3, 7}, 5), y(dtype(), {3, 4});
  EXPECT_THROW(backend_->gate_forward(y, x, Activation::silu), Error);
  EXPECT_THROW(backend_->gate_backward(x, y, x, Activation::silu), Error);
}

LIMNER_FOR_BOTH_TYPES(Gate);

}  // namespace limner::test
