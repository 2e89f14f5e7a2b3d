// cuBLASLt: naive matrix products with the epilogues that Limner uses, on the caller's stream. What the
// library would refuse, or read wrongly, ends the program: types, leading dimensions, alignment, workspace.
#include <cublasLt.h>
#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "tests/emulation/runtime.h"

struct cublasLtContext {};

namespace {

// The library's descriptors are blocks of opaque words; ours begin with these.
struct MatrixWords {
  cudaDataType type;
  uint64_t rows, columns;
  int64_t leading;
};
struct ProductWords {
  cublasComputeType_t compute;
  cudaDataType scale;
  cublasOperation_t a, b;
  cublasLtEpilogue_t epilogue;
  const void* bias;
  void* saved;
  int64_t saved_leading;
};
struct PreferenceWords {
  size_t workspace_bytes;
  uint32_t least_alignment;
};

template <class Words, class Opaque>
Words& words(Opaque* opaque) {
  static_assert(sizeof(Words) <= sizeof(Opaque));
  return *reinterpret_cast<Words*>(opaque->data);
}
template <class Words, class Opaque>
const Words& words(const Opaque* opaque) {
  return *reinterpret_cast<const Words*>(opaque->data);
}
template <class Value>
void assign(Value& value, const void* from, size_t bytes) {
  if (bytes != sizeof value)
    emulation::fail("cuBLASLt: an attribute of %zu bytes, not %zu", bytes, sizeof value);
  std::memcpy(&value, from, bytes);
}

size_t element_bytes(cudaDataType type) {
  if (type == CUDA_R_32F) return 4;
  if (type == CUDA_R_16BF) return 2;
  emulation::fail("cuBLASLt: data type %d is not emulated", static_cast<int>(type));
}

float load(const void* memory, cudaDataType type, size_t index) {
  return type == CUDA_R_32F ? static_cast<const float*>(memory)[index]
                            : __bfloat162float(static_cast<const __nv_bfloat16*>(memory)[index]);
}
void store(void* memory, cudaDataType type, size_t index, float value) {
  if (type == CUDA_R_32F) {
    static_cast<float*>(memory)[index] = value;
  } else {
    static_cast<__nv_bfloat16*>(memory)[index] = __float2bfloat16_rn(value);
  }
}

// op(matrix) as [outer, inner] f32.
std::vector<float> read_operand(const void* memory, const MatrixWords& matrix, bool inner_is_columns) {
  const size_t rows = matrix.rows, columns = matrix.columns;
  std::vector<float> values(rows * columns);
  for (size_t column = 0; column < columns; ++column) {
    for (size_t row = 0; row < rows; ++row) {
      const float value = load(memory, matrix.type, column * static_cast<size_t>(matrix.leading) + row);
      values[inner_is_columns ? row * columns + column : column * rows + row] = value;
    }
  }
  return values;
}

float gelu_tanh(float x) {
  return 0.5f * x * (1.0f + std::tanh(0.7978845608f * (x + 0.044715f * x * x * x)));
}

struct Product {
  ProductWords how;
  MatrixWords a, b, c;
  const void *memory_a, *memory_b;
  void* memory_c;
  float alpha, beta;
};

void run(const Product& product) {
  // d [m, n], its columns contiguous.
  const size_t m = product.c.rows, n = product.c.columns;
  const size_t depth = product.how.a == CUBLAS_OP_N ? product.a.columns : product.a.rows;
  const std::vector<float> a = read_operand(product.memory_a, product.a, product.how.a == CUBLAS_OP_N);
  const std::vector<float> b = read_operand(product.memory_b, product.b, product.how.b != CUBLAS_OP_N);
  const int epilogue = static_cast<int>(product.how.epilogue);
  for (size_t column = 0; column < n; ++column) {
    for (size_t row = 0; row < m; ++row) {
      float sum = 0.0f;
      for (size_t k = 0; k < depth; ++k) sum += a[row * depth + k] * b[column * depth + k];
      const size_t index = column * static_cast<size_t>(product.c.leading) + row;
      float value = product.alpha * sum;
      if (product.beta != 0.0f) value += product.beta * load(product.memory_c, product.c.type, index);
      if ((epilogue & CUBLASLT_EPILOGUE_BIAS) != 0) value += load(product.how.bias, product.c.type, row);
      if (epilogue & 128) {
        const size_t saved_index = column * static_cast<size_t>(product.how.saved_leading) + row;
        store(product.how.saved, product.c.type, saved_index, value);
      }
      if ((epilogue & CUBLASLT_EPILOGUE_GELU) != 0) value = gelu_tanh(value);
      store(product.memory_c, product.c.type, index, value);
    }
  }
}

bool dimensions_agree(const Product& product) {
  const bool plain_a = product.how.a == CUBLAS_OP_N, plain_b = product.how.b == CUBLAS_OP_N;
  const uint64_t a_rows = plain_a ? product.a.rows : product.a.columns;
  const uint64_t a_columns = plain_a ? product.a.columns : product.a.rows;
  const uint64_t b_rows = plain_b ? product.b.rows : product.b.columns;
  const uint64_t b_columns = plain_b ? product.b.columns : product.b.rows;
  return a_rows == product.c.rows && b_columns == product.c.columns && a_columns == b_rows && a_columns > 0 &&
         product.c.rows > 0 && product.c.columns > 0;
}

void check_epilogue(const Product& product) {
  constexpr int kKnown = 1 | CUBLASLT_EPILOGUE_BIAS | CUBLASLT_EPILOGUE_GELU | 128;
  const int epilogue = static_cast<int>(product.how.epilogue);
  if ((epilogue & ~kKnown) != 0) emulation::fail("cuBLASLt: epilogue %d is not emulated", epilogue);
  if ((epilogue & CUBLASLT_EPILOGUE_BIAS) != 0 && !emulation::is_device_memory(product.how.bias)) {
    emulation::fail("cuBLASLt: the bias %p is not device memory", product.how.bias);
  }
  if ((epilogue & 128) == 0) return;
  if (!emulation::is_device_memory(product.how.saved) ||
      reinterpret_cast<uintptr_t>(product.how.saved) % 16 != 0 || product.how.saved_leading % 8 != 0 ||
      product.how.saved_leading < static_cast<int64_t>(product.c.rows)) {
    emulation::fail("cuBLASLt: auxiliary output %p with leading dimension %lld", product.how.saved,
                    static_cast<long long>(product.how.saved_leading));
  }
}

void check_memory(const void* memory, const MatrixWords& matrix, uint64_t alignment) {
  if (matrix.leading < static_cast<int64_t>(matrix.rows)) {
    emulation::fail("cuBLASLt: leading dimension %lld of %llu rows", static_cast<long long>(matrix.leading),
                    static_cast<unsigned long long>(matrix.rows));
  }
  const auto* last = static_cast<const char*>(memory) +
                     ((matrix.columns - 1) * static_cast<uint64_t>(matrix.leading) + matrix.rows) *
                         element_bytes(matrix.type) -
                     1;
  if (!emulation::is_device_memory(memory) || !emulation::is_device_memory(last)) {
    emulation::fail("cuBLASLt: the matrix at %p does not lie in device memory", memory);
  }
  if (reinterpret_cast<uintptr_t>(memory) % alignment != 0) {
    emulation::fail("cuBLASLt: the matrix at %p, but the algorithm was chosen for multiples of %llu", memory,
                    static_cast<unsigned long long>(alignment));
  }
}

}  // namespace

