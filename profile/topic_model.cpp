#include "profile/topic_model.h"

#include <unsupported/Eigen/SpecialFunctions>

#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/error.h"
#include "runtime/random.h"

namespace limner {
namespace {

constexpr int most_iterations = 100;
constexpr double small_change = 1e-3;
constexpr double learning_offset = 10, learning_decay = 0.7;
constexpr double epsilon = std::numeric_limits<double>::epsilon();

double digamma(double x) { return Eigen::numext::digamma(x); }

// exp(E[log theta]) of a Dirichlet distribution.
void exp_expected_log(const std::vector<double>& gamma, std::vector<double>& out) {
  double total = 0;
  for (const double value : gamma) total += value;
  const double of_total = digamma(total);
  for (size_t i = 0; i < gamma.size(); ++i) out[i] = std::exp(digamma(gamma[i]) - of_total);
}

}  // namespace

std::vector<double> TopicModel::topic_weights() const {
  std::vector<double> sums(static_cast<size_t>(topics));
  for (size_t i = 0; i < weight.size(); ++i) sums[i % sums.size()] += weight[i];
  return sums;
}

TopicModel start_topics(int64_t topics, int64_t terms, double alpha, double eta, uint64_t seed) {
  TopicModel model{topics, alpha, eta, std::vector<double>(static_cast<size_t>(topics * terms)), 0};
  const Random random(seed, "topics");
  for (size_t i = 0; i < model.weight.size(); ++i)
    model.weight[i] = std::max(0.01, 1 + 0.1 * random.normal(i));
  return model;
}

TopicInference::TopicInference(const TopicModel& model)
    : topics_(model.topics), alpha_(model.alpha), exp_log_beta_(model.weight.size()) {
  std::vector<double> of_total = model.topic_weights();
  for (double& value : of_total) value = digamma(value);
  for (size_t i = 0; i < exp_log_beta_.size(); ++i) {
    exp_log_beta_[i] = std::exp(digamma(model.weight[i]) - of_total[i % of_total.size()]);
  }
}

TopicInference::Text TopicInference::infer(const SparseRows& bags, size_t row) const {
  const auto topics = static_cast<size_t>(topics_);
  const auto begin = static_cast<size_t>(bags.offsets[row]), end = static_cast<size_t>(bags.offsets[row + 1]);
  Text text{std::vector<double>(topics, 1), std::vector<double>(topics), std::vector<double>(end - begin)};
  const auto beta_of = [&](size_t at) {
    return exp_log_beta_.data() + static_cast<size_t>(bags.terms[at]) * topics;
  };
  const auto find_ratios = [&] {
    for (size_t at = begin; at < end; ++at) {
      const double* beta = beta_of(at);
      double normaliser = epsilon;
      for (size_t k = 0; k < topics; ++k) normaliser += text.exp_log_theta[k] * beta[k];
      text.ratio[at - begin] = bags.values[at] / normaliser;
    }
  };
  exp_expected_log(text.gamma, text.exp_log_theta);
  std::vector<double> sums(topics);
  for (int iteration = 0; iteration < most_iterations; ++iteration) {
    find_ratios();
    std::fill(sums.begin(), sums.end(), 0.0);
    for (size_t at = begin; at < end; ++at) {
      const double* beta = beta_of(at);
      for (size_t k = 0; k < topics; ++k) sums[k] += text.ratio[at - begin] * beta[k];
    }
    double change = 0;
    for (size_t k = 0; k < topics; ++k) {
      const double gamma = alpha_ + text.exp_log_theta[k] * sums[k];
      change += std::abs(gamma - text.gamma[k]);
      text.gamma[k] = gamma;
    }
    exp_expected_log(text.gamma, text.exp_log_theta);
    if (change < small_change * static_cast<double>(topics)) break;
  }
  find_ratios();
  return text;
}

std::vector<double> TopicInference::mixtures(const SparseRows& bags) const {
  const auto topics = static_cast<size_t>(topics_);
  std::vector<double> mixtures(static_cast<size_t>(bags.count()) * topics);
  for (size_t row = 0; row + 1 < bags.offsets.size(); ++row) {
    const Text text = infer(bags, row);
    double total = 0;
    for (const double value : text.gamma) total += value;
    for (size_t k = 0; k < topics; ++k) mixtures[row * topics + k] = text.gamma[k] / total;
  }
  return mixtures;
}

TopicStatistics TopicInference::statistics(const SparseRows& bags) const {
  const auto topics = static_cast<size_t>(topics_);
  TopicStatistics result;
  result.terms = bags.terms;
  std::sort(result.terms.begin(), result.terms.end());
  result.terms.erase(std::unique(result.terms.begin(), result.terms.end()), result.terms.end());
  result.values.resize(result.terms.size() * topics);
  for (size_t row = 0; row + 1 < bags.offsets.size(); ++row) {
    const Text text = infer(bags, row);
    const auto begin = static_cast<size_t>(bags.offsets[row]);
    for (size_t i = 0; i < text.ratio.size(); ++i) {
      const int32_t term = bags.terms[begin + i];
      const auto place = std::lower_bound(result.terms.begin(), result.terms.end(), term);
      double* to = result.values.data() + static_cast<size_t>(place - result.terms.begin()) * topics;
      const double* beta = exp_log_beta_.data() + static_cast<size_t>(term) * topics;
      for (size_t k = 0; k < topics; ++k) to[k] += text.exp_log_theta[k] * text.ratio[i] * beta[k];
    }
  }
  return result;
}

void update_topics(TopicModel& model, std::span<const double> sums, int64_t texts, int64_t all_texts) {
  require(sums.size() == model.weight.size(), "statistics of {} numbers for {}", sums.size(),
          model.weight.size());
  ++model.updates;
  const double rho = std::pow(learning_offset + static_cast<double>(model.updates), -learning_decay);
  const double scale = static_cast<double>(all_texts) / static_cast<double>(texts);
  for (size_t i = 0; i < sums.size(); ++i) {
    model.weight[i] = (1 - rho) * model.weight[i] + rho * (model.eta + scale * sums[i]);
  }
}

}  // namespace limner
