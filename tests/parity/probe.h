// Limner's side of the comparisons in tests/python: what oracles.py and tokens.py compute with Hugging Face,
// here with Limner. The files are described there.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kernels/backend.h"
#include "model/model.h"
#include "runtime/files.h"

namespace limner::parity {

void forward(const fs::path& checkpoint, const fs::path& input, const fs::path& output);
void train(const fs::path& checkpoint, const fs::path& input, const fs::path& output);
void encode(const fs::path& checkpoint, const fs::path& texts, const fs::path& output, DType precision,
            std::optional<int64_t> dimensions);
void tokens(const fs::path& tokenizer, const fs::path& texts, const fs::path& output, int64_t max_length);

// A model from scratch with the heads of the specification, written as a Hugging Face folder (without a
// tokenizer), and what Limner computes with it:
//   {"vocabulary": 131, "head_input": "pooler", "normalize": true, "rows": [[ids]],
//    "heads": [{"name": "mood", "kind": "single_label", "classes": 3, "mean": 0, "scale": 1}]}
// -> vectors [rows, hidden], head.<name> [rows, outputs]
void export_model(const fs::path& specification, const fs::path& folder, const fs::path& output);

// Loads a checkpoint with its heads and writes it again; an adapter as an adapter.
void resave(const fs::path& checkpoint, const fs::path& folder);

// f32 tensors by name, to be written as one file.
class Results {
 public:
  void add(const std::string& name, const std::vector<int64_t>& dims, std::vector<float> values);
  void add(const std::string& name, const Tensor& tensor);  // f32
  // Every tensor that a checkpoint of these weights (or gradients) would hold, under Hugging Face's name;
  // `folder` is for files on the way.
  void add_parameters(const std::string& prefix, Model& model, const std::vector<float>& flat,
                      const fs::path& folder);
  void erase(const std::string& start);  // all names that start so
  void write(const fs::path& path);

 private:
  struct Entry {
    std::vector<int64_t> dims;
    std::vector<float> values;
  };
  std::map<std::string, Entry> entries_;
};

// {"rows": [[ids]], "segments": optional, "targets": optional, [[position, id]] of each row}
Batch read_batch(const Json& json);
HeadLabels read_labels(const HeadSpec& head, const Json& labels);
// The low-rank updates that an adapter has.
Lora lora_of(const fs::path& adapter);
// The checkpoint with its one head of this kind, the language model's, or none, in f32. With "lora": true an
// adapter's updates stay beside the weights and are what is trained.
Model load_model(Backend& backend, const fs::path& checkpoint, const Json& input);

}  // namespace limner::parity
