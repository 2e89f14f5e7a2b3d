// Every operation's contract, once. kernels/cpu/ implements it on host memory, kernels/cuda/ on a GPU; the
// same tests (tests/kernels/) hold for both.
//
// Conventions. Arguments stand in the order outputs, saved-for-backward, inputs, scalars. Tensors are
// row-major and contiguous. `T` is the activation type, f32 or bf16, the same for every activation of a call;
// weights have type T too, unless stated. Sums and statistics are in f32. Outputs never alias inputs unless
// stated. Weight gradients are f32 and added to; activation gradients are overwritten unless the call says
// Write::add. `tokens` is the packed length: rows lie end to end, nothing is padded. Every result is the same
// bytes for any number of threads. A shape or type that does not fit is ExitCode::internal with its values.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "runtime/buffer.h"
#include "runtime/tensor.h"

namespace limner {

enum class Write : uint8_t { overwrite, add };
enum class Activation : uint8_t { none, gelu, gelu_tanh, tanh, relu, silu };
enum class Pooling : uint8_t { mean, cls, max, last, weighted_mean };
enum class Masking : uint8_t { bidirectional, causal };
enum class NormKind : uint8_t { layer, rms };  // rms: the mean is taken as 0 (Zhang and Sennrich, 2019)
enum class Rotation : uint8_t { forward, backward };

// The rows of a packed batch. Row r holds tokens [cu_lengths[r], cu_lengths[r + 1]); a row may be empty only
// in attention and pooling (its pooled vector is 0). Host arrays, valid during the call (a GPU backend keeps
// its own copy).
struct Packing {
  std::span<const int32_t> cu_lengths;  // rows + 1, starts at 0, ascends
  std::span<const int64_t> row_keys;    // rows; names a row in random numbers, whatever batch it is in
  int32_t max_length = 0;
  int64_t rows() const { return static_cast<int64_t>(cu_lengths.size()) - 1; }
  int64_t tokens() const { return cu_lengths.back(); }
};

// Dropout keeps an element with probability 1 - p and scales it by 1 / (1 - p). An element's fate is a
// function of (key, row key, position in the row, element index), so it does not depend on batch mates or
// ranks; backward draws it again. `key` mixes seed, step, layer and place. Hidden states: element = column.
// Attention: element = head * 65536 + key position.
struct Dropout {
  float probability = 0.0f;
  uint64_t key = 0;
  bool active() const { return probability > 0.0f; }
};

// Query head h reads key and value head h / group(). A query sees the keys of its row at a distance below
// `window`, on both sides or, causal, before it and itself.
struct AttentionShape {
  int64_t heads = 0;
  int64_t head_size = 0;
  Masking masking = Masking::bidirectional;
  Dropout dropout;
  int64_t key_heads = 0;  // divides heads; 0: as many as heads
  int64_t window = 0;     // 0: the whole row

