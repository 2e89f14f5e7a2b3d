// Matrix products through cuBLASLt: the only part that knows that library.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "kernels/backend.h"
#include "kernels/cuda/stream.h"
#include "runtime/buffer.h"

namespace limner {

enum class Operand : uint8_t { plain, transposed };

// What the library does to a product (with its bias) before it writes it.
enum class Epilogue : uint8_t { none, gelu_tanh };

// c [rows, columns] = or += a [rows, depth] * b [depth, columns], row-major and contiguous; a transposed
// operand is stored as [depth, rows] or [columns, depth]. a and b have type `input`, c `output`.
struct ProductShape {
  int64_t rows, columns, depth;
  Operand a, b;
  DType input, output;
  Write write;
  Epilogue epilogue = Epilogue::none;
  // Filled in by multiply(): which pointers there are, and what all of them are multiples of (256 at most).
  bool has_bias = false, saves_pre = false;
  int64_t alignment_bytes = 0;
  auto operator<=>(const ProductShape&) const = default;
};

struct ProductMemory {
  void* c;
  const void* a;
  const void* b;
  const void* bias = nullptr;  // [columns], type `output`
  void* pre = nullptr;         // [rows, columns], type `output`: gelu_tanh's argument; columns % 8 == 0
};

class MatrixProducts {
 public:
  explicit MatrixProducts(GpuStream& stream);
  ~MatrixProducts();
  MatrixProducts(const MatrixProducts&) = delete;
  MatrixProducts& operator=(const MatrixProducts&) = delete;

  // The algorithm is chosen when a shape is first seen; the same shape gives the same bytes. f32 products are
  // computed in f32 (no TF32), bf16 ones accumulate in f32. A shape that the library has no algorithm for is
  // ExitCode::internal with its values.
  void multiply(ProductShape shape, const ProductMemory& memory);
  std::string library() const;  // "cuBLASLt 13.1.0"

 private:
  struct Call;
  void make(const ProductShape& shape, const ProductMemory& memory, cudaStream_t stream);

  struct Plan;
  struct Engine;
  std::unique_ptr<Engine> engine_;
  std::map<ProductShape, std::unique_ptr<Plan>> plans_;
};

}  // namespace limner
