#include "model/low_rank.h"

#include <algorithm>

#include "model/dropout.h"

namespace limner {
namespace {

// The first rows x columns elements of a scratch tensor.
Tensor cut(const Tensor& scratch, int64_t rows, int64_t columns) {
  return Tensor(scratch.data, scratch.dtype, {rows, columns}, scratch.device);
}

struct Widths {
  int64_t columns = 0, in = 0;
  size_t updates = 0;
};

// Of the widest updated layer; blocks are alike but for what a target with a layer's number in it picks.
Widths widest(const ModelConfig& config) {
  Widths widths;
  for (int64_t block = 0; block < config.layers; ++block) {
    for (const BlockLinear linear : block_linears) {
      const std::vector<LinearModule> modules = updated_modules(config, block, linear);
      for (const LinearModule& module : modules) {
        widths.columns = std::max(widths.columns, module.rows);
        widths.in = std::max(widths.in, linear_inputs(config, linear));
      }
      widths.updates = std::max(widths.updates, modules.size());
    }
  }
  return widths;
}

}  // namespace

LowRankScratch LowRankLayers::lay_out(Arena& arena, const ModelConfig& config, DType type, Purpose purpose,
                                      int64_t tokens) {
  LowRankScratch scratch;
  if (!config.lora.active()) return scratch;
  const Widths widths = widest(config);
  scratch.columns = arena.take(type, {tokens, widths.columns});
  if (purpose == Purpose::inference) return scratch;
  if (config.lora.dropout > 0.0f) scratch.dropped = arena.take(type, {tokens, widths.in});
  for (size_t update = 0; update < widths.updates; ++update) {
    scratch.dreduced.push_back(arena.take(type, {tokens, config.lora.rank}));
  }
  return scratch;
}

Tensor LowRankLayers::lay_out_shared(Arena& arena, const ModelConfig& config, DType type, int64_t tokens) {
  return config.lora.active() ? arena.take(type, {tokens, config.lora.rank}) : Tensor();
}

LowRankSaved LowRankLayers::lay_out_block(Arena& arena, const ModelConfig& config, DType type, int64_t tokens,
                                          int64_t block, const Tensor& shared) {
  LowRankSaved saved;
  if (!config.lora.active()) return saved;
  for (const BlockLinear linear : block_linears) {
    std::vector<Tensor>& reduced = saved[static_cast<size_t>(linear)];
    for (size_t update = updated_modules(config, block, linear).size(); update > 0; --update) {
      reduced.push_back(shared.absent() ? arena.take(type, {tokens, config.lora.rank}) : shared);
    }
  }
  return saved;
}

Dropout LowRankLayers::dropout(const Call& call) const {
  static constexpr std::array<DropoutPlace, 4> places{
      DropoutPlace::qkv_update, DropoutPlace::attention_output_update, DropoutPlace::inner_update,
      DropoutPlace::output_update};
  return dropout_at(call.dropout_key, config_.dropout, call.layer, places[static_cast<size_t>(call.linear)]);
}

// What the updates of one layer read; drawn again in backward.
Tensor LowRankLayers::dropped(const Tensor& x, const Dropout& dropout, const Call& call) const {
  if (!dropout.active()) return x;
  Tensor y = cut(call.scratch.dropped, x.rows(), x.columns());
  backend_.dropout(y, x, dropout, call.packing);
  return y;
}

void LowRankLayers::forward(const Tensor& y, const Tensor& x, const Linear& weights, const Call& call) const {
  if (weights.updates.empty()) return;
  const Tensor input = dropped(x, dropout(call), call);
  for (size_t index = 0; index < weights.updates.size(); ++index) {
    const LowRankUpdate& update = weights.updates[index];
    const Tensor& reduced = call.reduced[index];
    const Tensor columns = cut(call.scratch.columns, y.rows(), update.b.rows());
    backend_.linear_forward(reduced, {}, input, update.a, {}, Activation::none);
    backend_.linear_forward(columns, {}, reduced, update.b, {}, Activation::none);
    backend_.add_columns(y, update.first, columns, static_cast<float>(config_.scale()));
  }
}

void LowRankLayers::backward(Linear& gradients, const Tensor& dx, const Tensor& dy, const Tensor& x,
                             const Linear& weights, const Call& call) const {
  if (weights.updates.empty()) return;
  const Dropout drops = dropout(call);
  const Tensor input = dropped(x, drops, call);
  for (size_t index = 0; index < weights.updates.size(); ++index) {
    const LowRankUpdate& update = weights.updates[index];
    LowRankUpdate& gradient = gradients.updates[index];
    const Tensor& dreduced = call.scratch.dreduced[index];
    const Tensor columns = cut(call.scratch.columns, dy.rows(), update.b.rows());
    backend_.copy_columns(columns, dy, update.first, static_cast<float>(config_.scale()));
    backend_.linear_backward_weight(gradient.b, {}, columns, call.reduced[index]);
    backend_.linear_backward_input(dreduced, Write::overwrite, columns, update.b);
    backend_.linear_backward_weight(gradient.a, {}, dreduced, input);
  }
  // With dropout the gradient of what was read goes through it, in the memory of what was read.
  const Tensor dinput = drops.active() ? input : dx;
  for (size_t index = 0; index < weights.updates.size(); ++index) {
    const Write write = drops.active() && index == 0 ? Write::overwrite : Write::add;
    backend_.linear_backward_input(dinput, write, call.scratch.dreduced[index], weights.updates[index].a);
  }
  if (!drops.active()) return;
  backend_.dropout(dinput, dinput, drops, call.packing);
  backend_.add(dx, dinput);
}

}  // namespace limner
