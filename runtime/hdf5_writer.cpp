#include <hdf5_hl.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/hdf5_handle.h"

namespace limner::hdf5 {
namespace {

constexpr int64_t chunk_bytes = int64_t{1} << 20;
constexpr size_t image_step_bytes = size_t{256} << 10;  // zeroed at each step, so small files want small ones

std::vector<hsize_t> extents(const std::vector<int64_t>& dims) {
  require(dims.size() == 1 || dims.size() == 2, "an HDF5 dataset of {} dimensions", dims.size());
  for (const int64_t dim : dims) require(dim >= 0, "an HDF5 dimension of {}", dim);
  return {dims.begin(), dims.end()};
}

Handle make_space(const std::vector<hsize_t>& dims) {
  return {H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr), H5Sclose};
}

// HDF5 ends a string at its first zero byte.
void refuse_zero_byte(const std::string& value, const std::string& object) {
  require(value.find('\0') == std::string::npos, "a string for {} has a zero byte", object);
}

std::vector<const char*> pointers(const std::vector<std::string>& values, const std::string& object) {
  std::vector<const char*> result;
  result.reserve(values.size());
  for (const std::string& value : values) {
    refuse_zero_byte(value, object);
    result.push_back(value.c_str());
  }
  return result;
}

}  // namespace

struct Writer::State {
  Site site{"HDF5 image", ExitCode::internal};
  Handle file;

  hid_t open_file() const {
    silence();
    require(file.get() >= 0, "an HDF5 image is already closed");
    return file.get();
  }

  // Nothing in a file depends on the time: the same contents are the same bytes.
  Handle plain_creation(const std::string& path) const {
    Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    check(H5Pset_obj_track_times(properties.get(), false), site, "create", path);
    return properties;
  }

  // Chunks of whole rows near 1 MiB with a checksum. HDF5 wants no chunks where there is no element.
  Handle chunked_creation(const std::vector<hsize_t>& dims, int64_t element_bytes, bool compress,
                          const std::string& path) const {
    Handle properties = plain_creation(path);
    int64_t row_bytes = element_bytes;
    for (size_t index = 1; index < dims.size(); ++index) row_bytes *= static_cast<int64_t>(dims[index]);
    if (dims[0] == 0 || row_bytes == 0) return properties;
    std::vector<hsize_t> chunk = dims;
    chunk[0] = std::clamp<hsize_t>(static_cast<hsize_t>(chunk_bytes / row_bytes), 1, dims[0]);
    check(H5Pset_chunk(properties.get(), static_cast<int>(chunk.size()), chunk.data()), site, "chunk", path);
    if (compress) {
      check(H5Pset_shuffle(properties.get()), site, "compress", path);
      check(H5Pset_deflate(properties.get(), 1), site, "compress", path);
    }
    check(H5Pset_fletcher32(properties.get()), site, "add checksums to", path);
    return properties;
  }

  void write_dataset(const std::string& path, const Handle& type, const std::vector<hsize_t>& dims,
                     const Handle& properties, const void* data) const {
    const Handle space = make_space(dims);
    const Handle dataset(check(H5Dcreate2(open_file(), path.c_str(), type.get(), space.get(), H5P_DEFAULT,
                                          properties.get(), H5P_DEFAULT),
                               site, "create dataset", path),
                         H5Dclose);
    if (data == nullptr || std::find(dims.begin(), dims.end(), hsize_t{0}) != dims.end()) return;
    check(H5Dwrite(dataset.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, data), site, "write dataset",
          path);
  }

  void write_attribute(const std::string& object, const std::string& name, const Handle& type,
                       const Handle& space, const void* data) const {
    const Handle owner(check(H5Oopen(open_file(), object.c_str(), H5P_DEFAULT), site, "open", object),
                       H5Oclose);
    const std::string where = object + "@" + name;
    const Handle attribute(
        check(H5Acreate2(owner.get(), name.c_str(), type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT), site,
              "create attribute", where),
        H5Aclose);
    if (data != nullptr) {
      check(H5Awrite(attribute.get(), type.get(), data), site, "write attribute", where);
    }
  }
};

Writer::Writer() : state_(std::make_unique<State>()) {
  silence();
  const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  // Datasets are written whole: a buffer for pieces, 64 KiB for each of them, would only be zeroed.
  const bool prepared = H5Pset_fapl_core(access.get(), image_step_bytes, false) >= 0 &&
                        H5Pset_sieve_buf_size(access.get(), 512) >= 0 &&
                        H5Pset_libver_bounds(access.get(), H5F_LIBVER_EARLIEST, H5F_LIBVER_V110) >= 0 &&
                        H5Pset_fclose_degree(access.get(), H5F_CLOSE_STRONG) >= 0;
  require(prepared, "HDF5 cannot prepare an image in memory: {}", reason());
  // Images are told apart by name, though none is a file.
  const std::string name = fmt::format("image-{}", static_cast<const void*>(state_.get()));
  const hid_t file = H5Fcreate(name.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access.get());
  state_->file = Handle(check(file, state_->site, "create", name), H5Fclose);
}

Writer::~Writer() = default;

