#include "extract/shards.h"

#include <algorithm>
#include <cmath>

#include "extract/shard_shapes.h"
#include "runtime/error.h"
#include "runtime/files.h"
#include "runtime/hdf5.h"
#include "runtime/log.h"

namespace limner {
namespace {

constexpr int64_t format_version = 1;

hdf5::Type embedding_type(const ShardProvenance& provenance) {
  if (provenance.dtype == "float16") return hdf5::Type::f16;
  if (provenance.dtype == "float32") return hdf5::Type::f32;
  fail(ExitCode::internal, "embeddings of type '{}': only float16 and float32 are written", provenance.dtype);
}

int64_t outputs(const HeadOutput& head) { return static_cast<int64_t>(head.classes.size()); }
std::string prediction_path(const HeadOutput& head) { return "/prediction/" + head.name; }
// In the root group, so that readers of netCDF find the dimension from inside /prediction.
std::string class_scale_path(const HeadOutput& head) { return "/class_" + head.name; }

fs::path shard_path(const fs::path& folder, int64_t first, int64_t rows) {
  return folder / "shards" / shard_name(first, rows);
}

Json describe(const ShardProvenance& provenance) {
  Json heads = Json::array();
  for (const HeadOutput& head : provenance.heads) {
    heads.push_back({{"name", head.name}, {"kind", head.kind}, {"classes", head.classes}});
  }
  Json json{{"format_version", format_version},
            {"rows", provenance.rows},
            {"width", provenance.width},
            {"rows_per_shard", provenance.rows_per_shard},
            {"dtype", provenance.dtype},
            {"pooling", provenance.pooling},
            {"normalize", provenance.normalize},
            {"model_sha256", provenance.model_sha256},
            {"tokenizer_sha256", provenance.tokenizer_sha256},
            {"settings_sha256", provenance.settings_sha256},
            {"prepared_sha256", provenance.prepared_sha256},
            {"heads", heads}};
  if (provenance.full_width > 0) json["full_width"] = provenance.full_width;
  if (!provenance.prompt.empty()) json["prompt"] = provenance.prompt;
  return json;
}

// What a shard and the virtual file over the shards have in common: dimension scales and attributes. The
// datasets stand already.
void annotate(hdf5::Writer& file, const ShardProvenance& provenance) {
  std::vector<int32_t> dimensions(static_cast<size_t>(provenance.width));
  for (size_t i = 0; i < dimensions.size(); ++i) dimensions[i] = static_cast<int32_t>(i);
  file.dataset("/dim", hdf5::Type::i32, {provenance.width}, dimensions.data());
  file.dimension_scale("/embedding", "/row", 0, "row");
  file.dimension_scale("/embedding", "/dim", 1, "dim");
  file.dimension_scale("/tokens", "/row", 0, "row");
  file.dimension_scale("/customer", "/row", 0, "row");
  for (const HeadOutput& head : provenance.heads) {
    const std::string path = prediction_path(head);
    file.strings(class_scale_path(head), head.classes);
    file.dimension_scale(path, "/row", 0, "row");
    file.dimension_scale(path, class_scale_path(head), 1, "class_" + head.name);
    file.attribute(path, "classes", head.classes);
    file.attribute(path, "kind", head.kind);
  }
  file.attribute("/", "format_version", format_version);
  file.attribute("/", "rows", provenance.rows);
  file.attribute("/", "pooling", provenance.pooling);
  file.attribute("/", "normalize", static_cast<int64_t>(provenance.normalize ? 1 : 0));
  if (provenance.full_width > 0) file.attribute("/", "full_width", provenance.full_width);
  if (!provenance.prompt.empty()) file.attribute("/", "prompt", provenance.prompt);
  file.attribute("/", "model_sha256", provenance.model_sha256);
  file.attribute("/", "tokenizer_sha256", provenance.tokenizer_sha256);
  file.attribute("/", "settings_sha256", provenance.settings_sha256);
  file.attribute("/", "prepared_sha256", provenance.prepared_sha256);
  file.attribute("/", "fingerprint", provenance.fingerprint());
}

void check_data(const ShardProvenance& provenance, const ShardData& data) {
  const int64_t rows = static_cast<int64_t>(data.tokens.size());
  require(static_cast<int64_t>(data.customers.size()) == rows &&
              static_cast<int64_t>(data.embedding.size()) == rows * provenance.width &&
              data.predictions.size() == provenance.heads.size(),
          "shard at row {}: {} token counts, {} customers, {} vector elements of width {}, {} of {} heads",
          data.first, rows, data.customers.size(), data.embedding.size(), provenance.width,
          data.predictions.size(), provenance.heads.size());
  for (size_t head = 0; head < provenance.heads.size(); ++head) {
    require(static_cast<int64_t>(data.predictions[head].size()) == rows * outputs(provenance.heads[head]),
            "shard at row {}: head {} has {} values for {} rows of {} classes", data.first,
            provenance.heads[head].name, data.predictions[head].size(), rows,
            outputs(provenance.heads[head]));
  }
}

void write_embedding(hdf5::Writer& file, const ShardProvenance& provenance, const ShardData& data) {
  const std::vector<int64_t> dims{static_cast<int64_t>(data.tokens.size()), provenance.width};
  if (embedding_type(provenance) == hdf5::Type::f32) {
    file.dataset("/embedding", hdf5::Type::f32, dims, data.embedding.data());
    return;
  }
  std::vector<uint16_t> halves(data.embedding.size());
  hdf5::to_float16(halves.data(), data.embedding.data(), static_cast<int64_t>(halves.size()));
  file.dataset("/embedding", hdf5::Type::f16, dims, halves.data());
}

// Reads everything, so that HDF5 compares every chunk with its checksum.
void read_whole(const hdf5::Reader& file, const ShardProvenance& provenance, int64_t first, int64_t rows) {
  check_shard_shapes(file, provenance, rows);
  const size_t elements = static_cast<size_t>(rows * provenance.width);
  std::vector<float> values(elements);  // float16 needs half of it
  file.read("/embedding", embedding_type(provenance), 0, rows, values.data());
  std::vector<int32_t> tokens(static_cast<size_t>(rows));
  file.read("/tokens", hdf5::Type::i32, 0, rows, tokens.data());
  std::vector<int64_t> row_ids(static_cast<size_t>(rows));
  file.read("/row", hdf5::Type::i64, 0, rows, row_ids.data());
  if (row_ids.front() != first || row_ids.back() != first + rows - 1) {
    fail(ExitCode::bad_data, "/row holds {} to {}", row_ids.front(), row_ids.back());
  }
  file.strings("/customer", 0, rows);
  for (const HeadOutput& head : provenance.heads) {
    values.resize(static_cast<size_t>(rows * outputs(head)));
    file.read(prediction_path(head), hdf5::Type::f32, 0, rows, values.data());
  }
}

std::string shard_fingerprint(const hdf5::Reader& file) {
  if (!file.has_attribute("/", "fingerprint")) fail(ExitCode::bad_data, "no fingerprint");
  return file.attribute("/", "fingerprint");
}

std::string virtual_image(const ShardProvenance& provenance,
                          const std::vector<hdf5::Writer::Source>& shards) {
  hdf5::Writer file;
  file.virtual_dataset("/embedding", embedding_type(provenance), {provenance.rows, provenance.width}, shards);
  file.virtual_dataset("/row", hdf5::Type::i64, {provenance.rows}, shards);
  file.virtual_dataset("/tokens", hdf5::Type::i32, {provenance.rows}, shards);
  file.virtual_dataset("/customer", hdf5::Type::u8, {provenance.rows}, shards, true);
  if (!provenance.heads.empty()) file.group("/prediction");
  for (const HeadOutput& head : provenance.heads) {
    file.virtual_dataset(prediction_path(head), hdf5::Type::f32, {provenance.rows, outputs(head)}, shards);
  }
  annotate(file, provenance);
  return file.image();
}

}  // namespace

void check_shard_shapes(const hdf5::Reader& file, const ShardProvenance& provenance, int64_t rows) {
  const auto has_dims = [&](const std::string& path, const std::vector<int64_t>& wanted) {
    if (!file.has(path) || file.dims(path) != wanted) {
      fail(ExitCode::bad_data, "{} is missing or has another shape", path);
    }
  };
  has_dims("/embedding", {rows, provenance.width});
  has_dims("/row", {rows});
  has_dims("/tokens", {rows});
  has_dims("/customer", {rows});
  for (const HeadOutput& head : provenance.heads) has_dims(prediction_path(head), {rows, outputs(head)});
}

std::string ShardProvenance::fingerprint() const { return sha256(describe(*this).dump()); }

std::string shard_name(int64_t first, int64_t rows) {
  return fmt::format("rows-{:09}-{:09}.h5", first, first + rows);
}

void write_shard(const fs::path& folder, const ShardProvenance& provenance, const ShardData& data) {
  check_data(provenance, data);
  const int64_t rows = static_cast<int64_t>(data.tokens.size());
  std::vector<int64_t> row_ids(static_cast<size_t>(rows));
  for (int64_t i = 0; i < rows; ++i) row_ids[static_cast<size_t>(i)] = data.first + i;

  hdf5::Writer file;
  write_embedding(file, provenance, data);
  file.dataset("/row", hdf5::Type::i64, {rows}, row_ids.data());
  file.dataset("/tokens", hdf5::Type::i32, {rows}, data.tokens.data());
  file.strings("/customer", data.customers);
  if (!provenance.heads.empty()) file.group("/prediction");
  for (size_t head = 0; head < provenance.heads.size(); ++head) {
    const HeadOutput& output = provenance.heads[head];
    file.dataset(prediction_path(output), hdf5::Type::f32, {rows, outputs(output)},
                 data.predictions[head].data());
  }
  annotate(file, provenance);
  make_folder(folder / "shards");
  write_file(shard_path(folder, data.first, rows), file.image());
}

bool shard_is_valid(const fs::path& folder, const ShardProvenance& provenance, int64_t first, int64_t rows) {
  const fs::path path = shard_path(folder, first, rows);
  if (!fs::exists(path)) return false;
  try {
    const hdf5::Reader file(path);
    if (shard_fingerprint(file) != provenance.fingerprint()) {
      log_info("{}: from another model, input or setting; it is made again", path.string());
      return false;
    }
    read_whole(file, provenance, first, rows);
    return true;
  } catch (const Error& error) {
    log_warning("{}: not a whole shard ({}); it is made again", path.string(), error.what());
    return false;
  }
}

void publish_embeddings(const fs::path& folder, const ShardProvenance& provenance) {
  Json manifest = describe(provenance);
  manifest["fingerprint"] = provenance.fingerprint();
  manifest["shards"] = Json::array();
  std::vector<hdf5::Writer::Source> sources;
  for (int64_t first = 0; first < provenance.rows; first += provenance.rows_per_shard) {
    const int64_t rows = std::min(provenance.rows_per_shard, provenance.rows - first);
    const fs::path path = shard_path(folder, first, rows);
    require(fs::exists(path), "{} is missing, although every range was done", path.string());
    if (shard_fingerprint(hdf5::Reader(path)) != provenance.fingerprint()) {
      fail(ExitCode::bad_data,
           "{} is from another model, input or setting: does a second extraction write here?", path.string());
    }
    const std::string file = "shards/" + shard_name(first, rows);
    manifest["shards"].push_back({{"file", file},
                                  {"first", first},
                                  {"rows", rows},
                                  {"bytes", static_cast<int64_t>(fs::file_size(path))},
                                  {"sha256", sha256_file(path)}});
    sources.push_back({file, rows});
  }
  const std::string virtual_file = virtual_image(provenance, sources);
  manifest["virtual_file"] = {{"file", "embeddings.h5"},
                              {"bytes", static_cast<int64_t>(virtual_file.size())},
                              {"sha256", sha256(virtual_file)}};
  write_file(folder / "embeddings.h5", virtual_file);
  write_json(folder / "manifest.json", manifest);  // last: from here on the extraction counts as whole
}

}  // namespace limner
