// EmbeddingsReader: embeddings/ through its manifest.
#include <algorithm>

#include "extract/shard_shapes.h"
#include "runtime/error.h"
#include "runtime/files.h"
#include "runtime/hdf5.h"

namespace limner {
namespace {

struct Shard {
  fs::path path;
  int64_t first = 0, rows = 0, bytes = 0;
  std::string sha256;
};

ShardProvenance read_provenance(const Json& manifest) {
  ShardProvenance provenance;
  provenance.rows = json_integer(manifest.at("rows"));
  provenance.width = json_integer(manifest.at("width"));
  provenance.rows_per_shard = json_integer(manifest.at("rows_per_shard"));
  manifest.at("dtype").get_to(provenance.dtype);
  manifest.at("pooling").get_to(provenance.pooling);
  manifest.at("normalize").get_to(provenance.normalize);
  if (manifest.contains("full_width")) provenance.full_width = json_integer(manifest.at("full_width"));
  provenance.prompt = manifest.value("prompt", std::string());
  manifest.at("model_sha256").get_to(provenance.model_sha256);
  manifest.at("tokenizer_sha256").get_to(provenance.tokenizer_sha256);
  manifest.at("settings_sha256").get_to(provenance.settings_sha256);
  manifest.at("prepared_sha256").get_to(provenance.prepared_sha256);
  for (const Json& head : manifest.at("heads")) {
    provenance.heads.push_back({head.at("name").get<std::string>(), head.at("kind").get<std::string>(),
                                head.at("classes").get<std::vector<std::string>>()});
  }
  return provenance;
}

void check_provenance(const ShardProvenance& provenance, const fs::path& path) {
  const bool known_dtype = provenance.dtype == "float16" || provenance.dtype == "float32";
  if (provenance.rows < 0 || provenance.width < 1 || !known_dtype) {
    fail(ExitCode::bad_data, "{}: {} rows of width {} and type '{}' are no embeddings", path.string(),
         provenance.rows, provenance.width, provenance.dtype);
  }
}

// The shards follow one another without a gap and stay inside the folder.
std::vector<Shard> read_shards(const Json& manifest, const fs::path& folder, int64_t rows) {
  std::vector<Shard> shards;
  int64_t next = 0;
  for (const Json& entry : manifest.at("shards")) {
    Shard shard;
    shard.first = json_integer(entry.at("first"));
    shard.rows = json_integer(entry.at("rows"));
    shard.bytes = json_integer(entry.at("bytes"));
    entry.at("sha256").get_to(shard.sha256);
    const std::string file = entry.at("file").get<std::string>();
    if (shard.first != next || shard.rows <= 0 || shard.rows > rows - next ||
        file != "shards/" + shard_name(shard.first, shard.rows)) {
      fail(ExitCode::bad_data, "{}: the entry '{}' does not continue at row {}",
           (folder / "manifest.json").string(), file, next);
    }
    shard.path = folder / file;
    next += shard.rows;
    shards.push_back(std::move(shard));
  }
  if (next != rows) {
    fail(ExitCode::bad_data, "{}: the shards hold {} of {} rows", (folder / "manifest.json").string(), next,
         rows);
  }
  return shards;
}

void check_shard(const Shard& shard, EmbeddingsReader::Verify verify) {
  constexpr const char* advice = "run `limner extract` again";
  if (!fs::exists(shard.path)) {
    fail(ExitCode::missing_input, "{}: named in the manifest but missing; {}", shard.path.string(), advice);
  }
  const int64_t bytes = static_cast<int64_t>(fs::file_size(shard.path));
  if (bytes != shard.bytes) {
    fail(ExitCode::bad_data, "{}: {} bytes, the manifest says {}; {}", shard.path.string(), bytes,
         shard.bytes, advice);
  }
  if (verify == EmbeddingsReader::Verify::hashes && sha256_file(shard.path) != shard.sha256) {
    fail(ExitCode::bad_data, "{}: the bytes are not those that the manifest names; remove it and {}",
         shard.path.string(), advice);
  }
}

// To the last bit: the manifest as it was written, and the virtual file that readers of other programs open.
void check_published(const fs::path& folder, const Json& manifest) {
  const fs::path path = folder / "manifest.json";
  if (manifest.dump(2) + "\n" != read_file(path)) {
    fail(ExitCode::bad_data, "{}: not as it was written; run `limner extract` again", path.string());
  }
  const Json& entry = manifest.at("virtual_file");
  if (entry.at("file") != "embeddings.h5") {
    fail(ExitCode::bad_data, "{}: names another file than embeddings.h5", path.string());
  }
  check_shard({folder / "embeddings.h5", 0, 0, json_integer(entry.at("bytes")),
               entry.at("sha256").get<std::string>()},
              EmbeddingsReader::Verify::hashes);
}

}  // namespace

struct EmbeddingsReader::State {
  ShardProvenance provenance;
  std::vector<Shard> shards;
  mutable size_t open_index = 0;
  mutable std::unique_ptr<hdf5::Reader> open;  // the shard read last: rows are mostly read in order

