#include "kernels/cuda/matrix_products.h"

#include <cublasLt.h>

#include <algorithm>
#include <source_location>

#include "kernels/cuda/memory.h"

namespace limner {
namespace {

constexpr int64_t kWorkspaceBytes = int64_t{32} << 20;  // what cuBLAS itself takes on compute capability 9.0

void check_cublas(cublasStatus_t status, std::source_location place = std::source_location::current()) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  fail(ExitCode::internal, "cuBLASLt: {} ({}:{})", cublasLtGetStatusString(status), place.file_name(),
       place.line());
}

cudaDataType data_type(DType dtype) {
  if (dtype == DType::f32) return CUDA_R_32F;
  if (dtype == DType::bf16) return CUDA_R_16BF;
  fail(ExitCode::internal, "matrix products are f32 or bf16, not {}", dtype_name(dtype));
}

cublasLtEpilogue_t library_epilogue(const ProductShape& shape) {
  switch (shape.epilogue) {
    case Epilogue::none:
      return shape.has_bias ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT;
    case Epilogue::gelu_tanh:
      if (shape.saves_pre) {
        return shape.has_bias ? CUBLASLT_EPILOGUE_GELU_AUX_BIAS : CUBLASLT_EPILOGUE_GELU_AUX;
      }
      return shape.has_bias ? CUBLASLT_EPILOGUE_GELU_BIAS : CUBLASLT_EPILOGUE_GELU;
  }
  fail(ExitCode::internal, "unknown epilogue {}", static_cast<int>(shape.epilogue));
}

std::string description(const ProductShape& shape) {
  return fmt::format("[{}, {}] = {}[{}, {}]{} * [{}, {}]{}, epilogue {}, {}-byte alignment", shape.rows,
                     shape.columns, dtype_name(shape.input), shape.rows, shape.depth,
                     shape.a == Operand::transposed ? "^T" : "", shape.depth, shape.columns,
                     shape.b == Operand::transposed ? "^T" : "", static_cast<int>(library_epilogue(shape)),
                     shape.alignment_bytes);
}

// The library counts columns first. Read so, our row-major c is c^T [columns, rows] = b^T a^T: its A is our
// b, its B our a. A plain row-major operand is already the transposed one it wants.
class Layout {
 public:
  Layout(DType dtype, int64_t stored_rows, int64_t stored_columns) {
    check_cublas(cublasLtMatrixLayoutCreate(&layout_, data_type(dtype), static_cast<uint64_t>(stored_columns),
                                            static_cast<uint64_t>(stored_rows), stored_columns));
  }
  ~Layout() { static_cast<void>(cublasLtMatrixLayoutDestroy(layout_)); }
  Layout(const Layout&) = delete;
  Layout& operator=(const Layout&) = delete;
  cublasLtMatrixLayout_t get() const { return layout_; }

 private:
  cublasLtMatrixLayout_t layout_ = nullptr;
};

class Description {
 public:
  Description() { check_cublas(cublasLtMatmulDescCreate(&description_, CUBLAS_COMPUTE_32F, CUDA_R_32F)); }
  ~Description() { static_cast<void>(cublasLtMatmulDescDestroy(description_)); }
  Description(const Description&) = delete;
  Description& operator=(const Description&) = delete;
  template <class Value>
  void set(cublasLtMatmulDescAttributes_t attribute, const Value& value) {
    check_cublas(cublasLtMatmulDescSetAttribute(description_, attribute, &value, sizeof value));
  }
  cublasLtMatmulDesc_t get() const { return description_; }

 private:
  cublasLtMatmulDesc_t description_ = nullptr;
};

class Preference {
 public:
  Preference() { check_cublas(cublasLtMatmulPreferenceCreate(&preference_)); }
  ~Preference() { static_cast<void>(cublasLtMatmulPreferenceDestroy(preference_)); }
  Preference(const Preference&) = delete;
  Preference& operator=(const Preference&) = delete;
  template <class Value>
  void set(cublasLtMatmulPreferenceAttributes_t attribute, const Value& value) {
    check_cublas(cublasLtMatmulPreferenceSetAttribute(preference_, attribute, &value, sizeof value));
  }
  cublasLtMatmulPreference_t get() const { return preference_; }

 private:
  cublasLtMatmulPreference_t preference_ = nullptr;
};

}  // namespace

struct MatrixProducts::Engine {
  explicit Engine(GpuStream& on) : stream(on), workspace(allocate_device(kWorkspaceBytes)) {
    check_cublas(cublasLtCreate(&handle));
  }
  ~Engine() { static_cast<void>(cublasLtDestroy(handle)); }
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  GpuStream& stream;
  Buffer workspace;
  cublasLtHandle_t handle = nullptr;
};

