// Thin RAII over the HDF5 C library: every call checked, errors with file and object name, no HDF5 stack on
// standard error. Files are built in memory and published whole (an image through FileWriter), or written
// into a folder that is (FolderWriter); a published file is never opened for writing.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace limner::hdf5 {

enum class Type : uint8_t { i8, u8, i32, i64, f16, f32, f64 };

class Writer {
 public:
  Writer();                                            // an empty image in memory
  explicit Writer(const std::filesystem::path& path);  // a new file, for what is too large for an image
  ~Writer();
  void group(const std::string& path);
  // Writes a whole dataset; dims of rank 1 or 2; chunks of whole rows near 1 MiB with Fletcher-32. compress:
  // shuffle + gzip 1. f16 data is already float16 (2 bytes an element).
  void dataset(const std::string& path, Type type, const std::vector<int64_t>& dims, const void* data,
               bool compress = false);
  // The same, a chunk at a time: rows(first, count) gives count x dims[1] elements, which live until its next
  // call.
  void dataset_by_rows(const std::string& path, Type type, const std::vector<int64_t>& dims,
                       const std::function<const void*(int64_t first, int64_t count)>& rows);
  // Variable-length UTF-8, without a zero byte. HDF5 has no checksum for these: check the file's SHA-256.
  void strings(const std::string& path, const std::vector<std::string>& values);
  void attribute(const std::string& object, const std::string& name, const std::string& value);
  void attribute(const std::string& object, const std::string& name, int64_t value);
  void attribute(const std::string& object, const std::string& name, double value);
  void attribute(const std::string& object, const std::string& name, const std::vector<std::string>& values);
  void dimension_scale(const std::string& dataset, const std::string& scale, int dimension,
                       const std::string& name);
  // A virtual dataset: dims[0] rows in all; each source is a file (relative to the published file's folder),
  // a dataset and its rows. A missing source reads as NaN (floats), -1 (signed integers) or empty strings,
  // without an error.
  struct Source {
    std::string file;
    int64_t rows;
  };
  void virtual_dataset(const std::string& path, Type type, const std::vector<int64_t>& dims,
                       const std::vector<Source>& sources, bool string = false);
  std::string image();  // closes; the bytes of the file in memory
  void close();         // of a file on disk: all of it is written. Errors: the disk is full (io)
 private:
  struct State;
  std::unique_ptr<State> state_;
};

class Reader {
 public:
  explicit Reader(const std::filesystem::path& path);  // no locks; missing, torn, foreign files: clear errors
  ~Reader();
  bool has(const std::string& path) const;
  std::vector<std::string> names(const std::string& group) const;
  std::vector<int64_t> dims(const std::string& path) const;
  Type type(const std::string& path) const;
  // Reads rows [first, first + count) (of dims[0]) in the dataset's own type; wrong type is bad_data.
  void read(const std::string& path, Type type, int64_t first, int64_t count, void* out) const;
  std::vector<std::string> strings(const std::string& path, int64_t first, int64_t count) const;
  bool has_attribute(const std::string& object, const std::string& name) const;
  std::string attribute(const std::string& object, const std::string& name) const;
  int64_t attribute_int(const std::string& object, const std::string& name) const;
  double attribute_double(const std::string& object, const std::string& name) const;
  std::vector<std::string> attribute_strings(const std::string& object, const std::string& name) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// float32 <-> float16 with round-to-nearest-even, vectorised where the processor can.
void to_float16(uint16_t* out, const float* in, int64_t count);
void from_float16(float* out, const uint16_t* in, int64_t count);

}  // namespace limner::hdf5
