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

template <class... Parameters, class... Arguments>
cudaError_t launch_kernel(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...),
                          Arguments&&... arguments) {
  static_assert((std::is_trivially_copyable_v<std::decay_t<Parameters>> && ...),
                "kernel arguments are copied byte by byte");
  struct Call {
    void (*kernel)(Parameters...);
    std::tuple<std::decay_t<Parameters>...> arguments;
  };
  auto* call =
      new Call{kernel, {static_cast<std::decay_t<Parameters>>(std::forward<Arguments>(arguments))...}};
  [&]<size_t... Index>(std::index_sequence<Index...>) {
    (check_argument(std::get<Index>(call->arguments), static_cast<int>(Index)), ...);
  }
  (std::index_sequence_for<Parameters...>{});
  return enqueue_kernel(*config, reinterpret_cast<const void*>(kernel),
                        {[](void* memory) {
                           auto* mine = static_cast<Call*>(memory);
                           std::apply(mine->kernel, mine->arguments);
                         },
                         [](void* memory) { delete static_cast<Call*>(memory); }, call});
}

}  // namespace emulation

// The toolkit's template of this name hands the runtime a kernel's address and its arguments' without types.
#define cudaLaunchKernelEx ::emulation::launch_kernel

// Declared by the toolkit for nvcc only.
template <class... Parameters>
cudaError_t cudaFuncSetAttribute(void (*kernel)(Parameters...), cudaFuncAttribute attribute, int value) {
  return ::cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel), attribute, value);
}
