// Every call of hdf5::Reader over a whole file, made by the library, with two objects of the input's choice:
// also of kinds that Limner never writes.
#include <hdf5.h>

#include <vector>

#include "runtime/hdf5_handle.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace limner;
using hdf5::Handle;

// Tables of half a mebibyte for each open file: kept by the library rather than mapped anew each time.
void keep_tables() {
  const int bytes = 16 << 20;
  H5set_free_list_limits(bytes, bytes, bytes, bytes, bytes, bytes);
}

Handle draw_type(FuzzedDataProvider& input) {
  switch (input.ConsumeIntegralInRange<int>(0, 3)) {
    case 0: {  // strings of a fixed length
      Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
      H5Tset_size(type.get(), input.ConsumeIntegralInRange<size_t>(1, 9));
      return type;
    }
    case 1:
      return hdf5::make_string_type();
    case 2:
      return hdf5::make_type(
          input.PickValueInArray({hdf5::Type::i8, hdf5::Type::u8, hdf5::Type::i32, hdf5::Type::i64,
                                  hdf5::Type::f16, hdf5::Type::f32, hdf5::Type::f64}));
    default:
      return {H5Tcopy(input.PickValueInArray({H5T_STD_U64LE, H5T_STD_I16BE, H5T_STD_I64BE, H5T_STD_U32BE,
                                              H5T_IEEE_F32BE, H5T_IEEE_F64BE, H5T_NATIVE_LDOUBLE,
                                              H5T_STD_B8LE, H5T_STD_REF_OBJ})),
              H5Tclose};
  }
}

// No value, one, or up to four in each of up to three dimensions.
Handle draw_space(FuzzedDataProvider& input) {
  const int rank = input.ConsumeIntegralInRange<int>(-1, 3);
  if (rank < 1) return {H5Screate(rank < 0 ? H5S_NULL : H5S_SCALAR), H5Sclose};
  std::vector<hsize_t> dims(static_cast<size_t>(rank));
  for (hsize_t& dim : dims) dim = input.ConsumeIntegralInRange<hsize_t>(0, 4);
  return {H5Screate_simple(rank, dims.data(), nullptr), H5Sclose};
}

// Values for as many elements as there are: bytes of the input, or pointers to a text of it.
class Values {
 public:
  Values(FuzzedDataProvider& input, const Handle& type, const Handle& space)
      : text_(input.ConsumeRandomLengthString(8)) {
    const auto elements = static_cast<size_t>(H5Sget_simple_extent_npoints(space.get()));
    pointers_.assign(elements, text_.c_str());
    bytes_.resize(elements * H5Tget_size(type.get()));
    if (!bytes_.empty()) input.ConsumeData(bytes_.data(), std::min<size_t>(bytes_.size(), 64));
    data_ = H5Tis_variable_str(type.get()) > 0 ? static_cast<const void*>(pointers_.data()) : bytes_.data();
  }
  bool empty() const { return bytes_.empty(); }
  const void* data() const { return data_; }

 private:
  std::string text_;
  std::vector<const char*> pointers_;
  std::vector<uint8_t> bytes_;
  const void* data_;
};

void draw_attribute(hid_t object, const char* name, FuzzedDataProvider& input) {
  const Handle type = draw_type(input), space = draw_space(input);
  const Values values(input, type, space);
  const Handle attribute(H5Acreate2(object, name, type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT),
                         H5Aclose);
  if (!values.empty()) H5Awrite(attribute.get(), type.get(), values.data());
}

void draw_object(hid_t file, const char* path, FuzzedDataProvider& input) {
  if (input.ConsumeBool()) {
    const Handle group(H5Gcreate2(file, path, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose);
    draw_attribute(group.get(), "n", input);
    return;
  }
  const Handle type = draw_type(input), space = draw_space(input);
  const Values values(input, type, space);
  const Handle dataset(H5Dcreate2(file, path, type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                       H5Dclose);
  if (dataset.get() < 0) return;  // "/a" is a dataset: nothing lies below it
  if (!values.empty()) H5Dwrite(dataset.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
  draw_attribute(dataset.get(), "n", input);
}

void make_file(const std::filesystem::path& path, FuzzedDataProvider& input) {
  hdf5::silence();
  const Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), H5Fclose);
  if (file.get() < 0) std::abort();
  draw_object(file.get(), "/a", input);
  draw_object(file.get(), input.ConsumeBool() ? "/b" : "/a/b", input);
}

// As the readers do: rows of a dataset as long as it says to be, in the type that it says to have.
void read_rows(const hdf5::Reader& reader, const std::string& path, FuzzedDataProvider& input) {
  const std::vector<int64_t> dims = reader.dims(path);
  int64_t elements = 1;
  for (const int64_t dim : dims) elements *= dim;
  const int64_t first = dims.empty() ? 0 : input.ConsumeIntegralInRange<int64_t>(0, dims[0]);
  const int64_t count = dims.empty() ? 1 : dims[0] - first;
  if (input.ConsumeBool()) {
    const std::vector<std::string> strings = reader.strings(path, first, count);
    if (static_cast<int64_t>(strings.size()) != count) std::abort();
    return;
  }
  const hdf5::Type type = reader.type(path);
  std::vector<uint8_t> bytes(static_cast<size_t>(elements * hdf5::type_bytes(type)));
  reader.read(path, type, first, count, bytes.data());
}

void call(const hdf5::Reader& reader, FuzzedDataProvider& input) {
  const std::string path = input.PickValueInArray({"/a", "/b", "/a/b", "/", "/c", "/a/c"});
  const char* name = input.ConsumeBool() ? "n" : "m";
  switch (input.ConsumeIntegralInRange<int>(0, 6)) {
    case 0:
      for (const std::string& child : reader.names(path)) {
        if (!reader.has((path == "/" ? "" : path) + "/" + child)) std::abort();
      }
      return;
    case 1:
      if (!reader.has(path)) reader.dims(path), std::abort();
      return;
    case 2:
      if (!reader.has_attribute(path, name)) reader.attribute_strings(path, name), std::abort();
      return;
    case 3:
      reader.attribute(path, name);
      return;
    case 4:
      reader.attribute_int(path, name);
      return;
    case 5:
      reader.attribute_double(path, name);
      return;
    default:
      read_rows(reader, path, input);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const bool kept = (keep_tables(), true);
  static_cast<void>(kept);
  FuzzedDataProvider input(data, size);
  const std::filesystem::path path = fuzz::scratch() / "any.h5";
  make_file(path, input);
  const hdf5::Reader reader(path);
  for (int calls = 0; calls < 8 && input.remaining_bytes() > 0; ++calls) {
    fuzz::hold(size, [&] { call(reader, input); });
  }
  return 0;
}
