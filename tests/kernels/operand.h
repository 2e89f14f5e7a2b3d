// Tensors for tests: made from doubles, rounded to their type, with guard bytes around them that must
// survive.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <numeric>
#include <vector>

#include "kernels/backend.h"
#include "runtime/buffer.h"
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
    buffer_ = Buffer(tensor_.bytes() + 2 * kGuardBytes);
    std::memset(buffer_.data(), kGuard, static_cast<size_t>(buffer_.bytes()));
    tensor_.data = static_cast<std::byte*>(buffer_.data()) + kGuardBytes;
    if (!values.empty()) set(values);
  }
  Operand(DType dtype, const std::vector<int64_t>& dims, uint64_t seed, double scale = 1.0)
      : Operand(dtype, dims) {
    set(random_values(tensor_.elements(), seed, scale));
  }
  ~Operand() {
    const auto* bytes = static_cast<const unsigned char*>(buffer_.data());
    for (int64_t i = 0; i < kGuardBytes; ++i) {
      EXPECT_EQ(bytes[i], kGuard) << "written before the tensor " << tensor_.description();
      EXPECT_EQ(bytes[kGuardBytes + tensor_.bytes() + i], kGuard)
          << "written behind the tensor " << tensor_.description();
    }
  }
  Operand(const Operand&) = delete;
  Operand& operator=(const Operand&) = delete;

  operator Tensor() const { return tensor_; }
  const Tensor& tensor() const { return tensor_; }

  void set(const std::vector<double>& values) {
    ASSERT_EQ(static_cast<int64_t>(values.size()), tensor_.elements());
    for (size_t i = 0; i < values.size(); ++i) {
      if (tensor_.dtype == DType::f32) static_cast<float*>(tensor_.data)[i] = static_cast<float>(values[i]);
      if (tensor_.dtype == DType::bf16) {
        static_cast<bfloat16*>(tensor_.data)[i] = bfloat16(static_cast<float>(values[i]));
      }
      if (tensor_.dtype == DType::i32)
        static_cast<int32_t*>(tensor_.data)[i] = static_cast<int32_t>(values[i]);
    }
  }
  // What the memory holds now, after rounding.
  std::vector<double> values() const {
    std::vector<double> values(static_cast<size_t>(tensor_.elements()));
    for (size_t i = 0; i < values.size(); ++i) {
      if (tensor_.dtype == DType::f32) values[i] = static_cast<const float*>(tensor_.data)[i];
      if (tensor_.dtype == DType::bf16) {
        values[i] = static_cast<float>(static_cast<const bfloat16*>(tensor_.data)[i]);
      }
      if (tensor_.dtype == DType::i32) values[i] = static_cast<const int32_t*>(tensor_.data)[i];
    }
    return values;
  }
  std::vector<std::byte> bytes() const {
    const auto* first = static_cast<const std::byte*>(tensor_.data);
    return {first, first + tensor_.bytes()};
  }

 private:
  static constexpr int64_t kGuardBytes = 64;
  static constexpr unsigned char kGuard = 0xA5;
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
  std::unique_ptr<Backend> backend_ = make_cpu_backend(2);
};

#define LIMNER_FOR_BOTH_TYPES(suite) \
  INSTANTIATE_TEST_SUITE_P(Types, suite, testing::Values(DType::f32, DType::bf16), dtype_test_name)

}  // namespace limner::test
