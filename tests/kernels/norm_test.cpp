#include "compare.h"
#include "operand.h"
#include "reference.h"
#include "runtime/error.h"

namespace limner::test {

constexpr float kEpsilon = 1e-5f;
const int64_t kWidths[] = {1, 15, 16, 17, 101, 384};

class Norm : public KernelTest {};

TEST_P(Norm, ForwardEqualsReference) {
  const Rows rows({3, 1, 36});
  for (const int64_t width : kWidths) {
    for (const float probability : {0.0f, 0.3f}) {
      const Dropout dropout{probability, 77};
      const Operand x(dtype(), {40, width}, 1), residual(dtype(), {40, width}, 2);
      const Operand gamma(DType::f32, {width}, 3), beta(DType::f32, {width}, 4);
      const Operand y(dtype(), {40, width}), sum(dtype(), {40, width}), mean(DType::f32, {40}),
          rstd(DType::f32, {40});
      backend_->norm_forward(y, sum, mean, rstd, x, residual, gamma, beta, NormKind::layer, kEpsilon, dropout,
                             rows);
      Doubles added = reference::dropout(x.values(), dropout, rows);
      const Doubles other = residual.values();
      for (size_t i = 0; i < added.size(); ++i) added[i] += other[i];
      expect_close(sum.values(), added, tolerance(dtype(), 1), "sum");
      const reference::Norm expected = reference::norm(sum.values(), gamma.values(), beta.values(), kEpsilon);
      expect_close(mean.values(), expected.mean, tolerance(DType::f32, width), "mean");
      expect_close(rstd.values(), expected.rstd, tolerance(DType::f32, width), "rstd");
      expect_close(y.values(), expected.y, tolerance(dtype(), width), "y");

      const Operand y_inference(dtype(), {40, width});
      backend_->norm_forward(y_inference, Tensor(), Tensor(), Tensor(), x, residual, gamma, beta,
                             NormKind::layer, kEpsilon, dropout, rows);
      EXPECT_EQ(y_inference.bytes(), y.bytes()) << "training and inference";
      backend_->norm_forward(y, x, mean, rstd, x, residual, gamma, beta, NormKind::layer, kEpsilon, dropout,
                             rows);
      EXPECT_EQ(x.bytes(), sum.bytes()) << "sum in the place of x";
      EXPECT_EQ(y.bytes(), y_inference.bytes()) << "sum in the place of x";
    }
  }
}

TEST_P(Norm, WithoutResidualAndWithFarMean) {
  const Rows rows({5});
  const Operand gamma(DType::f32, {64}, Doubles(64, 1.0)), beta(DType::f32, {64}, Doubles(64, 0.0));
  Doubles far = random_values(5 * 64, 5);
  for (double& value : far) value += 1000.0;
  const Operand x(dtype(), {5, 64}, far), y(dtype(), {5, 64});
  backend_->norm_forward(y, Tensor(), Tensor(), Tensor(), x, Tensor(), gamma, beta, NormKind::layer, kEpsilon,
                         {}, rows);
  const Doubles expected = reference::norm(x.values(), gamma.values(), beta.values(), kEpsilon).y;
  expect_close(y.values(), expected, dtype() == DType::f32 ? 1e-4 : 1e-2, "y");
}

TEST_P(Norm, BackwardEqualsCentralDifferences) {
  const Rows rows({2, 5});
  for (const int64_t width : {1, 15, 17, 33}) {
    for (const float probability : {0.0f, 0.3f}) {
      const Dropout dropout{probability, 78};
      const Operand sum(dtype(), {7, width}, 6), dy(dtype(), {7, width}, 7), gamma(DType::f32, {width}, 8);
      const Operand beta(DType::f32, {width}, 9), dgamma(DType::f32, {width}, 10),
          dbeta(DType::f32, {width}, 11);
      const reference::Norm forward = reference::norm(sum.values(), gamma.values(), beta.values(), kEpsilon);
      const Operand mean(DType::f32, {7}, forward.mean), rstd(DType::f32, {7}, forward.rstd);
      const Operand dsum(dtype(), {7, width}), dx(dtype(), {7, width});
      const Doubles gradient = dy.values();
      const auto loss = [&](const Doubles& s, const Doubles& g, const Doubles& b) {
        return dot(reference::norm(s, g, b, kEpsilon).y, gradient);
      };
      const Doubles s = sum.values(), g = gamma.values(), b = beta.values();
      const Doubles expected_dsum = numeric_gradient([&](const Doubles& at) { return loss(at, g, b); }, s);
      Doubles expected_dgamma = numeric_gradient([&](const Doubles& at) { return loss(s, at, b); }, g);
      Doubles expected_dbeta = numeric_gradient([&](const Doubles& at) { return loss(s, g, at); }, b);
      const Doubles dgamma_before = dgamma.values(), dbeta_before = dbeta.values();
      for (size_t i = 0; i < g.size(); ++i) {
        expected_dgamma[i] += dgamma_before[i];
        expected_dbeta[i] += dbeta_before[i];
      }
      backend_->norm_backward(dsum, Write::overwrite, dx, dgamma, dbeta, dy, sum, mean, rstd, gamma,
                              NormKind::layer, dropout, rows);
      // Width 1 has gradient 0 and large rstd: its errors are measured against rstd.
      const double share = width == 1 ? 0.0 : 4.0 * tolerance(dtype(), width);
      if (width > 1) {
        expect_close(dsum.values(), expected_dsum, share, "dsum");
        expect_close(dx.values(), reference::dropout(expected_dsum, dropout, rows), share, "dx");
      } else {
        EXPECT_LE(largest(dsum.values()), 1e-3 * largest(forward.rstd));
      }
      expect_close(dgamma.values(), expected_dgamma, tolerance(DType::f32, width), "dgamma");
      expect_close(dbeta.values(), expected_dbeta, tolerance(DType::f32, width), "dbeta");

      const auto apart = dsum.bytes();
      backend_->norm_backward(dy, Write::overwrite, Tensor(), dgamma, dbeta, dy, sum, mean, rstd, gamma,
                              NormKind::layer, {}, rows);
      EXPECT_EQ(dy.bytes(), apart) << "dsum in the place of dy";
    }
  }
}

// What is frozen has no gradient; that of the sum is the same without it.
TEST_P(Norm, ParameterGradientsMayBeAbsent) {
  const Operand sum(dtype(), {7, 33}, 31), dy(dtype(), {7, 33}, 32), gamma(DType::f32, {33}, 33);
  const Operand dgamma(DType::f32, {33}, 34), dbeta(DType::f32, {33}, 35);
  const reference::Norm forward = reference::norm(sum.values(), gamma.values(), Doubles(33, 0.0), kEpsilon);
  const Operand mean(DType::f32, {7}, forward.mean), rstd(DType::f32, {7}, forward.rstd);
  const Operand with(dtype(), {7, 33}), without(dtype(), {7, 33});
  const Rows rows({7});
  backend_->norm_backward(with, Write::overwrite, Tensor(), dgamma, dbeta, dy, sum, mean, rstd, gamma,
                          NormKind::layer, {}, rows);
  backend_->norm_backward(without, Write::overwrite, Tensor(), Tensor(), Tensor(), dy, sum, mean, rstd, gamma,
                          NormKind::layer, {}, rows);
  EXPECT_EQ(with.bytes(), without.bytes());
}

TEST_P(Norm, ParameterGradientsOverManyTokens) {
  const int64_t tokens = 4500, width = 19;
  const Rows rows({4500});
  const Operand sum(dtype(), {tokens, width}, 12), dy(dtype(), {tokens, width}, 13),
      gamma(DType::f32, {width}, 14);
  const reference::Norm forward = reference::norm(sum.values(), gamma.values(), Doubles(19, 0.0), kEpsilon);
  const Operand mean(DType::f32, {tokens}, forward.mean), rstd(DType::f32, {tokens}, forward.rstd);
  const Operand dsum(dtype(), {tokens, width}), dgamma(DType::f32, {width}, Doubles(19, 0.0)),
      dbeta(DType::f32, {width}, Doubles(19, 0.0));
  backend_->norm_backward(dsum, Write::overwrite, Tensor(), dgamma, dbeta, dy, sum, mean, rstd, gamma,
                          NormKind::layer, {}, rows);
  const Doubles s = sum.values(), d = dy.values();
  Doubles expected_dgamma(19), expected_dbeta(19);
  for (size_t i = 0; i < s.size(); ++i) {
    expected_dbeta[i % 19] += d[i];
    expected_dgamma[i % 19] += d[i] * (s[i] - forward.mean[i / 19]) * forward.rstd[i / 19];
  }
  expect_close(dgamma.values(), expected_dgamma, tolerance(DType::f32, tokens), "dgamma");
  expect_close(dbeta.values(), expected_dbeta, tolerance(DType::f32, tokens), "dbeta");
}

// Rows that fill a GPU block's shared memory: the backward's 48 KiB end at 6,144 columns, the forward's at
// 12,288 of f32.
TEST_P(Norm, WideRows) {
  for (const int64_t width : {1021, 6200, 12301}) {
    const size_t columns = static_cast<size_t>(width);
    const Operand x(dtype(), {3, width}, 18), gamma(DType::f32, {width}, 19), beta(DType::f32, {width}, 20);
    const Operand y(dtype(), {3, width}), sum(dtype(), {3, width}), mean(DType::f32, {3}),
        rstd(DType::f32, {3});
    backend_->norm_forward(y, sum, mean, rstd, x, Tensor(), gamma, beta, NormKind::layer, kEpsilon, {},
                           Rows({3}));
    const reference::Norm forward = reference::norm(x.values(), gamma.values(), beta.values(), kEpsilon);
    expect_close(y.values(), forward.y, tolerance(dtype(), width), "y");

    const Operand dy(dtype(), {3, width}, 21), dsum(dtype(), {3, width}),
        dgamma(DType::f32, {width}, Doubles(columns)), dbeta(DType::f32, {width}, Doubles(columns));
    backend_->norm_backward(dsum, Write::overwrite, Tensor(), dgamma, dbeta, dy, sum, mean, rstd, gamma,
                            NormKind::layer, {}, Rows({3}));
    const Doubles s = x.values(), d = dy.values(), g = gamma.values();
    Doubles expected(s.size()), expected_dgamma(columns), expected_dbeta(columns);
    for (size_t token = 0; token < 3; ++token) {
      double average = 0.0, average_normal = 0.0;
      const auto normal = [&](size_t at) { return (s[at] - forward.mean[token]) * forward.rstd[token]; };
      for (size_t c = 0; c < columns; ++c) {
        const size_t at = token * columns + c;
        average += d[at] * g[c] / static_cast<double>(width);
        average_normal += d[at] * g[c] * normal(at) / static_cast<double>(width);
        expected_dbeta[c] += d[at];
        expected_dgamma[c] += d[at] * normal(at);
      }
      for (size_t c = 0; c < columns; ++c) {
        const size_t at = token * columns + c;
        expected[at] = (d[at] * g[c] - average - normal(at) * average_normal) * forward.rstd[token];
      }
    }
    expect_close(dsum.values(), expected, tolerance(dtype(), width), "dsum");
    expect_close(dgamma.values(), expected_dgamma, tolerance(DType::f32, width), "dgamma");
    expect_close(dbeta.values(), expected_dbeta, tolerance(DType::f32, 3), "dbeta");
  }
}

// Root-mean-square norms, norms without beta, and gradients added to what others sent to the sum.
struct NormForm {
  NormKind kind;
  bool beta;
};
const NormForm kForms[] = {{NormKind::rms, false}, {NormKind::layer, false}, {NormKind::rms, true}};

TEST_P(Norm, OtherFormsForwardEqualsReference) {
  const Rows rows({3, 1, 36});
  for (const int64_t width : kWidths) {
    for (const NormForm& form : kForms) {
      const Operand x(dtype(), {40, width}, 21), residual(dtype(), {40, width}, 22);
      const Operand gamma(DType::f32, {width}, 23), beta(DType::f32, {width}, 24);
      const Operand y(dtype(), {40, width}), mean(DType::f32, {40}), rstd(DType::f32, {40});
      const Tensor shift = form.beta ? beta.tensor() : Tensor();
      const Tensor means = form.kind == NormKind::layer ? mean.tensor() : Tensor();
      // The sum alone, in the place of the residual, as inference of a norm before each layer wants it.
      backend_->norm_forward(y, residual, means, rstd, x, residual, gamma, shift, form.kind, kEpsilon, {},
                             rows);
      const reference::Norm expected = reference::norm(
          residual.values(), gamma.values(), form.beta ? beta.values() : Doubles{}, kEpsilon, form.kind);
      expect_close(y.values(), expected.y, tolerance(dtype(), width), "y");
      expect_close(rstd.values(), expected.rstd, tolerance(DType::f32, width), "rstd");
    }
  }
}

TEST_P(Norm, OtherFormsBackwardEqualsCentralDifferences) {
  const Rows rows({2, 0, 5});
  for (const int64_t width : {2, 15, 17, 33}) {
    for (const NormForm& form : kForms) {
      const Dropout dropout{0.3f, 79};
      const Operand sum(dtype(), {7, width}, 25), dy(dtype(), {7, width}, 26), gamma(DType::f32, {width}, 27);
      const Operand dgamma(DType::f32, {width}, 28), dbeta(DType::f32, {width}, 29);
      Doubles expected_dbeta = dbeta.values();
      const reference::Norm forward = reference::norm(sum.values(), gamma.values(), {}, kEpsilon, form.kind);
      const Operand mean(DType::f32, {7}, forward.mean), rstd(DType::f32, {7}, forward.rstd);
      const Operand dsum(dtype(), {7, width}, 30), dx(dtype(), {7, width});
      const Doubles gradient = dy.values(), s = sum.values(), g = gamma.values(), others = dsum.values();
      const auto loss = [&](const Doubles& at, const Doubles& scale) {
        return dot(reference::norm(at, scale, {}, kEpsilon, form.kind).y, gradient);
      };
      Doubles expected = numeric_gradient([&](const Doubles& at) { return loss(at, g); }, s);
      for (size_t i = 0; i < expected.size(); ++i) expected[i] += others[i];
      Doubles expected_dgamma = numeric_gradient([&](const Doubles& at) { return loss(s, at); }, g);
      const Doubles before = dgamma.values();
      for (size_t i = 0; i < before.size(); ++i) expected_dgamma[i] += before[i];
      for (size_t i = 0; form.beta && i < gradient.size(); ++i)
        expected_dbeta[i % before.size()] += gradient[i];
      backend_->norm_backward(dsum, Write::add, dx, dgamma, form.beta ? dbeta.tensor() : Tensor(), dy, sum,
                              form.kind == NormKind::layer ? mean.tensor() : Tensor(), rstd, gamma, form.kind,
                              dropout, rows);
      // Width 2 has large rstd: its errors are measured against that.
      const double share = 4.0 * tolerance(dtype(), width) * (width == 2 ? largest(forward.rstd) : 1.0);
      expect_close(dsum.values(), expected, share, "dsum");
      expect_close(dx.values(), reference::dropout(expected, dropout, rows), share, "dx");
      expect_close(dgamma.values(), expected_dgamma, 2.0 * tolerance(DType::f32, width), "dgamma");
      expect_close(dbeta.values(), expected_dbeta, tolerance(DType::f32, 7), "dbeta");
    }
  }
}

TEST_P(Norm, WrongShapeIsRefused) {
  const Operand x(dtype(), {4, 8}, 15), y(dtype(), {4, 8}), gamma(DType::f32, {7}, 16),
      beta(DType::f32, {8}, 17);
  EXPECT_THROW(backend_->norm_forward(y, Tensor(), Tensor(), Tensor(), x, Tensor(), gamma, beta,
                                      NormKind::layer, kEpsilon, {}, Rows({4})),
               Error);
}

LIMNER_FOR_BOTH_TYPES(Norm);

}  // namespace limner::test
