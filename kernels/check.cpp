#include "kernels/check.h"

#include <algorithm>

#include "kernels/dropout.h"

namespace limner {

namespace {

std::string wanted_shape(DType dtype, std::initializer_list<int64_t> dims) {
  std::string text = std::string(dtype_name(dtype)) + "[";
  for (const int64_t dim : dims) text += (text.back() == '[' ? "" : ", ") + std::to_string(dim);
  return text + "]";
}

}  // namespace

void check_tensor(std::string_view operation, std::string_view argument, const Tensor& tensor, DType dtype,
                  std::initializer_list<int64_t> dims, Device device) {
  bool fits = tensor.dtype == dtype && tensor.device == device &&
              tensor.rank == static_cast<int>(dims.size()) &&
              (tensor.data != nullptr || tensor.elements() == 0);
  int index = 0;
  for (const int64_t dim : dims) fits = fits && tensor.dim(index++) == dim;
  if (!fits) {
    fail(ExitCode::internal, "{}: {} is {}, expected {} on the {}", operation, argument, tensor.description(),
         wanted_shape(dtype, dims), device == Device::cpu ? "host" : "GPU");
  }
}

void check_optional(std::string_view operation, std::string_view argument, const Tensor& tensor, DType dtype,
                    std::initializer_list<int64_t> dims, Device device) {
  if (!tensor.absent()) check_tensor(operation, argument, tensor, dtype, dims, device);
}

void check_float(std::string_view operation, std::string_view argument, const Tensor& tensor) {
  if (tensor.absent() || (tensor.dtype != DType::f32 && tensor.dtype != DType::bf16)) {
    fail(ExitCode::internal, "{}: {} is {}, expected f32 or bf16", operation, argument, tensor.description());
  }
}

void check_packing(std::string_view operation, const Packing& packing, int64_t tokens) {
  require(!packing.cu_lengths.empty() && packing.cu_lengths.front() == 0, "{}: cu_lengths must start with 0",
          operation);
  for (int64_t row = 0; row < packing.rows(); ++row) {
    const size_t index = static_cast<size_t>(row);
    require(packing.cu_lengths[index] <= packing.cu_lengths[index + 1],
            "{}: cu_lengths descends at row {}: {} then {}", operation, row, packing.cu_lengths[index],
            packing.cu_lengths[index + 1]);
  }
  require(packing.tokens() == tokens, "{}: cu_lengths ends at {}, the tensors have {} tokens", operation,
          packing.tokens(), tokens);
  require(static_cast<int64_t>(packing.row_keys.size()) == packing.rows(), "{}: {} row keys for {} rows",
          operation, packing.row_keys.size(), packing.rows());
}

void check_ids(std::string_view operation, std::string_view table, std::span<const int32_t> ids,
               int64_t count, int64_t limit) {
  require(static_cast<int64_t>(ids.size()) == count, "{}: {} {} ids for {} tokens", operation, ids.size(),
          table, count);
  for (size_t token = 0; token < ids.size(); ++token) {
    if (ids[token] >= 0 && ids[token] < limit) continue;
    fail(ExitCode::internal, "{}: {} id {} of token {} is not in 0..{}", operation, table, ids[token], token,
         limit - 1);
  }
}

void check_labels(std::string_view operation, std::span<const int32_t> labels, int64_t rows,
                  int64_t classes) {
  require(static_cast<int64_t>(labels.size()) == rows, "{}: {} labels for {} rows", operation, labels.size(),
          rows);
  for (size_t row = 0; row < labels.size(); ++row) {
    if (labels[row] >= -1 && labels[row] < classes) continue;
    fail(ExitCode::internal, "{}: label {} of row {} is not in -1..{}", operation, labels[row], row,
         classes - 1);
  }
}

void check_label_use(std::string_view operation, const LabelUse& use) {
  require(use.label_smoothing >= 0.0f && use.label_smoothing < 1.0f && use.focal_gamma >= 0.0f,
          "{}: label smoothing {} is not in [0, 1) or focal gamma {} is negative", operation,
          use.label_smoothing, use.focal_gamma);
}

void check_dropout(std::string_view operation, const Dropout& dropout) {
  require(dropout.probability >= 0.0f && dropout.probability < 1.0f,
          "{}: dropout probability {} is not in [0, 1)", operation, dropout.probability);
}

void check_attention_shape(std::string_view operation, const AttentionShape& shape) {
  require(shape.heads > 0 && shape.head_size > 0 && shape.key_heads >= 0 &&
              shape.heads % shape.key_head_count() == 0 && shape.window >= 0,
          "{}: {} heads of {}, {} key heads, window {}", operation, shape.heads, shape.head_size,
          shape.key_heads, shape.window);
}

void check_attention_bias(std::string_view operation, std::string_view argument, const Tensor& bias,
                          const AttentionShape& shape, int64_t longest, Device device) {
  if (bias.absent()) return;
  const int64_t distances = bias.dim(0);
  check_tensor(operation, argument, bias, DType::f32, {distances, shape.heads}, device);
  require(distances % 2 == 1 && distances >= 2 * longest - 1,
          "{}: {} has {} distances; an odd number is wanted, and {} for a row of {} tokens", operation,
          argument, distances, 2 * longest - 1, longest);
}

void check_rotation(std::string_view operation, const Tensor& table, const Packing& packing,
                    const AttentionShape& shape) {
  require(shape.head_size % 2 == 0, "{}: heads of {}; an even size is wanted", operation, shape.head_size);
  int64_t longest = 0;
  for (int64_t row = 0; row < packing.rows(); ++row) {
    const auto index = static_cast<size_t>(row);
    longest = std::max<int64_t>(longest, packing.cu_lengths[index + 1] - packing.cu_lengths[index]);
  }
  require(longest <= table.rows(), "{}: a row of {} tokens, the table has {} positions", operation, longest,
          table.rows());
}

void check_attention_dropout(std::string_view operation, const AttentionShape& shape, int64_t longest) {
  require(!shape.dropout.active() || longest <= kDropoutElementsPerHead,
          "{}: a row of {} tokens with dropout, at most {} are possible", operation, longest,
          kDropoutElementsPerHead);
}

}  // namespace limner
