#include "kernels/cuda/activation.h"
#include "kernels/cuda/check_device.h"
#include "kernels/cuda/column_sums.h"
#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/matrix_products.h"

namespace limner {
namespace {

// What cuBLASLt asks of the matrix it saves before the activation.
bool can_be_saved(const Tensor& pre) {
  return reinterpret_cast<uintptr_t>(pre.data) % 16 == 0 && pre.columns() % 8 == 0;
}

// The library's GELU is the tanh form, as exact as it may be: good enough for bf16. All others, and what must
// be saved but cannot, take a second pass; so does relu, of which the library does not say that NaN stays
// NaN.
bool fused(Activation activation, DType dtype, const Tensor& pre) {
  return activation == Activation::gelu_tanh && dtype == DType::bf16 && (pre.absent() || can_be_saved(pre));
}

}  // namespace

void CudaBackend::linear_forward(Tensor y, Tensor pre, Tensor x, Tensor weight, Tensor bias,
                                 Activation activation) {
  const char* const name = "linear_forward";
  check_float(name, "x", x);
  const int64_t tokens = x.rows(), in = x.columns(), out = y.columns();
  check_device_tensor(name, "x", x, x.dtype, {tokens, in});
  check_device_tensor(name, "y", y, x.dtype, {tokens, out});
  check_device_optional(name, "pre", pre, x.dtype, {tokens, out});
  check_device_tensor(name, "weight", weight, x.dtype, {out, in});
  check_device_optional(name, "bias", bias, x.dtype, {out});
  if (tokens == 0) return;
  ProductShape shape{tokens,          out, in, Operand::plain, Operand::transposed, x.dtype, x.dtype,
                     Write::overwrite};
  if (fused(activation, x.dtype, pre)) {
    shape.epilogue = Epilogue::gelu_tanh;
    products_->multiply(shape, {y.data, x.data, weight.data, bias.data, pre.data});
    return;
  }
  const Tensor product = pre.absent() ? y : pre;
  products_->multiply(shape, {product.data, x.data, weight.data, bias.data});
  if (!pre.absent() || activation != Activation::none) {
    limner::activation_forward(stream_, y, product, activation);
  }
}

void CudaBackend::linear_backward_input(Tensor dx, Write write, Tensor dy, Tensor weight) {
  const char* const name = "linear_backward_input";
  check_float(name, "dy", dy);
  const int64_t tokens = dy.rows(), out = dy.columns(), in = dx.columns();
  check_device_tensor(name, "dy", dy, dy.dtype, {tokens, out});
  check_device_tensor(name, "dx", dx, dy.dtype, {tokens, in});
  check_device_tensor(name, "weight", weight, dy.dtype, {out, in});
  if (tokens == 0) return;
  products_->multiply({tokens, in, out, Operand::plain, Operand::plain, dy.dtype, dy.dtype, write},
                      {dx.data, dy.data, weight.data});
}

void CudaBackend::linear_backward_weight(Tensor dweight, Tensor dbias, Tensor dy, Tensor x) {
  const char* const name = "linear_backward_weight";
  check_float(name, "x", x);
  const int64_t tokens = x.rows(), in = x.columns(), out = dy.columns();
  check_device_tensor(name, "x", x, x.dtype, {tokens, in});
  check_device_tensor(name, "dy", dy, x.dtype, {tokens, out});
  check_device_tensor(name, "dweight", dweight, DType::f32, {out, in});
  check_device_optional(name, "dbias", dbias, DType::f32, {out});
  if (tokens == 0) return;
  products_->multiply({out, in, tokens, Operand::transposed, Operand::plain, x.dtype, DType::f32, Write::add},
                      {dweight.data, dy.data, x.data});
  // Not the library's epilogue: that overwrites, and may change the algorithm and with it dweight's last
  // bits.
  if (!dbias.absent()) add_column_sums(*this, dbias.as<float>(), dy);
}

}  // namespace limner
