#include <algorithm>
#include <filesystem>

#include "runtime/hdf5_handle.h"

namespace limner::hdf5 {

struct Reader::State {
  Site site;
  Handle file;

  // What H5Lexists and its like say. They fail where something on the way is of another kind, which is no for
  // an answer, and where the file cannot be read, which is none.
  bool exists(htri_t answer, const std::string& object) const {
    if (answer < 0 && code_of(reason(), site.code) == ExitCode::io) check(answer, site, "look for", object);
    return answer > 0;
  }

  Handle open_dataset(const std::string& path) const {
    silence();
    return {check(H5Dopen2(file.get(), path.c_str(), H5P_DEFAULT), site, "open dataset", path), H5Dclose};
  }

  Handle open_attribute(const std::string& object, const std::string& name) const {
    silence();
    return {check(H5Aopen_by_name(file.get(), object.c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT), site,
                  "open attribute", object + "@" + name),
            H5Aclose};
  }

  std::vector<hsize_t> extents(const Handle& dataset, const std::string& path) const {
    const Handle space(check(H5Dget_space(dataset.get()), site, "read the shape of", path), H5Sclose);
    const int rank = check(H5Sget_simple_extent_ndims(space.get()), site, "read the shape of", path);
    std::vector<hsize_t> dims(static_cast<size_t>(rank));
    check(H5Sget_simple_extent_dims(space.get(), dims.data(), nullptr), site, "read the shape of", path);
    return dims;
  }

  void want_class(const Handle& type, H5T_class_t wanted, const char* words,
                  const std::string& object) const {
    if (H5Tget_class(type.get()) != wanted) fail(site.code, "{}: {} is not {}", site.file, object, words);
  }

  void want_single(const Handle& attribute, const std::string& object) const {
    const Handle space(check(H5Aget_space(attribute.get()), site, "read", object), H5Sclose);
    if (check(H5Sget_simple_extent_npoints(space.get()), site, "read", object) != 1) {
      fail(site.code, "{}: {} is not a single value", site.file, object);
    }
  }

  void want_string(const Handle& type, const std::string& object) const {
    if (H5Tget_class(type.get()) != H5T_STRING || H5Tis_variable_str(type.get()) <= 0) {
      fail(site.code, "{}: {} does not hold variable-length strings", site.file, object);
    }
  }

  // Reads rows [first, first + count) into `out`.
  void read_rows(const Handle& dataset, const Handle& memory_type, const std::string& path, int64_t first,
                 int64_t count, void* out) const {
    std::vector<hsize_t> sizes = extents(dataset, path);
    if (sizes.empty()) fail(site.code, "{}: {} is a single value; rows are wanted", site.file, path);
    require(first >= 0 && count >= 0 && static_cast<hsize_t>(first) + static_cast<hsize_t>(count) <= sizes[0],
            "{}: rows {} to {} of {} were asked for; it has {}", site.file, first, first + count, path,
            sizes[0]);
    if (count == 0) return;
    std::vector<hsize_t> start(sizes.size(), 0);
    start[0] = static_cast<hsize_t>(first);
    sizes[0] = static_cast<hsize_t>(count);
    const Handle space(check(H5Dget_space(dataset.get()), site, "read the shape of", path), H5Sclose);
    check(H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, start.data(), nullptr, sizes.data(), nullptr),
          site, "select rows of", path);
    const Handle memory(H5Screate_simple(static_cast<int>(sizes.size()), sizes.data(), nullptr), H5Sclose);
    check(H5Dread(dataset.get(), memory_type.get(), memory.get(), space.get(), H5P_DEFAULT, out), site,
          "read dataset", path);
  }
};

namespace {

// Copies what the library allocated and gives it back. A row of a missing shard is a null pointer.
std::vector<std::string> take_strings(std::vector<char*>& values) {
  std::vector<std::string> result;
  result.reserve(values.size());
  for (const char* value : values) result.emplace_back(value == nullptr ? "" : value);
  const hsize_t count = values.size();
  const Handle space(H5Screate_simple(1, &count, nullptr), H5Sclose);
  H5Dvlen_reclaim(make_string_type().get(), space.get(), H5P_DEFAULT, values.data());
  return result;
}

}  // namespace

Reader::Reader(const std::filesystem::path& path) : state_(std::make_unique<State>()) {
  silence();
  state_->site = {path.string(), ExitCode::bad_data};
  if (!std::filesystem::exists(path)) fail(ExitCode::missing_input, "{} does not exist", path.string());
  if (std::filesystem::is_directory(path)) {
    fail(ExitCode::missing_input, "{} is a folder; an HDF5 file is wanted", path.string());
  }
  const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  // Published files never change, and many network file systems refuse locks.
  check(H5Pset_file_locking(access.get(), false, true), state_->site, "open", "the file");
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.get());
  if (file < 0) {
    const std::string why = reason();
    if (code_of(why, ExitCode::bad_data) == ExitCode::io) {
      fail(ExitCode::io, "cannot open {}: {}", path.string(), why);
    }
    fail(ExitCode::bad_data, "{} is not a whole HDF5 file: {}; make it again", path.string(), why);
  }
  state_->file = Handle(file, H5Fclose);
}

Reader::~Reader() = default;

bool Reader::has(const std::string& path) const {
  silence();
  // H5Lexists asks for one link; the groups on the way to it must exist.
  for (size_t end = path.find_first_not_of('/'); end != std::string::npos && end < path.size();) {
    end = std::min(path.find('/', end), path.size());
    const std::string part = path.substr(0, end);
    if (!state_->exists(H5Lexists(state_->file.get(), part.c_str(), H5P_DEFAULT), part)) return false;
    end = path.find_first_not_of('/', end);
  }
  return true;
}

