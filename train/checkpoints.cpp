#include "train/checkpoints.h"

#include <algorithm>
#include <charconv>

#include "model/safetensors.h"
#include "runtime/error.h"
#include "runtime/files.h"
#include "runtime/log.h"

namespace limner {
namespace {

constexpr int64_t format_version = 1;
constexpr const char* flat_weights = "weights";
constexpr const char* first_moment = "first_moment";
constexpr const char* second_moment = "second_moment";
constexpr const char* weight_average = "weight_average";

Json state_json(const TrainState& state, const std::string& fingerprint) {
  return {{"format_version", format_version},
          {"fingerprint", fingerprint},
          {"step", state.step},
          {"epoch", state.epoch},
          {"batch", state.batch},
          {"tokens", state.tokens},
          {"seconds", state.seconds},
          {"best_metric", state.best_metric ? Json(*state.best_metric) : Json(nullptr)},
          {"best_step", state.best_step},
          {"evaluations_without_better", state.evaluations_without_better},
          {"evaluation_due", state.evaluation_due},
          {"usual_norm", state.usual_norm},
          {"bad_steps", state.bad_steps},
          {"share_tokens", state.share_tokens ? Json(*state.share_tokens) : Json(nullptr)},
          {"window", {{"steps", state.window.steps}, {"losses", state.window.losses}}}};
}

TrainState parse_state(const Json& json) {
  TrainState state;
  state.step = json_integer(json.at("step"));
  state.epoch = json_integer(json.at("epoch"));
  state.batch = json_integer(json.at("batch"));
  state.tokens = json_integer(json.at("tokens"));
  json.at("seconds").get_to(state.seconds);
  if (!json.at("best_metric").is_null()) state.best_metric = json.at("best_metric").get<double>();
  state.best_step = json_integer(json.at("best_step"));
  state.evaluations_without_better = json_integer(json.at("evaluations_without_better"));
  json.at("evaluation_due").get_to(state.evaluation_due);
  json.at("usual_norm").get_to(state.usual_norm);
  state.bad_steps = json_integer(json.at("bad_steps"));
  if (!json.at("share_tokens").is_null()) state.share_tokens = json_integer(json.at("share_tokens"));
  state.window.steps = json_integer(json.at("window").at("steps"));
  json.at("window").at("losses").get_to(state.window.losses);
  return state;
}

fs::path state_path(const fs::path& checkpoint) { return checkpoint / "limner_state" / "state.json"; }
fs::path optimizer_path(const fs::path& checkpoint) {
  return checkpoint / "limner_state" / "optimizer.safetensors";
}

// The step of "step-00000200"; nothing for other names.
std::optional<int64_t> step_of(const fs::path& folder) {
  constexpr std::string_view prefix = "step-";
  const std::string name = folder.filename().string();
  if (!name.starts_with(prefix)) return std::nullopt;
  int64_t step = 0;
  const char* end = name.data() + name.size();
  const auto [stopped, error] = std::from_chars(name.data() + prefix.size(), end, step);
  return error == std::errc() && stopped == end ? std::optional(step) : std::nullopt;
}

std::vector<float> read_flat(const SafetensorsFile& file, const char* name, int64_t elements) {
  const TensorEntry* entry = file.find(name);
  if (entry == nullptr || entry->elements() != elements) {
    fail(ExitCode::bad_data, "{}: no {} of {} elements", file.path().string(), name, elements);
  }
  std::vector<float> values(static_cast<size_t>(elements));
  file.read(*entry, values);
  return values;
}

}  // namespace

// What a checkpoint is written from, apart from the training that goes on.
struct Checkpoints::Snapshot {
  std::vector<float> weights;  // of what is trained
  Optimizer::Moments moments;
  std::vector<float> average;  // empty: there is none
};

Checkpoints::Checkpoints(fs::path folder, const Contents& contents, int64_t total_limit, Writing writing)
    : folder_(std::move(folder)), contents_(contents), total_limit_(total_limit), writing_(writing) {}

fs::path Checkpoints::step_folder(int64_t step) const { return folder_ / fmt::format("step-{:08}", step); }

std::vector<fs::path> Checkpoints::step_folders() const {
  std::vector<fs::path> folders;
  if (!fs::is_directory(folder_)) return folders;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder_)) {
    if (entry.is_directory() && step_of(entry.path())) folders.push_back(entry.path());
  }
  std::sort(folders.begin(), folders.end(),
            [](const fs::path& a, const fs::path& b) { return *step_of(a) > *step_of(b); });
  return folders;
}

std::optional<fs::path> Checkpoints::newest() const {
  for (const fs::path& folder : step_folders()) {
    try {
      const Json json = read_json(state_path(folder));
      if (json.at("fingerprint") != contents_.fingerprint) continue;
      parse_state(json);
      check_folder(folder);
      return folder;
    } catch (const std::exception& error) {
      // A disk that does not answer says nothing about the checkpoint: it must not be passed over, or
      // replaced.
      const auto* known = dynamic_cast<const Error*>(&error);
      if (known != nullptr && known->code() == ExitCode::io) throw;
      log_warning("{}: not a whole checkpoint ({}); looking for an older one", folder.string(), error.what());
    }
  }
  return std::nullopt;
}

