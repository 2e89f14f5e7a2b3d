#include "model/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "runtime/hdf5.h"
#include "runtime/json_parser.h"

namespace limner {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors are little-endian");

constexpr int64_t length_bytes = 8;
constexpr int64_t largest_header_bytes = 100'000'000;
constexpr int64_t data_alignment_bytes = 8;
constexpr const char* metadata_key = "__metadata__";

// Bits of one element; 0: not a type of the format.
int64_t dtype_bits(const std::string& dtype) {
  static const std::map<std::string, int64_t> bits{
      {"BOOL", 8},        {"F4", 4},          {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"U8", 8},   {"I8", 8},
      {"F8_E5M2", 8},     {"F8_E4M3", 8},     {"F8_E8M0", 8}, {"I16", 16},    {"U16", 16}, {"F16", 16},
      {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"BF16", 16},   {"I32", 32},    {"U32", 32}, {"F32", 32},
      {"C64", 64},        {"F64", 64},        {"I64", 64},    {"U64", 64}};
  const auto found = bits.find(dtype);
  return found == bits.end() ? 0 : found->second;
}

const char* file_dtype(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return "F32";
    case DType::bf16:
      return "BF16";
    case DType::f16:
      return "F16";
    case DType::i32:
      return "I32";
    case DType::i64:
      return "I64";
  }
  fail(ExitCode::internal, "unknown element type {}", static_cast<int>(dtype));
}

[[noreturn]] void refuse(const fs::path& path, const std::string& why) {
  fail(ExitCode::bad_data, "{}: not a whole safetensors file: {}; copy or convert it again", path.string(),
       why);
}

Json parse_header_text(const fs::path& path, std::string_view text) {
  if (text.empty() || text.front() != '{') refuse(path, "the header does not begin with {");
  try {
    return parse_json<Json>(text, "the header");
  } catch (const Error& error) {
    refuse(path, error.what());
  }
}

int64_t read_size(const fs::path& path, const std::string& name, const Json& value) {
  constexpr uint64_t largest = uint64_t{1} << 62;
  if (!value.is_number_unsigned() || value.get<uint64_t>() > largest) {
    refuse(path, fmt::format("tensor '{}' has the size or offset {}", name, value.dump()));
  }
  return value.get<int64_t>();
}

// Bytes of a tensor of this type and shape.
int64_t tensor_bytes(const fs::path& path, const TensorEntry& entry) {
  int64_t bits = dtype_bits(entry.dtype);
  if (bits == 0) refuse(path, fmt::format("tensor '{}' has the unknown type {}", entry.name, entry.dtype));
  for (const int64_t dim : entry.dims) {
    if (__builtin_mul_overflow(bits, dim, &bits)) {
      refuse(path,
             fmt::format("the shape {} of tensor '{}' is too large", shape_text(entry.dims), entry.name));
    }
  }
  if (bits % 8 != 0) refuse(path, fmt::format("tensor '{}' does not end on a whole byte", entry.name));
  return bits / 8;
}

TensorEntry read_entry(const fs::path& path, const std::string& name, const Json& value) {
  const bool complete = value.is_object() && value.size() == 3 && value.contains("dtype") &&
                        value["dtype"].is_string() && value.contains("shape") && value["shape"].is_array() &&
                        value.contains("data_offsets") && value["data_offsets"].is_array() &&
                        value["data_offsets"].size() == 2;
  if (!complete) refuse(path, fmt::format("tensor '{}' lacks one of dtype, shape, data_offsets", name));
  TensorEntry entry;
  entry.name = name;
  entry.dtype = value["dtype"].get<std::string>();
  for (const Json& dim : value["shape"]) entry.dims.push_back(read_size(path, name, dim));
  entry.begin_byte = read_size(path, name, value["data_offsets"][0]);
  entry.end_byte = read_size(path, name, value["data_offsets"][1]);
  const int64_t wanted = tensor_bytes(path, entry);
  if (entry.end_byte - entry.begin_byte != wanted) {
    refuse(path, fmt::format("tensor '{}' of {} {} wants {} bytes, its offsets {} to {} hold {}", name,
                             entry.dtype, shape_text(entry.dims), wanted, entry.begin_byte, entry.end_byte,
                             entry.end_byte - entry.begin_byte));
  }
  return entry;
}

}  // namespace

int64_t TensorEntry::elements() const {
  int64_t product = 1;
  for (const int64_t dim : dims) product *= dim;
  return product;
}

std::string shape_text(const std::vector<int64_t>& dims) {
  std::string text = "[";
  for (size_t index = 0; index < dims.size(); ++index) {
    text += fmt::format("{}{}", index == 0 ? "" : ", ", dims[index]);
  }
  return text + "]";
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) : path_(path), map_(path) {
  parse_header();
  check_layout();
}

