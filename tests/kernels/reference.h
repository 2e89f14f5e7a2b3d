// The oracle: every operation's formula in double, one number at a time. Backward operations are checked
// against central differences of these.
#pragma once

#include <cmath>
#include <functional>
#include <vector>

#include "kernels/backend.h"
#include "kernels/dropout.h"
#include "operand.h"

namespace limner::test {

using Doubles = std::vector<double>;

inline double dot(const Doubles& a, const Doubles& b) {
  double sum = 0.0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// The gradient of f at x by central differences.
inline Doubles numeric_gradient(const std::function<double(const Doubles&)>& f, Doubles x) {
  constexpr double kStep = 1e-4;
  Doubles gradient(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    const double at = x[i];
    x[i] = at + kStep;
    const double above = f(x);
    x[i] = at - kStep;
    gradient[i] = (above - f(x)) / (2.0 * kStep);
    x[i] = at;
  }
  return gradient;
}

namespace reference {

// y [tokens, out] = x [tokens, in] * weight [out, in]^T + bias (empty: none).
inline Doubles linear(const Doubles& x, const Doubles& weight, const Doubles& bias, int64_t in, int64_t out) {
  const int64_t tokens = static_cast<int64_t>(x.size()) / in;
  Doubles y(static_cast<size_t>(tokens * out));
  for (int64_t t = 0; t < tokens; ++t) {
    for (int64_t o = 0; o < out; ++o) {
      double sum = bias.empty() ? 0.0 : bias[static_cast<size_t>(o)];
      for (int64_t i = 0; i < in; ++i) {
        sum += x[static_cast<size_t>(t * in + i)] * weight[static_cast<size_t>(o * in + i)];
      }
      y[static_cast<size_t>(t * out + o)] = sum;
    }
  }
  return y;
}

inline double activation(double x, Activation kind) {
  switch (kind) {
    case Activation::none:
      return x;
    case Activation::gelu:
      return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
    case Activation::gelu_tanh:
      return 0.5 * x * (1.0 + std::tanh(std::sqrt(2.0 / M_PI) * (x + 0.044715 * x * x * x)));
    case Activation::tanh:
      return std::tanh(x);
    case Activation::relu:
      return std::max(x, 0.0);
    case Activation::silu:
      return x / (1.0 + std::exp(-x));
  }
  return NAN;
}

// x [tokens, 2 * width]: activation(first half) * second half.
inline Doubles gate(const Doubles& x, int64_t width, Activation kind) {
  Doubles y(x.size() / 2);
  const size_t columns = static_cast<size_t>(width);
  for (size_t i = 0; i < y.size(); ++i) {
    const size_t at = i / columns * 2 * columns + i % columns;
    y[i] = activation(x[at], kind) * x[at + columns];
  }
  return y;
}

// Each query and key head scaled by rstd and gamma (the queries', then the keys'); values as they are.
inline Doubles head_norm(const Doubles& x, const Doubles& query_gamma, const Doubles& key_gamma,
                         double epsilon, const AttentionShape& shape) {
  Doubles y = x;
  const size_t size = query_gamma.size(), packed = static_cast<size_t>(shape.packed_width());
  const size_t heads = static_cast<size_t>(shape.heads + shape.key_head_count());
  for (size_t token = 0; token < x.size() / packed; ++token) {
    for (size_t head = 0; head < heads; ++head) {
      const Doubles& gamma = head < static_cast<size_t>(shape.heads) ? query_gamma : key_gamma;
      const size_t start = token * packed + head * size;
      double squares = 0.0;
      for (size_t c = 0; c < size; ++c) squares += x[start + c] * x[start + c] / static_cast<double>(size);
      for (size_t c = 0; c < size; ++c) y[start + c] = x[start + c] / std::sqrt(squares + epsilon) * gamma[c];
    }
  }
  return y;
}

// table [positions, head_size]: cosines, then sines, of each position in a row.
inline Doubles rotate(const Doubles& qkv, const Doubles& table, const Rows& rows, const AttentionShape& shape,
                      double sign) {
  Doubles y = qkv;
  const int64_t size = shape.head_size, half = size / 2;
  for (int64_t row = 0; row < rows.count(); ++row) {
    for (int64_t position = 0; position < rows.length(row); ++position) {
      for (int64_t head = 0; head < shape.heads + shape.key_head_count(); ++head) {
        const int64_t start = (rows.first(row) + position) * shape.packed_width() + head * size;
        for (int64_t i = 0; i < half; ++i) {
          const double cosine = table[static_cast<size_t>(position * size + i)];
          const double sine = sign * table[static_cast<size_t>(position * size + half + i)];
          const double a = qkv[static_cast<size_t>(start + i)],
                       b = qkv[static_cast<size_t>(start + half + i)];
          y[static_cast<size_t>(start + i)] = a * cosine - b * sine;
          y[static_cast<size_t>(start + half + i)] = b * cosine + a * sine;
        }
      }
    }
  }
  return y;
}

inline double drop(double value, const Dropout& dropout, int64_t row_key, int64_t position, int64_t element) {
  if (!dropout.active()) return value;
  const bool keeps = dropout_keeps(dropout.probability, dropout.key, row_key, position, element);
  return keeps ? value / (1.0 - dropout.probability) : 0.0;
}

inline Doubles dropout(const Doubles& x, const Dropout& dropout, const Rows& rows) {
  Doubles y(x.size());
  if (rows.tokens() == 0) return y;
  const int64_t width = static_cast<int64_t>(x.size()) / rows.tokens();
  for (int64_t row = 0; row < rows.count(); ++row) {
    for (int64_t i = 0; i < rows.length(row); ++i) {
      for (int64_t c = 0; c < width; ++c) {
        const size_t at = static_cast<size_t>((rows.first(row) + i) * width + c);
        y[at] = drop(x[at], dropout, rows.key(row), i, c);
      }
    }
  }
  return y;
}

struct Attention {
  Doubles y, lse;
};

// Does query i see key j?
inline bool sees(const AttentionShape& shape, int64_t i, int64_t j) {
  if (shape.masking == Masking::causal && j > i) return false;
  return shape.window == 0 || std::abs(i - j) < shape.window;
}

// Where the query (0), key (1) or value (2) of a token begins that query head `head` uses.
inline int64_t part_of(const AttentionShape& shape, int64_t token, int64_t which, int64_t head) {
  const int64_t size = shape.head_size, start = token * shape.packed_width();
  if (which == 0) return start + head * size;
  return start + shape.width() + (which - 1) * shape.key_head_count() * size + head / shape.group() * size;
}

// What query i adds to the score of key j; bias [distances, heads], or empty.
inline size_t bias_at(const Doubles& bias, const AttentionShape& shape, int64_t head, int64_t i, int64_t j) {
  const int64_t distances = static_cast<int64_t>(bias.size()) / shape.heads;
  return static_cast<size_t>((distances / 2 + j - i) * shape.heads + head);
}

inline Attention attention(const Doubles& qkv, const Doubles& bias, const Rows& rows,
                           const AttentionShape& shape) {
  const int64_t heads = shape.heads, size = shape.head_size, hidden = heads * size, tokens = rows.tokens();
  Attention result{Doubles(static_cast<size_t>(tokens * hidden)),
                   Doubles(static_cast<size_t>(heads * tokens))};
  for (int64_t row = 0; row < rows.count(); ++row) {
    const int64_t first = rows.first(row), length = rows.length(row);
    const auto part = [&](int64_t token, int64_t which, int64_t head) {
      return qkv.data() + part_of(shape, first + token, which, head);
    };
    for (int64_t head = 0; head < heads; ++head) {
      for (int64_t i = 0; i < length; ++i) {
        Doubles scores(static_cast<size_t>(length), -INFINITY);
        double most = -INFINITY, sum = 0.0;
        for (int64_t j = 0; j < length; ++j) {
          if (!sees(shape, i, j)) continue;
          double score = 0.0;
          for (int64_t d = 0; d < size; ++d) score += part(i, 0, head)[d] * part(j, 1, head)[d];
          score /= std::sqrt(static_cast<double>(size));
          if (!bias.empty()) score += bias[bias_at(bias, shape, head, i, j)];
          scores[static_cast<size_t>(j)] = score;
          most = std::max(most, scores[static_cast<size_t>(j)]);
        }
        for (double& score : scores) sum += std::exp(score - most);
        const double lse = most + std::log(sum);
        result.lse[static_cast<size_t>(head * tokens + first + i)] = lse;
        for (int64_t j = 0; j < length; ++j) {
          const double p = drop(std::exp(scores[static_cast<size_t>(j)] - lse), shape.dropout, rows.key(row),
                                i, head * kDropoutElementsPerHead + j);
          for (int64_t d = 0; d < size; ++d) {
            result.y[static_cast<size_t>((first + i) * hidden + head * size + d)] += p * part(j, 2, head)[d];
          }
        }
      }
    }
  }
  return result;
}

// The gradient of dot(attention(qkv, bias).y, dy) with respect to qkv and, added to *dbias if there is one,
// to the bias. `round` is applied to every number that an implementation without fused kernels would keep in
// memory.
inline Doubles attention_gradient(const Doubles& qkv, const Doubles& bias, const Doubles& dy,
                                  const Rows& rows, const AttentionShape& shape, double (*round)(double),
                                  Doubles* dbias = nullptr) {
  const int64_t heads = shape.heads, size = shape.head_size, hidden = heads * size;
  const double scale = 1.0 / std::sqrt(static_cast<double>(size));
  const Attention forward = attention(qkv, bias, rows, shape);
  Doubles gradient(qkv.size());
  for (int64_t row = 0; row < rows.count(); ++row) {
    for (int64_t head = 0; head < heads; ++head) {
      const auto at = [&](int64_t token, int64_t which) {
        return part_of(shape, rows.first(row) + token, which, head);
      };
      for (int64_t i = 0; i < rows.length(row); ++i) {
        const int64_t token = rows.first(row) + i;
        const double* query = qkv.data() + at(i, 0);
        const double* output_gradient = dy.data() + token * hidden + head * size;
        const double lse = forward.lse[static_cast<size_t>(head * rows.tokens() + token)];
        double delta = 0.0;
        for (int64_t d = 0; d < size; ++d) {
          delta +=
              output_gradient[d] * round(forward.y[static_cast<size_t>(token * hidden + head * size + d)]);
        }
        for (int64_t j = 0; j < rows.length(row); ++j) {
          if (!sees(shape, i, j)) continue;
          const double *key = qkv.data() + at(j, 1), *value = qkv.data() + at(j, 2);
          double score = 0.0, dweight = 0.0;
          for (int64_t d = 0; d < size; ++d) {
            score += query[d] * key[d];
            dweight += output_gradient[d] * value[d];
          }
          const double added = bias.empty() ? 0.0 : bias[bias_at(bias, shape, head, i, j)];
          const double probability = round(std::exp(round(round(score) * scale + added) - lse));
          const int64_t element = head * kDropoutElementsPerHead + j;
          const double weight = round(drop(probability, shape.dropout, rows.key(row), i, element));
          const double dprobability = drop(round(dweight), shape.dropout, rows.key(row), i, element);
          const double dbiased = round(probability * (dprobability - delta)), dscore = dbiased * scale;
          if (dbias != nullptr) (*dbias)[bias_at(bias, shape, head, i, j)] += dbiased;
          for (int64_t d = 0; d < size; ++d) {
            gradient[static_cast<size_t>(at(i, 0) + d)] += dscore * key[d];
            gradient[static_cast<size_t>(at(j, 1) + d)] += dscore * query[d];
            gradient[static_cast<size_t>(at(j, 2) + d)] += weight * output_gradient[d];
          }
        }
      }
    }
  }
  for (double& value : gradient) value = round(value);
  return gradient;
}

struct Norm {
  Doubles y, mean, rstd;
};

// beta may be empty.
inline Norm norm(const Doubles& sum, const Doubles& gamma, const Doubles& beta, double epsilon,
                 NormKind kind = NormKind::layer) {
  const size_t width = gamma.size(), tokens = sum.size() / width;
  Norm result{Doubles(sum.size()), Doubles(tokens), Doubles(tokens)};
  for (size_t t = 0; t < tokens; ++t) {
    const double* row = sum.data() + t * width;
    double mean = 0.0, variance = 0.0;
    for (size_t c = 0; c < width && kind == NormKind::layer; ++c) mean += row[c] / static_cast<double>(width);
    for (size_t c = 0; c < width; ++c)
      variance += (row[c] - mean) * (row[c] - mean) / static_cast<double>(width);
    const double rstd = 1.0 / std::sqrt(variance + epsilon);
    for (size_t c = 0; c < width; ++c) {
      result.y[t * width + c] = (row[c] - mean) * rstd * gamma[c] + (beta.empty() ? 0.0 : beta[c]);
    }
    result.mean[t] = mean;
    result.rstd[t] = rstd;
  }
  return result;
}

inline Doubles pool(const Doubles& x, const Rows& rows, int64_t width, Pooling pooling, int64_t skipped) {
  Doubles pooled(static_cast<size_t>(rows.count() * width));
  for (int64_t row = 0; row < rows.count(); ++row) {
    const int64_t length = rows.length(row);
    for (int64_t c = 0; c < width && length > skipped; ++c) {
      const auto value = [&](int64_t i) { return x[static_cast<size_t>((rows.first(row) + i) * width + c)]; };
      double result = 0.0, weights = 0.0;
      if (pooling == Pooling::cls) result = value(skipped);
      if (pooling == Pooling::last) result = value(length - 1);
      if (pooling == Pooling::max) {
        result = value(skipped);
        for (int64_t i = skipped + 1; i < length; ++i) result = std::max(result, value(i));
      }
      if (pooling == Pooling::mean || pooling == Pooling::weighted_mean) {
        for (int64_t i = skipped; i < length; ++i) {
          const double weight = pooling == Pooling::mean ? 1.0 : static_cast<double>(i + 1);
          result += weight * value(i);
          weights += weight;
        }
        result /= weights;
      }
      pooled[static_cast<size_t>(row * width + c)] = result;
    }
  }
  return pooled;
}

}  // namespace reference

}  // namespace limner::test