  int64_t key_head_count() const { return key_heads > 0 ? key_heads : heads; }
  int64_t group() const { return heads / key_head_count(); }
  int64_t width() const { return heads * head_size; }                                  // of y
  int64_t packed_width() const { return (heads + 2 * key_head_count()) * head_size; }  // of qkv
};

// What a classification loss makes of a label. label_smoothing: the share of the label that is spread evenly
// over all classes (Szegedy et al., "Rethinking the inception architecture", 2016). focal_gamma: a loss is
// multiplied by (1 - probability of the label)^gamma, so that what is known counts less (Lin et al., "Focal
// loss for dense object detection", 2017).
struct LabelUse {
  float label_smoothing = 0.0f;
  float focal_gamma = 0.0f;
};

struct AdamW {
  float learning_rate, beta1, beta2, epsilon, weight_decay;
  int64_t step;          // 1 for the first update
  float gradient_scale;  // clipping: multiplies every gradient
};

// Which shapes of batches suit a backend. few: the same numbers of tokens and rows again and again.
enum class Shapes : uint8_t { any, few };

// Of the pieces that as_one() made: how many the device was given as a graph that it had before.
struct GraphUse {
  int64_t pieces = 0, replayed = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual Device device() const = 0;
  virtual std::string description() const = 0;  // "cpu: AVX-512 (bf16), 2 threads, oneDNN 2.6.3"
  virtual Buffer allocate(int64_t bytes) = 0;   // zeroed; OutOfMemory, with what is free where that is known
  virtual void upload(Tensor device, const void* host) = 0;
  virtual void download(void* host, Tensor device) = 0;
  virtual void synchronize() = 0;  // the CPU backend is always done
  // Scratch memory of the operations below for batches up to this size, before the first step: a GPU backend
  // takes nothing in a step. OutOfMemory, also where a GPU has too little left for the code that it loads
  // when a kernel is first launched; a smaller batch may then be tried.
  virtual void reserve(int64_t tokens, int64_t widest) = 0;
  // Runs `work`; the results are those of work(). What it enqueues may reach the device only when as_one()
  // returns, or earlier when something waits for it. Not to be nested; no memory may be freed in it.
  virtual void as_one(const std::function<void()>& work) { work(); }
  virtual Shapes preferred_shapes() const { return Shapes::any; }
  virtual GraphUse graph_use() const { return {}; }

  // --- Linear layers. weight [out, in] as Hugging Face stores it, bias [out] or absent.
  // y [tokens, out] = activation(x [tokens, in] * weight^T + bias). pre [tokens, out], if not absent,
  // receives the value before the activation.
  virtual void linear_forward(Tensor y, Tensor pre, Tensor x, Tensor weight, Tensor bias,
                              Activation activation) = 0;
  // dx [tokens, in] = or += dy [tokens, out] * weight.
  virtual void linear_backward_input(Tensor dx, Write write, Tensor dy, Tensor weight) = 0;
  // dweight [out, in] += dy^T * x (f32);  dbias [out] += column sums of dy (f32), or absent.
  virtual void linear_backward_weight(Tensor dweight, Tensor dbias, Tensor dy, Tensor x) = 0;
  // y = activation(pre). y may alias pre. gelu is exact (erf), gelu_tanh the tanh form.
  virtual void activation_forward(Tensor y, Tensor pre, Activation activation) = 0;
  // dx = dy * activation'(pre). dx may alias dy.
  virtual void activation_backward(Tensor dx, Tensor dy, Tensor pre, Activation activation) = 0;

  // Gated feed-forward layers (Shazeer, "GLU variants improve transformer", 2020). x [tokens, 2 * width]:
  // y [tokens, width] = activation(first half of x) * second half.
  virtual void gate_forward(Tensor y, Tensor x, Activation activation) = 0;
  // dx [tokens, 2 * width] from dy [tokens, width].
  virtual void gate_backward(Tensor dx, Tensor dy, Tensor x, Activation activation) = 0;

  // --- Heads before attention. qkv, here and in attention, is [tokens, packed_width]: a token's queries
  // (heads x head_size), keys and values (key heads x head_size each). Each query and key head alone: y = x *
  // rstd * gamma, rstd = 1 / sqrt(mean of x^2 + epsilon) over the head; values are copied. query_gamma,
  // key_gamma [head_size] f32. rstd [tokens, heads + key heads] f32 is saved, or absent. y may alias x where
  // rstd is absent.
  virtual void head_norm_forward(Tensor y, Tensor rstd, Tensor x, Tensor query_gamma, Tensor key_gamma,
                                 float epsilon, const AttentionShape& shape) = 0;
  // dx of all of qkv; dquery_gamma, dkey_gamma f32 +=, both absent when not wanted. dx may alias dy.
  virtual void head_norm_backward(Tensor dx, Tensor dquery_gamma, Tensor dkey_gamma, Tensor dy, Tensor x,
                                  Tensor rstd, Tensor query_gamma, Tensor key_gamma,
                                  const AttentionShape& shape) = 0;
  // Rotary embedding (Su et al., RoFormer, 2021), in place, of each query and key head. With h = head_size /
  // 2 (it is even) and c, s the row of `table` [positions, head_size] f32 for the token's position in its
  // row, cosines first, then sines: (x[i], x[i + h]) = (x[i] c[i] - x[i + h] s[i], x[i + h] c[i] + x[i]
  // s[i]), i < h. backward is the transpose, with -s: the gradient goes through it the other way.
  virtual void rotate(Tensor qkv, Tensor table, const Packing& packing, const AttentionShape& shape,
                      Rotation rotation) = 0;

