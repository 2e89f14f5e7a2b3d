// What every stage receives: the settings, the ranks and the places of a run's files.
#pragma once

#include <filesystem>
#include <string>

#include "runtime/communicator.h"
#include "runtime/settings.h"

namespace limner {

struct Run {
  Settings settings;
  Communicator& communicator;

  std::filesystem::path directory() const { return settings.run.directory; }
  std::filesystem::path prepared() const { return directory() / "prepared" / "prepared.h5"; }
  std::filesystem::path quality() const { return directory() / "prepared" / "quality.json"; }
  std::filesystem::path train_folder() const { return directory() / "train"; }
  std::filesystem::path checkpoints() const { return directory() / "checkpoints"; }
  std::filesystem::path embeddings() const { return directory() / "embeddings"; }
  std::filesystem::path profile_folder() const { return directory() / "profile"; }
  int threads() const;  // per rank, resolved
};

// run.json: one entry a stage {settings_sha256, inputs_sha256, outputs, seconds, ranks, host, version,
// finished_at}, merged by rank 0 and published atomically. A stage whose entry still holds is skipped by
// `limner run`.
void record_stage(const Run& run, const std::string& stage, const std::string& fingerprint, double seconds);
bool stage_is_current(const Run& run, const std::string& stage, const std::string& fingerprint);

}  // namespace limner
