// By the first byte: any manifest.json beside a whole extraction, checksums.json of a folder, or the manifest
// that was written with some of its bytes replaced. One that verifies is the one that was written: HDF5 opens
// nothing whose hash is another.
#include "extract/shards.h"
#include "runtime/files.h"
#include "tests/fuzz/fuzz.h"

namespace {

limner::ShardProvenance provenance() {
  limner::ShardProvenance provenance;
  provenance.rows = 3;
  provenance.width = 2;
  provenance.rows_per_shard = 2;
  provenance.dtype = "float32";
  provenance.pooling = "mean";
  provenance.heads = {{"mood", "single_label", {"bad", "good"}}};
  return provenance;
}

std::string write_embeddings(const limner::fs::path& folder) {
  for (const int64_t first : {0, 2}) {
    const auto rows = static_cast<size_t>(first == 0 ? 2 : 1);
    limner::write_shard(folder, provenance(),
                        {first,
                         std::vector<float>(2 * rows, 1.0f),
                         std::vector<int32_t>(rows, 3),
                         std::vector<std::string>(rows, "c"),
                         {std::vector<float>(2 * rows, 0.5f)}});
  }
  limner::publish_embeddings(folder, provenance());
  return limner::read_file(folder / "manifest.json");
}

// Triples of a place (two bytes) and the byte to put there.
std::string with_edits(std::string text, std::string_view edits) {
  for (; edits.size() >= 3; edits.remove_prefix(3)) {
    const auto place =
        static_cast<size_t>(static_cast<uint8_t>(edits[0]) * 256 + static_cast<uint8_t>(edits[1]));
    text[place % text.size()] = edits[2];
  }
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace limner;
  static const std::string written = write_embeddings(fuzz::scratch() / "embeddings");
  if (size == 0) return 0;
  const std::string_view input = fuzz::view(data + 1, size - 1);
  if (data[0] % 3 == 1) {
    fuzz::put("folder/a.bin", "a");
    fuzz::put("folder/checksums.json", input);
    fuzz::hold(size, [] { check_folder(fuzz::scratch() / "folder"); });
    return 0;
  }
  const std::string manifest = data[0] % 3 == 2 ? with_edits(written, input) : std::string(input);
  fuzz::put("embeddings/manifest.json", manifest);
  fuzz::hold(size, [&] {
    const EmbeddingsReader reader(fuzz::scratch() / "embeddings", EmbeddingsReader::Verify::hashes);
    if (manifest != written) std::abort();
    std::vector<float> values(static_cast<size_t>(reader.rows() * reader.width()));
    reader.embeddings(0, reader.rows(), values.data());
  });
  return 0;
}
