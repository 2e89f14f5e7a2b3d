#include <algorithm>
#include <map>
#include <mutex>

#include <fmt/ranges.h>

#include "runtime/error.h"
#include "runtime/files.h"
#include "runtime/hdf5.h"
#include "tables/prepared_schema.h"

namespace limner {

namespace {

using hdf5::Type;

template <class T>
std::vector<T> read_column(const hdf5::Reader& file, const std::string& path, Type type, int64_t first,
                           int64_t count) {
  std::vector<T> values(static_cast<size_t>(count));
  if (count > 0) file.read(path, type, first, count, values.data());
  return values;
}

}  // namespace

struct PreparedReader::State {
  std::filesystem::path path;
  hdf5::Reader file;
  int64_t rows = 0, customers = 0;
  bool time = false, items = false;
  std::vector<std::string> source_names;
  std::vector<Field> fields;
  // Columns of customers, read once when a row's value is looked up.
  std::map<std::string, FieldValues> customer_columns;
  std::mutex mutex;

  explicit State(const std::filesystem::path& where) : path(where), file(where) {}

  [[noreturn]] void fail_torn(const std::string& what) const {
    fail(ExitCode::bad_data, "{}: {}; run limner prepare again", path.string(), what);
  }

  void check_dims(const std::string& name, const std::vector<int64_t>& expected) const {
    if (!file.has(name)) fail_torn(fmt::format("{} is missing", name));
    if (file.dims(name) != expected) {
      fail_torn(fmt::format("{} is [{}], expected [{}]", name, fmt::join(file.dims(name), ", "),
                            fmt::join(expected, ", ")));
    }
  }

  // Elements of a dataset of one dimension.
  int64_t length_of(const std::string& name) const {
    const std::vector<int64_t> dims = file.has(name) ? file.dims(name) : std::vector<int64_t>();
    if (dims.size() != 1) fail_torn(fmt::format("{} is missing or no list", name));
    return dims.front();
  }

  int64_t count_attribute(const char* name) const {
    constexpr int64_t most = int64_t{1} << 48;
    const int64_t count = file.attribute_int("/", name);
    if (count < 0 || count > most) fail_torn(fmt::format("it says to have {} {}", count, name));
    return count;
  }

  void check_range(int64_t first, int64_t count, int64_t limit) const {
    require(first >= 0 && count >= 0 && first + count <= limit, "{}: rows {} to {} of {} asked for",
            path.string(), first, first + count, limit);
  }

  // Offsets [first, first + count], ascending and within a dataset of `limit` elements.
  std::vector<int64_t> read_offsets(const std::string& name, int64_t first, int64_t count,
                                    int64_t limit) const {
    auto offsets = read_column<int64_t>(file, name, Type::i64, first, count + 1);
    if (!std::is_sorted(offsets.begin(), offsets.end()) || offsets.front() < 0 || offsets.back() > limit) {
      fail_torn(fmt::format("{} does not ascend within {} elements", name, limit));
    }
    return offsets;
  }

  std::vector<std::string> read_strings(const std::string& group, int64_t first, int64_t count) const {
    const auto offsets = read_offsets(group + "/offsets", first, count, length_of(group + "/bytes"));
    const auto bytes = read_column<char>(file, group + "/bytes", Type::u8, offsets.front(),
                                         offsets.back() - offsets.front());
    std::vector<std::string> values(static_cast<size_t>(count));
    for (size_t index = 0; index < values.size(); ++index) {
      values[index].assign(bytes.data() + (offsets[index] - offsets.front()),
                           static_cast<size_t>(offsets[index + 1] - offsets[index]));
    }
    return values;
  }

  void check_codes(const Field& field, const std::vector<int32_t>& codes, int32_t lowest) const {
    const auto limit = static_cast<int32_t>(field.categories.size());
    for (const int32_t code : codes) {
      if (code < lowest || code >= limit) {
        fail_torn(fmt::format("field {} has code {} and {} categories", field.name, code, limit));
      }
    }
  }

