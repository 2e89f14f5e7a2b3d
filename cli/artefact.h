// What lies at a path: how inspect and verify find out.
#pragma once

#include <filesystem>

namespace limner {

enum class Artefact : unsigned char { run, prepared, checkpoint, tokenizer, embeddings, shard, profile };
// Errors: nothing there (missing_input), nothing we know (bad_data, naming what would be known).
Artefact artefact_at(const std::filesystem::path& path);

}  // namespace limner
