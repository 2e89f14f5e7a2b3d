// Kernel launches: the arguments are copied into a closure that the stream runs later.
#pragma once

#include <tuple>
#include <type_traits>
#include <utility>

#include "emulation/device.h"

namespace emulation {

struct KernelCall {
  void (*run)(void* arguments);
  void (*destroy)(void* arguments);
  // Other arguments of this kernel, copied from where each of them lies.
  void* (*make)(const void* kernel, void* const* parameters);
  void* arguments;
};

cudaError_t enqueue_kernel(const cudaLaunchConfig_t& config, const void* kernel, KernelCall call);
bool is_device_memory(const void* pointer);

template <class T>
void check_argument(const T& value, int index) {
  if constexpr (std::is_pointer_v<T> && !std::is_function_v<std::remove_pointer_t<T>>) {
    if (value != nullptr && !is_device_memory(value)) {
      fail("kernel argument %d (%p) is not device memory", index, static_cast<const void*>(value));
    }
  }
}

template <class... Parameters>
struct Call {
  static_assert((std::is_trivially_copyable_v<std::decay_t<Parameters>> && ...),
                "kernel arguments are copied byte by byte");
  using Kernel = void (*)(Parameters...);

  Kernel kernel;
  std::tuple<std::decay_t<Parameters>...> arguments;

  Call(Kernel which, std::decay_t<Parameters>... values) : kernel(which), arguments(values...) {
    int index = 0;
    (check_argument(values, index++), ...);
  }
  static void run(void* memory) {
    auto* mine = static_cast<Call*>(memory);
    std::apply(mine->kernel, mine->arguments);
  }
  static void destroy(void* memory) { delete static_cast<Call*>(memory); }
  static void* make(const void* kernel, void* const* parameters) {
    return [&]<size_t... Index>(std::index_sequence<Index...>) {
      return new Call(reinterpret_cast<Kernel>(const_cast<void*>(kernel)),
                      *static_cast<const std::decay_t<Parameters>*>(parameters[Index])...);
    }
    (std::index_sequence_for<Parameters...>{});
  }
};

template <class... Parameters, class... Arguments>
cudaError_t launch_kernel(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...),
                          Arguments&&... arguments) {
  using Mine = Call<Parameters...>;
  auto* const call =
      new Mine(kernel, static_cast<std::decay_t<Parameters>>(std::forward<Arguments>(arguments))...);
  return enqueue_kernel(*config, reinterpret_cast<const void*>(kernel),
                        {Mine::run, Mine::destroy, Mine::make, call});
}

}  // namespace emulation

// The toolkit's template of this name hands the runtime a kernel's address and its arguments' without types.
#define cudaLaunchKernelEx ::emulation::launch_kernel

// Declared by the toolkit for nvcc only.
template <class... Parameters>
cudaError_t cudaFuncSetAttribute(void (*kernel)(Parameters...), cudaFuncAttribute attribute, int value) {
  return ::cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel), attribute, value);
}
