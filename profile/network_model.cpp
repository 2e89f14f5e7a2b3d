// A small network: standardised features, one hidden layer of tanh units or none, and linear outputs: one for
// a number (of the standardised target) or two classes (the logistic curve), one a class for more (softmax).
// Without a hidden layer the last is multinomial logistic regression. The sum over customers of half the
// squared error, or of the log loss, plus l2 / 2 |weights|^2 without the intercepts, is minimised by L-BFGS;
// a hidden layer starts at seeded uniform draws (Glorot and Bengio 2010).
#include <cmath>

#include "profile/customer_model.h"
#include "profile/minimise.h"
#include "profile/products.h"
#include "runtime/error.h"
#include "runtime/random.h"

namespace limner {
namespace {

// x W' + b; rows of `weights`: one an output.
struct Layer {
  Matrix weights;
  Vector intercepts;
  Matrix apply(const Matrix& inputs) const {
    return product_with_transposed(inputs, weights).rowwise() + intercepts.transpose();
  }
};

struct Layers {
  Layer hidden;  // no rows: none
  Layer output;
  bool has_hidden() const { return hidden.weights.rows() > 0; }
};

struct Shape {
  int64_t inputs, hidden, outputs;
};

Layers no_layers(const Shape& shape) {
  const int64_t into_output = shape.hidden > 0 ? shape.hidden : shape.inputs;
  return {{Matrix::Zero(shape.hidden, shape.inputs), Vector::Zero(shape.hidden)},
          {Matrix::Zero(shape.outputs, into_output), Vector::Zero(shape.outputs)}};
}

template <class Visit>  // visit(data, size, penalised)
void visit_layers(Layers& layers, Visit&& visit) {
  for (Layer* layer : {&layers.hidden, &layers.output}) {
    visit(layer->weights.data(), layer->weights.size(), true);
    visit(layer->intercepts.data(), layer->intercepts.size(), false);
  }
}

Vector packed(Layers layers) {
  std::vector<double> values;
  visit_layers(layers,
               [&](double* data, int64_t size, bool) { values.insert(values.end(), data, data + size); });
  return Eigen::Map<const Vector>(values.data(), std::ssize(values));
}

Layers unpacked(const Vector& values, const Shape& shape) {
  Layers layers = no_layers(shape);
  int64_t at = 0;
  visit_layers(layers, [&](double* data, int64_t size, bool) {
    std::copy_n(values.data() + at, size, data);
    at += size;
  });
  return layers;
}

Layers start_layers(const Shape& shape, uint64_t seed) {
  Layers layers = no_layers(shape);
  if (shape.hidden == 0) return layers;
  uint64_t layer = 0;
  for (Matrix* weights : {&layers.hidden.weights, &layers.output.weights}) {
    const Random random(seed, "profile/network", layer++);
    const double widest = std::sqrt(6.0 / static_cast<double>(weights->rows() + weights->cols()));
    for (int64_t i = 0; i < weights->size(); ++i)
      weights->data()[i] = widest * (2 * random.uniform(static_cast<uint64_t>(i)) - 1);
  }
  return layers;
}

Matrix hidden_units(const Layers& layers, const Matrix& inputs) {
  return layers.hidden.apply(inputs).array().tanh();
}

// The outputs as they are meant: numbers, or probabilities.
Matrix outputs_of(const Layers& layers, Outcome outcome, const Matrix& inputs) {
  Matrix values = layers.output.apply(layers.has_hidden() ? hidden_units(layers, inputs) : inputs);
  if (outcome == Outcome::two_classes) return (1 / (1 + (-values.array()).exp())).matrix();
  if (outcome == Outcome::classes) {
    values.colwise() -= Vector(values.rowwise().maxCoeff());
    values = values.array().exp();
    values.array().colwise() /= Eigen::ArrayXd(values.rowwise().sum().array());
  }
  return values;
}

struct Sums {
  double loss = 0;
  Layers gradient;
  Sums& operator+=(const Sums& other) {
    loss += other.loss;
    gradient.hidden.weights += other.gradient.hidden.weights;
    gradient.hidden.intercepts += other.gradient.hidden.intercepts;
    gradient.output.weights += other.gradient.output.weights;
    gradient.output.intercepts += other.gradient.output.intercepts;
    return *this;
  }
};

// Adds a block's loss and gradient. target: of these rows.
void add_block(Sums& sums, const Layers& layers, Outcome outcome, const Matrix& inputs,
               const Eigen::Ref<const Vector>& target) {
  const Matrix units = layers.has_hidden() ? hidden_units(layers, inputs) : inputs;
  Layers last{{}, layers.output};
  Matrix error = outputs_of(last, outcome, units);  // becomes the loss by the outputs before their curve
  constexpr double least = 1e-300;
  for (int64_t row = 0; row < error.rows(); ++row) {
    if (outcome == Outcome::classes) {
      double& right = error(row, static_cast<int64_t>(target[row]));
      sums.loss -= std::log(std::max(right, least));
      right -= 1;
    } else if (outcome == Outcome::two_classes) {
      const double right = target[row] > 0.5 ? error(row, 0) : 1 - error(row, 0);
      sums.loss -= std::log(std::max(right, least));
      error(row, 0) -= target[row];
    } else {
      error(row, 0) -= target[row];
      sums.loss += error(row, 0) * error(row, 0) / 2;
    }
  }
  sums.gradient.output.weights += transposed_product(error, units);
  sums.gradient.output.intercepts += error.colwise().sum().transpose();
  if (!layers.has_hidden()) return;
  Matrix of_units = error * layers.output.weights;
  of_units.array() *= 1 - units.array().square();
  sums.gradient.hidden.weights += transposed_product(of_units, inputs);
  sums.gradient.hidden.intercepts += of_units.colwise().sum().transpose();
}

class NetworkModel : public CustomerModel {
 public:
  NetworkModel(Standardizer standardizer, Layers layers, Outcome outcome, double target_mean,
               double target_deviation)
      : standardizer_(std::move(standardizer)),
        layers_(std::move(layers)),
        outcome_(outcome),
        target_mean_(target_mean),
        target_deviation_(target_deviation) {}