struct MatrixProducts::Plan {
  explicit Plan(const ProductShape& shape)
      : a(shape.input, shape.a == Operand::plain ? shape.rows : shape.depth,
          shape.a == Operand::plain ? shape.depth : shape.rows),
        b(shape.input, shape.b == Operand::plain ? shape.depth : shape.columns,
          shape.b == Operand::plain ? shape.columns : shape.depth),
        c(shape.output, shape.rows, shape.columns) {
    product.set(CUBLASLT_MATMUL_DESC_TRANSA, shape.b == Operand::plain ? CUBLAS_OP_N : CUBLAS_OP_T);
    product.set(CUBLASLT_MATMUL_DESC_TRANSB, shape.a == Operand::plain ? CUBLAS_OP_N : CUBLAS_OP_T);
    product.set(CUBLASLT_MATMUL_DESC_EPILOGUE, library_epilogue(shape));
    if (shape.saves_pre) product.set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, shape.columns);
  }
  void point_to(const ProductMemory& memory) {
    if (memory.bias != nullptr) product.set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, memory.bias);
    if (memory.pre != nullptr) product.set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, memory.pre);
  }
  void choose(const ProductShape& shape, const Engine& engine) {
    Preference preference;
    const auto workspace_bytes = static_cast<size_t>(engine.workspace.bytes());
    preference.set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, workspace_bytes);
    // Partial sums meet in a fixed order, in the workspace: the same bytes at every run.
    const uint32_t reductions = CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;
    preference.set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, reductions);
    const auto alignment = static_cast<uint32_t>(shape.alignment_bytes);
    for (const auto pointer :
         {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
          CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES}) {
      preference.set(pointer, alignment);
    }
    cublasLtMatmulHeuristicResult_t best{};
    int found = 0;
    const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(
        engine.handle, product.get(), b.get(), a.get(), c.get(), c.get(), preference.get(), 1, &best, &found);
    if (status != CUBLAS_STATUS_SUCCESS || found == 0) {
      fail(ExitCode::internal, "cuBLASLt has no algorithm for the product {}: {}", description(shape),
           cublasLtGetStatusString(status));
    }
    algorithm = best.algo;
  }

  Layout a, b, c;
  Description product;
  cublasLtMatmulAlgo_t algorithm{};
};

MatrixProducts::MatrixProducts(GpuStream& stream) : engine_(std::make_unique<Engine>(stream)) {}
MatrixProducts::~MatrixProducts() = default;

struct MatrixProducts::Call {
  MatrixProducts* products;
  ProductShape shape;
  ProductMemory memory;
  void make(cudaStream_t stream) const { products->make(shape, memory, stream); }
};

void MatrixProducts::multiply(ProductShape shape, const ProductMemory& memory) {
  shape.has_bias = memory.bias != nullptr;
  shape.saves_pre = memory.pre != nullptr;
  uintptr_t addresses = 256;
  for (const void* pointer : {static_cast<const void*>(memory.c), memory.a, memory.b, memory.bias,
                              static_cast<const void*>(memory.pre)}) {
    addresses |= reinterpret_cast<uintptr_t>(pointer);
  }
  shape.alignment_bytes = static_cast<int64_t>(addresses & (~addresses + 1));  // the lowest bit that is set
  engine_->stream.call(Call{this, shape, memory});
}

void MatrixProducts::make(const ProductShape& shape, const ProductMemory& memory, cudaStream_t stream) {
  std::unique_ptr<Plan>& plan = plans_[shape];
  const bool first = plan == nullptr;
  if (first) plan = std::make_unique<Plan>(shape);
  plan->point_to(memory);
  if (first) plan->choose(shape, *engine_);
  const float one = 1.0f, old = shape.write == Write::add ? 1.0f : 0.0f;
  check_cublas(cublasLtMatmul(engine_->handle, plan->product.get(), &one, memory.b, plan->b.get(), memory.a,
                              plan->a.get(), &old, memory.c, plan->c.get(), memory.c, plan->c.get(),
                              &plan->algorithm, engine_->workspace.data(),
                              static_cast<size_t>(engine_->workspace.bytes()), stream));
}

std::string MatrixProducts::library() const {
  const size_t version = cublasLtGetVersion();  // major * 10000 + minor * 100 + patch
  return fmt::format("cuBLASLt {}.{}.{}", version / 10000, version / 100 % 100, version % 100);
}

}  // namespace limner
