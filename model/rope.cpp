#include "model/rope.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <utility>

namespace limner {
namespace {

constexpr double turn = 6.283185307179586;

constexpr std::array<std::pair<const char*, RopeType>, 5> types{{{"default", RopeType::usual},
                                                                 {"linear", RopeType::linear},
                                                                 {"dynamic", RopeType::dynamic},
                                                                 {"llama3", RopeType::llama3},
                                                                 {"yarn", RopeType::yarn}}};

// The values under one key of config.json; every error names that key, the one inside it and its value.
class Parameters {
 public:
  Parameters(const ConfigReader& reader, std::string key, const Json& json)
      : reader_(reader), key_(std::move(key)), json_(json) {}

  RopeType type() const {
    const char* const name = json_.contains("rope_type") ? "rope_type" : "type";
    if (!json_.contains(name)) return RopeType::usual;
    for (const auto& [known, type] : types) {
      if (json_[name] == known) return type;
    }
    // longrope's angles depend on the longest row of a batch: a row would not have a vector of its own.
    refuse(name, "Limner has default, linear, dynamic, llama3 and yarn");
  }
  double number(const char* name, double otherwise, double least) const {
    if (!json_.contains(name) || json_[name].is_null()) return otherwise;
    if (!json_[name].is_number() || json_[name].get<double>() < least) {
      refuse(name, fmt::format("a number of at least {} is wanted", least));
    }
    return json_[name].get<double>();
  }
  double needed(const char* name, double least) const {
    if (!json_.contains(name)) refuse(name, "it is missing");
    return number(name, least, least);
  }
  bool flag(const char* name, bool otherwise) const {
    if (!json_.contains(name) || json_[name].is_null()) return otherwise;
    if (!json_[name].is_boolean()) refuse(name, "true or false is wanted");
    return json_[name].get<bool>();
  }
  void refuse_unknown() const {
    static const std::set<std::string> known{"rope_type",
                                             "type",
                                             "rope_theta",
                                             "factor",
                                             "low_freq_factor",
                                             "high_freq_factor",
                                             "attention_factor",
                                             "beta_fast",
                                             "beta_slow",
                                             "mscale",
                                             "mscale_all_dim",
                                             "truncate",
                                             "original_max_position_embeddings",
                                             "partial_rotary_factor"};
    for (const auto& [name, value] : json_.items()) {
      if (!known.contains(name)) refuse(name, "the key is not known");
    }
    if (number("partial_rotary_factor", 1.0, 0.0) != 1.0) {
      refuse("partial_rotary_factor", "heads are rotated whole");
    }
  }

 private:
  const ConfigReader& reader_;
  std::string key_;
  const Json& json_;

  [[noreturn]] void refuse(const std::string& name, const std::string& why) const {
    const Json value = json_.contains(name) ? json_[name] : Json(nullptr);
    fail(ExitCode::bad_data, "{}: {}.{} is {}: {}", reader_.path().string(), key_, name, value.dump(), why);
  }
};

double yarn_scale(double factor, double scale) {
  return factor <= 1.0 ? 1.0 : 0.1 * scale * std::log(factor) + 1.0;
}

double yarn_attention_factor(const Parameters& parameters, double factor) {
  const double scale = parameters.number("mscale", 0.0, 0.0),
               all = parameters.number("mscale_all_dim", 0.0, 0.0);
  const double usual = scale > 0.0 && all > 0.0 ? yarn_scale(factor, scale) / yarn_scale(factor, all)
                                                : yarn_scale(factor, 1.0);
  return parameters.number("attention_factor", usual, 0.0);
}

// Wavelengths beyond original_positions / low_frequency_factor are stretched, those below
// original_positions / high_frequency_factor are not, the others in between.
double llama3_frequency(const Rope& rope, double frequency) {
  const double turns = rope.original_positions * frequency / turn;  // within the original positions
  if (turns < rope.low_frequency_factor) return frequency / rope.factor;
  if (turns > rope.high_frequency_factor) return frequency;
  const double share =
      (turns - rope.low_frequency_factor) / (rope.high_frequency_factor - rope.low_frequency_factor);
  return (1.0 - share) * frequency / rope.factor + share * frequency;
}

double yarn_frequency(const Rope& rope, double frequency, int64_t index, int64_t head_size) {
  const auto size = static_cast<double>(head_size);
  // The index whose frequency turns this often within the original positions.
  const auto index_of = [&](double turns) {
    return size * std::log(rope.original_positions / (turns * turn)) / (2.0 * std::log(rope.theta));
  };
  double low = index_of(rope.beta_fast), high = index_of(rope.beta_slow);
  if (rope.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, size - 1.0);
  if (low == high) high += 0.001;
  const double stretched = std::clamp((static_cast<double>(index) - low) / (high - low), 0.0, 1.0);
  return frequency / rope.factor * stretched + frequency * (1.0 - stretched);
}

double frequency_of(const Rope& rope, int64_t index, int64_t head_size) {
  const double exponent = 2.0 * static_cast<double>(index) / static_cast<double>(head_size);
  const double frequency = std::pow(rope.theta, -exponent);
  switch (rope.type) {
    case RopeType::usual:
    case RopeType::dynamic:
      return frequency;
    case RopeType::linear:
      return frequency / rope.factor;
    case RopeType::llama3:
      return llama3_frequency(rope, frequency);
    case RopeType::yarn:
      return yarn_frequency(rope, frequency, index, head_size);
  }
  fail(ExitCode::internal, "unknown rotary embedding {}", static_cast<int>(rope.type));
}

}  // namespace

Rope read_rope(const ConfigReader& reader, const std::string& key, const Json& parameters_json, double theta,
               int64_t max_positions) {
  Rope rope;
  rope.theta = theta;
  if (parameters_json.is_null()) return rope;
  if (!parameters_json.is_object()) reader.refuse(key, "an object is wanted");
  const Parameters parameters(reader, key, parameters_json);
  parameters.refuse_unknown();
  rope.type = parameters.type();
  rope.theta = parameters.number("rope_theta", theta, 1.0);
  if (rope.type == RopeType::usual) return rope;
  rope.factor = parameters.needed("factor", 1.0);
  const auto positions = static_cast<double>(max_positions);
  rope.original_positions = parameters.number("original_max_position_embeddings", positions, 1.0);
  if (rope.type == RopeType::llama3) {
    rope.low_frequency_factor = parameters.needed("low_freq_factor", 1e-6);
    rope.high_frequency_factor = parameters.needed("high_freq_factor", rope.low_frequency_factor);
  }
  if (rope.type == RopeType::yarn) {
    rope.beta_fast = parameters.number("beta_fast", 32.0, 0.0);
    rope.beta_slow = parameters.number("beta_slow", 1.0, 0.0);
    rope.attention_factor = yarn_attention_factor(parameters, rope.factor);
    rope.truncate = parameters.flag("truncate", true);
  }
  return rope;
}

std::vector<float> rotation_table(const Rope& rope, int64_t head_size, int64_t positions) {
  const int64_t half = head_size / 2;
  std::vector<float> table(static_cast<size_t>(positions * head_size));
  for (int64_t index = 0; index < half; ++index) {
    const auto frequency = static_cast<float>(frequency_of(rope, index, head_size));
    for (int64_t position = 0; position < positions; ++position) {
      const float angle = static_cast<float>(position) * frequency;
      float* const row = table.data() + position * head_size;
      row[index] = static_cast<float>(rope.attention_factor * std::cos(static_cast<double>(angle)));
      row[half + index] = static_cast<float>(rope.attention_factor * std::sin(static_cast<double>(angle)));
    }
  }
  return table;
}

}  // namespace limner
