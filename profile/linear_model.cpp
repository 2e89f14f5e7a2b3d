// Ridge, elastic net and logistic regression of customers: a standardiser, a linear function, and for two
// classes the logistic curve.
#include "profile/customer_model.h"
#include "profile/elastic_net.h"

namespace limner {
namespace {

enum class Link : uint8_t { identity, logistic };

class LinearCustomerModel : public CustomerModel {
 public:
  LinearCustomerModel(Standardizer standardizer, LinearModel model, Link link)
      : standardizer_(std::move(standardizer)), model_(std::move(model)), link_(link) {}

  Vector predict(const Matrix& features) const override {
    const Matrix standard = standardizer_.apply(features);
    return link_ == Link::logistic ? probabilities(model_, standard) : model_.linear(standard);
  }
  Json to_json() const override {
    return {{"kind", "linear"},
            {"link", link_ == Link::logistic ? "logistic" : "identity"},
            {"intercept", model_.intercept},
            {"coefficients", json_of(model_.coefficients)},
            {"standard_errors", json_of(model_.standard_errors)},
            {"mean", json_of(Vector(standardizer_.mean))},
            {"deviation", json_of(Vector(standardizer_.deviation))}};
  }
  const LinearModel* linear() const override { return &model_; }
  const Standardizer* standardizer() const override { return &standardizer_; }

 private:
  Standardizer standardizer_;
  LinearModel model_;
  Link link_;
};

}  // namespace

CustomerModelPointer fit_linear_model(const RegressionSettings& settings, const Rows& features,
                                      const Vector& target) {
  const Standardizer standardizer(features);
  const StandardRows standard(features, standardizer);
  const bool logistic = settings.kind == "logistic";
  LinearModel model = logistic ? fit_logistic(standard, target, settings.penalty())
                      : settings.kind == "elastic_net"
                          ? fit_elastic_net(standard, target, settings.l1, settings.penalty())
                          : fit_ridge(standard, target, settings.l2.value);
  return std::make_unique<LinearCustomerModel>(standardizer, std::move(model),
                                               logistic ? Link::logistic : Link::identity);
}

CustomerModelPointer read_linear_model(const Json& json) {
  LinearModel model;
  model.intercept = json.at("intercept").get<double>();
  model.coefficients = vector_in(json.at("coefficients"));
  model.standard_errors = vector_in(json.at("standard_errors"));
  return std::make_unique<LinearCustomerModel>(
      Standardizer(vector_in(json.at("mean")), vector_in(json.at("deviation"))), std::move(model),
      json.at("link").get<std::string>() == "logistic" ? Link::logistic : Link::identity);
}

}  // namespace limner
