// Shards and the manifest over them, both of the input's making, read without hashes: what a shard holds need
// not be what the manifest says.
#include "extract/shards.h"

#include "runtime/files.h"
#include "tests/fuzz/hdf5_values.h"

namespace {

using namespace limner;

std::string shard_image(const ShardProvenance& provenance, FuzzedDataProvider& input, int64_t rows) {
  hdf5::Writer file;
  fuzz::Hdf5Values values(file, input);
  values.dataset("/embedding", provenance.dtype == "float16" ? hdf5::Type::f16 : hdf5::Type::f32,
                 {rows, provenance.width});
  values.dataset("/row", hdf5::Type::i64, {rows});
  values.dataset("/tokens", hdf5::Type::i32, {rows});
  values.strings("/customer", input.ConsumeIntegralInRange<int>(0, 15) == 1 ? 0 : rows);
  file.group("/prediction");
  for (const HeadOutput& head : provenance.heads) {
    values.dataset("/prediction/" + head.name, hdf5::Type::f32,
                   {rows, static_cast<int64_t>(head.classes.size())});
  }
  values.attribute("/", "fingerprint", provenance.fingerprint());
  return file.image();
}

Json manifest_of(const ShardProvenance& provenance, FuzzedDataProvider& input) {
  Json heads = Json::array();
  for (const HeadOutput& head : provenance.heads) {
    heads.push_back({{"name", head.name}, {"kind", head.kind}, {"classes", head.classes}});
  }
  Json manifest{{"format_version", 1},
                {"rows", provenance.rows},
                {"width", provenance.width},
                {"rows_per_shard", provenance.rows_per_shard},
                {"dtype", provenance.dtype},
                {"pooling", ""},
                {"normalize", false},
                {"model_sha256", ""},
                {"tokenizer_sha256", ""},
                {"settings_sha256", ""},
                {"prepared_sha256", ""},
                {"heads", heads},
                {"fingerprint", provenance.fingerprint()},
                {"shards", Json::array()}};
  for (int64_t first = 0; first < provenance.rows && manifest["shards"].size() < 4;
       first += provenance.rows_per_shard) {
    const int64_t rows = input.ConsumeIntegralInRange<int>(0, 31) == 1
                             ? input.ConsumeIntegral<int64_t>()
                             : std::min(provenance.rows_per_shard, provenance.rows - first);
    if (rows < 0 || rows > 64) {  // no file is that large
      manifest["shards"].push_back(
          {{"file", "x"}, {"first", first}, {"rows", rows}, {"bytes", 0}, {"sha256", ""}});
      continue;
    }
    const std::string file = "shards/" + shard_name(first, rows);
    const std::string image = shard_image(provenance, input, rows);
    fuzz::put("embeddings/" + file, image);
    manifest["shards"].push_back(
        {{"file", file}, {"first", first}, {"rows", rows}, {"bytes", image.size()}, {"sha256", ""}});
  }
  return manifest;
}

void read_whole(const fs::path& folder) {
  const EmbeddingsReader reader(folder, EmbeddingsReader::Verify::sizes);
  const int64_t rows = reader.rows();
  std::vector<float> values(static_cast<size_t>(rows * reader.width()));
  reader.embeddings(0, rows, values.data());
  reader.tokens(0, rows);
  for (const HeadOutput& head : reader.provenance().heads) {
    values.assign(static_cast<size_t>(rows) * head.classes.size(), 0.0f);
    reader.predictions(head.name, 0, rows, values.data());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzedDataProvider input(data, size);
  ShardProvenance provenance;
  provenance.rows = input.ConsumeIntegralInRange<int64_t>(-1, 12);
  provenance.width = input.ConsumeIntegralInRange<int64_t>(1, 5);
  provenance.rows_per_shard = input.ConsumeIntegralInRange<int64_t>(1, 12);
  provenance.dtype = input.ConsumeBool() ? "float16" : "float32";
  provenance.heads = {{"mood", "single_label", {"bad", "good"}}, {"spend", "regression", {"spend"}}};
  const fs::path folder = fuzz::scratch() / "embeddings";
  fuzz::put("embeddings/manifest.json", manifest_of(provenance, input).dump());
  const int64_t rows = std::min(provenance.rows, provenance.rows_per_shard);
  fuzz::hold(size, [&] {
    if (rows > 0) shard_is_valid(folder, provenance, 0, rows);
    read_whole(folder);
  });
  return 0;
}
