// The CPU backend. Each operation stands in the file named after it; this class owns what they share: the
// number of threads, the matrix products and scratch memory.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernels/backend.h"
#include "kernels/cpu/matmul.h"
#include "kernels/cpu/scratch.h"

namespace limner {

class CpuBackend final : public Backend {
 public:
  explicit CpuBackend(int threads);
  Device device() const override { return Device::cpu; }
  std::string description() const override;
  Buffer allocate(int64_t bytes) override { return Buffer(bytes); }
  void upload(Tensor device, const void* host) override;
  void download(void* host, Tensor device) override;
  void synchronize() override {}
  void reserve(int64_t tokens, int64_t widest) override;

  void linear_forward(Tensor y, Tensor pre, Tensor x, Tensor weight, Tensor bias,
                      Activation activation) override;
  void linear_backward_input(Tensor dx, Write write, Tensor dy, Tensor weight) override;
  void linear_backward_weight(Tensor dweight, Tensor dbias, Tensor dy, Tensor x) override;
  void activation_forward(Tensor y, Tensor pre, Activation activation) override;
  void activation_backward(Tensor dx, Tensor dy, Tensor pre, Activation activation) override;

  void gate_forward(Tensor y, Tensor x, Activation activation) override;
  void gate_backward(Tensor dx, Tensor dy, Tensor x, Activation activation) override;
  void head_norm_forward(Tensor y, Tensor rstd, Tensor x, Tensor query_gamma, Tensor key_gamma, float epsilon,
                         const AttentionShape& shape) override;
  void head_norm_backward(Tensor dx, Tensor dquery_gamma, Tensor dkey_gamma, Tensor dy, Tensor x, Tensor rstd,
                          Tensor query_gamma, Tensor key_gamma, const AttentionShape& shape) override;
  void rotate(Tensor qkv, Tensor table, const Packing& packing, const AttentionShape& shape,
              Rotation rotation) override;

  void attention_forward(Tensor y, Tensor lse, Tensor qkv, Tensor bias, const Packing& packing,
                         const AttentionShape& shape) override;
  void attention_backward(Tensor dqkv, Tensor dbias, Tensor dy, Tensor y, Tensor lse, Tensor qkv, Tensor bias,
                          const Packing& packing, const AttentionShape& shape) override;

  void norm_forward(Tensor y, Tensor sum, Tensor mean, Tensor rstd, Tensor x, Tensor residual, Tensor gamma,
                    Tensor beta, NormKind kind, float epsilon, const Dropout& dropout,
                    const Packing& packing) override;
  void norm_backward(Tensor dsum, Write write, Tensor dx, Tensor dgamma, Tensor dbeta, Tensor dy, Tensor sum,
                     Tensor mean, Tensor rstd, Tensor gamma, NormKind kind, const Dropout& dropout,
                     const Packing& packing) override;
  void dropout(Tensor y, Tensor x, const Dropout& dropout, const Packing& packing) override;

  void embedding_forward(Tensor y, Tensor word, Tensor position, Tensor segment, std::span<const int32_t> ids,
                         std::span<const int32_t> positions, std::span<const int32_t> segments) override;
  void embedding_backward(Tensor dword, Tensor dposition, Tensor dsegment, Tensor dy,
                          std::span<const int32_t> ids, std::span<const int32_t> positions,
                          std::span<const int32_t> segments) override;

  void pool_forward(Tensor pooled, Tensor argmax, Tensor x, const Packing& packing, Pooling pooling,
                    int64_t skipped) override;
  void pool_backward(Tensor dx, Write write, Tensor dpooled, Tensor argmax, const Packing& packing,
                     Pooling pooling, int64_t skipped) override;
  void normalize_rows(Tensor x) override;

  void cross_entropy(Tensor loss, Tensor dlogits, Tensor logits, std::span<const int32_t> labels,
                     Tensor class_weight, const LabelUse& use, float scale) override;
  void binary_cross_entropy(Tensor loss, Tensor dlogits, Tensor logits, Tensor targets, Tensor class_weight,
                            const LabelUse& use, float scale) override;
  void squared_error(Tensor loss, Tensor dlogits, Tensor logits, Tensor targets, float scale) override;
  void softmax(Tensor probabilities, Tensor logits) override;
  void sigmoid(Tensor probabilities, Tensor logits) override;

  void cast(Tensor dst, Tensor src) override;
  void add(Tensor dst, Tensor src) override;
  void fill_zero(Tensor dst) override;
  void add_columns(Tensor whole, int64_t first, Tensor part, float factor) override;
  void copy_columns(Tensor part, Tensor whole, int64_t first, float factor) override;

  void adamw(Tensor weights, Tensor shadow, Tensor first, Tensor second, Tensor gradient,
             const AdamW& update) override;
  void move_average(Tensor average, Tensor x, float share) override;
  double sum_of_squares(Tensor x) override;

 private:
  template <class Finish>
  void multiply_tiles(Tensor c, Write write, Tensor a, Tensor b, Layout layout_b, Tensor bias,
                      Finish&& finish);

  int threads_;
  Matmul matmul_;
  ThreadScratch thread_scratch_;  // one piece a thread
  Scratch shared_scratch_;        // partial sums and padded tiles, written and read by several threads
};

}  // namespace limner
