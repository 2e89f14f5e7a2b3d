// SentencePiece models without tokenizer.json, read by writing the tokenizer.json that Hugging Face makes of
// them.
#pragma once

#include <filesystem>

#include "runtime/files.h"

namespace limner {

// `model`: sentencepiece.bpe.model, as an XLMRobertaTokenizer has it (Unigram), or tokenizer.model, as a
// LlamaTokenizer has it (BPE with bytes); config: tokenizer_config.json, whose tokenizer_class may say which.
// Errors: bad_data: no model of SentencePiece, another kind or layout, another tokenizer_class, special
// tokens that are not in it, settings that versions of transformers understand differently and that are not
// said.
Json read_sentencepiece(const std::filesystem::path& model, const Json& config);

}  // namespace limner
