// limner verify: reads everything again and compares hashes, checksums and row counts.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "cli/artefact.h"
#include "cli/command.h"
#include "extract/shards.h"
#include "model/model.h"
#include "runtime/error.h"
#include "runtime/files.h"
#include "runtime/hdf5.h"
#include "tables/prepared.h"
#include "text/tokenizer.h"

namespace limner {
namespace {

constexpr int64_t block_rows = 65536;

void passed(const std::string& what, const std::string& found) { fmt::print("ok  {}: {}\n", what, found); }

// Folders of other programs have no checksums.
void verify_folder(const fs::path& folder) {
  if (!fs::exists(folder / "checksums.json")) return;
  check_folder(folder);
  passed(folder.string(), "every file has its checksum");
}

// Reads every row, so that HDF5 checks the checksum of every chunk.
int64_t verify_prepared(const fs::path& file) {
  verify_folder(file.parent_path());
  const PreparedReader prepared(file);
  for (int64_t first = 0; first < prepared.rows(); first += block_rows) {
    const int64_t count = std::min(block_rows, prepared.rows() - first);
    prepared.texts(first, count);
    prepared.customer_index(first, count);
    prepared.split(first, count);
    for (const Field& field : prepared.fields()) prepared.values(field.name, first, count);
  }
  passed(file.string(), fmt::format("{} rows, {} customers", prepared.rows(), prepared.customers()));
  return prepared.rows();
}

void verify_checkpoint(const fs::path& folder) {
  verify_folder(folder);
  ModelConfig config = ModelConfig::read(folder);
  HeadInput input = HeadInput::pooler;
  const std::vector<HeadSpec> heads = read_heads(folder, input);
  const auto backend = make_cpu_backend(1);
  Model model(*backend, config, heads, input, DType::f32);
  const std::vector<std::string> absent = model.load(folder);
  const float* weights = model.weights().as<float>();
  for (const ParamSpec& parameter : model.parameters().all()) {
    for (int64_t i = 0; i < parameter.elements(); ++i) {
      if (!std::isfinite(weights[parameter.offset + i]))
        fail(ExitCode::bad_data, "{}: {} holds a value that is not finite, at element {}", folder.string(),
             parameter.name, i);
    }
  }
  passed(folder.string(),
         fmt::format("{} parameters, all finite{}", model.parameters().parameter_count(),
                     absent.empty() ? "" : fmt::format(", {} tensors not in the folder", absent.size())));
}

int64_t verify_embeddings(const fs::path& folder) {
  const EmbeddingsReader reader(folder, EmbeddingsReader::Verify::hashes);
  std::vector<float> rows;
  for (int64_t first = 0; first < reader.rows(); first += block_rows) {
    const int64_t count = std::min(block_rows, reader.rows() - first);
    rows.resize(static_cast<size_t>(count * reader.width()));
    reader.embeddings(first, count, rows.data());
    const auto bad =
        std::find_if(rows.begin(), rows.end(), [](float value) { return !std::isfinite(value); });
    if (bad != rows.end())
      fail(ExitCode::bad_data, "{}: the vector of row {} is not finite", folder.string(),
           first + (bad - rows.begin()) / reader.width());
  }
  passed(folder.string(), fmt::format("{} rows, every shard has its hash", reader.rows()));
  return reader.rows();
}

void verify_quality(const fs::path& path) {
  const Json quality = read_json(path);
  try {
    const auto rows = [&](const char* key) { return json_integer(quality.at("rows").at(key)); };
    int64_t rest = rows("read");
    bool holds = true;
    for (const char* const key : {"prepared", "duplicates", "rejected"}) {
      const int64_t count = rows(key);
      holds = holds && count >= 0 && count <= rest;
      if (holds) rest -= count;
    }
    if (!holds || rest != 0) {
      fail(ExitCode::bad_data, "{}: rows read are not rows prepared + duplicates + rejected", path.string());
    }
  } catch (const Json::exception& error) {
    fail(ExitCode::bad_data, "{}: not a record of quality ({})", path.string(), error.what());
  }
}

void verify_run(const fs::path& folder) {
  int64_t prepared_rows = -1;
  bool found = false;
  if (fs::exists(folder / "prepared" / "prepared.h5"))
    prepared_rows = verify_prepared(folder / "prepared" / "prepared.h5"), found = true;
  if (fs::exists(folder / "prepared" / "quality.json")) {
    verify_quality(folder / "prepared" / "quality.json");
    passed("rows", "read = prepared + duplicates + rejected");
  }
  if (fs::is_directory(folder / "checkpoints")) {
    for (const auto& entry : fs::directory_iterator(folder / "checkpoints")) {
      if (fs::exists(entry.path() / "config.json") &&
          entry.path().filename().string().find(".tmp-") == std::string::npos)
        verify_checkpoint(entry.path()), found = true;
    }
  }
  if (fs::exists(folder / "embeddings" / "manifest.json")) {
    const int64_t rows = verify_embeddings(folder / "embeddings");
    if (prepared_rows >= 0 && rows != prepared_rows)
      fail(ExitCode::bad_data, "{}: {} embeddings for {} prepared rows; run limner extract again",
           folder.string(), rows, prepared_rows);
    found = true;
  }
  for (const fs::path& part : {folder / "train" / "tokenizer", folder / "profile"}) verify_folder(part);
  if (!found) fail(ExitCode::bad_data, "{}: the run holds nothing to verify yet", folder.string());
}

}  // namespace

int verify_command(const Arguments& arguments, Communicator& communicator) {
  if (arguments.positional.size() != 1)
    fail(ExitCode::usage, "verify wants one path. Usage: {}", command_named("verify").usage);
  if (!communicator.root()) return 0;
  const fs::path path = arguments.positional.front();
  switch (artefact_at(path)) {
    case Artefact::run:
      verify_run(path);
      break;
    case Artefact::prepared:
      verify_prepared(fs::is_directory(path) ? path / "prepared.h5" : path);
      break;
    case Artefact::checkpoint:
      verify_checkpoint(path);
      break;
    case Artefact::tokenizer:
      if (fs::is_directory(path)) verify_folder(path);
      passed(
          path.string(),
          fmt::format("{} entries",
                      Tokenizer::load(fs::is_directory(path) ? path : path.parent_path()).vocabulary_size()));
      break;
    case Artefact::embeddings:
      verify_embeddings(path);
      break;
    case Artefact::shard: {
      const hdf5::Reader shard(path);
      const std::vector<int64_t> dims = shard.dims("/embedding");
      if (shard.dims("/row").at(0) != dims.at(0))
        fail(ExitCode::bad_data, "{}: /row and /embedding differ in length", path.string());
      passed(path.string(), fmt::format("{} rows of width {}", dims.at(0), dims.at(1)));
      break;
    }
    case Artefact::profile:
      verify_folder(path);
      hdf5::Reader(path / "profiles.h5"), passed(path.string(), "opens");
      break;
  }
  return 0;
}

}  // namespace limner