  // --- Attention over packed rows. y [tokens, heads * head_size] = softmax(q k^T / sqrt(head_size) + b) v
  // within each row, over the keys that the shape lets a query see. lse [heads, tokens] f32 receives the
  // log-sum-exp (natural logarithm) of each query's scores; absent in inference. bias [2 * span - 1, heads]
  // f32, or absent (b = 0): the score of query i and key j has b = bias[span - 1 + j - i, head], the same in
  // every row, and no row is longer than `span`.
  virtual void attention_forward(Tensor y, Tensor lse, Tensor qkv, Tensor bias, const Packing& packing,
                                 const AttentionShape& shape) = 0;
  // dbias, of bias' shape, f32 +=, absent when not wanted; the order of additions is fixed.
  virtual void attention_backward(Tensor dqkv, Tensor dbias, Tensor dy, Tensor y, Tensor lse, Tensor qkv,
                                  Tensor bias, const Packing& packing, const AttentionShape& shape) = 0;

  // --- Residual, dropout and normalisation in one pass.
  // sum = residual + dropout(x);  y = (sum - mean) * rstd * gamma + beta, statistics per token over the
  // width; rms has no mean: y = sum * rstd * gamma + beta, rstd = 1 / sqrt(mean of sum^2 + epsilon). residual
  // may be absent (then sum = dropout(x)), beta too. sum may alias x or residual. sum, mean, rstd [tokens]
  // f32 are what backward needs, each may be absent in inference; mean is absent for rms. gamma, beta [width]
  // f32.
  virtual void norm_forward(Tensor y, Tensor sum, Tensor mean, Tensor rstd, Tensor x, Tensor residual,
                            Tensor gamma, Tensor beta, NormKind kind, float epsilon, const Dropout& dropout,
                            const Packing& packing) = 0;
  // dsum: = or += the gradient of `sum`, which is the residual's gradient (add: `sum` was read by others too,
  // and dsum holds their gradient); dx = dropout'(dsum), absent without dropout or when not wanted. dgamma,
  // dbeta f32 +=, each absent when not wanted, dbeta as beta too. With overwrite dsum may alias dy.
  virtual void norm_backward(Tensor dsum, Write write, Tensor dx, Tensor dgamma, Tensor dbeta, Tensor dy,
                             Tensor sum, Tensor mean, Tensor rstd, Tensor gamma, NormKind kind,
                             const Dropout& dropout, const Packing& packing) = 0;
  // y = dropout(x), elementwise; y may alias x. Backward is the same call on the gradient. Rows of `packing`
  // are rows of tokens; for one vector a row, cu_lengths counts 0, 1, 2, ….
  virtual void dropout(Tensor y, Tensor x, const Dropout& dropout, const Packing& packing) = 0;

  // --- Embeddings. y [tokens, width] = word[ids] + position[positions] + segment[segments]; tables have type
  // T, ids i32 host arrays; an id out of range is ExitCode::internal with the id. position or segment may be
  // absent.
  virtual void embedding_forward(Tensor y, Tensor word, Tensor position, Tensor segment,
                                 std::span<const int32_t> ids, std::span<const int32_t> positions,
                                 std::span<const int32_t> segments) = 0;
  // dword, dposition, dsegment f32 += (absent as above); the order of additions is fixed.
  virtual void embedding_backward(Tensor dword, Tensor dposition, Tensor dsegment, Tensor dy,
                                  std::span<const int32_t> ids, std::span<const int32_t> positions,
                                  std::span<const int32_t> segments) = 0;

