// Matrix products of one tile, through oneDNN: the only part that knows that library. A product is built once
// per shape, for one thread, so that neither its blocking nor its result depends on the number of threads.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "kernels/backend.h"

namespace limner {

enum class Layout : uint8_t { plain, transposed };

// c [rows, columns] = or += a [rows, depth] * b [depth, columns] + bias [columns]. Leading dimensions count
// the elements between stored rows; a transposed operand is stored as [depth, rows] or [columns, depth].
struct MatmulShape {
  int64_t rows, columns, depth;
  int64_t leading_a, leading_b, leading_c;
  Layout layout_a, layout_b;
  DType input, output;
  bool has_bias;
  Write write;
  auto operator<=>(const MatmulShape&) const =
      default;  // NOLINT(modernize-use-nullptr): clang-tidy 14 misreads it
};

class MatmulKernel;

class Matmul {
 public:
  Matmul();
  ~Matmul();
  // Outside parallel regions. The kernel lives as long as this object.
  const MatmulKernel& kernel(const MatmulShape& shape);

 private:
  struct Engine;
  std::unique_ptr<Engine> engine_;
  std::map<MatmulShape, std::unique_ptr<MatmulKernel>> kernels_;
};

// Bytes of scratch that run() wants.
int64_t scratch_bytes(const MatmulKernel& kernel);
// Safe from several threads at once, each with its own scratch. bias may be null when the shape has none.
void run(const MatmulKernel& kernel, void* c, const void* a, const void* b, const void* bias,
         std::byte* scratch);
std::string matmul_library();  // "oneDNN 2.6.3"

// While alive, oneDNN calls of this thread, and of the threads of a parallel loop it starts, run on one
// thread.
class OneThreadAProduct {
 public:
  OneThreadAProduct();
  ~OneThreadAProduct();
  OneThreadAProduct(const OneThreadAProduct&) = delete;
  OneThreadAProduct& operator=(const OneThreadAProduct&) = delete;

 private:
  int former_;
};

}  // namespace limner
