// prepared.h5 whose datasets and attributes the input decides; everything in it is read.
#include "tables/prepared.h"

#include "runtime/error.h"
#include "tables/prepared_schema.h"
#include "tests/fuzz/hdf5_values.h"

namespace {

using namespace limner;

struct Counts {
  int64_t rows, customers, categories;
};

void write_field(fuzz::Hdf5Values& values, const Field& field, const Counts& counts,
                 FuzzedDataProvider& input) {
  const std::string path = prepared_schema::values_path(field);
  const int64_t count = field.of_customer ? counts.customers : counts.rows;
  if (field.type == FieldType::multi_category) {
    const int64_t codes = input.ConsumeIntegralInRange<int64_t>(0, 12);
    values.dataset(path, hdf5::Type::i32, {codes});
    values.offsets(prepared_schema::offsets_path(field), count + 1, codes);
  } else {
    values.dataset(path, field.type == FieldType::number ? hdf5::Type::f64 : hdf5::Type::i32, {count});
  }
  if (field.type != FieldType::number) {
    values.strings(prepared_schema::categories_path(field), counts.categories);
  }
  try {
    values.attribute(path, "type", prepared_schema::type_names[static_cast<size_t>(field.type)]);
  } catch (const Error&) {  // the dataset was left out
  }
}

std::string make_file(FuzzedDataProvider& input) {
  const Counts counts{input.ConsumeIntegralInRange<int64_t>(0, 9),
                      input.ConsumeIntegralInRange<int64_t>(0, 5),
                      input.ConsumeIntegralInRange<int64_t>(0, 3)};
  hdf5::Writer file;
  fuzz::Hdf5Values values(file, input);
  for (const char* group : {"/text", "/item", "/fields", "/customers", "/customers/id", "/customers/fields",
                            "/categories", "/offsets"}) {
    file.group(group);
  }
  const auto text_column = [&](const std::string& group, int64_t count) {
    const int64_t bytes = input.ConsumeIntegralInRange<int64_t>(0, 40);
    values.dataset(group + "/bytes", hdf5::Type::u8, {bytes});
    values.offsets(group + "/offsets", count + 1, bytes);
  };
  text_column("/text", counts.rows);
  text_column("/customers/id", counts.customers);
  if (input.ConsumeBool()) text_column("/item", counts.rows);
  values.dataset("/customer", hdf5::Type::i64, {counts.rows});
  values.dataset("/split", hdf5::Type::i8, {counts.rows});
  values.dataset("/source", hdf5::Type::i64, {counts.rows, 2});
  if (input.ConsumeBool()) values.dataset("/time", hdf5::Type::i64, {counts.rows});
  if (input.ConsumeBool()) values.strings("/fitted", input.ConsumeIntegralInRange<int64_t>(0, 2));
  std::vector<std::string> names;
  for (const FieldType type : {FieldType::number, FieldType::category, FieldType::multi_category}) {
    Field field;
    field.name = std::string("field") + prepared_schema::type_names[static_cast<size_t>(type)];
    field.type = type;
    field.of_customer = input.ConsumeBool();
    write_field(values, field, counts, input);
    names.push_back(field.name);
  }
  values.attribute("/", "format", std::string(prepared_schema::format));
  values.attribute("/", "format_version", prepared_schema::format_version);
  values.attribute("/", "rows", counts.rows);
  values.attribute("/", "customers", counts.customers);
  file.attribute("/", "fields", names);
  file.attribute("/", "sources", std::vector<std::string>{"a.csv"});
  return file.image();
}

void read_whole(const std::filesystem::path& path) {
  const PreparedReader reader(path);
  const int64_t rows = reader.rows(), customers = reader.customers();
  if (reader.has_texts()) reader.texts(0, rows);
  if (reader.has_items()) reader.items(0, rows);
  if (reader.has_time()) reader.time(0, rows);
  reader.split(0, rows);
  reader.source(0, rows);
  reader.customer_ids(0, customers);
  reader.fitted();
  for (const Field& field : reader.fields()) {
    reader.values(field.name, 0, rows);
    if (field.of_customer) reader.customer_values(field.name);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzedDataProvider input(data, size);
  const std::filesystem::path path = fuzz::put("prepared.h5", make_file(input));
  fuzz::hold(size, [&] { read_whole(path); });
  return 0;
}
