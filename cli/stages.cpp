#include "cli/stages.h"

#include <algorithm>
#include <chrono>

#include "cli/version.h"
#include "extract/extract.h"
#include "model/model.h"
#include "prepare/prepare.h"
#include "profile/profile.h"
#include "runtime/files.h"
#include "runtime/log.h"
#include "train/train.h"

namespace limner {
namespace {

// Parts are joined with their lengths, so that no two different lists of parts read alike.
std::string digest(const std::vector<std::string>& parts) {
  std::string joined;
  for (const std::string& part : parts) joined += fmt::format("{}:{};", part.size(), part);
  return sha256(joined);
}

std::string numbers_that_matter(const Run& run) {
  return fmt::format("seed={} device={} precision={}", run.settings.run.seed, run.settings.runtime.device,
                     run.settings.runtime.precision);
}

std::string prepare_fingerprint(const Run& run) {
  std::vector<std::string> parts{print_section(run.settings, "prepare"),
                                 std::to_string(run.settings.run.seed)};
  for (const SourceSettings& source : run.settings.prepare.sources) parts.push_back(sha256_file(source.path));
  if (run.settings.prepare.fitted_from) parts.push_back(sha256_file(*run.settings.prepare.fitted_from));
  return digest(parts);
}

std::string train_fingerprint(const Run& run) {
  std::vector<std::string> parts{print_section(run.settings, "model"), print_section(run.settings, "train"),
                                 numbers_that_matter(run), sha256_file(run.prepared())};
  if (run.settings.model.checkpoint) parts.push_back(checkpoint_sha256(*run.settings.model.checkpoint));
  return digest(parts);
}

fs::path extract_checkpoint(const Run& run) {
  const std::string& name = run.settings.extract.checkpoint;
  if (name == "best") {
    fs::path best = run.checkpoints() / "best";
    if (!fs::exists(best))
      fail(ExitCode::missing_input, "{} is missing: run `limner train` first", best.string());
    return best;
  }
  if (name == "last") return run.train_folder() / "summary.json";  // names the last checkpoint
  return name;
}

std::string extract_fingerprint(const Run& run) {
  const fs::path checkpoint = extract_checkpoint(run);
  const std::string model =
      fs::is_directory(checkpoint) ? checkpoint_sha256(checkpoint) : sha256_file(checkpoint);
  return digest(
      {print_section(run.settings, "extract"), numbers_that_matter(run), sha256_file(run.prepared()), model});
}

std::string profile_fingerprint(const Run& run) {
  std::vector<std::string> parts{print_section(run.settings, "profile"), numbers_that_matter(run),
                                 sha256_file(run.prepared())};
  if (run.has_texts()) parts.push_back(sha256_file(run.embeddings() / "manifest.json"));
  const ProfileSettings& settings = run.settings.profile;
  for (const std::optional<std::string>& file :
       {settings.rules, settings.words.dictionary, settings.words.stop_words, settings.words.lexicon,
        settings.words.vectors}) {
    if (file) parts.push_back(sha256_file(*file));
  }
  if (settings.fitted_from) {
    const fs::path folder = fs::path(*settings.fitted_from) / "models";
    if (!fs::is_directory(folder)) {
      fail(ExitCode::missing_input, "{} is missing; profile.fitted_from wants the folder profile/ of a run",
           folder.string());
    }
    const fs::path topics = folder.parent_path() / "topics.h5";
    if (fs::exists(topics)) parts.push_back(sha256_file(topics));
    std::vector<fs::path> models;
    for (const auto& entry : fs::directory_iterator(folder)) models.push_back(entry.path());
    std::sort(models.begin(), models.end());
    for (const fs::path& model : models) parts.push_back(sha256_file(model));
  }
  for (const fs::path& optional :
       {run.quality(), run.train_folder() / "summary.json", run.train_folder() / "metrics.jsonl"}) {
    if (fs::exists(optional)) parts.push_back(sha256_file(optional));
  }
  return digest(parts);
}

}  // namespace

const std::vector<Stage>& stages() {
  static constexpr auto prepared = [](const Run& run) { return run.prepared(); };
  static constexpr auto summary = [](const Run& run) { return run.train_folder() / "summary.json"; };
  static constexpr auto manifest = [](const Run& run) { return run.embeddings() / "manifest.json"; };
  static constexpr auto vectors = [](const Run& run) {
    return run.has_texts() ? run.embeddings() / "manifest.json" : run.prepared();
  };
  static constexpr auto report = [](const Run& run) { return run.profile_result(); };
  static const std::vector<Stage> table = {
      {"prepare", prepare, nullptr, false, prepare_fingerprint, prepared},
      {"train", train, prepared, true, train_fingerprint, summary},
      {"extract", extract, prepared, true, extract_fingerprint, manifest},
      {"profile", profile, vectors, false, profile_fingerprint, report},
  };
  return table;
}

void run_stage(const Stage& stage, const Run& run, Again again) {
  Communicator& ranks = run.communicator;
  ranks.set_phase(stage.name);
  std::string fingerprint;  // of rank 0, which alone reads the inputs and writes run.json
  bool current = false;
  if (stage.of_texts && !run.has_texts()) {
    if (again == Again::if_changed) return;
    fail(ExitCode::bad_config,
         "prepare.sources: none maps `text`: there is nothing to {}; run `limner profile`", stage.name);
  }
  if (ranks.root()) {
    if (stage.input && !fs::exists(stage.input(run))) {
      const bool prepared = stage.input(run) == run.prepared();
      fail(ExitCode::missing_input, "{} is missing: run `limner {}` first", stage.input(run).string(),
           prepared ? "prepare" : "extract");
    }
    make_folder(run.directory());
    // Parts of one extraction share the directory: what is unfinished there may be another's.
    if (run.settings.extract.parts == 1) {
      for (const fs::path& folder : {run.directory(), run.train_folder()}) remove_unfinished(folder);
    }
    write_file(run.directory() / "config.yaml", print_settings(run.settings));
    fingerprint = stage.fingerprint(run);
    current = again == Again::if_changed && fs::exists(stage.result(run)) &&
              recorded_fingerprint(run, stage.name) == fingerprint;
  }
  ranks.broadcast_value(current, 0, "agree on a stage to skip", Patience::unlimited);  // rank 0 reads inputs
  if (current) {
    log_info("{}: inputs and settings unchanged, skipped", stage.name);
    return;
  }
  const auto started = std::chrono::steady_clock::now();
  stage.run(run);
  ranks.barrier("end the stage", Patience::unlimited);  // rank 0 may have work of its own for hours
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  record_stage(run, stage.name, fingerprint, seconds);
  log_info("{}: done in {:.1f} s", stage.name, seconds);
}

}  // namespace limner