TrainState Checkpoints::restore(const fs::path& checkpoint) {
  const SafetensorsFile file(optimizer_path(checkpoint));
  Model& model = contents_.model;
  const int64_t elements = model.parameters().trained_elements();
  model.upload(model.trained_weights(), read_flat(file, flat_weights, elements));
  contents_.optimizer.upload_moments(
      {read_flat(file, first_moment, elements), read_flat(file, second_moment, elements)});
  if (contents_.average.present()) {
    model.upload(contents_.average.average(), read_flat(file, weight_average, elements));
  }
  model.refresh_shadow();
  return parse_state(read_json(state_path(checkpoint)));
}

void Checkpoints::remove_others() const {
  std::vector<fs::path> folders = step_folders();
  if (fs::exists(state_path(best()))) folders.push_back(best());
  if (folders.empty()) return;
  log_warning("{}: removing {} checkpoints of other settings or inputs; this run starts anew",
              folder_.string(), folders.size());
  for (const fs::path& folder : folders) fs::remove_all(folder);
}

void Checkpoints::save(const TrainState& state) { start(state, &Checkpoints::write_step); }
void Checkpoints::save_best(const TrainState& state) { start(state, &Checkpoints::write_best); }

// One copy of the state at most: a step's best/ and its own folder share it, the next step waits for both.
void Checkpoints::start(const TrainState& state,
                        void (Checkpoints::*write)(const Snapshot&, const TrainState&) const) {
  const bool root = contents_.ranks.root();
  if (snapshot_step_ != state.step) {
    finish();
    Optimizer::Moments moments = contents_.optimizer.download_moments();
    if (root) snapshot_ = std::make_shared<const Snapshot>(take_snapshot(std::move(moments)));
    snapshot_step_ = state.step;
  }
  if (root) {
    pending_ = std::async(std::launch::async,
                          [this, write, state, snapshot = snapshot_, before = std::move(pending_)]() mutable {
                            if (before.valid()) before.get();
                            (this->*write)(*snapshot, state);
                          });
  }
  if (writing_ == Writing::at_once) finish();
}

void Checkpoints::finish() {
  snapshot_step_ = -1;
  snapshot_.reset();
  if (pending_.valid()) pending_.get();
}

Checkpoints::Snapshot Checkpoints::take_snapshot(Optimizer::Moments moments) {
  Model& model = contents_.model;
  // An adapter leaves out what is frozen, and it never changes: one copy serves every checkpoint.
  const int64_t trained = model.parameters().trained_elements();
  const int64_t frozen = model.config().lora.active() ? 0 : model.parameters().elements() - trained;
  if (frozen > static_cast<int64_t>(frozen_.size())) {
    frozen_ = model.download(model.weights().slice_rows(trained, frozen));
  }
  Snapshot snapshot{model.download(model.trained_weights()), std::move(moments), {}};
  if (contents_.average.present()) snapshot.average = model.download(contents_.average.average());
  return snapshot;
}

void Checkpoints::write_model(const fs::path& folder, const Snapshot& snapshot,
                              const TrainState& state) const {
  std::vector<float> published = snapshot.average.empty() ? snapshot.weights : snapshot.average;
  published.insert(published.end(), frozen_.begin(), frozen_.end());
  save_model(contents_.model, std::move(published), folder, contents_.sentence);
  contents_.tokenizer.save(folder, contents_.sentence.max_length);
  make_folder(folder / "limner_state");
  write_json(state_path(folder), state_json(state, contents_.fingerprint));
}

void Checkpoints::write_step(const Snapshot& snapshot, const TrainState& state) const {
  make_folder(folder_);
  FolderWriter folder(step_folder(state.step));
  write_model(folder.path(), snapshot, state);
  // Written from, not to: a NamedTensor knows one kind of tensor only.
  const auto tensor = [](const std::vector<float>& values) {
    return Tensor(const_cast<float*>(values.data()), DType::f32, {static_cast<int64_t>(values.size())});
  };
  std::vector<NamedTensor> tensors{{flat_weights, tensor(snapshot.weights)},
                                   {first_moment, tensor(snapshot.moments.first)},
                                   {second_moment, tensor(snapshot.moments.second)}};
  if (!snapshot.average.empty()) tensors.push_back({weight_average, tensor(snapshot.average)});
  write_safetensors(optimizer_path(folder.path()), tensors);
  folder.publish();
  const std::vector<fs::path> all = step_folders();
  for (size_t i = static_cast<size_t>(total_limit_); i < all.size(); ++i) fs::remove_all(all[i]);
}

void Checkpoints::write_best(const Snapshot& snapshot, const TrainState& state) const {
  make_folder(folder_);
  FolderWriter folder(best());
  write_model(folder.path(), snapshot, state);
  folder.publish();
}

void Checkpoints::load_best() {
  const std::vector<std::string> absent = contents_.model.load(best());
  if (!absent.empty()) {
    fail(ExitCode::bad_data, "{}: {} of the model's tensors are not in this checkpoint, the first is {}",
         best().string(), absent.size(), absent.front());
  }
}

}  // namespace limner
