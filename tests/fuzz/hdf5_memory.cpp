// hdf5::Writer and hdf5::Reader without the HDF5 library: linked in the place of runtime's, so that a target
// tries the readers of prepared.h5 and of shards rather than the library, many times as fast. An image is
// the number of objects that stay in memory. What the two answer, and their errors, are those of runtime's:
// tests/runtime/hdf5_memory_test.cpp compares them. What no target calls is refused.
#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <variant>

#include "runtime/error.h"
#include "runtime/files.h"
#include "runtime/hdf5.h"

namespace limner::hdf5 {
namespace {

using Attribute = std::variant<int64_t, double, std::vector<std::string>>;

struct Object {
  enum class Kind : uint8_t { group, numbers, strings } kind;
  Type type = Type::u8;
  std::vector<int64_t> dims = {};  // none: a group
  std::vector<uint8_t> bytes = {};
  std::vector<std::string> strings = {};
  std::map<std::string, Attribute> attributes = {};
};

using Objects = std::map<std::string, Object>;  // by path: "" is the root, "/a" a child of it

struct Image {
  uint64_t number = 0;
  std::shared_ptr<const Objects> objects;
};

// Images are kept until so many others were made.
std::array<Image, 16> kept_images;
uint64_t images_made = 0;
constexpr std::string_view image_name = "image in memory ";

size_t type_bytes(Type type) {
  constexpr std::array<size_t, 7> bytes{1, 1, 4, 8, 2, 4, 8};
  return bytes[static_cast<size_t>(type)];
}

// Without empty parts, as the library takes a path.
std::string plain(const std::string& path) {
  std::string result;
  for (size_t begin = path.find_first_not_of('/'); begin != std::string::npos;) {
    const size_t end = std::min(path.find('/', begin), path.size());
    result += '/' + path.substr(begin, end - begin);
    begin = path.find_first_not_of('/', end);
  }
  return result;
}

void refuse_zero_byte(const std::string& value, const std::string& object) {
  require(value.find('\0') == std::string::npos, "a string for {} has a zero byte", object);
}

[[noreturn]] void refuse(const char* what) { fail(ExitCode::internal, "{} in memory", what); }

}  // namespace

struct Writer::State {
  std::shared_ptr<Objects> objects = std::make_shared<Objects>(Objects{{"", {Object::Kind::group}}});

  void require_open() const { require(objects != nullptr, "an image in memory is already closed"); }

  void add(const std::string& path, Object&& object) const {
    require_open();
    const std::string name = plain(path);
    const auto parent = objects->find(name.substr(0, std::min(name.rfind('/'), name.size())));
    require(parent != objects->end() && parent->second.kind == Object::Kind::group,
            "cannot create {}: its group does not exist", path);
    require(objects->try_emplace(name, std::move(object)).second, "cannot create {}: it exists", path);
  }

  void add_attribute(const std::string& path, const std::string& name, Attribute attribute) const {
    require_open();
    if (const auto* strings = std::get_if<std::vector<std::string>>(&attribute)) {
      for (const std::string& value : *strings) refuse_zero_byte(value, fmt::format("{}@{}", path, name));
    }
    const auto object = objects->find(plain(path));
    require(object != objects->end(), "cannot open {}: it does not exist", path);
    require(object->second.attributes.try_emplace(name, std::move(attribute)).second,
            "cannot create attribute {}@{}: it exists", path, name);
  }
};

Writer::Writer() : state_(std::make_unique<State>()) {}
Writer::Writer(const std::filesystem::path& /*path*/) { refuse("no file"); }
Writer::~Writer() = default;

void Writer::group(const std::string& path) { state_->add(path, {Object::Kind::group}); }

void Writer::dataset(const std::string& path, Type type, const std::vector<int64_t>& dims, const void* data,
                     bool /*compress*/) {
  require(dims.size() == 1 || dims.size() == 2, "an HDF5 dataset of {} dimensions", dims.size());
  int64_t elements = 1;
  for (const int64_t dim : dims) {
    require(dim >= 0, "an HDF5 dimension of {}", dim);
    elements *= dim;
  }
  Object object{Object::Kind::numbers, type, dims};
  object.bytes.resize(static_cast<size_t>(elements) * type_bytes(type));
  if (data != nullptr && elements > 0) std::memcpy(object.bytes.data(), data, object.bytes.size());
  state_->add(path, std::move(object));
}

void Writer::strings(const std::string& path, const std::vector<std::string>& values) {
  for (const std::string& value : values) refuse_zero_byte(value, path);
  Object object{Object::Kind::strings, Type::u8, {static_cast<int64_t>(values.size())}};
  object.strings = values;
  state_->add(path, std::move(object));
}

void Writer::attribute(const std::string& object, const std::string& name, const std::string& value) {
  state_->add_attribute(object, name, std::vector{value});
}

void Writer::attribute(const std::string& object, const std::string& name, int64_t value) {
  state_->add_attribute(object, name, value);
}

void Writer::attribute(const std::string& object, const std::string& name, double value) {
  state_->add_attribute(object, name, value);
}

void Writer::attribute(const std::string& object, const std::string& name,
                       const std::vector<std::string>& values) {
  state_->add_attribute(object, name, values);
}

void Writer::dataset_by_rows(const std::string&, Type, const std::vector<int64_t>&,
                             const std::function<const void*(int64_t, int64_t)>&) {
  refuse("no dataset by rows");
}

void Writer::dimension_scale(const std::string&, const std::string&, int, const std::string&) {
  refuse("no dimension scale");
}

void Writer::virtual_dataset(const std::string&, Type, const std::vector<int64_t>&,
                             const std::vector<Source>&, bool) {
  refuse("no virtual dataset");
}

void Writer::close() { refuse("no file"); }

std::string Writer::image() {
  state_->require_open();
  const uint64_t number = images_made++;
  kept_images[number % kept_images.size()] = {number, std::move(state_->objects)};
  return fmt::format("{}{:016x}", image_name, number);
}

struct Reader::State {
  std::string file;
  std::shared_ptr<const Objects> objects;

