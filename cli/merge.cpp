// limner merge: a PEFT adapter and its base as one Hugging Face checkpoint.
#include <fmt/core.h>

#include "cli/command.h"
#include "kernels/backend.h"
#include "model/adapter_config.h"
#include "model/model.h"
#include "model/sentence_config.h"
#include "runtime/error.h"
#include "runtime/files.h"
#include "runtime/log.h"
#include "text/tokenizer.h"

namespace limner {
namespace {

void merge(const fs::path& adapter, const fs::path& out) {
  const ModelConfig config = ModelConfig::read(adapter);
  HeadInput head_input = config.usual_head_input();
  const std::vector<HeadSpec> heads = read_heads(adapter, head_input);
  const auto backend = make_cpu_backend(1);
  Model model(*backend, config, heads, head_input, DType::f32);
  for (const std::string& name : model.load(adapter)) {
    fail(ExitCode::bad_data, "{}: tensor {} is neither in the adapter nor in its base", adapter.string(),
         name);
  }
  SentenceConfig sentence = SentenceConfig::read(adapter);
  if (!sentence.present) sentence.pooling = config.usual_pooling();
  if (sentence.max_length <= 0) sentence.max_length = config.max_positions;
  FolderWriter folder(out);
  save_model(model, folder.path(), sentence);
  const fs::path tokenizer = tokenizer_folder(adapter);
  if (has_tokenizer(tokenizer)) {
    Tokenizer::load(tokenizer).save(folder.path(), sentence.max_length);
  } else {
    log_warning("{}: no tokenizer there, so none is written", tokenizer.string());
  }
  folder.publish();
  fmt::print("{}: {} parameters\n", out.string(), model.parameters().parameter_count());
}

}  // namespace

int merge_command(const Arguments& arguments, Communicator& communicator) {
  if (arguments.positional.size() != 2)
    fail(ExitCode::usage, "merge wants an adapter and a folder to write. Usage: {}",
         command_named("merge").usage);
  if (!communicator.root()) return 0;
  const fs::path adapter = arguments.positional[0], out = arguments.positional[1];
  if (!fs::exists(adapter)) fail(ExitCode::missing_input, "{}: there is no such folder", adapter.string());
  if (!AdapterConfig::present(adapter)) {
    fail(ExitCode::bad_data, "{}: no {} in it; that is no adapter", adapter.string(), adapter_config_name);
  }
  if (fs::exists(out)) fail(ExitCode::usage, "{}: is there already; name a new folder", out.string());
  merge(adapter, out);
  return 0;
}

}  // namespace limner