  // --- Pooling: one vector a row. pooled [rows, width] f32 from x [tokens, width]. The first `skipped`
  // tokens of each row have no part in it; a row without others is pooled to 0, as an empty one.
  // weighted_mean weighs position i of the row by i + 1. argmax [rows, width] i32 (positions in the row) is
  // saved for max only.
  virtual void pool_forward(Tensor pooled, Tensor argmax, Tensor x, const Packing& packing, Pooling pooling,
                            int64_t skipped) = 0;
  // dx = or += the gradient (all tokens written with overwrite).
  virtual void pool_backward(Tensor dx, Write write, Tensor dpooled, Tensor argmax, const Packing& packing,
                             Pooling pooling, int64_t skipped) = 0;
  // Each row scaled to Euclidean length 1, in place, f32 (length 0 stays 0).
  virtual void normalize_rows(Tensor x) = 0;

  // --- Losses. logits [rows, classes] T or f32; loss [rows] f32 is each row's weighted loss; dlogits (type
  // of logits, may be absent) = gradient of sum(loss) * scale. A row of weight 0 has loss and gradient 0.
  // labels i32: class, or -1 for a missing label; class_weight w [classes] f32 or absent (1). With p the
  // softmax, y the label, s = label_smoothing, g = focal_gamma:
  //   loss = (1 - p[y])^g ((1 - s) w[y] (-log p[y]) + s / classes * sum over c of w[c] (-log p[c])).
  virtual void cross_entropy(Tensor loss, Tensor dlogits, Tensor logits, std::span<const int32_t> labels,
                             Tensor class_weight, const LabelUse& use, float scale) = 0;
  // targets t [rows, classes] f32 in {0, 1}, NaN for a missing row; loss is the mean over classes of w times
  // binary cross-entropy with (1 - s) t + s / 2, times (1 - probability of t)^g.
  virtual void binary_cross_entropy(Tensor loss, Tensor dlogits, Tensor logits, Tensor targets,
                                    Tensor class_weight, const LabelUse& use, float scale) = 0;
  // targets [rows] f32, NaN missing; logits [rows, 1]; loss = (logit - target)^2.
  virtual void squared_error(Tensor loss, Tensor dlogits, Tensor logits, Tensor targets, float scale) = 0;
  // probabilities [rows, classes] f32: softmax or sigmoid of logits.
  virtual void softmax(Tensor probabilities, Tensor logits) = 0;
  virtual void sigmoid(Tensor probabilities, Tensor logits) = 0;

  // --- Elementwise, any shape. dst and src of the same element count; types may differ in cast.
  virtual void cast(Tensor dst, Tensor src) = 0;
  virtual void add(Tensor dst, Tensor src) = 0;  // dst += src
  virtual void fill_zero(Tensor dst) = 0;
  // Some columns of a matrix. part [rows, columns] and whole [rows, width], both T, meet at the columns from
  // `first` on: whole += factor * part; part = factor * whole.
  virtual void add_columns(Tensor whole, int64_t first, Tensor part, float factor) = 0;
  virtual void copy_columns(Tensor part, Tensor whole, int64_t first, float factor) = 0;

  // --- Optimizer, over flat f32 ranges. AdamW (Loshchilov and Hutter, 2019), decoupled decay,
  // bias-corrected, as torch.optim. weights, first, second are updated; shadow (bf16) receives the rounded
  // weights, or absent.
  virtual void adamw(Tensor weights, Tensor shadow, Tensor first, Tensor second, Tensor gradient,
                     const AdamW& update) = 0;
  // average += share * (x - average), both f32.
  virtual void move_average(Tensor average, Tensor x, float share) = 0;
  virtual double sum_of_squares(Tensor x) = 0;  // fixed order, accumulated in double
};

// CUDA graphs (runtime.cuda_graphs).
enum class Graphs : uint8_t { off, on };

std::unique_ptr<Backend> make_cpu_backend(int threads);
// Does this processor multiply bf16 natively (AVX512-BF16 or AMX)? Decides `precision: auto`.
bool cpu_has_bf16();

}  // namespace limner
