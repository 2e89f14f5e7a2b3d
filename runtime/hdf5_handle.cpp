#include "runtime/hdf5_handle.h"

namespace limner::hdf5 {
namespace {

// h5py's float16: HDF5 has no such predefined type before 1.14.4.
Handle make_float16_type() {
  Handle type(H5Tcopy(H5T_IEEE_F32LE), H5Tclose);
  const bool made = H5Tset_fields(type.get(), 15, 10, 5, 0, 10) >= 0 && H5Tset_size(type.get(), 2) >= 0 &&
                    H5Tset_ebias(type.get(), 15) >= 0;
  require(made, "HDF5 cannot make the float16 type: {}", reason());
  return type;
}

}  // namespace

void silence() { H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr); }

std::string reason() {
  std::string text;
  const auto keep_first = [](unsigned, const H5E_error2_t* entry, void* target) -> herr_t {
    auto& kept = *static_cast<std::string*>(target);
    if (kept.empty() && entry->desc != nullptr) kept = entry->desc;
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, &text);
  return text.empty() ? "unknown reason" : text;
}

ExitCode code_of(const std::string& reason, ExitCode otherwise) {
  return reason.find("errno = ") == std::string::npos ? otherwise : ExitCode::io;
}

Handle make_type(Type type) {
  switch (type) {
    case Type::i8:
      return {H5Tcopy(H5T_STD_I8LE), H5Tclose};
    case Type::u8:
      return {H5Tcopy(H5T_STD_U8LE), H5Tclose};
    case Type::i32:
      return {H5Tcopy(H5T_STD_I32LE), H5Tclose};
    case Type::i64:
      return {H5Tcopy(H5T_STD_I64LE), H5Tclose};
    case Type::f16:
      return make_float16_type();
    case Type::f32:
      return {H5Tcopy(H5T_IEEE_F32LE), H5Tclose};
    case Type::f64:
      return {H5Tcopy(H5T_IEEE_F64LE), H5Tclose};
  }
  fail(ExitCode::internal, "unknown HDF5 type {}", static_cast<int>(type));
}

Handle make_string_type() {
  Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  const bool made = H5Tset_size(type.get(), H5T_VARIABLE) >= 0 && H5Tset_cset(type.get(), H5T_CSET_UTF8) >= 0;
  require(made, "HDF5 cannot make the string type: {}", reason());
  return type;
}

int64_t type_bytes(Type type) {
  switch (type) {
    case Type::i8:
    case Type::u8:
      return 1;
    case Type::f16:
      return 2;
    case Type::i32:
    case Type::f32:
      return 4;
    case Type::i64:
    case Type::f64:
      return 8;
  }
  fail(ExitCode::internal, "unknown HDF5 type {}", static_cast<int>(type));
}

const char* type_name(Type type) {
  static constexpr const char* names[] = {"int8", "uint8", "int32", "int64", "float16", "float32", "float64"};
  return names[static_cast<int>(type)];
}

}  // namespace limner::hdf5
