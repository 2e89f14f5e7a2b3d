// Low-rank updates of linear layers (Hu et al., "LoRA", 2021), beside the products with the frozen weights:
// y += alpha / rank * dropout(x) A^T B^T on the columns of y that belong to an updated module.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "kernels/backend.h"
#include "model/config.h"
#include "model/parameters.h"

namespace limner {

struct LowRankUpdate {
  Tensor a, b;        // [rank, in], [columns, rank]
  int64_t first = 0;  // of the layer's output columns
};
struct Linear {
  Tensor weight, bias;  // [out, in], [out] or absent; gradients of frozen ones are absent
  std::vector<LowRankUpdate> updates = {};
};

// dropout(x) A^T of each update of a block's linear layers, T [tokens, rank]: kept for backward in training,
// one memory for all in inference.
using LowRankSaved = std::array<std::vector<Tensor>, block_linears.size()>;

// Shared by all layers; absent without updates.
struct LowRankScratch {
  Tensor columns;                // T [tokens, widest updated module]
  Tensor dropped;                // T [tokens, widest input], with dropout in training only
  std::vector<Tensor> dreduced;  // T [tokens, rank], training only, one for each update of a layer
};

class LowRankLayers {
 public:
  // `layer`: of the block, as in ParamSpec.
  struct Call {
    BlockLinear linear;
    int layer;
    const LowRankScratch& scratch;
    const std::vector<Tensor>& reduced;
    std::optional<uint64_t> dropout_key;
    const Packing& packing;
  };

  LowRankLayers(Backend& backend, const Lora& config) : backend_(backend), config_(config) {}

  static LowRankScratch lay_out(Arena& arena, const ModelConfig& config, DType type, Purpose purpose,
                                int64_t tokens);
  // `shared` is what inference keeps the results in.
  static LowRankSaved lay_out_block(Arena& arena, const ModelConfig& config, DType type, int64_t tokens,
                                    int64_t block, const Tensor& shared);
  // What inference shares.
  static Tensor lay_out_shared(Arena& arena, const ModelConfig& config, DType type, int64_t tokens);

  void forward(const Tensor& y, const Tensor& x, const Linear& weights, const Call& call) const;
  // Adds to dx and to the gradients of A and B. dx may not alias dy.
  void backward(Linear& gradients, const Tensor& dx, const Tensor& dy, const Tensor& x, const Linear& weights,
                const Call& call) const;

 private:
  Backend& backend_;
  Lora config_;

  Tensor dropped(const Tensor& x, const Dropout& dropout, const Call& call) const;
  Dropout dropout(const Call& call) const;
};

}  // namespace limner