extern "C" {

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  *handle = new cublasLtContext;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  delete handle;
  return CUBLAS_STATUS_SUCCESS;
}
size_t cublasLtGetVersion() { return CUBLAS_VERSION; }
const char* cublasLtGetStatusString(cublasStatus_t status) {
  return status == CUBLAS_STATUS_SUCCESS ? "success" : "not supported";
}

cublasStatus_t cublasLtMatrixLayoutInit_internal(cublasLtMatrixLayout_t layout, size_t, cudaDataType type,
                                                 uint64_t rows, uint64_t columns, int64_t leading) {
  words<MatrixWords>(layout) = {type, rows, columns, leading};
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout, cudaDataType type, uint64_t rows,
                                          uint64_t columns, int64_t leading) {
  *layout = new cublasLtMatrixLayoutOpaque_t{};
  return cublasLtMatrixLayoutInit_internal(*layout, sizeof **layout, type, rows, columns, leading);
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
  delete layout;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* description, cublasComputeType_t compute,
                                        cudaDataType scale) {
  *description = new cublasLtMatmulDescOpaque_t{};
  words<ProductWords>(*description) = {
      compute, scale, CUBLAS_OP_N, CUBLAS_OP_N, CUBLASLT_EPILOGUE_DEFAULT, nullptr, nullptr, 0};
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t description) {
  delete description;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t description,
                                              cublasLtMatmulDescAttributes_t attribute, const void* value,
                                              size_t bytes) {
  ProductWords& product = words<ProductWords>(description);
  switch (attribute) {
    case CUBLASLT_MATMUL_DESC_TRANSA:
      assign(product.a, value, bytes);
      break;
    case CUBLASLT_MATMUL_DESC_TRANSB:
      assign(product.b, value, bytes);
      break;
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
      assign(product.epilogue, value, bytes);
      break;
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
      assign(product.bias, value, bytes);
      break;
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER:
      assign(product.saved, value, bytes);
      break;
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD:
      assign(product.saved_leading, value, bytes);
      break;
    default:
      emulation::fail("cuBLASLt: attribute %d is not emulated", static_cast<int>(attribute));
  }
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference) {
  *preference = new cublasLtMatmulPreferenceOpaque_t{};
  words<PreferenceWords>(*preference) = {0, 256};
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
  delete preference;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t attribute,
                                                    const void* value, size_t bytes) {
  PreferenceWords& mine = words<PreferenceWords>(preference);
  uint32_t number = 0;
  switch (attribute) {
    case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES:
      assign(mine.workspace_bytes, value, bytes);
      break;
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES:
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES:
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES:
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES:
      assign(number, value, bytes);
      mine.least_alignment = std::min(mine.least_alignment, number);
      break;
    case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK:
      assign(number, value, bytes);
      break;
    default:
      emulation::fail("cuBLASLt: preference %d is not emulated", static_cast<int>(attribute));
  }
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t, cublasLtMatrixLayout_t,
                                              cublasLtMatrixLayout_t, cublasLtMatrixLayout_t,
                                              cublasLtMatrixLayout_t, cublasLtMatmulPreference_t preference,
                                              int wanted, cublasLtMatmulHeuristicResult_t results[],
                                              int* found) {
  *found = std::min(wanted, 1);
  results[0] = {};
  results[0].algo.data[0] = words<PreferenceWords>(preference).least_alignment;
  results[0].algo.data[1] = results[0].workspaceSize = words<PreferenceWords>(preference).workspace_bytes;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t description, const void* alpha,
                              const void* a, cublasLtMatrixLayout_t layout_a, const void* b,
                              cublasLtMatrixLayout_t layout_b, const void* beta, const void* c,
                              cublasLtMatrixLayout_t layout_c, void* d, cublasLtMatrixLayout_t layout_d,
                              const cublasLtMatmulAlgo_t* algorithm, void* workspace, size_t workspace_bytes,
                              cudaStream_t stream) {
  const Product product{words<ProductWords>(description),
                        words<MatrixWords>(layout_a),
                        words<MatrixWords>(layout_b),
                        words<MatrixWords>(layout_d),
                        a,
                        b,
                        d,
                        *static_cast<const float*>(alpha),
                        *static_cast<const float*>(beta)};
  if (c != d || std::memcmp(layout_c->data, layout_d->data, sizeof layout_c->data) != 0) {
    emulation::fail("cuBLASLt: c and d must be the same matrix here");
  }
  if (product.how.compute != CUBLAS_COMPUTE_32F || product.how.scale != CUDA_R_32F ||
      product.a.type != product.b.type || (product.a.type == CUDA_R_32F && product.c.type != CUDA_R_32F)) {
    return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  if (!dimensions_agree(product)) return CUBLAS_STATUS_INVALID_VALUE;
  const uint64_t alignment = algorithm->data[0];
  check_memory(a, product.a, alignment);
  check_memory(b, product.b, alignment);
  check_memory(d, product.c, alignment);
  check_epilogue(product);
  if (workspace_bytes < algorithm->data[1] || !emulation::is_device_memory(workspace)) {
    emulation::fail("cuBLASLt: a workspace of %zu bytes at %p", workspace_bytes, workspace);
  }
  const cudaError_t status = emulation::enqueue(stream, {[product] { run(product); }, nullptr, nullptr});
  return status == cudaSuccess ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}
}