  template <class... Arguments>
  [[noreturn]] void refuse(fmt::format_string<Arguments...> format, Arguments&&... arguments) const {
    fail(ExitCode::bad_data, "{}: {}", file, fmt::format(format, std::forward<Arguments>(arguments)...));
  }

  const Object& dataset(const std::string& path) const {
    const auto object = objects->find(plain(path));
    if (object == objects->end() || object->second.kind == Object::Kind::group) {
      refuse("cannot open dataset {}", path);
    }
    return object->second;
  }

  const Attribute* find_attribute(const std::string& path, const std::string& name) const {
    const auto object = objects->find(plain(path));
    if (object == objects->end()) return nullptr;
    const auto attribute = object->second.attributes.find(name);
    return attribute == object->second.attributes.end() ? nullptr : &attribute->second;
  }

  template <class Value>
  const Value& attribute(const std::string& path, const std::string& name) const {
    const Attribute* attribute = find_attribute(path, name);
    if (attribute == nullptr) refuse("cannot open attribute {}@{}", path, name);
    const auto* value = std::get_if<Value>(attribute);
    if (value == nullptr) refuse("{}@{} is of another kind", path, name);
    return *value;
  }

  void require_rows(const Object& dataset, const std::string& path, int64_t first, int64_t count) const {
    require(first >= 0 && count >= 0 && first <= dataset.dims[0] && count <= dataset.dims[0] - first,
            "{}: {} rows from {} of {} were asked for; it has {}", file, count, first, path, dataset.dims[0]);
  }
};

Reader::Reader(const std::filesystem::path& path) : state_(std::make_unique<State>()) {
  if (!std::filesystem::exists(path)) fail(ExitCode::missing_input, "{} does not exist", path.string());
  if (std::filesystem::is_directory(path)) {
    fail(ExitCode::missing_input, "{} is a folder; an HDF5 file is wanted", path.string());
  }
  state_->file = path.string();
  const std::string image = read_file(path);
  if (!image.starts_with(image_name)) state_->refuse("is not a whole HDF5 file");
  const uint64_t number = std::stoull(image.substr(image_name.size()), nullptr, 16);
  const Image& kept = kept_images[number % kept_images.size()];
  require(kept.objects != nullptr && kept.number == number, "{}: not among the last images", state_->file);
  state_->objects = kept.objects;
}

Reader::~Reader() = default;

bool Reader::has(const std::string& path) const { return state_->objects->contains(plain(path)); }

std::vector<std::string> Reader::names(const std::string& group) const {
  const std::string name = plain(group);
  const auto found = state_->objects->find(name);
  if (found == state_->objects->end() || found->second.kind != Object::Kind::group) {
    state_->refuse("cannot open group {}", group);
  }
  std::vector<std::string> result;
  for (const auto& [path, object] : *state_->objects) {
    const bool below = path.size() > name.size() && path.starts_with(name + "/");
    if (below && path.rfind('/') == name.size()) result.push_back(path.substr(name.size() + 1));
  }
  return result;
}

std::vector<int64_t> Reader::dims(const std::string& path) const { return state_->dataset(path).dims; }

Type Reader::type(const std::string& path) const {
  const Object& dataset = state_->dataset(path);
  if (dataset.kind == Object::Kind::strings) state_->refuse("{} holds no numbers", path);
  return dataset.type;
}

void Reader::read(const std::string& path, Type wanted, int64_t first, int64_t count, void* out) const {
  if (type(path) != wanted) state_->refuse("{} holds another type", path);
  const Object& dataset = state_->dataset(path);
  state_->require_rows(dataset, path, first, count);
  size_t row_bytes = type_bytes(wanted);
  if (dataset.dims.size() == 2) row_bytes *= static_cast<size_t>(dataset.dims[1]);
  const size_t bytes = static_cast<size_t>(count) * row_bytes;
  if (bytes > 0) std::memcpy(out, dataset.bytes.data() + static_cast<size_t>(first) * row_bytes, bytes);
}

std::vector<std::string> Reader::strings(const std::string& path, int64_t first, int64_t count) const {
  const Object& dataset = state_->dataset(path);
  if (dataset.kind != Object::Kind::strings) state_->refuse("{} holds no strings", path);
  state_->require_rows(dataset, path, first, count);
  const auto begin = dataset.strings.begin() + first;
  return {begin, begin + count};
}

bool Reader::has_attribute(const std::string& object, const std::string& name) const {
  return state_->find_attribute(object, name) != nullptr;
}

std::vector<std::string> Reader::attribute_strings(const std::string& object, const std::string& name) const {
  return state_->attribute<std::vector<std::string>>(object, name);
}

std::string Reader::attribute(const std::string& object, const std::string& name) const {
  const std::vector<std::string> values = attribute_strings(object, name);
  if (values.size() != 1) state_->refuse("{}@{} holds {} strings", object, name, values.size());
  return values.front();
}

int64_t Reader::attribute_int(const std::string& object, const std::string& name) const {
  return state_->attribute<int64_t>(object, name);
}

double Reader::attribute_double(const std::string& object, const std::string& name) const {
  return state_->attribute<double>(object, name);
}

}  // namespace limner::hdf5
