// What the sentence-transformers files of a folder say beside the encoder: how token vectors become one
// vector a text, and what stands before the text.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "kernels/backend.h"

namespace limner {

// A Dense module: y = activation(weight x + bias), after the vector was scaled to length 1 if a Normalize
// module stands before it.
struct DenseLayer {
  int64_t in = 0, out = 0;
  Activation activation = Activation::tanh;
  bool normalizes_first = false;
  std::vector<float> weight;  // [out, in]
  std::vector<float> bias;    // [out] or empty
};

// modules.json, 1_Pooling, 2_Dense and further ones, Normalize, sentence_bert_config.json,
// config_sentence_transformers.json.
struct SentenceConfig {
  bool present = false;
  Pooling pooling = Pooling::mean;
  std::vector<DenseLayer> layers;              // between pooling and the last normalisation
  bool normalize = true;                       // at the end
  int64_t max_length = 0;                      // tokens; 0: not said
  std::map<std::string, std::string> prompts;  // by name
  std::string default_prompt;                  // a name; empty: none
  bool pools_prompt = true;                    // false: include_prompt is false

  // Both spellings, before and since sentence-transformers 5.4. Refused by name and value: a module, a
  // pooling or a setting that would give other vectors than ours. Without modules.json: not present,
  // defaults.
  static SentenceConfig read(const std::filesystem::path& folder);
  // Writes the older spelling, which every version opens. hidden: width of the encoder.
  void write(const std::filesystem::path& folder, int64_t hidden) const;

  int64_t width(int64_t hidden) const { return layers.empty() ? hidden : layers.back().out; }
  // The words for model.prompt: auto (those of the default prompt), the name of a prompt, or words.
  // bad_config: one word alone that is no prompt's name.
  std::string prompt_for(const std::string& setting) const;
  // How many tokens at the start of a row pooling leaves out, where the prompt has this many of them.
  // bad_config: it would leave none.
  int64_t unpooled_tokens(int64_t prompt_tokens, int64_t row_tokens) const;
  // Makes these words the default prompt, under the name they have or a new one.
  void set_default_prompt(const std::string& words);
};

}  // namespace limner
