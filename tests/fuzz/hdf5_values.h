// HDF5 files whose objects are drawn from the input. The HDF5 library itself is not safe against hostile
// bytes, so Limner opens what the hashes of its folder vouch for; what is tried here are the readers above
// it, on whole files of any content.
#pragma once

#include <string>
#include <vector>

#include "runtime/hdf5.h"
#include "tests/fuzz/fuzz.h"

namespace limner::fuzz {

class Hdf5Values {
 public:
  Hdf5Values(hdf5::Writer& file, FuzzedDataProvider& input) : file_(file), input_(input) {}

  // A dataset of this type and shape or, now and then, none, another type or another shape.
  void dataset(const std::string& path, hdf5::Type type, std::vector<int64_t> dims) {
    switch (input_.ConsumeIntegralInRange<int>(0, 31)) {
      case 1:
        return;
      case 2:
        type = input_.PickValueInArray({hdf5::Type::i8, hdf5::Type::u8, hdf5::Type::i32, hdf5::Type::i64,
                                        hdf5::Type::f16, hdf5::Type::f32, hdf5::Type::f64});
        break;
      case 3:
        dims[0] = input_.ConsumeIntegralInRange<int64_t>(0, 20);
        break;
      case 4:
        dims.push_back(input_.ConsumeIntegralInRange<int64_t>(1, 9));
        dims.resize(2);
        break;
      case 5:
        dims.resize(1);
        break;
      default:
        break;
    }
    int64_t elements = 1;
    for (const int64_t dim : dims) elements *= dim;
    std::vector<uint8_t> bytes(static_cast<size_t>(elements) * 8 + 8);
    fill(bytes);
    file_.dataset(path, type, dims, bytes.data());
  }

  // Numbers that ascend from 0 to `last`, as offsets do, or any.
  void offsets(const std::string& path, int64_t count, int64_t last) {
    std::vector<int64_t> values(static_cast<size_t>(count));
    const bool any = input_.ConsumeIntegralInRange<int>(0, 15) == 1;
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = any ? input_.ConsumeIntegral<int64_t>()
                      : last * static_cast<int64_t>(i) / std::max<int64_t>(count - 1, 1);
    }
    file_.dataset(path, hdf5::Type::i64, {count}, values.data());
  }

  void strings(const std::string& path, int64_t count) {
    std::vector<std::string> values;
    for (int64_t i = 0; i < count; ++i) values.push_back(text());
    file_.strings(path, values);
  }

  // Without a zero byte, which HDF5's strings end at.
  std::string text() {
    std::string value = input_.ConsumeRandomLengthString(12);
    return value.substr(0, value.find('\0'));
  }

  void attribute(const std::string& object, const std::string& name, const std::string& value) {
    const int choice = input_.ConsumeIntegralInRange<int>(0, 31);
    if (choice == 1) return;
    if (choice == 2) return file_.attribute(object, name, input_.ConsumeIntegral<int64_t>());
    if (choice == 3) return file_.attribute(object, name, std::vector<std::string>{value, text()});
    file_.attribute(object, name, choice == 4 ? text() : value);
  }
  void attribute(const std::string& object, const std::string& name, int64_t value) {
    const int choice = input_.ConsumeIntegralInRange<int>(0, 31);
    if (choice == 1) return;
    if (choice == 2) return file_.attribute(object, name, text());
    file_.attribute(object, name, choice == 3 ? input_.ConsumeIntegral<int64_t>() : value);
  }

 private:
  hdf5::Writer& file_;
  FuzzedDataProvider& input_;

  void fill(std::vector<uint8_t>& bytes) {
    const std::vector<uint8_t> drawn = input_.ConsumeBytes<uint8_t>(
        std::min<size_t>(bytes.size(), input_.ConsumeIntegralInRange<size_t>(0, 64)));
    std::copy(drawn.begin(), drawn.end(), bytes.begin());
  }
};

}  // namespace limner::fuzz
