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
  // Empty; or "pretraining", whose files stand in folders of that name below train/ and checkpoints/.
  std::string training_phase = "";

  std::filesystem::path directory() const { return settings.run.directory; }
  std::filesystem::path prepared() const { return directory() / "prepared" / "prepared.h5"; }
  std::filesystem::path quality() const { return directory() / "prepared" / "quality.json"; }
  std::filesystem::path train_folder() const { return of_phase(directory() / "train"); }
  std::filesystem::path checkpoints() const { return of_phase(directory() / "checkpoints"); }
  std::filesystem::path embeddings() const { return directory() / "embeddings"; }
  std::filesystem::path profile_folder() const { return directory() / "profile"; }
  // What `limner profile` ends with: the report, or the predictions of new customers.
  std::filesystem::path profile_result() const {
    return profile_folder() / (settings.profile.fitted_from ? "predictions.jsonl" : "report.html");
  }
  bool has_texts() const;  // does a source map `text`? Else there is nothing to train and extract
  int threads() const;     // per rank, resolved

 private:
  std::filesystem::path of_phase(const std::filesystem::path& folder) const {
    return training_phase.empty() ? folder : folder / training_phase;
  }
};

// run.json: one entry a stage {fingerprint, seconds, ranks, threads, host, version, finished_at}, merged by
// rank 0 and published atomically; on other ranks record_stage does nothing. `fingerprint` hashes the stage's
// settings and inputs; `limner run` skips a stage whose entry still has it. A stage that never ended has "".
void record_stage(const Run& run, const std::string& stage, const std::string& fingerprint, double seconds);
std::string recorded_fingerprint(const Run& run, const std::string& stage);

}  // namespace limner
