#include "model/adapter.h"

#include <algorithm>

#include "runtime/error.h"

namespace limner {

namespace {

// "x.lora_A.weight" and ".lora_A.weight" -> "x"; nothing where the end is another.
bool cut_end(std::string& name, const std::string& end) {
  if (!name.ends_with(end)) return false;
  name.resize(name.size() - end.size());
  return true;
}

// The encoder's tensors stand behind a prefix ("bert.") or not, and the adapter may differ from its base in
// that. Which of them it is here is told by an update, whose tensor the base must have.
class BaseNames {
 public:
  explicit BaseNames(const Adapter::Tensors& base) : base_(base) {}

  void learn(const std::string& name) {
    if (base_.contains(name)) return;
    const size_t dot = name.find('.');
    if (dot != std::string::npos && base_.contains(name.substr(dot + 1))) removed_ = name.substr(0, dot + 1);
    for (const auto& [other, entry] : base_) {
      const size_t start = other.find('.') + 1;
      if (start > 0 && other.substr(start) == name) added_ = other.substr(0, start);
    }
  }
  std::string operator()(const std::string& name) const {
    if (!removed_.empty() && name.starts_with(removed_)) return name.substr(removed_.size());
    return base_.contains(added_ + name) ? added_ + name : name;
  }

 private:
  const Adapter::Tensors& base_;
  std::string removed_, added_;
};

}  // namespace

Adapter::Adapter(const std::filesystem::path& folder, const AdapterConfig& config, const Tensors& base)
    : config_(config), file_(folder / adapter_file_name) {
  std::map<std::string, Update> updates;
  Tensors whole;
  for (const TensorEntry& entry : file_.entries()) {
    if (!entry.name.starts_with(adapter_key_prefix)) {
      fail(ExitCode::bad_data, "{}: key '{}' does not begin with {}", file_.path().string(), entry.name,
           adapter_key_prefix);
    }
    std::string name = entry.name.substr(std::string(adapter_key_prefix).size());
    if (cut_end(name, ".lora_A.weight")) {
      updates[name].a = &entry;
    } else if (cut_end(name, ".lora_B.weight")) {
      updates[name].b = &entry;
    } else if (name.find(".lora_") != std::string::npos) {
      fail(ExitCode::bad_data, "{}: key '{}' is neither the A nor the B of a linear layer's update",
           file_.path().string(), entry.name);
    } else {
      whole[name] = &entry;
    }
  }
  if (updates.empty()) fail(ExitCode::bad_data, "{}: no key ends in .lora_A.weight", file_.path().string());

  BaseNames names(base);
  for (const auto& [module, update] : updates) names.learn(module + ".weight");
  for (const auto& [module, update] : updates) {
    const std::string name = names(module + ".weight");
    const auto weight = base.find(name);
    check(update, name, weight == base.end() ? nullptr : weight->second);
    updates_[name] = update;
  }
  for (const auto& [name, entry] : whole) whole_[names(name)] = entry;
}

void Adapter::check(const Update& update, const std::string& name, const TensorEntry* weight) const {
  const std::string path = file_.path().string();
  if (update.a == nullptr || update.b == nullptr) {
    const TensorEntry* const half = update.a == nullptr ? update.b : update.a;
    fail(ExitCode::bad_data, "{}: key '{}' is half an update; its {} is missing", path, half->name,
         update.a == nullptr ? "lora_A" : "lora_B");
  }
  if (weight == nullptr || weight->dims.size() != 2) {
    fail(ExitCode::bad_data, "{}: key '{}' updates a tensor '{}' [out, in], which the base {} has not", path,
         update.a->name, name, config_.base.string());
  }
  std::vector<int64_t> dims = weight->dims;
  if (config_.transposed) std::swap(dims[0], dims[1]);
  const auto expect = [&](const TensorEntry* half, const std::vector<int64_t>& wanted) {
    if (half->dims == wanted) return;
    fail(ExitCode::bad_data,
         "{}: key '{}' has the shape {}, but rank {} and the base's tensor '{}' of shape {} want {}", path,
         half->name, shape_text(half->dims), config_.rank, name, shape_text(weight->dims),
         shape_text(wanted));
  };
  expect(update.a, {config_.rank, dims[1]});
  expect(update.b, {dims[0], config_.rank});
}

void Adapter::add_update(const Update& update, std::span<float> weight) const {
  const auto rank = static_cast<size_t>(config_.rank);
  const size_t in = static_cast<size_t>(update.a->dims[1]), out = static_cast<size_t>(update.b->dims[0]);
  std::vector<float> a(rank * in), b(out * rank), row(in);
  file_.read(*update.a, a);
  file_.read(*update.b, b);
  const auto scale = static_cast<float>(config_.scale);
  for (size_t o = 0; o < out; ++o) {
    std::fill(row.begin(), row.end(), 0.0f);
    for (size_t r = 0; r < rank; ++r) {
      const float factor = b[o * rank + r];
      for (size_t i = 0; i < in; ++i) row[i] += factor * a[r * in + i];
    }
    for (size_t i = 0; i < in; ++i) weight[config_.transposed ? i * out + o : o * in + i] += scale * row[i];
  }
}

}  // namespace limner
