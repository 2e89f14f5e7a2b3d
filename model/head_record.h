// How heads are written into config.json: for Limner under the key `limner`, for Hugging Face as id2label.
#pragma once

#include <string>
#include <vector>

#include "model/config.h"
#include "model/family.h"

namespace limner {

// The head that Hugging Face sees as that of the family's …ForSequenceClassification: the first one, if it
// reads what that does. Empty: none.
std::string classifier_head(const Family& family, const std::vector<HeadSpec>& heads, HeadInput head_input);

// architectures, id2label, label2id, problem_type and `limner` for these heads; what other heads left is
// removed. language_head: the folder has a language model's head too.
void record_heads(Json& config, const Family& family, const std::vector<HeadSpec>& heads,
                  HeadInput head_input, bool language_head);

}  // namespace limner
