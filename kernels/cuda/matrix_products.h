// Matrix products through cuBLASLt: the only part that knows that library.
#pragma once

#include <cuda_runtime.h>

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "kernels/backend.h"
#include "runtime/buffer.h"

namespace limner {

enum class Operand : uint8_t { plain, transposed };

// What the library does with a product before it writes it.
enum class Epilogue : uint8_t { none, bias, gelu_tanh, relu };

// c [rows, columns] = or += a [rows, depth] * b [depth, columns], row-major and contiguous; a transposed
// operand is stored as [depth, rows] or [columns, depth]. a and b have type `input`, c `output`.
struct ProductShape {
  int64_t rows, columns, depth;
  Operand a, b;
  DType input, output;
  Write write;
  Epilogue epilogue;
  bool has_bias, saves_pre;
  int alignment_bytes;  // of every pointer: a power of two up to 256
  auto operator<=>(const ProductShape&) const = default;
};

struct ProductMemory {
  void* c;
  const void* a;
  const void* b;
  const void* bias = nullptr;  // [columns], type `output`
  void* pre = nullptr;         // [rows, columns], the value before the activation
};

class MatrixProducts {
 public:
  explicit MatrixProducts(cudaStream_t stream);
  ~MatrixProducts();
  MatrixProducts(const MatrixProducts&) = delete;
  MatrixProducts& operator=(const MatrixProducts&) = delete;

  // The algorithm is chosen when a shape is first seen. f32 products are computed in f32 (no TF32), bf16 ones
  // accumulate in f32. A shape that the library has no algorithm for is ExitCode::internal with its values.
  void multiply(ProductShape shape, const ProductMemory& memory);
  std::string library() const;  // "cuBLASLt 13.1.0"

 private:
  struct Plan;
  struct Engine;
  std::unique_ptr<Engine> engine_;
  std::map<ProductShape, std::unique_ptr<Plan>> plans_;
};

}  // namespace limner
