// Tensors for tests: made from doubles, rounded to their type, with guard bytes around them that must
// survive.
#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "device.h"
#include "kernels/backend.h"
#include "runtime/random.h"

namespace limner::test {

inline std::vector<double> random_values(int64_t count, uint64_t seed, double scale = 1.0) {
  const Random random(seed, "kernel test");
  std::vector<double> values(static_cast<size_t>(count));
  for (size_t i = 0; i < values.size(); ++i) values[i] = scale * random.normal(i);
  return values;
}

class Operand {
 public:
  Operand(DType dtype, const std::vector<int64_t>& dims, const std::vector<double>& values = {}) {
    tensor_.dtype = dtype;
    tensor_.rank = static_cast<int>(dims.size());
    std::copy(dims.begin(), dims.end(), tensor_.dims.begin());
    buffer_ = device_memory(tensor_.bytes() + 2 * kGuardBytes);
    const std::vector<std::byte> guarded(static_cast<size_t>(buffer_.bytes()), kGuard);
    copy_to_device(buffer_.data(), guarded.data(), buffer_.bytes());
    tensor_.data = static_cast<std::byte*>(buffer_.data()) + kGuardBytes;
    tensor_.device = buffer_.device();
    if (!values.empty()) set(values);
  }
  Operand(DType dtype, const std::vector<int64_t>& dims, uint64_t seed, double scale = 1.0)
      : Operand(dtype, dims) {
    set(random_values(tensor_.elements(), seed, scale));
  }
  ~Operand() {
    std::vector<std::byte> all(static_cast<size_t>(buffer_.bytes()));
    copy_to_host(all.data(), buffer_.data(), buffer_.bytes());
    for (size_t i = 0; i < kGuardBytes; ++i) {
      EXPECT_EQ(all[i], kGuard) << "written before the tensor " << tensor_.description();
      EXPECT_EQ(all[all.size() - 1 - i], kGuard) << "written behind the tensor " << tensor_.description();
    }
  }
  Operand(const Operand&) = delete;
  Operand& operator=(const Operand&) = delete;

  operator Tensor() const { return tensor_; }
  const Tensor& tensor() const { return tensor_; }

  void set(const std::vector<double>& values) {
    ASSERT_EQ(static_cast<int64_t>(values.size()), tensor_.elements());
    if (tensor_.dtype == DType::f32) set_as<float>(values);
    if (tensor_.dtype == DType::bf16) set_as<bfloat16>(values);
    if (tensor_.dtype == DType::i32) set_as<int32_t>(values);
  }
  // What the memory holds now, after rounding.
  std::vector<double> values() const {
    if (tensor_.dtype == DType::f32) return values_as<float>();
    if (tensor_.dtype == DType::bf16) return values_as<bfloat16>();
    return values_as<int32_t>();
  }
  std::vector<std::byte> bytes() const {
    std::vector<std::byte> bytes(static_cast<size_t>(tensor_.bytes()));
    copy_to_host(bytes.data(), tensor_.data, tensor_.bytes());
    return bytes;
  }

 private:
  static constexpr int64_t kGuardBytes = 64;
  static constexpr std::byte kGuard{0xFF};  // NaN: what is read there shows in the results

  template <class T>
  void set_as(const std::vector<double>& values) {
    std::vector<T> rounded;
    for (const double value : values) {
      if constexpr (std::is_same_v<T, bfloat16>) {
        rounded.push_back(bfloat16(static_cast<float>(value)));
      } else {
        rounded.push_back(static_cast<T>(value));
      }
    }
    copy_to_device(tensor_.data, rounded.data(), tensor_.bytes());
  }
  template <class T>
  std::vector<double> values_as() const {
    std::vector<T> held(static_cast<size_t>(tensor_.elements()));
    copy_to_host(held.data(), tensor_.data, tensor_.bytes());
    std::vector<double> values;
    for (const T value : held) values.push_back(static_cast<float>(value));
    return values;
  }

  Buffer buffer_;
  Tensor tensor_;
};

// A packing that owns its arrays. Row keys are spread over 64 bits.
class Rows {
 public:
  explicit Rows(const std::vector<int32_t>& lengths, int64_t first_key = 1) {
    cu_lengths_.push_back(0);
    for (const int32_t length : lengths) {
      cu_lengths_.push_back(cu_lengths_.back() + length);
      row_keys_.push_back((first_key + static_cast<int64_t>(row_keys_.size())) * 0x100000007LL);
      max_length_ = std::max(max_length_, length);
    }
  }
  Packing packing() const { return {cu_lengths_, row_keys_, max_length_}; }
  operator Packing() const { return packing(); }
  int64_t count() const { return static_cast<int64_t>(row_keys_.size()); }
  int64_t tokens() const { return cu_lengths_.back(); }
  int64_t first(int64_t row) const { return cu_lengths_[static_cast<size_t>(row)]; }
  int64_t length(int64_t row) const { return first(row + 1) - first(row); }
  int64_t key(int64_t row) const { return row_keys_[static_cast<size_t>(row)]; }

 private:
  std::vector<int32_t> cu_lengths_;
  std::vector<int64_t> row_keys_;
  int32_t max_length_ = 0;
};

inline std::string dtype_test_name(const testing::TestParamInfo<DType>& info) {
  return dtype_name(info.param);
}

// Kernel tests run for both activation types.
class KernelTest : public testing::TestWithParam<DType> {
 protected:
  DType dtype() const { return GetParam(); }
  std::unique_ptr<Backend> backend_ = make_backend(2);
};

#define LIMNER_FOR_BOTH_TYPES(suite) \
  INSTANTIATE_TEST_SUITE_P(Types, suite, testing::Values(DType::f32, DType::bf16), dtype_test_name)

}  // namespace limner::test
