// The CUDA backend. Each operation stands in the file named after it; this class owns what they share: the
// stream, copies of small host arrays, scratch memory and the matrix products.
#pragma once

#include <cuda_runtime.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernels/backend.h"
#include "kernels/cuda/staging.h"
#include "kernels/cuda/stream.h"

namespace limner {

class MatrixProducts;

// A packed batch on the device, for kernels; passed by value.
struct DevicePacking {
  const int32_t* cu_lengths;  // [rows + 1]
  const int64_t* row_keys;    // [rows]
  const int32_t* token_rows;  // [tokens]: the row of each token
  int64_t rows, tokens;
  int32_t max_length;
};

class CudaBackend final : public Backend {
 public:
  CudaBackend(int device_index, Graphs graphs);
  ~CudaBackend() override;
  Device device() const override { return Device::cuda; }
  std::string description() const override;
  Buffer allocate(int64_t bytes) override;
  void upload(Tensor device, const void* host) override;
  void download(void* host, Tensor device) override;
  void synchronize() override;
  void reserve(int64_t tokens, int64_t widest) override;
  void as_one(const std::function<void()>& work) override;
  Shapes preferred_shapes() const override { return graphs_ == Graphs::on ? Shapes::few : Shapes::any; }
  GraphUse graph_use() const override { return stream_.use(); }

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

  // --- For the operations' files.
  GpuStream& stream() { return stream_; }

  // The array on the device, for kernels of this operation; an empty one is null.
  template <class T>
  const T* send(std::span<const T> host) {
    return static_cast<const T*>(staging_->send(host.data(), static_cast<int64_t>(host.size_bytes())));
  }
  // The same, for the rows of a batch: sent once while the batch stays the same.
  DevicePacking send(const Packing& packing);

  // Uninitialised device memory, 256-byte aligned, until the operation ends. One piece an operation: a second
  // call gives the same bytes again. Grows (and waits) only beyond what reserve() has foreseen.
  template <class T>
  T* scratch(int64_t count) {
    return static_cast<T*>(scratch_bytes(count * static_cast<int64_t>(sizeof(T))));
  }

 private:
  void* scratch_bytes(int64_t bytes);

  struct SentPacking {
    std::vector<int32_t> cu_lengths;
    std::vector<int64_t> row_keys;
    DevicePacking device{};
    int64_t turn = -1;  // of staging_, when it was sent
  };

  // Chosen before the stream is made.
  static int choose(int device_index);

  int device_index_;
  Graphs graphs_;
  GpuStream stream_;
  std::unique_ptr<Staging> staging_;
  std::unique_ptr<MatrixProducts> products_;
  Buffer scratch_;
  SentPacking packing_;
};

}  // namespace limner
