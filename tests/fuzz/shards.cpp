// Shards and the manifest over them, both of the input's making, read without hashes: what a shard holds need
// not be what the manifest says.
#include "extract/shards.h"

#include <fmt/format.h>

#include <map>
#include <tuple>

#include "runtime/files.h"
#include "tests/fuzz/hdf5_values.h"

namespace {

using namespace limner;

std::string shard_image(const ShardProvenance& provenance, const std::string& fingerprint,
                        FuzzedDataProvider& input, int64_t rows) {
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
  values.attribute("/", "fingerprint", fingerprint);
  return file.image();
}

// Writes the shards and returns the manifest's entries for them.
std::string write_shards(const ShardProvenance& provenance, const std::string& fingerprint,
                         FuzzedDataProvider& input) {
  std::string entries;
  int64_t first = 0;
  for (int shards = 0; first < provenance.rows && shards < 3; ++shards, first += provenance.rows_per_shard) {
    const int64_t rows = input.ConsumeIntegralInRange<int>(0, 31) == 1
                             ? input.ConsumeIntegral<int64_t>()
                             : std::min(provenance.rows_per_shard, provenance.rows - first);
    std::string file = "x";
    size_t bytes = 0;
    if (rows >= 0 && rows <= 64) {  // no file is larger
      file = "shards/" + shard_name(first, rows);
      const std::string image = shard_image(provenance, fingerprint, input, rows);
      bytes = image.size();
      fuzz::put("embeddings/" + file, image);
    }
    entries += fmt::format(R"({}{{"file":"{}","first":{},"rows":{},"bytes":{},"sha256":""}})",
                           shards == 0 ? "" : ",", file, first, rows, bytes);
  }
  return entries;
}

// Made once each: there are few, and they take a tenth of the time of an input.
const std::string& fingerprint_of(const ShardProvenance& provenance) {
  static std::map<std::tuple<int64_t, int64_t, int64_t, std::string>, std::string> known;
  std::string& fingerprint =
      known[{provenance.rows, provenance.width, provenance.rows_per_shard, provenance.dtype}];
  if (fingerprint.empty()) fingerprint = provenance.fingerprint();
  return fingerprint;
}

// As text: a tree of it would take longer to make than what is tried here takes to read it.
std::string manifest_of(const ShardProvenance& provenance, FuzzedDataProvider& input) {
  const std::string& fingerprint = fingerprint_of(provenance);
  return fmt::format(
      R"({{"format_version":1,"rows":{},"width":{},"rows_per_shard":{},"dtype":"{}","pooling":"","normalize":false,)"
      R"("model_sha256":"","tokenizer_sha256":"","settings_sha256":"","prepared_sha256":"","heads":[)"
      R"({{"name":"mood","kind":"single_label","classes":["bad","good"]}},)"
      R"({{"name":"spend","kind":"regression","classes":["spend"]}}],"fingerprint":"{}","shards":[{}]}})",
      provenance.rows, provenance.width, provenance.rows_per_shard, provenance.dtype, fingerprint,
      write_shards(provenance, fingerprint, input));
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
  const int64_t rows = std::min(provenance.rows, provenance.rows_per_shard);
  fs::remove(folder / "shards" / shard_name(0, rows));  // of an earlier input
  fuzz::put("embeddings/manifest.json", manifest_of(provenance, input));
  fuzz::hold(size, [&] {
    if (rows > 0) shard_is_valid(folder, provenance, 0, rows);
    read_whole(folder);
  });
  return 0;
}
