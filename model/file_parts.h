// Between the flat buffer's parameters and the tensors of a Hugging Face file.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/config.h"
#include "model/family.h"
#include "model/parameters.h"

namespace limner {

inline constexpr const char* head_prefix = "heads.";

// One tensor of the file: a range of the flat buffer.
struct FilePart {
  std::string name;
  int64_t offset;
  std::vector<int64_t> dims;  // as it lies here
  Storage storage;
  size_t elements() const {
    size_t product = 1;
    for (const int64_t dim : dims) product *= static_cast<size_t>(dim);
    return product;
  }
  std::vector<int64_t> file_dims() const {
    return storage == Storage::transposed ? std::vector<int64_t>{dims[1], dims[0]} : dims;
  }
};

// The tensors that hold one parameter. `prefix` stands before the encoder's; one head, `classifier`, has the
// family's own name.
std::vector<FilePart> file_parts(const ParamSpec& spec, const Family& family, const std::string& prefix,
                                 const std::string& classifier);

// [columns, rows] from [rows, columns].
std::vector<float> transposed(std::span<const float> from, int64_t rows, int64_t columns);

std::string head_of(const ParamSpec& spec);  // "heads.spend.weight" -> "spend"

// A regression head computes z, and target = mean + scale * z. In the file it computes the target itself or,
// without a bias to hold the mean, the distance from it. Other parameters stay as they are.
enum class Unit : uint8_t { standardized, target };
void convert_regression(const ParamSpec& spec, const std::vector<HeadSpec>& heads, std::span<float> values,
                        Unit to);

}  // namespace limner