std::vector<std::string> Reader::names(const std::string& group) const {
  silence();
  const Site& site = state_->site;
  const Handle folder(
      check(H5Gopen2(state_->file.get(), group.c_str(), H5P_DEFAULT), site, "open group", group), H5Gclose);
  H5G_info_t info{};
  check(H5Gget_info(folder.get(), &info), site, "list", group);
  std::vector<std::string> result;
  for (hsize_t index = 0; index < info.nlinks; ++index) {
    const auto name_at = [&](char* out, size_t bytes) {
      return check(
          H5Lget_name_by_idx(folder.get(), ".", H5_INDEX_NAME, H5_ITER_INC, index, out, bytes, H5P_DEFAULT),
          site, "list", group);
    };
    std::string name(static_cast<size_t>(name_at(nullptr, 0)), '\0');
    name_at(name.data(), name.size() + 1);
    result.push_back(std::move(name));
  }
  return result;
}

std::vector<int64_t> Reader::dims(const std::string& path) const {
  const std::vector<hsize_t> sizes = state_->extents(state_->open_dataset(path), path);
  return {sizes.begin(), sizes.end()};
}

Type Reader::type(const std::string& path) const {
  const Handle dataset = state_->open_dataset(path);
  const Handle type(check(H5Dget_type(dataset.get()), state_->site, "read the type of", path), H5Tclose);
  const size_t bytes = H5Tget_size(type.get());
  const bool is_signed = H5Tget_sign(type.get()) == H5T_SGN_2;
  switch (H5Tget_class(type.get())) {
    case H5T_INTEGER:
      if (bytes == 1) return is_signed ? Type::i8 : Type::u8;
      if (bytes == 4 && is_signed) return Type::i32;
      if (bytes == 8 && is_signed) return Type::i64;
      break;
    case H5T_FLOAT:
      if (bytes == 2) return Type::f16;
      if (bytes == 4) return Type::f32;
      if (bytes == 8) return Type::f64;
      break;
    default:
      break;
  }
  fail(ExitCode::bad_data, "{}: {} holds neither signed integers nor floating-point numbers",
       state_->site.file, path);
}

void Reader::read(const std::string& path, Type wanted, int64_t first, int64_t count, void* out) const {
  const Type found = type(path);
  if (found != wanted) {
    fail(ExitCode::bad_data, "{}: {} holds {}; {} is wanted", state_->site.file, path, type_name(found),
         type_name(wanted));
  }
  state_->read_rows(state_->open_dataset(path), make_type(wanted), path, first, count, out);
}

std::vector<std::string> Reader::strings(const std::string& path, int64_t first, int64_t count) const {
  const Handle dataset = state_->open_dataset(path);
  const Handle type(check(H5Dget_type(dataset.get()), state_->site, "read the type of", path), H5Tclose);
  state_->want_string(type, path);
  require(count >= 0, "{} rows of {}", count, path);
  if (state_->extents(dataset, path).size() != 1) {
    fail(ExitCode::bad_data, "{}: {} is no list of strings", state_->site.file, path);
  }
  std::vector<char*> values(static_cast<size_t>(count), nullptr);
  state_->read_rows(dataset, make_string_type(), path, first, count, values.data());
  return take_strings(values);
}

bool Reader::has_attribute(const std::string& object, const std::string& name) const {
  silence();
  return state_->exists(H5Aexists_by_name(state_->file.get(), object.c_str(), name.c_str(), H5P_DEFAULT),
                        object + "@" + name);
}

std::vector<std::string> Reader::attribute_strings(const std::string& object, const std::string& name) const {
  const std::string where = object + "@" + name;
  const Handle attribute = state_->open_attribute(object, name);
  const Handle type(check(H5Aget_type(attribute.get()), state_->site, "read", where), H5Tclose);
  state_->want_string(type, where);
  const Handle space(check(H5Aget_space(attribute.get()), state_->site, "read", where), H5Sclose);
  const hssize_t count = check(H5Sget_simple_extent_npoints(space.get()), state_->site, "read", where);
  std::vector<char*> values(static_cast<size_t>(count), nullptr);
  if (values.empty()) return {};
  check(H5Aread(attribute.get(), make_string_type().get(), values.data()), state_->site, "read", where);
  return take_strings(values);
}

std::string Reader::attribute(const std::string& object, const std::string& name) const {
  const std::vector<std::string> values = attribute_strings(object, name);
  if (values.size() != 1) {
    fail(ExitCode::bad_data, "{}: attribute {}@{} holds {} strings; one is wanted", state_->site.file, object,
         name, values.size());
  }
  return values.front();
}

int64_t Reader::attribute_int(const std::string& object, const std::string& name) const {
  const std::string where = object + "@" + name;
  const Handle attribute = state_->open_attribute(object, name);
  const Handle type(check(H5Aget_type(attribute.get()), state_->site, "read", where), H5Tclose);
  state_->want_class(type, H5T_INTEGER, "a whole number", where);
  state_->want_single(attribute, where);
  int64_t value = 0;
  check(H5Aread(attribute.get(), H5T_NATIVE_INT64, &value), state_->site, "read", where);
  return value;
}

double Reader::attribute_double(const std::string& object, const std::string& name) const {
  const std::string where = object + "@" + name;
  const Handle attribute = state_->open_attribute(object, name);
  const Handle type(check(H5Aget_type(attribute.get()), state_->site, "read", where), H5Tclose);
  state_->want_class(type, H5T_FLOAT, "a number", where);
  state_->want_single(attribute, where);
  double value = 0;
  check(H5Aread(attribute.get(), H5T_NATIVE_DOUBLE, &value), state_->site, "read", where);
  return value;
}

}  // namespace limner::hdf5