  FieldValues read_values(const Field& field, int64_t first, int64_t count) const {
    const std::string name = prepared_schema::values_path(field);
    FieldValues values;
    switch (field.type) {
      case FieldType::number:
        values.numbers = read_column<double>(file, name, Type::f64, first, count);
        break;
      case FieldType::category:
        values.codes = read_column<int32_t>(file, name, Type::i32, first, count);
        check_codes(field, values.codes, -1);
        break;
      case FieldType::multi_category: {
        const auto offsets =
            read_offsets(prepared_schema::offsets_path(field), first, count, length_of(name));
        const auto codes =
            read_column<int32_t>(file, name, Type::i32, offsets.front(), offsets.back() - offsets.front());
        check_codes(field, codes, 0);
        for (size_t index = 0; index < static_cast<size_t>(count); ++index) {
          values.multi_codes.emplace_back(codes.begin() + (offsets[index] - offsets.front()),
                                          codes.begin() + (offsets[index + 1] - offsets.front()));
        }
        break;
      }
    }
    return values;
  }

  Field read_field(const std::string& name) const {
    Field field;
    field.name = name;
    field.of_customer = !file.has("/fields/" + name);
    const std::string values = prepared_schema::values_path(field);
    if (!file.has(values)) fail_torn(fmt::format("field {} is missing", name));
    const std::string type = file.attribute(values, "type");
    const auto& names = prepared_schema::type_names;
    const auto known = std::find(names.begin(), names.end(), type);
    if (known == names.end()) fail_torn(fmt::format("field {} has the unknown type {}", name, type));
    field.type = static_cast<FieldType>(known - names.begin());
    const int64_t count = field.of_customer ? customers : rows;
    if (field.type == FieldType::multi_category) {
      check_dims(prepared_schema::offsets_path(field), {count + 1});
    } else {
      check_dims(values, {count});
    }
    if (field.type != FieldType::number) {
      const std::string categories = prepared_schema::categories_path(field);
      field.categories = file.strings(categories, 0, length_of(categories));
    }
    return field;
  }
};

PreparedReader::PreparedReader(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) {
    fail(ExitCode::missing_input, "{}: no such file; run limner prepare first", path.string());
  }
  state_ = std::make_unique<State>(path);
  State& state = *state_;
  if (!state.file.has_attribute("/", "format") ||
      state.file.attribute("/", "format") != prepared_schema::format) {
    fail(ExitCode::bad_data, "{}: is not a prepared table of Limner", path.string());
  }
  const int64_t version = state.file.attribute_int("/", "format_version");
  if (version != prepared_schema::format_version) {
    fail(ExitCode::bad_data, "{}: has format version {}, this program reads {}; run limner prepare again",
         path.string(), version, prepared_schema::format_version);
  }
  state.rows = state.count_attribute("rows");
  state.customers = state.count_attribute("customers");
  state.source_names = state.file.attribute_strings("/", "sources");
  state.time = state.file.has("/time");
  state.items = state.file.has("/item");
  state.check_dims("/text/offsets", {state.rows + 1});
  state.check_dims("/customer", {state.rows});
  state.check_dims("/split", {state.rows});
  state.check_dims("/source", {state.rows, 2});
  state.check_dims("/customers/id/offsets", {state.customers + 1});
  if (state.time) state.check_dims("/time", {state.rows});
  if (state.items) state.check_dims("/item/offsets", {state.rows + 1});
  for (const std::string& name : state.file.attribute_strings("/", "fields")) {
    state.fields.push_back(state.read_field(name));
  }
}

PreparedReader::~PreparedReader() = default;

int64_t PreparedReader::rows() const { return state_->rows; }
int64_t PreparedReader::customers() const { return state_->customers; }
bool PreparedReader::has_texts() const { return state_->length_of("/text/bytes") > 0; }
bool PreparedReader::has_time() const { return state_->time; }
bool PreparedReader::has_items() const { return state_->items; }
const std::vector<std::string>& PreparedReader::source_names() const { return state_->source_names; }
const std::vector<Field>& PreparedReader::fields() const { return state_->fields; }
std::string PreparedReader::sha256() const { return sha256_file(state_->path); }

