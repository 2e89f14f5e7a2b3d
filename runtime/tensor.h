// Views of memory: a pointer, an element type, a device and up to four dimensions, contiguous and row-major.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "runtime/error.h"

namespace limner {

enum class DType : uint8_t { f32, bf16, f16, i32, i64 };
enum class Device : uint8_t { cpu, cuda };

int64_t dtype_bytes(DType dtype);
const char* dtype_name(DType dtype);

// bfloat16: the upper half of a float32. Rounds to nearest even; NaN stays NaN.
struct bfloat16 {
  uint16_t bits = 0;
  bfloat16() = default;
  explicit bfloat16(float value) {
    const uint32_t word = std::bit_cast<uint32_t>(value);
    bits = (word & 0x7fffffffu) > 0x7f800000u
               ? static_cast<uint16_t>((word >> 16) | 0x40u)
               : static_cast<uint16_t>((word + 0x7fffu + ((word >> 16) & 1u)) >> 16);
  }
  explicit operator float() const { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }
};

template <class T>
struct DTypeOf;
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::f32;
};
template <>
struct DTypeOf<bfloat16> {
  static constexpr DType value = DType::bf16;
};
template <>
struct DTypeOf<int32_t> {
  static constexpr DType value = DType::i32;
};
template <>
struct DTypeOf<int64_t> {
  static constexpr DType value = DType::i64;
};

// Does not own its memory. dims beyond `rank` are 1. A default Tensor is 'absent' (no data, no elements).
struct Tensor {
  void* data = nullptr;
  DType dtype = DType::f32;
  Device device = Device::cpu;
  int rank = 0;
  std::array<int64_t, 4> dims{1, 1, 1, 1};

  Tensor() = default;
  Tensor(void* memory, DType type, std::initializer_list<int64_t> shape, Device where = Device::cpu);

  bool absent() const { return rank == 0; }
  int64_t elements() const { return rank == 0 ? 0 : dims[0] * dims[1] * dims[2] * dims[3]; }
  int64_t bytes() const { return elements() * dtype_bytes(dtype); }
  int64_t dim(int index) const { return dims[static_cast<size_t>(index)]; }
  int64_t columns() const { return rank == 0 ? 0 : dims[static_cast<size_t>(rank - 1)]; }  // last dimension
  int64_t rows() const { return columns() == 0 ? 0 : elements() / columns(); }

  // Typed access; a wrong type is an internal error.
  template <class T>
  T* as() const {
    if (!absent() && dtype != DTypeOf<T>::value) {  // not require(): it would format the text on every call
      fail(ExitCode::internal, "tensor {} read as {}", description(), dtype_name(DTypeOf<T>::value));
    }
    return static_cast<T*>(data);
  }
  Tensor reshaped(std::initializer_list<int64_t> shape) const;  // the same elements, another shape
  Tensor slice_rows(int64_t first, int64_t count) const;        // along dims[0]
  std::string description() const;                              // "bf16[12, 384]", for messages
};

// Calls f.template operator()<float>() or <bfloat16>(): the one place where an activation's dtype becomes a
// type.
template <class Function>
decltype(auto) with_float_type(DType dtype, Function&& function) {
  if (dtype == DType::f32) return function.template operator()<float>();
  if (dtype == DType::bf16) return function.template operator()<bfloat16>();
  fail(ExitCode::internal, "operation wants f32 or bf16, got {}", dtype_name(dtype));
}

}  // namespace limner
