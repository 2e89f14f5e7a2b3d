// Shared by hdf5_writer.cpp and hdf5_reader.cpp: handles that close themselves, checked calls, types.
#pragma once

#include <hdf5.h>

#include <string>
#include <utility>

#include "runtime/error.h"
#include "runtime/hdf5.h"

namespace limner::hdf5 {

// Owns an HDF5 identifier and the function that closes it.
class Handle {
 public:
  Handle() = default;
  Handle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
    return *this;
  }
  ~Handle() { reset(); }
  hid_t get() const { return id_; }
  void reset() {
    if (id_ >= 0) close_(std::exchange(id_, -1));
  }

 private:
  hid_t id_ = -1;
  herr_t (*close_)(hid_t) = nullptr;
};

// The library prints its errors by itself, per thread, unless told not to: every public call begins with
// this.
void silence();

// The innermost message of the library's error stack, or "unknown reason".
std::string reason();
// ExitCode::io where the reason is an error of the system, not of what the file holds.
ExitCode code_of(const std::string& reason, ExitCode otherwise);

// Which file, and what kind of failure a call that fails is.
struct Site {
  std::string file;
  ExitCode code;
};

// Throws, when `result` is negative, "FILE: cannot ACTION OBJECT: reason".
template <class Result>
Result check(Result result, const Site& site, const char* action, const std::string& object) {
  if (result < 0) {
    const std::string why = reason();
    fail(code_of(why, site.code), "{}: cannot {} {}: {}", site.file, action, object, why);
  }
  return result;
}

Handle make_type(Type type);  // the same in memory and in the file: little-endian
Handle make_string_type();    // variable-length UTF-8
int64_t type_bytes(Type type);
const char* type_name(Type type);

}  // namespace limner::hdf5