  Vector predict(const Matrix& features) const override {
    require(outcome_ != Outcome::classes, "a network of several classes was asked for one number");
    const Vector values = outputs(features).col(0);
    return outcome_ == Outcome::number ? Vector(values.array() * target_deviation_ + target_mean_) : values;
  }
  Matrix predict_classes(const Matrix& features) const override {
    require(outcome_ == Outcome::classes, "a network of one output was asked for classes");
    return outputs(features);
  }
  const Matrix* class_coefficients() const override {
    return outcome_ == Outcome::classes && !layers_.has_hidden() ? &layers_.output.weights : nullptr;
  }
  const Standardizer* standardizer() const override { return &standardizer_; }
  Json to_json() const override {
    return {{"kind", "network"},
            {"outcome", outcome_name(outcome_)},
            {"hidden_weights", json_of(layers_.hidden.weights)},
            {"hidden_intercepts", json_of(layers_.hidden.intercepts)},
            {"output_weights", json_of(layers_.output.weights)},
            {"output_intercepts", json_of(layers_.output.intercepts)},
            {"target_mean", target_mean_},
            {"target_deviation", target_deviation_},
            {"mean", json_of(Vector(standardizer_.mean))},
            {"deviation", json_of(Vector(standardizer_.deviation))}};
  }

 private:
  Matrix outputs(const Matrix& features) const {
    return outputs_of(layers_, outcome_, standardizer_.apply(features));
  }
  Standardizer standardizer_;
  Layers layers_;
  Outcome outcome_;
  double target_mean_, target_deviation_;
};

}  // namespace

CustomerModelPointer fit_network(const RegressionSettings& settings, Outcome outcome, const Rows& features,
                                 const Vector& target, uint64_t seed) {
  const bool hidden = settings.kind == "mlp";
  const auto count = static_cast<double>(target.size());
  const int64_t outputs = outcome == Outcome::classes ? static_cast<int64_t>(target.maxCoeff()) + 1 : 1;
  const Shape shape{features.columns(), hidden ? settings.hidden : 0, outputs};
  const Standardizer standardizer(features);
  const StandardRows standard(features, standardizer);
  double mean = 0, deviation = 1;
  Vector wanted = target;
  if (outcome == Outcome::number) {
    mean = target.mean();
    deviation = std::sqrt((target.array() - mean).square().sum() / count);
    if (deviation == 0) deviation = 1;
    wanted = (target.array() - mean) / deviation;
  }
  const auto objective = [&](const Vector& at, Vector& gradient) {
    Layers layers = unpacked(at, shape);
    Sums sums = sum_row_blocks(standard, Sums{0, no_layers(shape)}, 1,
                               [&](Sums& sum, int64_t first, const Matrix& block) {
                                 add_block(sum, layers, outcome, block, wanted.segment(first, block.rows()));
                               });
    gradient = packed(sums.gradient);
    int64_t place = 0;
    visit_layers(layers, [&](double* data, int64_t size, bool penalised) {
      for (int64_t i = 0; penalised && i < size; ++i) {
        sums.loss += settings.penalty() / 2 * data[i] * data[i];
        gradient[place + i] += settings.penalty() * data[i];
      }
      place += size;
    });
    return sums.loss;
  };
  constexpr int64_t most_rounds_without_hidden = 5000;
  const Minimum minimum = minimise(objective, packed(start_layers(shape, seed)),
                                   hidden ? settings.rounds : most_rounds_without_hidden, 1e-9 * count);
  if (!std::isfinite(minimum.value) || (!hidden && !minimum.settled)) {
    fail(ExitCode::bad_config,
         "profile.regressions: {} of {} customers found no minimum with l2 {}; set l2 higher", settings.kind,
         target.size(), settings.penalty());
  }
  return std::make_unique<NetworkModel>(standardizer, unpacked(minimum.at, shape), outcome, mean, deviation);
}

CustomerModelPointer read_network(const Json& json) {
  Layers layers{{matrix_in(json.at("hidden_weights")), vector_in(json.at("hidden_intercepts"))},
                {matrix_in(json.at("output_weights")), vector_in(json.at("output_intercepts"))}};
  return std::make_unique<NetworkModel>(
      Standardizer(vector_in(json.at("mean")), vector_in(json.at("deviation"))), std::move(layers),
      outcome_named(json.at("outcome").get<std::string>()), json.at("target_mean").get<double>(),
      json.at("target_deviation").get<double>());
}

}  // namespace limner
