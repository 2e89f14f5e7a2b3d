// Checks of arguments, the same on every device: a wrong call ends with the operation, the argument and its
// values.
#pragma once

#include <string_view>

#include "kernels/backend.h"

namespace limner {

// The tensor is on this device and has this type and shape.
void check_tensor(std::string_view operation, std::string_view argument, const Tensor& tensor, DType dtype,
                  std::initializer_list<int64_t> dims, Device device = Device::cpu);
// As above; an absent tensor passes.
void check_optional(std::string_view operation, std::string_view argument, const Tensor& tensor, DType dtype,
                    std::initializer_list<int64_t> dims, Device device = Device::cpu);
// f32 or bf16.
void check_float(std::string_view operation, std::string_view argument, const Tensor& tensor);
// Lengths start at 0, ascend and end at `tokens`; keys as many as rows.
void check_packing(std::string_view operation, const Packing& packing, int64_t tokens);
// Every id in 0..limit - 1, one for each of `count` tokens.
void check_ids(std::string_view operation, std::string_view table, std::span<const int32_t> ids,
               int64_t count, int64_t limit);
// Every label in -1..classes - 1, one for each row.
void check_labels(std::string_view operation, std::span<const int32_t> labels, int64_t rows, int64_t classes);
// Smoothing in [0, 1), a gamma that is not negative.
void check_label_use(std::string_view operation, const LabelUse& use);
void check_dropout(std::string_view operation, const Dropout& dropout);
// Head counts that fit, a window that is not negative.
void check_attention_shape(std::string_view operation, const AttentionShape& shape);
// A bias by distance, or an absent one: f32, an odd number of distances, as far as the longest row wants, and
// the shape's heads.
void check_attention_bias(std::string_view operation, std::string_view argument, const Tensor& bias,
                          const AttentionShape& shape, int64_t longest, Device device = Device::cpu);
// An even head size, and a position of `table` for every token of the longest row.
void check_rotation(std::string_view operation, const Tensor& table, const Packing& packing,
                    const AttentionShape& shape);
// With dropout a row may have no more tokens than a head has random numbers.
void check_attention_dropout(std::string_view operation, const AttentionShape& shape, int64_t longest);

}  // namespace limner
