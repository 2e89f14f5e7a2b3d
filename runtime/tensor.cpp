#include "runtime/tensor.h"

namespace limner {

int64_t dtype_bytes(DType dtype) {
  switch (dtype) {
    case DType::f32:
    case DType::i32:
      return 4;
    case DType::bf16:
    case DType::f16:
      return 2;
    case DType::i64:
      return 8;
  }
  fail(ExitCode::internal, "unknown element type {}", static_cast<int>(dtype));
}

const char* dtype_name(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return "f32";
    case DType::bf16:
      return "bf16";
    case DType::f16:
      return "f16";
    case DType::i32:
      return "i32";
    case DType::i64:
      return "i64";
  }
  fail(ExitCode::internal, "unknown element type {}", static_cast<int>(dtype));
}

Tensor::Tensor(void* memory, DType type, std::initializer_list<int64_t> shape, Device where)
    : data(memory), dtype(type), device(where), rank(static_cast<int>(shape.size())) {
  require(shape.size() >= 1 && shape.size() <= dims.size(), "a tensor has 1 to 4 dimensions, not {}",
          shape.size());
  size_t index = 0;
  for (const int64_t dim : shape) {
    require(dim >= 0, "tensor dimension {} is {}", index, dim);
    dims[index++] = dim;
  }
}

Tensor Tensor::reshaped(std::initializer_list<int64_t> shape) const {
  const Tensor result(data, dtype, shape, device);
  if (result.elements() != elements()) {
    fail(ExitCode::internal, "tensor {} cannot become {}", description(), result.description());
  }
  return result;
}

Tensor Tensor::slice_rows(int64_t first, int64_t count) const {
  if (absent() || first < 0 || count < 0 || count > dims[0] - first) {
    fail(ExitCode::internal, "rows {} to {} are not within {}", first, first + count, description());
  }
  Tensor result = *this;
  result.dims[0] = count;
  // The data of a counting arena's tensor is null and stays null.
  if (data != nullptr) {
    const int64_t row_bytes = dims[1] * dims[2] * dims[3] * dtype_bytes(dtype);
    result.data = static_cast<std::byte*>(data) + first * row_bytes;
  }
  return result;
}

std::string Tensor::description() const {
  std::string text = fmt::format("{}[", dtype_name(dtype));
  for (int index = 0; index < rank; ++index) {
    text += fmt::format("{}{}", index == 0 ? "" : ", ", dims[static_cast<size_t>(index)]);
  }
  return text + "]";
}

}  // namespace limner
