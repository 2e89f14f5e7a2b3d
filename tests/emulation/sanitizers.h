// Hooks of the sanitizers' run-time libraries; null when the program is linked without them.
#pragma once

#include <cstddef>

extern "C" {
__attribute__((weak)) void __sanitizer_start_switch_fiber(void** fake_stack, const void* bottom, size_t size);
__attribute__((weak)) void __sanitizer_finish_switch_fiber(void* fake_stack, const void** bottom,
                                                           size_t* size);
__attribute__((weak)) void __asan_poison_memory_region(const volatile void* memory, size_t bytes);
__attribute__((weak)) void __asan_unpoison_memory_region(const volatile void* memory, size_t bytes);
__attribute__((weak)) void* __tsan_create_fiber(unsigned flags);
__attribute__((weak)) void* __tsan_get_current_fiber();
__attribute__((weak)) void __tsan_switch_to_fiber(void* fiber, unsigned flags);
__attribute__((weak)) void __tsan_set_fiber_name(void* fiber, const char* name);
__attribute__((weak)) void __tsan_acquire(void* address);
__attribute__((weak)) void __tsan_release(void* address);
}

namespace emulation {

inline bool race_detector() { return __tsan_create_fiber != nullptr; }
inline void acquire(void* address) {
  if (__tsan_acquire != nullptr) __tsan_acquire(address);
}
inline void release(void* address) {
  if (__tsan_release != nullptr) __tsan_release(address);
}
// Without any order between the two: only barriers, launches and the block's end order threads.
inline void show_fiber_switch(void* to) {
  constexpr unsigned kNoOrder = 1;
  if (__tsan_switch_to_fiber != nullptr) __tsan_switch_to_fiber(to, kNoOrder);
}
inline void poison(const void* memory, size_t bytes) {
  if (__asan_poison_memory_region != nullptr) __asan_poison_memory_region(memory, bytes);
}

}  // namespace emulation
