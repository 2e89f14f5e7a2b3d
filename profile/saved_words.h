// models/words.json: how a run's texts were cut into words, so that new texts are cut in the same way.
#pragma once

#include <filesystem>

#include "runtime/settings.h"

namespace limner {

// The user's dictionary and stop words, by name and SHA-256, and ICU's version.
void write_word_rules(const std::filesystem::path& models, const WordSettings& settings);

// Errors: missing (missing_input); another dictionary or other stop words (bad_config, with both). Another
// ICU cuts some Chinese words elsewhere: a warning.
void check_word_rules(const std::filesystem::path& models, const WordSettings& settings);

}  // namespace limner