void SafetensorsFile::parse_header() {
  const std::string_view file = map_.bytes();
  if (file.size() < static_cast<size_t>(length_bytes)) {
    refuse(path_, fmt::format("{} bytes are too few for a header", file.size()));
  }
  uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, file.data(), sizeof header_bytes);
  if (header_bytes > static_cast<uint64_t>(largest_header_bytes)) {
    refuse(path_, fmt::format("the header would be {} bytes long", header_bytes));
  }
  data_start_ = length_bytes + static_cast<int64_t>(header_bytes);
  if (data_start_ > static_cast<int64_t>(file.size())) {
    refuse(path_, fmt::format("the header ends at byte {}, the file at {}", data_start_, file.size()));
  }
  const Json header = parse_header_text(path_, file.substr(length_bytes, static_cast<size_t>(header_bytes)));
  for (const auto& [name, value] : header.items()) {
    if (name != metadata_key) {
      entries_.push_back(read_entry(path_, name, value));
      continue;
    }
    if (!value.is_object()) refuse(path_, "__metadata__ is not an object");
    for (const auto& [key, text] : value.items()) {
      if (!text.is_string()) refuse(path_, fmt::format("__metadata__ has a '{}' that is not text", key));
      metadata_[key] = text.get<std::string>();
    }
  }
}

// The tensors must tile the data exactly: a hole could hide another file, an overlap could grow without
// bound.
void SafetensorsFile::check_layout() {
  std::sort(entries_.begin(), entries_.end(), [](const TensorEntry& a, const TensorEntry& b) {
    return std::pair(a.begin_byte, a.end_byte) < std::pair(b.begin_byte, b.end_byte);
  });
  int64_t expected = 0;
  for (const TensorEntry& entry : entries_) {
    if (entry.begin_byte != expected) {
      refuse(path_, fmt::format("tensor '{}' begins at byte {} of the data, {} was expected ({})", entry.name,
                                entry.begin_byte, expected,
                                entry.begin_byte < expected ? "tensors overlap" : "a hole before it"));
    }
    expected = entry.end_byte;
  }
  const int64_t data_bytes = static_cast<int64_t>(map_.bytes().size()) - data_start_;
  if (expected != data_bytes) {
    refuse(path_, fmt::format("the tensors want {} bytes of data, the file has {}", expected, data_bytes));
  }
}

const TensorEntry* SafetensorsFile::find(const std::string& name) const {
  const auto found =
      std::find_if(entries_.begin(), entries_.end(), [&](const auto& e) { return e.name == name; });
  return found == entries_.end() ? nullptr : &*found;
}

std::string_view SafetensorsFile::bytes(const TensorEntry& entry) const {
  return map_.bytes().substr(static_cast<size_t>(data_start_ + entry.begin_byte),
                             static_cast<size_t>(entry.end_byte - entry.begin_byte));
}

void SafetensorsFile::read(const TensorEntry& entry, std::span<float> out) const {
  require(static_cast<int64_t>(out.size()) == entry.elements(), "tensor '{}' of {} elements read into {}",
          entry.name, entry.elements(), out.size());
  const std::string_view source = bytes(entry);
  if (entry.dtype == "F32") {
    if (!source.empty()) std::memcpy(out.data(), source.data(), source.size());
    return;
  }
  if (entry.dtype != "F16" && entry.dtype != "BF16") {
    fail(ExitCode::bad_data, "{}: tensor '{}' has type {}; weights are F32, F16 or BF16", path_.string(),
         entry.name, entry.dtype);
  }
  std::vector<uint16_t> halves(out.size());  // aligned, as the bytes in the file need not be
  if (!source.empty()) std::memcpy(halves.data(), source.data(), source.size());
  if (entry.dtype == "F16") {
    hdf5::from_float16(out.data(), halves.data(), static_cast<int64_t>(halves.size()));
    return;
  }
  std::transform(halves.begin(), halves.end(), out.begin(), [](uint16_t bits) {
    bfloat16 value;
    value.bits = bits;
    return static_cast<float>(value);
  });
}

void write_safetensors(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  Json header = Json::object();
  header[metadata_key] = {{"format", "pt"}};  // transformers refuses a file without it
  for (const auto& [key, value] : metadata) header[metadata_key][key] = value;
  int64_t offset = 0;
  for (const auto& [name, tensor] : tensors) {
    require(!header.contains(name), "tensor '{}' is written twice", name);
    require(tensor.device == Device::cpu, "tensor '{}' does not lie in host memory", name);
    const std::vector<int64_t> dims(tensor.dims.begin(), tensor.dims.begin() + tensor.rank);
    header[name] = {{"dtype", file_dtype(tensor.dtype)},
                    {"shape", dims},
                    {"data_offsets", {offset, offset + tensor.bytes()}}};
    offset += tensor.bytes();
  }
  std::string text = header.dump();
  while (text.size() % static_cast<size_t>(data_alignment_bytes) != 0) text += ' ';
  const uint64_t header_bytes = text.size();
  char length[length_bytes];
  std::memcpy(length, &header_bytes, sizeof length);

  FileWriter writer(path);
  writer.write({length, sizeof length});
  writer.write(text);
  for (const auto& [name, tensor] : tensors) {
    writer.write({static_cast<const char*>(tensor.data), static_cast<size_t>(tensor.bytes())});
  }
  writer.publish();
}

}  // namespace limner
