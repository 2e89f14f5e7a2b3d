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

// run.json: one entry a stage {fingerprint, seconds, ranks, threads, host, version, finished_at}, merged by
// rank 0 and published atomically. `fingerprint` hashes the stage's settings and inputs; a stage whose entry
// still has it is skipped by `limner run`. stage_is_current is a collective.
void record_stage(const Run& run, const std::string& stage, const std::string& fingerprint, double seconds);
bool stage_is_current(const Run& run, const std::string& stage, const std::string& fingerprint);

}  // namespace limner
