#include "cli/artefact.h"

#include "model/adapter_config.h"
#include "runtime/error.h"
#include "runtime/files.h"
#include "runtime/hdf5.h"

namespace limner {

Artefact artefact_at(const fs::path& path) {
  if (!fs::exists(path)) fail(ExitCode::missing_input, "{}: there is no such file or folder", path.string());
  if (fs::is_directory(path)) {
    if (fs::exists(path / "run.json") || fs::exists(path / "config.yaml")) return Artefact::run;
    if (fs::exists(path / "config.json") || AdapterConfig::present(path)) return Artefact::checkpoint;
    if (fs::exists(path / "tokenizer.json") || fs::exists(path / "vocab.txt")) return Artefact::tokenizer;
    if (fs::exists(path / "manifest.json")) return Artefact::embeddings;
    if (fs::exists(path / "profiles.h5")) return Artefact::profile;
    if (fs::exists(path / "prepared.h5")) return Artefact::prepared;
  } else if (path.extension() == ".h5") {
    const hdf5::Reader file(path);
    if (file.has("/text")) return Artefact::prepared;
    if (file.has("/embedding")) return Artefact::shard;
  } else if (path.filename() == "tokenizer.json") {
    return Artefact::tokenizer;
  }
  fail(ExitCode::bad_data,
       "{}: neither a run directory, a checkpoint, a tokenizer, a prepared set, embeddings, a shard nor a "
       "profile folder",
       path.string());
}

}  // namespace limner
