#include "kernels/cpu/matmul.h"

#include <fmt/format.h>
#include <omp.h>

#include <dnnl.hpp>

namespace limner {

namespace {

dnnl::memory::data_type data_type(DType dtype) {
  if (dtype == DType::f32) return dnnl::memory::data_type::f32;
  if (dtype == DType::bf16) return dnnl::memory::data_type::bf16;
  fail(ExitCode::internal, "matrix product of {}: expected f32 or bf16", dtype_name(dtype));
}

dnnl::memory::desc description(int64_t rows, int64_t columns, int64_t leading, Layout layout, DType dtype) {
  const dnnl::memory::dims strides =
      layout == Layout::plain ? dnnl::memory::dims{leading, 1} : dnnl::memory::dims{1, leading};
  return {{rows, columns}, data_type(dtype), strides};
}

dnnl::matmul::primitive_desc primitive_description(const dnnl::engine& engine, const MatmulShape& shape) {
  const auto a = description(shape.rows, shape.depth, shape.leading_a, shape.layout_a, shape.input);
  const auto b = description(shape.depth, shape.columns, shape.leading_b, shape.layout_b, shape.input);
  const auto c = description(shape.rows, shape.columns, shape.leading_c, Layout::plain, shape.output);
  const auto bias = shape.has_bias ? description(1, shape.columns, shape.columns, Layout::plain, shape.input)
                                   : dnnl::memory::desc();
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (shape.write == Write::add) {
    dnnl::post_ops sum;
    sum.append_sum(1.0f);
    attributes.set_post_ops(sum);
  }
#if DNNL_VERSION_MAJOR >= 3
  return {engine, a, b, bias, c, attributes};
#else
  return {dnnl::matmul::desc(a, b, bias, c), attributes, engine};
#endif
}

}  // namespace

struct Matmul::Engine {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
};

class MatmulKernel {
 public:
  MatmulKernel(const dnnl::engine& engine, const MatmulShape& shape)
      : engine_(engine),
        stream_(engine),
        description_(primitive_description(engine, shape)),
        matmul_(description_) {}
  int64_t scratch_bytes() const { return static_cast<int64_t>(description_.scratchpad_desc().get_size()); }

  void run(void* c, const void* a, const void* b, const void* bias, std::byte* scratch) const {
    const auto memory = [&](const dnnl::memory::desc& shape, const void* data) {
      return dnnl::memory(shape, engine_, const_cast<void*>(data));
    };
    std::unordered_map<int, dnnl::memory> arguments{
        {DNNL_ARG_SRC, memory(description_.src_desc(), a)},
        {DNNL_ARG_WEIGHTS, memory(description_.weights_desc(), b)},
        {DNNL_ARG_DST, memory(description_.dst_desc(), c)},
        {DNNL_ARG_SCRATCHPAD, memory(description_.scratchpad_desc(), scratch)}};
    if (bias != nullptr)
      arguments.emplace(DNNL_ARG_BIAS, memory(description_.query_md(dnnl::query::weights_md, 1), bias));
    matmul_.execute(stream_, arguments);
  }

 private:
  dnnl::engine engine_;
  dnnl::stream stream_;
  dnnl::matmul::primitive_desc description_;
  dnnl::matmul matmul_;
};

Matmul::Matmul() : engine_(std::make_unique<Engine>()) {}
Matmul::~Matmul() = default;

const MatmulKernel& Matmul::kernel(const MatmulShape& shape) {
  std::unique_ptr<MatmulKernel>& kernel = kernels_[shape];
  if (!kernel) {
    const OneThreadAProduct one_thread;
    try {
      kernel = std::make_unique<MatmulKernel>(engine_->engine, shape);
    } catch (const dnnl::error& error) {
      fail(ExitCode::internal, "{} cannot multiply {} [{}, {}] by [{}, {}]: {}", matmul_library(),
           dtype_name(shape.input), shape.rows, shape.depth, shape.depth, shape.columns, error.what());
    }
  }
  return *kernel;
}

int64_t scratch_bytes(const MatmulKernel& kernel) { return kernel.scratch_bytes(); }

void run(const MatmulKernel& kernel, void* c, const void* a, const void* b, const void* bias,
         std::byte* scratch) {
  kernel.run(c, a, b, bias, scratch);
}

std::string matmul_library() {
  const dnnl_version_t* version = dnnl_version();
  return fmt::format("oneDNN {}.{}.{}", version->major, version->minor, version->patch);
}

OneThreadAProduct::OneThreadAProduct() : former_(omp_get_max_threads()) { omp_set_num_threads(1); }
OneThreadAProduct::~OneThreadAProduct() { omp_set_num_threads(former_); }

}  // namespace limner