void Writer::group(const std::string& path) {
  const Handle group(
      check(H5Gcreate2(state_->open_file(), path.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
            state_->site, "create group", path),
      H5Gclose);
}

void Writer::dataset(const std::string& path, Type type, const std::vector<int64_t>& dims, const void* data,
                     bool compress) {
  state_->open_file();
  const std::vector<hsize_t> sizes = extents(dims);
  state_->write_dataset(path, make_type(type), sizes,
                        state_->chunked_creation(sizes, type_bytes(type), compress, path), data);
}

void Writer::strings(const std::string& path, const std::vector<std::string>& values) {
  state_->open_file();
  const std::vector<const char*> data = pointers(values, path);
  // HDF5 has no checksums for strings of variable length, so chunks would serve nothing.
  state_->write_dataset(path, make_string_type(), {values.size()}, state_->plain_creation(path), data.data());
}

void Writer::attribute(const std::string& object, const std::string& name, const std::string& value) {
  state_->open_file();
  refuse_zero_byte(value, object + "@" + name);
  const char* data = value.c_str();
  state_->write_attribute(object, name, make_string_type(), {H5Screate(H5S_SCALAR), H5Sclose}, &data);
}

void Writer::attribute(const std::string& object, const std::string& name, int64_t value) {
  state_->open_file();
  state_->write_attribute(object, name, make_type(Type::i64), {H5Screate(H5S_SCALAR), H5Sclose}, &value);
}

void Writer::attribute(const std::string& object, const std::string& name, double value) {
  state_->open_file();
  state_->write_attribute(object, name, make_type(Type::f64), {H5Screate(H5S_SCALAR), H5Sclose}, &value);
}

void Writer::attribute(const std::string& object, const std::string& name,
                       const std::vector<std::string>& values) {
  state_->open_file();
  const std::vector<const char*> data = pointers(values, object + "@" + name);
  state_->write_attribute(object, name, make_string_type(), make_space({values.size()}),
                          values.empty() ? nullptr : data.data());
}

void Writer::dimension_scale(const std::string& dataset, const std::string& scale, int dimension,
                             const std::string& name) {
  const hid_t file = state_->open_file();
  const Site& site = state_->site;
  const Handle owner(check(H5Dopen2(file, dataset.c_str(), H5P_DEFAULT), site, "open", dataset), H5Dclose);
  const Handle axis(check(H5Dopen2(file, scale.c_str(), H5P_DEFAULT), site, "open", scale), H5Dclose);
  if (check(H5DSis_scale(axis.get()), site, "read", scale) == 0) {
    check(H5DSset_scale(axis.get(), name.c_str()), site, "make a dimension scale of", scale);
  }
  check(H5DSattach_scale(owner.get(), axis.get(), static_cast<unsigned>(dimension)), site,
        "attach a dimension scale to", dataset);
}

void Writer::virtual_dataset(const std::string& path, Type type, const std::vector<int64_t>& dims,
                             const std::vector<Source>& sources, bool string) {
  state_->open_file();
  const Site& site = state_->site;
  const std::vector<hsize_t> sizes = extents(dims);
  const Handle element = string ? make_string_type() : make_type(type);
  const Handle properties = state_->plain_creation(path);

  // HDF5 reads a missing shard as the fill value without a word, so the fill value is no possible value.
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const int64_t minus_one = -1;
  if (!string && (type == Type::f16 || type == Type::f32 || type == Type::f64)) {
    check(H5Pset_fill_value(properties.get(), H5T_NATIVE_DOUBLE, &nan), site, "set the fill value of", path);
  } else if (!string && type != Type::u8) {
    check(H5Pset_fill_value(properties.get(), H5T_NATIVE_INT64, &minus_one), site, "set the fill value of",
          path);
  }

  hsize_t first = 0;
  for (const Source& source : sources) {
    std::vector<hsize_t> count = sizes;
    count[0] = static_cast<hsize_t>(source.rows);
    if (source.rows == 0) continue;
    std::vector<hsize_t> start(sizes.size(), 0);
    start[0] = first;
    const Handle target = make_space(sizes);
    check(H5Sselect_hyperslab(target.get(), H5S_SELECT_SET, start.data(), nullptr, count.data(), nullptr),
          site, "place the rows of", source.file);
    check(H5Pset_virtual(properties.get(), target.get(), source.file.c_str(), path.c_str(),
                         make_space(count).get()),
          site, "refer to", source.file);
    first += count[0];
  }
  require(first == sizes[0], "virtual dataset {} has {} rows, its sources {}", path, sizes[0], first);
  state_->write_dataset(path, element, sizes, properties, nullptr);
}

std::string Writer::image() {
  const hid_t file = state_->open_file();
  check(H5Fflush(file, H5F_SCOPE_GLOBAL), state_->site, "finish", "the file");
  const ssize_t bytes = check(H5Fget_file_image(file, nullptr, 0), state_->site, "measure", "the file");
  std::string image(static_cast<size_t>(bytes), '\0');
  check(H5Fget_file_image(file, image.data(), image.size()), state_->site, "copy", "the file");
  state_->file.reset();
  return image;
}

}  // namespace limner::hdf5
