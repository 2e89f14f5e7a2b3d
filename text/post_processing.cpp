// "post_processor" of tokenizer.json.
#include "text/json_reader.h"
#include "text/pipeline.h"

namespace limner {
namespace {

using Value = nlohmann::json;

void add_template(const JsonObject& processor, PostProcessing& post) {
  processor.allow_only({"type", "single", "pair", "special_tokens"});
  const JsonObject special_tokens = processor.object("special_tokens");
  const Value& single = processor.at("single");
  if (!single.is_array()) processor.refuse("single", "must be a list");
  bool seen_text = false;
  std::vector<int32_t> before;
  for (const Value& item : single) {
    const JsonObject step(item, processor.file(), "post_processor.single[]");
    step.allow_only({"SpecialToken", "Sequence"});
    const bool is_text = step.has("Sequence");
    const JsonObject part = step.object(is_text ? "Sequence" : "SpecialToken");
    if (part.count("type_id") != 0) part.refuse("type_id", "only 0 is supported for single texts");
    if (is_text) {
      if (seen_text || part.text("id") != "A") processor.refuse("single", "must hold the text A once");
      seen_text = true;
      continue;
    }
    const JsonObject token = special_tokens.object(part.text("id"));
    if (!token.at("ids").is_array()) token.refuse("ids", "must be a list");
    for (const Value& id : token.at("ids")) {
      if (!is_id(id)) token.refuse("ids", "must be a list of ids");
      (seen_text ? post.ids_behind : before).push_back(id.get<int32_t>());
    }
  }
  if (!seen_text) processor.refuse("single", "must hold the text A once");
  post.ids_before.insert(post.ids_before.begin(), before.begin(), before.end());
}

int32_t paired_id(const JsonObject& processor, const std::string& key) {
  const Value& pair = processor.at(key);
  if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string() || !is_id(pair[1])) {
    processor.refuse(key, "must be a token and its id");
  }
  return pair[1].get<int32_t>();
}

void add_trim(const JsonObject& processor, PostProcessing& post) {
  if (!processor.flag("trim_offsets")) return;
  post.trims.push_back({processor.flag("add_prefix_space"), !post.ids_before.empty()});
}

void add_processor(const JsonObject& processor, PostProcessing& post) {
  const std::string type = processor.text("type");
  if (type == "TemplateProcessing") {
    add_template(processor, post);
  } else if (type == "BertProcessing" || type == "RobertaProcessing") {
    if (type == "RobertaProcessing") {
      processor.allow_only({"type", "sep", "cls", "trim_offsets", "add_prefix_space"});
      add_trim(processor, post);
    } else {
      processor.allow_only({"type", "sep", "cls"});
    }
    post.ids_before.insert(post.ids_before.begin(), paired_id(processor, "cls"));
    post.ids_behind.push_back(paired_id(processor, "sep"));
  } else if (type == "ByteLevel") {
    processor.allow_only({"type", "add_prefix_space", "trim_offsets", "use_regex"});
    add_trim(processor, post);
  } else if (type == "Sequence") {
    processor.allow_only({"type", "processors"});
    if (!processor.at("processors").is_array()) processor.refuse("processors", "must be a list");
    for (const Value& value : processor.at("processors"))
      add_processor(JsonObject(value, processor.file(), "post_processor.processors[]"), post);
  } else {
    processor.refuse("type", "is not supported");
  }
}

}  // namespace

PostProcessing read_post_processing(const JsonObject& file) {
  PostProcessing post;
  if (file.has("post_processor")) add_processor(file.object("post_processor"), post);
  return post;
}

}  // namespace limner
