// embeddings/: shards of a fixed row range each, a manifest, and a virtual dataset over the shards. The
// schema stands here, once.
//
// shards/rows-<first>-<last>.h5:  /embedding [rows, width] float16 or float32; /row int64; /tokens int32;
// /customer UTF-8;
//   /prediction/<head> [rows, classes] float32 with attribute `classes` (regression: one column, in the
//   target's unit).
// manifest.json: format_version, rows, width, dtype, pooling, normalize, [full_width, prompt], model_sha256,
// tokenizer_sha256, settings_sha256,
//   prepared_sha256, heads, fingerprint, shards [{file, first, rows, bytes, sha256}], virtual_file {file,
//   bytes, sha256}. Written last: what has no manifest is not whole.
// embeddings.h5: the same datasets as virtual datasets, relative paths, NaN as fill value, dimension scales.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace limner {

struct HeadOutput {
  std::string name;
  std::string kind;                  // single_label, multi_label, regression
  std::vector<std::string> classes;  // regression: one entry, the field's name
};

// What every shard of one extraction shares; shards of another provenance are refused.
struct ShardProvenance {
  int64_t rows = 0;  // of the whole extraction
  int64_t width = 0;
  int64_t full_width = 0;  // before extract.dimensions cut the vectors; 0: they were not cut
  int64_t rows_per_shard = 0;
  std::string dtype;  // float16 or float32
  std::string pooling;
  bool normalize = false;
  std::string prompt;  // before every text; empty: none
  std::string model_sha256, tokenizer_sha256, settings_sha256, prepared_sha256;
  std::vector<HeadOutput> heads;
  std::string fingerprint() const;  // sha256 over all fields; an attribute of every shard
};

struct ShardData {
  int64_t first = 0;
  std::vector<float> embedding;  // rows x width
  std::vector<int32_t> tokens;
  std::vector<std::string> customers;
  std::vector<std::vector<float>> predictions;  // one a head: rows x classes
};

std::string shard_name(int64_t first, int64_t rows);  // "rows-000000000-000065536.h5"
void write_shard(const std::filesystem::path& folder, const ShardProvenance& provenance,
                 const ShardData& data);  // atomic
// Is there a whole shard of this range and provenance? Another provenance or a torn file: false, with a log
// line.
bool shard_is_valid(const std::filesystem::path& folder, const ShardProvenance& provenance, int64_t first,
                    int64_t rows);
// Checks that every range has its shard, writes embeddings.h5, then manifest.json.
void publish_embeddings(const std::filesystem::path& folder, const ShardProvenance& provenance);

// Reads embeddings/ through the manifest, shard by shard (never through fill values); checks hashes on
// opening when asked.
class EmbeddingsReader {
 public:
  enum class Verify : uint8_t { sizes, hashes };
  EmbeddingsReader(const std::filesystem::path& folder, Verify verify);
  ~EmbeddingsReader();
  const ShardProvenance& provenance() const;
  int64_t rows() const;
  int64_t width() const;
  void embeddings(int64_t first, int64_t count, float* out) const;  // count x width
  void predictions(const std::string& head, int64_t first, int64_t count, float* out) const;
  std::vector<int32_t> tokens(int64_t first, int64_t count) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace limner
