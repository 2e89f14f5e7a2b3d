// The safetensors format: eight bytes of header length, a JSON header, the tensors end to end. A file is read
// through a map and checked whole before anything is used: https://github.com/huggingface/safetensors.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "runtime/files.h"
#include "runtime/tensor.h"

namespace limner {

struct TensorEntry {
  std::string name;
  std::string dtype;  // as the file says it: "F32", "BF16", "I64", …
  std::vector<int64_t> dims;
  int64_t begin_byte = 0, end_byte = 0;  // from the start of the data

  int64_t elements() const;
};
std::string shape_text(const std::vector<int64_t>& dims);  // "[3, 4]"

class SafetensorsFile {
 public:
  // Errors (bad_data, with the file and what is wrong): shorter than its header says, a header over 100 MB or
  // not strict JSON, a key twice, an unknown element type, sizes that overflow or do not fit their shape,
  // tensors that overlap, leave a hole or do not end with the file.
  explicit SafetensorsFile(const std::filesystem::path& path);
  const std::filesystem::path& path() const { return path_; }
  const std::vector<TensorEntry>& entries() const { return entries_; }  // in the order of their data
  const TensorEntry* find(const std::string& name) const;               // nullptr: not there
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  std::string_view bytes(const TensorEntry& entry) const;  // as they lie in the file, not aligned
  // Converts F32, F16 or BF16 to f32; other types are bad_data with tensor and type. `out` has
  // entry.elements().
  void read(const TensorEntry& entry, std::span<float> out) const;

 private:
  std::filesystem::path path_;
  MappedFile map_;
  int64_t data_start_ = 0;
  std::vector<TensorEntry> entries_;
  std::map<std::string, std::string> metadata_;
  void parse_header();
  void check_layout();
};

struct NamedTensor {
  std::string name;
  Tensor tensor;  // host memory
};

// Publishes a file with these tensors in this order and `__metadata__: {"format": "pt"}` plus `metadata`.
void write_safetensors(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace limner
