#include "compare.h"
#include "operand.h"
#include "reference.h"
#include "runtime/error.h"

namespace limner::test {

struct Size {
  int64_t tokens, in, out;
};
// One, a tile less and more one, primes, several tiles each way.
const Size kSizes[] = {{1, 1, 1},    {1, 17, 5},   {31, 15, 33},  {33, 31, 17},
                       {64, 48, 64}, {97, 61, 53}, {259, 40, 24}, {70, 24, 801}};

class Linear : public KernelTest {};

TEST_P(Linear, ForwardEqualsReference) {
  for (const auto& [tokens, in, out] : kSizes) {
    for (const Activation activation :
         {Activation::none, Activation::gelu, Activation::gelu_tanh, Activation::relu}) {
      // A GPU's library may take it on before it rounds.
      const bool may_be_fused = activation == Activation::gelu_tanh && dtype() == DType::bf16;
      const Operand x(dtype(), {tokens, in}, 1), weight(dtype(), {out, in}, 2), bias(dtype(), {out}, 3);
      const Operand y(dtype(), {tokens, out}), pre(dtype(), {tokens, out});
      backend_->linear_forward(y, pre, x, weight, bias, activation);
      Doubles expected = reference::linear(x.values(), weight.values(), bias.values(), in, out);
      expect_close(pre.values(), expected, tolerance(dtype(), in), "pre");
      Doubles activated = pre.values();  // what the activation saw
      for (double& value : activated) value = reference::activation(value, activation);
      expect_close(y.values(), activated, tolerance(dtype(), 1) * (may_be_fused ? 3 : 1), "y");

      const Operand y_alone(dtype(), {tokens, out});
      backend_->linear_forward(y_alone, Tensor(), x, weight, bias, activation);
      if (may_be_fused) {
        expect_close(y_alone.values(), activated, tolerance(dtype(), 1) * 3, "y without saving its argument");
      } else {
        EXPECT_EQ(y_alone.bytes(), y.bytes()) << "with and without saving the value before the activation";
      }

      const Operand y_plain(dtype(), {tokens, out});
      backend_->linear_forward(y_plain, Tensor(), x, weight, Tensor(), Activation::none);
      expected = reference::linear(x.values(), weight.values(), {}, in, out);
      expect_close(y_plain.values(), expected, tolerance(dtype(), in), "y without bias");
    }
  }
}

TEST_P(Linear, BackwardInputOverwritesOrAdds) {
  for (const auto& [tokens, in, out] : kSizes) {
    const Operand dy(dtype(), {tokens, out}, 4), weight(dtype(), {out, in}, 5), dx(dtype(), {tokens, in}, 6);
    // dx = dy * weight: a linear layer with the transposed weight.
    Doubles transposed(static_cast<size_t>(in * out));
    const Doubles plain = weight.values();
    for (int64_t o = 0; o < out; ++o) {
      for (int64_t i = 0; i < in; ++i)
        transposed[static_cast<size_t>(i * out + o)] = plain[static_cast<size_t>(o * in + i)];
    }
    Doubles expected = reference::linear(dy.values(), transposed, {}, out, in);
    const Doubles before = dx.values();
    Doubles added = expected;
    for (size_t i = 0; i < added.size(); ++i) added[i] += before[i];
    backend_->linear_backward_input(dx, Write::add, dy, weight);
    expect_close(dx.values(), added, tolerance(dtype(), out), "dx added to");
    backend_->linear_backward_input(dx, Write::overwrite, dy, weight);
    expect_close(dx.values(), expected, tolerance(dtype(), out), "dx");
  }
}

TEST_P(Linear, BackwardWeightAdds) {
  for (const auto& [tokens, in, out] : {Size{1, 1, 1}, Size{31, 15, 33}, Size{33, 400, 17}, Size{32, 16, 130},
                                        Size{512, 24, 24}, Size{513, 7, 9}, Size{1091, 12, 20}}) {
    const Operand dy(dtype(), {tokens, out}, 7), x(dtype(), {tokens, in}, 8);
    const Operand dweight(DType::f32, {out, in}, 9), dbias(DType::f32, {out}, 10),
        untouched(DType::f32, {out, in}, 9);
    Doubles expected = dweight.values(), expected_bias = dbias.values();
    const Doubles dys = dy.values(), xs = x.values();
    for (int64_t t = 0; t < tokens; ++t) {
      for (int64_t o = 0; o < out; ++o) {
        const double gradient = dys[static_cast<size_t>(t * out + o)];
        expected_bias[static_cast<size_t>(o)] += gradient;
        for (int64_t i = 0; i < in; ++i) {
          expected[static_cast<size_t>(o * in + i)] += gradient * xs[static_cast<size_t>(t * in + i)];
        }
      }
    }
    backend_->linear_backward_weight(dweight, dbias, dy, x);
    expect_close(dweight.values(), expected, tolerance(DType::f32, tokens), "dweight");
    expect_close(dbias.values(), expected_bias, tolerance(DType::f32, tokens), "dbias");
    backend_->linear_backward_weight(untouched, Tensor(), dy, x);
    EXPECT_EQ(untouched.bytes(), dweight.bytes()) << "with and without a bias gradient";
  }
}

TEST_P(Linear, ARowAloneEqualsTheRowInABatch) {
  const int64_t tokens = 1500, in = 96, out = 80;
  const Operand x(dtype(), {tokens, in}, 11), weight(dtype(), {out, in}, 12), bias(dtype(), {out}, 13);
  const Operand y(dtype(), {tokens, out});
  backend_->linear_forward(y, Tensor(), x, weight, bias, Activation::gelu);
  const Doubles batch = y.values();
  for (const int64_t token : {0, 31, 777, 1499}) {
    const Operand alone(dtype(), {1, out});
    backend_->linear_forward(alone, Tensor(), x.tensor().slice_rows(token, 1), weight, bias,
                             Activation::gelu);
    const Doubles row(batch.begin() + token * out, batch.begin() + (token + 1) * out);
    expect_close(alone.values(), row, dtype() == DType::f32 ? 1e-6 : tolerance(dtype(), in), "row alone");
  }
}

TEST_P(Linear, NoTokensIsNothing) {
  const Operand x(dtype(), {0, 8}), y(dtype(), {0, 4}), weight(dtype(), {4, 8}, 14),
      dweight(DType::f32, {4, 8}, 15);
  const auto before = dweight.bytes();
  backend_->linear_forward(y, Tensor(), x, weight, Tensor(), Activation::gelu);
  backend_->linear_backward_input(x, Write::overwrite, y, weight);
  backend_->linear_backward_weight(dweight, Tensor(), y, x);
  EXPECT_EQ(dweight.bytes(), before);
}

TEST_P(Linear, WrongShapeOrTypeIsRefusedWithItsValues) {
  const Operand x(dtype(), {3, 8}, 16), y(dtype(), {3, 4}), weight(dtype(), {4, 7}, 17),
      ids(DType::i32, {3, 8});
  try {
    backend_->linear_forward(y, Tensor(), x, weight, Tensor(), Activation::none);
    FAIL() << "a weight of 7 columns went with x of 8";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::internal);
    EXPECT_NE(std::string(error.what()).find("[4, 7]"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("[4, 8]"), std::string::npos) << error.what();
  }
  EXPECT_THROW(backend_->linear_forward(y, Tensor(), ids, weight, Tensor(), Activation::none), Error);
  const DType other = dtype() == DType::f32 ? DType::bf16 : DType::f32;
  const Operand mixed(other, {4, 8}, 18);
  EXPECT_THROW(backend_->linear_forward(y, Tensor(), x, mixed, Tensor(), Activation::none), Error);
}

LIMNER_FOR_BOTH_TYPES(Linear);

}  // namespace limner::test