  std::unique_ptr<hdf5::Reader> open_shard(const Shard& shard) const {
    auto file = std::make_unique<hdf5::Reader>(shard.path);
    try {
      check_shard_shapes(*file, provenance, shard.rows);
    } catch (const Error& error) {
      fail(error.code(), "{}: {}; run `limner extract` again", shard.path.string(), error.what());
    }
    return file;
  }

  const hdf5::Reader& file(size_t index) const {
    if (!open || open_index != index) {
      open = open_shard(shards[index]);
      open_index = index;
    }
    return *open;
  }

  // Calls read(file, first row in the shard, count, rows already read) for every shard that the rows touch.
  template <class Read>
  void for_rows(int64_t first, int64_t count, Read&& read) const {
    require(first >= 0 && count >= 0 && first + count <= provenance.rows, "rows {} to {} of {} embeddings",
            first, first + count, provenance.rows);
    auto shard = std::upper_bound(shards.begin(), shards.end(), first,
                                  [](int64_t row, const Shard& other) { return row < other.first; });
    if (shard != shards.begin()) --shard;
    for (int64_t done = 0; done < count; ++shard) {
      const int64_t start = first + done - shard->first;
      const int64_t part = std::min(count - done, shard->rows - start);
      read(file(static_cast<size_t>(shard - shards.begin())), start, part, done);
      done += part;
    }
  }
};

EmbeddingsReader::EmbeddingsReader(const fs::path& folder, Verify verify)
    : state_(std::make_unique<State>()) {
  const fs::path path = folder / "manifest.json";
  if (!fs::exists(path)) {
    fail(ExitCode::missing_input, "{}: missing; run `limner extract` first", path.string());
  }
  const Json manifest = read_json(path);
  try {
    if (const int64_t version = json_integer(manifest.at("format_version")); version != 1) {
      fail(ExitCode::bad_data, "{}: format version {}, this program reads 1", path.string(), version);
    }
    state_->provenance = read_provenance(manifest);
    check_provenance(state_->provenance, path);
    state_->shards = read_shards(manifest, folder, state_->provenance.rows);
    if (manifest.at("fingerprint") != state_->provenance.fingerprint()) {
      fail(ExitCode::bad_data, "{}: changed since it was written; run `limner extract` again", path.string());
    }
    if (verify == Verify::hashes) check_published(folder, manifest);
  } catch (const Json::exception& error) {
    fail(ExitCode::bad_data, "{}: not a manifest of embeddings ({})", path.string(), error.what());
  }
  for (const Shard& shard : state_->shards) check_shard(shard, verify);
}

EmbeddingsReader::~EmbeddingsReader() = default;

const ShardProvenance& EmbeddingsReader::provenance() const { return state_->provenance; }
int64_t EmbeddingsReader::rows() const { return state_->provenance.rows; }
int64_t EmbeddingsReader::width() const { return state_->provenance.width; }

void EmbeddingsReader::embeddings(int64_t first, int64_t count, float* out) const {
  const bool half = state_->provenance.dtype == "float16";
  std::vector<uint16_t> halves;
  state_->for_rows(first, count, [&](const hdf5::Reader& file, int64_t start, int64_t rows, int64_t done) {
    float* target = out + done * width();
    if (!half) {
      file.read("/embedding", hdf5::Type::f32, start, rows, target);
      return;
    }
    halves.resize(static_cast<size_t>(rows * width()));
    file.read("/embedding", hdf5::Type::f16, start, rows, halves.data());
    hdf5::from_float16(target, halves.data(), rows * width());
  });
}

void EmbeddingsReader::predictions(const std::string& head, int64_t first, int64_t count, float* out) const {
  const auto& heads = state_->provenance.heads;
  const auto found =
      std::find_if(heads.begin(), heads.end(), [&](const HeadOutput& other) { return other.name == head; });
  require(found != heads.end(), "no predictions of a head '{}' in these embeddings", head);
  const int64_t classes = static_cast<int64_t>(found->classes.size());
  state_->for_rows(first, count, [&](const hdf5::Reader& file, int64_t start, int64_t rows, int64_t done) {
    file.read("/prediction/" + head, hdf5::Type::f32, start, rows, out + done * classes);
  });
}

std::vector<int32_t> EmbeddingsReader::tokens(int64_t first, int64_t count) const {
  std::vector<int32_t> result(static_cast<size_t>(count));
  state_->for_rows(first, count, [&](const hdf5::Reader& file, int64_t start, int64_t rows, int64_t done) {
    file.read("/tokens", hdf5::Type::i32, start, rows, result.data() + done);
  });
  return result;
}

}  // namespace limner
