#include "compare.h"
#include "operand.h"
#include "reference.h"
#include "runtime/error.h"

namespace limner::test {

class Loss : public KernelTest {};

double softmax_loss(const Doubles& logits, size_t classes, const std::vector<int32_t>& labels,
                    const Doubles& weights, Doubles* each) {
  double total = 0.0;
  for (size_t row = 0; row < labels.size(); ++row) {
    double sum = 0.0;
    for (size_t c = 0; c < classes; ++c) sum += std::exp(logits[row * classes + c]);
    double loss = 0.0;
    if (labels[row] >= 0) {
      const size_t label = static_cast<size_t>(labels[row]);
      loss = (weights.empty() ? 1.0 : weights[label]) * (std::log(sum) - logits[row * classes + label]);
    }
    if (each != nullptr) (*each)[row] = loss;
    total += loss;
  }
  return total;
}

TEST_P(Loss, CrossEntropyEqualsReference) {
  for (const int64_t classes : {1, 2, 7, 33}) {
    const std::vector<int32_t> labels{0, -1, static_cast<int32_t>(classes - 1),
                                      static_cast<int32_t>(classes / 2)};
    const Operand logits(dtype(), {4, classes}, 1, 2.0), class_weight(DType::f32, {classes}, 2);
    for (const bool weighted : {false, true}) {
      const Operand loss(DType::f32, {4}), dlogits(dtype(), {4, classes});
      const Tensor weight_tensor = weighted ? class_weight.tensor() : Tensor();
      const Doubles weights = weighted ? class_weight.values() : Doubles();
      backend_->cross_entropy(loss, dlogits, logits, labels, weight_tensor, {}, 0.25f);
      Doubles expected(4);
      softmax_loss(logits.values(), static_cast<size_t>(classes), labels, weights, &expected);
      expect_close(loss.values(), expected, tolerance(DType::f32, 1), "loss");
      const Doubles gradient = numeric_gradient(
          [&](const Doubles& at) {
            return 0.25 * softmax_loss(at, static_cast<size_t>(classes), labels, weights, nullptr);
          },
          logits.values());
      if (classes > 1) expect_close(dlogits.values(), gradient, tolerance(dtype(), 1), "dlogits");
      EXPECT_EQ(loss.values()[1], 0.0) << "a missing label";
      EXPECT_EQ(dlogits.values()[static_cast<size_t>(classes)], 0.0) << "a missing label";
      const Operand loss_alone(DType::f32, {4});
      backend_->cross_entropy(loss_alone, Tensor(), logits, labels, weight_tensor, {}, 0.25f);
      EXPECT_EQ(loss_alone.bytes(), loss.bytes());
    }
  }
}

const std::vector<LabelUse> label_uses{{0.1f, 0.0f}, {0.0f, 2.0f}, {0.3f, 0.5f}, {0.05f, 3.0f}};

// The formula of backend.h, as it stands there.
double softened_loss(const Doubles& logits, size_t classes, const std::vector<int32_t>& labels,
                     const Doubles& weights, const LabelUse& use, Doubles* each) {
  double total = 0.0;
  for (size_t row = 0; row < labels.size(); ++row) {
    double sum = 0.0, spread = 0.0, loss = 0.0;
    for (size_t c = 0; c < classes; ++c) sum += std::exp(logits[row * classes + c]);
    const auto cost = [&](size_t c) {
      return (weights.empty() ? 1.0 : weights[c]) * (std::log(sum) - logits[row * classes + c]);
    };
    for (size_t c = 0; c < classes; ++c) spread += cost(c) / static_cast<double>(classes);
    if (labels[row] >= 0) {
      const auto label = static_cast<size_t>(labels[row]);
      const double rest = 1.0 - std::exp(logits[row * classes + label]) / sum;
      const double smoothing = use.label_smoothing;
      loss = std::pow(rest, use.focal_gamma) * ((1.0 - smoothing) * cost(label) + smoothing * spread);
    }
    if (each != nullptr) (*each)[row] = loss;
    total += loss;
  }
  return total;
}

TEST_P(Loss, SmoothedAndFocalCrossEntropyEqualsReference) {
  for (const int64_t classes : {2, 7, 33, 300}) {
    const std::vector<int32_t> labels{0, -1, static_cast<int32_t>(classes - 1),
                                      static_cast<int32_t>(classes / 2)};
    const size_t count = static_cast<size_t>(classes);
    const Operand logits(dtype(), {4, classes}, 1, 2.0);
    Doubles positive(count);
    for (size_t c = 0; c < count; ++c) positive[c] = 0.25 * static_cast<double>(1 + c % 5);
    const Operand class_weight(DType::f32, {classes}, positive);
    for (const LabelUse& use : label_uses) {
      for (const bool weighted : {false, true}) {
        const Operand loss(DType::f32, {4}), dlogits(dtype(), {4, classes});
        const Tensor weight_tensor = weighted ? class_weight.tensor() : Tensor();
        const Doubles weights = weighted ? class_weight.values() : Doubles();
        backend_->cross_entropy(loss, dlogits, logits, labels, weight_tensor, use, 0.25f);
        Doubles expected(4);
        softened_loss(logits.values(), count, labels, weights, use, &expected);
        expect_close(loss.values(), expected, tolerance(DType::f32, classes), "loss");
        const Doubles gradient = numeric_gradient(
            [&](const Doubles& at) { return 0.25 * softened_loss(at, count, labels, weights, use, nullptr); },
            logits.values());
        expect_close(dlogits.values(), gradient, tolerance(dtype(), classes), "dlogits");
        EXPECT_EQ(loss.values()[1], 0.0) << "a missing label";
        EXPECT_EQ(dlogits.values()[count], 0.0) << "a missing label";
      }
    }
  }
}

// A label that is certain has no loss left to weigh, and nothing is divided by what is left.
TEST_P(Loss, FocalLossOfACertainLabelIsFinite) {
  const Operand logits(dtype(), {2, 3}, Doubles{100.0, -100.0, 0.0, 0.0, 100.0, 0.0}), loss(DType::f32, {2}),
      dlogits(dtype(), {2, 3});
  backend_->cross_entropy(loss, dlogits, logits, std::vector<int32_t>{0, 0}, Tensor(), {0.1f, 0.5f}, 1.0f);
  for (const double value : loss.values()) EXPECT_TRUE(std::isfinite(value));
  for (const double value : dlogits.values()) EXPECT_TRUE(std::isfinite(value));
  EXPECT_NEAR(loss.values()[0], 0.0, 1e-6);
  EXPECT_GT(loss.values()[1], 50.0);
}

TEST_P(Loss, SmoothedAndFocalBinaryCrossEntropyEqualsReference) {
  const size_t classes = 17;
  Doubles wanted(3 * classes), positive(classes);
  for (size_t i = 0; i < wanted.size(); ++i) wanted[i] = static_cast<double>(i * 7 % 3 == 0);
  for (size_t c = 0; c < classes; ++c) positive[c] = 0.25 * static_cast<double>(1 + c % 5);
  std::fill(wanted.begin() + classes, wanted.begin() + 2 * classes, NAN);
  const Operand logits(dtype(), {3, 17}, 4, 2.0), targets(DType::f32, {3, 17}, wanted),
      class_weight(DType::f32, {17}, positive);
  for (const LabelUse& use : label_uses) {
    const auto total = [&](const Doubles& at, Doubles* each) {
      double sum = 0.0;
      for (const size_t row : {0, 2}) {
        double loss = 0.0;
        for (size_t c = 0; c < classes; ++c) {
          const double p = 1.0 / (1.0 + std::exp(-at[row * classes + c])), t = wanted[row * classes + c];
          const double smoothed = (1.0 - use.label_smoothing) * t + 0.5 * use.label_smoothing;
          const double plain = -smoothed * std::log(p) - (1.0 - smoothed) * std::log(1.0 - p);
          loss += positive[c] * std::pow(t > 0.5 ? 1.0 - p : p, use.focal_gamma) * plain / 17.0;
        }
        if (each != nullptr) (*each)[row] = loss;
        sum += loss;
      }
      return sum;
    };
    const Operand loss(DType::f32, {3}), dlogits(dtype(), {3, 17});
    backend_->binary_cross_entropy(loss, dlogits, logits, targets, class_weight, use, 0.5f);
    Doubles expected(3);
    total(logits.values(), &expected);
    expect_close(loss.values(), expected, tolerance(DType::f32, 17), "loss");
    const Doubles gradient =
        numeric_gradient([&](const Doubles& at) { return 0.5 * total(at, nullptr); }, logits.values());
    expect_close(dlogits.values(), gradient, tolerance(dtype(), 17), "dlogits");
  }
}

TEST_P(Loss, LabelUseOutOfRangeIsRefused) {
  const Operand logits(dtype(), {1, 3}, 3), loss(DType::f32, {1}), targets(DType::f32, {1, 3}, 1);
  for (const LabelUse& use : {LabelUse{1.0f, 0.0f}, LabelUse{-0.1f, 0.0f}, LabelUse{0.0f, -1.0f}}) {
    EXPECT_THROW(
        backend_->cross_entropy(loss, Tensor(), logits, std::vector<int32_t>{0}, Tensor(), use, 1.0f), Error);
    EXPECT_THROW(backend_->binary_cross_entropy(loss, Tensor(), logits, targets, Tensor(), use, 1.0f), Error);
  }
}

TEST_P(Loss, CrossEntropyRefusesALabelOutOfRange) {
  const Operand logits(dtype(), {2, 3}, 3), loss(DType::f32, {2});
  for (const int32_t label : {-2, 3}) {
    const std::vector<int32_t> labels{0, label};
    EXPECT_THROW(backend_->cross_entropy(loss, Tensor(), logits, labels, Tensor(), {}, 1.0f), Error) << label;
  }
}

TEST_P(Loss, LargeLogitsStayFinite) {
  const Operand logits(dtype(), {1, 3}, Doubles{1000.0, -1000.0, 500.0}), loss(DType::f32, {1}),
      dlogits(dtype(), {1, 3});
  backend_->cross_entropy(loss, dlogits, logits, std::vector<int32_t>{0}, Tensor(), {}, 1.0f);
  EXPECT_EQ(loss.values()[0], 0.0);
  const Operand targets(DType::f32, {1, 3}, Doubles{1, 0, 1});
  backend_->binary_cross_entropy(loss, dlogits, logits, targets, Tensor(), {}, 1.0f);
  EXPECT_NEAR(loss.values()[0], 0.0, 1e-6);
}

TEST_P(Loss, BinaryCrossEntropyEqualsReference) {
  for (const int64_t classes : {1, 3, 17}) {
    const size_t count = static_cast<size_t>(classes);
    Doubles wanted(3 * count);
    for (size_t i = 0; i < wanted.size(); ++i) wanted[i] = static_cast<double>(i * 7 % 3 == 0);
    std::fill(wanted.begin() + classes, wanted.begin() + 2 * classes, NAN);
    const Operand logits(dtype(), {3, classes}, 4, 2.0), targets(DType::f32, {3, classes}, wanted),
        class_weight(DType::f32, {classes}, 5);
    const Doubles weights = class_weight.values();
    const auto total = [&](const Doubles& at, Doubles* each) {
      double sum = 0.0;
      for (const size_t row : {0, 2}) {
        double loss = 0.0;
        for (size_t c = 0; c < count; ++c) {
          const double p = 1.0 / (1.0 + std::exp(-at[row * count + c])), t = wanted[row * count + c];
          loss -=
              weights[c] * (t * std::log(p) + (1.0 - t) * std::log(1.0 - p)) / static_cast<double>(classes);
        }
        if (each != nullptr) (*each)[row] = loss;
        sum += loss;
      }
      return sum;
    };
    const Operand loss(DType::f32, {3}), dlogits(dtype(), {3, classes});
    backend_->binary_cross_entropy(loss, dlogits, logits, targets, class_weight, {}, 0.5f);
    Doubles expected(3);
    total(logits.values(), &expected);
    expect_close(loss.values(), expected, tolerance(DType::f32, 1), "loss");
    const Doubles gradient =
        numeric_gradient([&](const Doubles& at) { return 0.5 * total(at, nullptr); }, logits.values());
    expect_close(dlogits.values(), gradient, tolerance(dtype(), 1), "dlogits");
  }
}

TEST_P(Loss, SquaredErrorEqualsReference) {
  const Operand logits(dtype(), {5, 1}, 6), targets(DType::f32, {5}, Doubles{0.5, NAN, -2.0, 0.0, 3.0});
  const Operand loss(DType::f32, {5}), dlogits(dtype(), {5, 1});
  backend_->squared_error(loss, dlogits, logits, targets, 2.0f);
  const Doubles x = logits.values(), t = targets.values();
  Doubles expected(5), gradient(5);
  for (const size_t row : {0, 2, 3, 4}) {
    expected[row] = (x[row] - t[row]) * (x[row] - t[row]);
    gradient[row] = 4.0 * (x[row] - t[row]);
  }
  expect_close(loss.values(), expected, tolerance(DType::f32, 1), "loss");
  expect_close(dlogits.values(), gradient, tolerance(dtype(), 1), "dlogits");
  const Operand wide(dtype(), {5, 2}, 7);
  EXPECT_THROW(backend_->squared_error(loss, Tensor(), wide, targets, 1.0f), Error);
}

// More classes than one warp, and than one block, takes at once.
TEST_P(Loss, Vocabularies) {
  for (const int64_t classes : {257, 300, 2100}) {
    const size_t count = static_cast<size_t>(classes);
    const std::vector<int32_t> labels{static_cast<int32_t>(classes - 1), 256, -1};
    const Operand logits(dtype(), {3, classes}, 9, 2.0), loss(DType::f32, {3}),
        dlogits(dtype(), {3, classes}), probabilities(DType::f32, {3, classes});
    const Doubles x = logits.values();
    Doubles expected(x.size()), gradient(x.size());
    for (size_t row = 0; row < 3; ++row) {
      double sum = 0.0;
      for (size_t c = 0; c < count; ++c) sum += std::exp(x[row * count + c]);
      for (size_t c = 0; c < count; ++c) expected[row * count + c] = std::exp(x[row * count + c]) / sum;
      if (labels[row] < 0) continue;
      for (size_t c = 0; c < count; ++c) gradient[row * count + c] = 0.5 * expected[row * count + c];
      gradient[row * count + static_cast<size_t>(labels[row])] -= 0.5;
    }
    backend_->cross_entropy(loss, dlogits, logits, labels, Tensor(), {}, 0.5f);
    Doubles expected_loss(3);
    softmax_loss(x, count, labels, {}, &expected_loss);
    expect_close(loss.values(), expected_loss, tolerance(DType::f32, classes), "loss");
    expect_close(dlogits.values(), gradient, tolerance(dtype(), classes), "dlogits");
    backend_->softmax(probabilities, logits);
    expect_close(probabilities.values(), expected, tolerance(DType::f32, classes), "probabilities");

    Doubles wanted(x.size());
    for (size_t i = 0; i < wanted.size(); ++i) wanted[i] = static_cast<double>(i * 5 % 7 == 0);
    wanted.back() = NAN;  // of the third row
    const Operand targets(DType::f32, {3, classes}, wanted);
    backend_->binary_cross_entropy(loss, dlogits, logits, targets, Tensor(), {}, 1.0f);
    std::fill(expected_loss.begin(), expected_loss.end(), 0.0);
    std::fill(gradient.begin(), gradient.end(), 0.0);
    for (size_t i = 0; i < 2 * count; ++i) {
      const double p = 1.0 / (1.0 + std::exp(-x[i])), share = 1.0 / static_cast<double>(classes);
      expected_loss[i / count] -= share * (wanted[i] * std::log(p) + (1.0 - wanted[i]) * std::log(1.0 - p));
      gradient[i] = share * (p - wanted[i]);
    }
    expect_close(loss.values(), expected_loss, tolerance(DType::f32, classes), "binary loss");
    expect_close(dlogits.values(), gradient, tolerance(dtype(), classes), "binary dlogits");
  }
}

TEST_P(Loss, NotANumberIsSeen) {
  const Operand logits(dtype(), {1, 3}, Doubles{1.0, NAN, 2.0}), loss(DType::f32, {1}),
      dlogits(dtype(), {1, 3});
  const Operand targets(DType::f32, {1, 3}, Doubles{1, 0, 1});
  backend_->cross_entropy(loss, dlogits, logits, std::vector<int32_t>{0}, Tensor(), {}, 1.0f);
  EXPECT_TRUE(std::isnan(loss.values()[0]));
  backend_->binary_cross_entropy(loss, dlogits, logits, targets, Tensor(), {}, 1.0f);
  EXPECT_TRUE(std::isnan(loss.values()[0]));
}

TEST_P(Loss, ProbabilitiesEqualReference) {
  const Operand logits(dtype(), {3, 5}, 8, 3.0), probabilities(DType::f32, {3, 5});
  const Doubles x = logits.values();
  Doubles expected(15);
  for (size_t i = 0; i < 15; ++i) {
    double sum = 0.0;
    for (size_t c = 0; c < 5; ++c) sum += std::exp(x[i / 5 * 5 + c]);
    expected[i] = std::exp(x[i]) / sum;
  }
  backend_->softmax(probabilities, logits);
  expect_close(probabilities.values(), expected, tolerance(DType::f32, 1), "softmax");
  for (size_t i = 0; i < 15; ++i) expected[i] = 1.0 / (1.0 + std::exp(-x[i]));
  backend_->sigmoid(probabilities, logits);
  expect_close(probabilities.values(), expected, tolerance(DType::f32, 1), "sigmoid");
}

LIMNER_FOR_BOTH_TYPES(Loss);

}  // namespace limner::test
