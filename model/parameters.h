// One flat buffer of weights, described by one table. No parameter is known by number.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/config.h"

namespace limner {

enum class Decay : uint8_t { none, weight_decay };
enum class Init : uint8_t { normal, zeros, ones };
// Where a parameter belongs, which decides its name in the file and whether it may be missing there: a
// pooler, the projection before the classifiers, the language model's head, and the classifiers may.
enum class Role : uint8_t { encoder, pooler, projection, language, head };
enum class Storage : uint8_t { plain, transposed };  // transposed: [in, out] in the file

struct ParamSpec {
  std::string name;           // Hugging Face's, with the encoder's prefix left out:
                              // "encoder.layer.0.attention.output.dense.weight"
  std::vector<int64_t> dims;  // q, k, v are one parameter here ("encoder.layer.0.attention.self.qkv.weight"),
                              // gate and value of a feed-forward layer too
  int64_t offset = 0;  // elements, from the start of the flat buffer; starts at a multiple of 16 elements
  int layer = 0;       // 0 embeddings, 1..layers blocks, layers + 1 pooler and heads: the unit of gradient
                       // summation. With norms before each half, a norm belongs to the half before it.
  Decay decay = Decay::none;
  Init init = Init::normal;
  Role role = Role::encoder;
  Storage storage = Storage::plain;
  struct Part {
    std::string name;
    int64_t rows;  // of dims[0]
  };
  std::vector<Part> parts;  // the file's tensors, one after the other; empty: one, of this name
  int64_t elements() const;
};

struct LayerRange {
  int64_t offset, elements;
};

class ParameterTable {
 public:
  // A pooler that no head reads has no gradient; it is carried along unchanged and does not decay.
  ParameterTable(const ModelConfig& config, const std::vector<HeadSpec>& heads,
                 HeadInput head_input = HeadInput::pooler);
  const std::vector<ParamSpec>& all() const { return specs_; }
  bool has(const std::string& name) const;
  const ParamSpec& find(const std::string& name) const;  // unknown: internal error
  int64_t elements() const { return elements_; }         // of the flat buffer, padding included
  int64_t parameter_count() const;                       // padding excluded
  LayerRange layer_range(int layer) const;               // one contiguous range, padding included
  int layer_count() const { return layer_count_; }       // layers + 2

 private:
  friend class TableBuilder;
  std::vector<ParamSpec> specs_;
  int64_t elements_ = 0;
  int layer_count_ = 0;
};

// The part of a flat buffer (weights, shadow, gradients, a moment) that holds one parameter.
Tensor parameter_view(const Tensor& flat, const ParamSpec& spec);

}  // namespace limner
