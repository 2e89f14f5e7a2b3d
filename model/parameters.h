// One flat buffer of weights, described by one table. No parameter is known by number.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "model/config.h"

namespace limner {

enum class Decay : uint8_t { none, weight_decay };
// low_rank: uniform in ±1 / sqrt(in), Kaiming's as PEFT has it.
enum class Init : uint8_t { normal, zeros, ones, low_rank };
// Where a parameter belongs, which decides its name in the file and whether it may be missing there: a
// pooler, the projection before the classifiers, the language model's head, and the classifiers may.
// update: the A or B of a low-rank update, which only an adapter's file has.
enum class Role : uint8_t { encoder, pooler, projection, language, head, update };
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
  bool trained = true;
  bool f32 =
      false;  // norms, distance bias: read in f32 whatever the precision, as what stands on the encoder
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
  // Of the flat buffer, padding included. What is trained comes first, then what is frozen and wanted in f32,
  // then frozen matrices that a model in bf16 needs in bf16 alone: the base of low-rank updates.
  int64_t elements() const { return elements_; }
  int64_t trained_elements() const { return trained_elements_; }  // of gradients and moments
  int64_t f32_elements() const { return f32_elements_; }          // of the weights beside a bf16 shadow
  int64_t parameter_count() const;                                // padding excluded
  int64_t trained_count() const;
  LayerRange layer_range(int layer) const;  // what is trained of it: one contiguous range, padding included
  int layer_count() const { return layer_count_; }  // layers + 2

 private:
  friend class TableBuilder;
  std::vector<ParamSpec> specs_;
  int64_t elements_ = 0, trained_elements_ = 0, f32_elements_ = 0;
  int layer_count_ = 0;
};

// The part of a flat buffer (weights, shadow, gradients, a moment) that holds one parameter; absent where the
// buffer ends before it, as gradients do before what is frozen.
Tensor parameter_view(const Tensor& flat, const ParamSpec& spec);

// The linear layers of a block, in the order of forward.
enum class BlockLinear : uint8_t { qkv, attention_output, inner, output };
inline constexpr std::array<BlockLinear, 4> block_linears{BlockLinear::qkv, BlockLinear::attention_output,
                                                          BlockLinear::inner, BlockLinear::output};
std::string block_linear_name(const ModelConfig& config, int64_t block, BlockLinear linear);
// Hugging Face's modules that it is made of, one after the other along its outputs, and those of them that
// have a low-rank update.
struct LinearModule {
  std::string name;
  int64_t first, rows;  // of the outputs
};
std::vector<LinearModule> linear_modules(const ModelConfig& config, int64_t block, BlockLinear linear);
std::vector<LinearModule> updated_modules(const ModelConfig& config, int64_t block, BlockLinear linear);
int64_t linear_inputs(const ModelConfig& config, BlockLinear linear);

}  // namespace limner
