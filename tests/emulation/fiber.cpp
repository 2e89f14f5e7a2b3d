// Switching between the stacks of the threads of a block.
#include <sys/mman.h>

#include <cstdio>

#include "tests/emulation/block.h"
#include "tests/emulation/sanitizers.h"

#ifndef __x86_64__
#error "the emulation switches stacks in x86-64 code only"
#endif

extern "C" void limner_emulation_switch(void** save_stack_pointer, void* next_stack_pointer);
asm(R"(
.text
.globl limner_emulation_switch
.hidden limner_emulation_switch
.type limner_emulation_switch,@function
limner_emulation_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size limner_emulation_switch,.-limner_emulation_switch
)");

namespace emulation {
namespace {

constexpr size_t kStackBytes = 128 << 10;  // a frame of attention takes 3.5 kB under AddressSanitizer
constexpr size_t kGuardBytes = 4096;
constexpr int kSavedRegisters = 6;

}  // namespace

void arrived_on_fiber(void* fake_stack) {
  if (__sanitizer_finish_switch_fiber == nullptr) return;
  const void* bottom = nullptr;
  size_t bytes = 0;
  __sanitizer_finish_switch_fiber(fake_stack, &bottom, &bytes);
  if (block.left_host) {
    block.host.stack_bottom = bottom;
    block.host.shown_stack_bytes = bytes;
  }
}

void switch_to(Fiber* to) {
  Fiber* from = block.current;
  if (from == to) return;
  block.current = to;
  block.left_host = from == &block.host;
  threadIdx = to->thread_index;
  if (__sanitizer_start_switch_fiber != nullptr) {
    __sanitizer_start_switch_fiber(&from->fake_stack, to->stack_bottom, to->shown_stack_bytes);
  }
  show_fiber_switch(to->race_fiber);
  limner_emulation_switch(&from->stack_pointer, to->stack_pointer);
  arrived_on_fiber(from->fake_stack);
}

std::unique_ptr<Fiber> make_fiber(unsigned number, void (*entry)()) {
  auto fiber = std::make_unique<Fiber>();
  char* memory = static_cast<char*>(mmap(nullptr, kStackBytes + kGuardBytes, PROT_READ | PROT_WRITE,
                                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  if (memory == MAP_FAILED) fail("no memory for the stacks of %u threads", number);
  if (mprotect(memory, kGuardBytes, PROT_NONE) != 0) fail("cannot guard a stack");
  fiber->stack = memory + kGuardBytes;
  fiber->stack_bytes = kStackBytes;
  fiber->stack_bottom = fiber->stack;
  fiber->shown_stack_bytes = kStackBytes;
  void** top = reinterpret_cast<void**>(fiber->stack + kStackBytes);
  *--top = nullptr;                         // `entry` never returns
  *--top = reinterpret_cast<void*>(entry);  // popped by ret: the stack is as after a call
  for (int i = 0; i < kSavedRegisters; ++i) *--top = nullptr;
  fiber->stack_pointer = top;
  if (race_detector()) {
    fiber->race_fiber = __tsan_create_fiber(0);
    char name[32];
    std::snprintf(name, sizeof name, "CUDA thread %u", number);
    __tsan_set_fiber_name(fiber->race_fiber, name);
  }
  return fiber;
}

}  // namespace emulation