const Field& PreparedReader::field(const std::string& name) const {
  std::string known;
  for (const Field& field : state_->fields) {
    if (field.name == name) return field;
    known += (known.empty() ? "" : ", ") + field.name;
  }
  fail(ExitCode::bad_config, "{} has no field `{}`; its fields are: {}", state_->path.string(), name,
       known.empty() ? "none" : known);
}

std::vector<std::string> PreparedReader::texts(int64_t first, int64_t count) const {
  state_->check_range(first, count, state_->rows);
  return state_->read_strings("/text", first, count);
}

std::vector<std::string> PreparedReader::items(int64_t first, int64_t count) const {
  state_->check_range(first, count, state_->rows);
  require(state_->items, "{} has no items", state_->path.string());
  return state_->read_strings("/item", first, count);
}

std::vector<int64_t> PreparedReader::customer_index(int64_t first, int64_t count) const {
  state_->check_range(first, count, state_->rows);
  auto customers = read_column<int64_t>(state_->file, "/customer", Type::i64, first, count);
  for (const int64_t customer : customers) {
    if (customer < 0 || customer >= state_->customers) {
      state_->fail_torn(fmt::format("/customer names customer {} of {}", customer, state_->customers));
    }
  }
  return customers;
}

std::vector<Split> PreparedReader::split(int64_t first, int64_t count) const {
  state_->check_range(first, count, state_->rows);
  std::vector<Split> split;
  split.reserve(static_cast<size_t>(count));
  for (const int8_t part : read_column<int8_t>(state_->file, "/split", Type::i8, first, count)) {
    if (part < 0 || part > 2) state_->fail_torn(fmt::format("/split holds {}", part));
    split.push_back(static_cast<Split>(part));
  }
  return split;
}

std::vector<std::pair<int64_t, int64_t>> PreparedReader::source(int64_t first, int64_t count) const {
  state_->check_range(first, count, state_->rows);
  std::vector<int64_t> pairs(static_cast<size_t>(count) * 2);
  if (count > 0) state_->file.read("/source", Type::i64, first, count, pairs.data());
  std::vector<std::pair<int64_t, int64_t>> source;
  source.reserve(static_cast<size_t>(count));
  for (size_t index = 0; index < pairs.size(); index += 2)
    source.emplace_back(pairs[index], pairs[index + 1]);
  return source;
}

std::vector<int64_t> PreparedReader::time(int64_t first, int64_t count) const {
  state_->check_range(first, count, state_->rows);
  require(state_->time, "{} has no times", state_->path.string());
  return read_column<int64_t>(state_->file, "/time", Type::i64, first, count);
}

FieldValues PreparedReader::values(const std::string& name, int64_t first, int64_t count) const {
  state_->check_range(first, count, state_->rows);
  const Field& described = field(name);
  if (!described.of_customer) return state_->read_values(described, first, count);

  const FieldValues* column = nullptr;
  {
    const std::lock_guard<std::mutex> lock(state_->mutex);
    auto [entry, absent] = state_->customer_columns.try_emplace(name);
    if (absent) entry->second = state_->read_values(described, 0, state_->customers);
    column = &entry->second;
  }
  FieldValues values;
  for (const int64_t customer : customer_index(first, count)) {
    const auto index = static_cast<size_t>(customer);
    if (described.type == FieldType::number) values.numbers.push_back(column->numbers[index]);
    if (described.type == FieldType::category) values.codes.push_back(column->codes[index]);
    if (described.type == FieldType::multi_category) values.multi_codes.push_back(column->multi_codes[index]);
  }
  return values;
}

std::vector<std::string> PreparedReader::customer_ids(int64_t first, int64_t count) const {
  state_->check_range(first, count, state_->customers);
  return state_->read_strings("/customers/id", first, count);
}

std::string PreparedReader::fitted() const {
  if (!state_->file.has("/fitted")) return {};
  if (state_->length_of("/fitted") != 1) state_->fail_torn("/fitted is not one text");
  return state_->file.strings("/fitted", 0, 1).front();
}

FieldValues PreparedReader::customer_values(const std::string& name) const {
  const Field& described = field(name);
  require(described.of_customer, "field {} belongs to rows, not to customers", name);
  return state_->read_values(described, 0, state_->customers);
}

}  // namespace limner
