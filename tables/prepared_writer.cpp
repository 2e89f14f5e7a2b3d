#include <numeric>

#include "runtime/error.h"
#include "runtime/files.h"
#include "runtime/hdf5.h"
#include "tables/prepared_schema.h"

namespace limner {

namespace {

using hdf5::Type;

void write_strings_packed(hdf5::Writer& file, const std::string& group,
                          const std::vector<std::string>& values) {
  std::vector<int64_t> offsets{0};
  offsets.reserve(values.size() + 1);
  for (const std::string& value : values) {
    offsets.push_back(offsets.back() + static_cast<int64_t>(value.size()));
  }
  std::string bytes;
  bytes.reserve(static_cast<size_t>(offsets.back()));
  for (const std::string& value : values) bytes += value;
  file.group(group);
  file.dataset(group + "/bytes", Type::u8, {offsets.back()}, bytes.data());
  file.dataset(group + "/offsets", Type::i64, {static_cast<int64_t>(offsets.size())}, offsets.data());
}

void write_multi_codes(hdf5::Writer& file, const Field& field, const FieldValues& values) {
  std::vector<int64_t> offsets{0};
  std::vector<int32_t> codes;
  for (const auto& of_row : values.multi_codes) {
    codes.insert(codes.end(), of_row.begin(), of_row.end());
    offsets.push_back(static_cast<int64_t>(codes.size()));
  }
  file.dataset(prepared_schema::values_path(field), Type::i32, {static_cast<int64_t>(codes.size())},
               codes.data());
  file.dataset(prepared_schema::offsets_path(field), Type::i64, {static_cast<int64_t>(offsets.size())},
               offsets.data());
}

void write_field(hdf5::Writer& file, const Field& field, const FieldValues& values, size_t expected) {
  const size_t found = field.type == FieldType::number     ? values.numbers.size()
                       : field.type == FieldType::category ? values.codes.size()
                                                           : values.multi_codes.size();
  require(found == expected, "field {} has {} values, expected {}", field.name, found, expected);
  const std::string path = prepared_schema::values_path(field);
  const auto count = static_cast<int64_t>(expected);
  switch (field.type) {
    case FieldType::number:
      file.dataset(path, Type::f64, {count}, values.numbers.data(), true);
      break;
    case FieldType::category:
      file.dataset(path, Type::i32, {count}, values.codes.data(), true);
      break;
    case FieldType::multi_category:
      write_multi_codes(file, field, values);
      break;
  }
  file.attribute(path, "type", std::string(prepared_schema::type_names[static_cast<size_t>(field.type)]));
  if (field.type != FieldType::number) {
    file.strings(prepared_schema::categories_path(field), field.categories);
  }
}

void check_columns(const PreparedTable& table) {
  const size_t rows = table.texts.size();
  require(rows > 0, "a prepared table without rows");
  require(table.customer.size() == rows && table.split.size() == rows && table.source.size() == rows &&
              (table.time.empty() || table.time.size() == rows) &&
              (table.items.empty() || table.items.size() == rows),
          "columns of a prepared table of {} rows differ in length", rows);
  require(table.fields.size() == table.values.size(), "{} fields and {} columns of values",
          table.fields.size(), table.values.size());
}

void write_rows(hdf5::Writer& file, const PreparedTable& table) {
  const auto rows = static_cast<int64_t>(table.texts.size());
  write_strings_packed(file, "/text", table.texts);
  file.dataset("/customer", Type::i64, {rows}, table.customer.data(), true);
  static_assert(sizeof(Split) == sizeof(int8_t));
  file.dataset("/split", Type::i8, {rows}, table.split.data());
  std::vector<int64_t> source;
  source.reserve(table.source.size() * 2);
  for (const auto& [file_index, line] : table.source) source.insert(source.end(), {file_index, line});
  file.dataset("/source", Type::i64, {rows, 2}, source.data(), true);
  if (!table.time.empty()) file.dataset("/time", Type::i64, {rows}, table.time.data(), true);
  if (!table.items.empty()) write_strings_packed(file, "/item", table.items);
}

}  // namespace

void write_prepared(const std::filesystem::path& path, const PreparedTable& table) {
  check_columns(table);
  hdf5::Writer file;
  write_rows(file, table);
  file.group("/customers");
  write_strings_packed(file, "/customers/id", table.customer_ids);
  for (const char* group : {"/fields", "/customers/fields", "/categories", "/offsets"}) file.group(group);
  std::vector<std::string> names;
  for (size_t index = 0; index < table.fields.size(); ++index) {
    const Field& field = table.fields[index];
    write_field(file, field, table.values[index],
                field.of_customer ? table.customer_ids.size() : table.texts.size());
    names.push_back(field.name);
  }

  if (!table.fitted.empty()) file.strings("/fitted", {table.fitted});
  file.attribute("/", "format", std::string(prepared_schema::format));
  file.attribute("/", "format_version", prepared_schema::format_version);
  file.attribute("/", "rows", static_cast<int64_t>(table.texts.size()));
  file.attribute("/", "customers", static_cast<int64_t>(table.customer_ids.size()));
  file.attribute("/", "settings_sha256", table.settings_sha256);
  file.attribute("/", "sources", table.source_names);
  file.attribute("/", "source_sha256", table.source_sha256);
  file.attribute("/", "fields", names);
  write_file(path, file.image());
}

}  // namespace limner
