#include "text/normalizers.h"

#include <memory>
#include <string>

#include "text/normalization_forms.h"
#include "text/precompiled_map.h"
#include "text/regular_expression.h"
#include "text/unicode.h"
#include "text/utf8.h"

namespace limner {
namespace {

void lower(AlignedText& text) {
  std::vector<Change> changes;
  changes.reserve(text.codes.size());
  for (const char32_t code : text.codes) {
    if (code < 0x80) {
      changes.push_back({code >= U'A' && code <= U'Z' ? code + 0x20 : code, 0});
      continue;
    }
    int32_t change = 0;
    for (const char32_t part : lowercase(code)) {
      changes.push_back({part, change});
      change = 1;
    }
  }
  transform(text, changes);
}

void strip(AlignedText& text, bool left, bool right) {
  size_t begin = 0, end = text.codes.size();
  while (left && begin < end && is_white_space(text.codes[begin])) ++begin;
  while (right && end > begin && is_white_space(text.codes[end - 1])) --end;
  text.cut(end);
  text.codes.erase(0, begin);
  text.sources.erase(text.sources.begin(), text.sources.begin() + static_cast<int64_t>(begin));
}

void prepend(AlignedText& text, const std::u32string& content) {
  if (text.codes.empty()) return;
  text.codes.insert(0, content);
  text.sources.insert(text.sources.begin(), content.size(), text.sources.front());
}

// What SentencePiece's rules for neural machine translation do with control characters and white space.
void clean_for_translation(AlignedText& text) {
  filter(text, [](char32_t code) {
    return !((code >= 0x1 && code <= 0x8) || code == 0xB || (code >= 0xE && code <= 0x1F) || code == 0x7F ||
             code == 0x8F || code == 0x9F);
  });
  for (char32_t& code : text.codes) {
    if (code == 0x9 || code == 0xA || code == 0xC || code == 0xD || code == 0x1680 ||
        (code >= 0x200B && code <= 0x200F) || code == 0x2028 || code == 0x2029 || code == 0x2581 ||
        code == 0xFEFF || code == 0xFFFD)
      code = U' ';
  }
}

void replace(AlignedText& text, const RegularExpression& pattern, const std::u32string& content) {
  std::string bytes;
  for (const char32_t code : text.codes) append_utf8(bytes, code);
  RegularExpression::Matches matches(pattern, bytes, text.open);
  std::u32string codes;
  std::vector<int32_t> sources;
  size_t position = 0, index = 0;  // in bytes, and in codes
  const auto copy_until = [&](size_t end) {
    while (position < end) {
      next_code_point(bytes, position);
      codes.push_back(text.codes[index]);
      sources.push_back(text.sources[index++]);
    }
  };
  while (const auto match = matches.next()) {
    copy_until(match->begin);
    while (position < match->end) {
      next_code_point(bytes, position);
      ++index;
    }
    codes += content;
    sources.insert(sources.end(), content.size(), text.sources[index - 1]);
  }
  copy_until(matches.certain_end());
  text.codes = std::move(codes);
  text.sources = std::move(sources);
}

void read_bert(const JsonObject& object, std::vector<Normalizer>& read) {
  object.allow_only({"type", "clean_text", "handle_chinese_chars", "strip_accents", "lowercase"});
  const bool lowercases = object.flag("lowercase");
  if (object.flag("clean_text")) {
    read.emplace_back([](AlignedText& text) {
      filter(text, [](char32_t code) {
        const bool kept_control = code == U'\t' || code == U'\n' || code == U'\r';
        return kept_control || !(code == 0 || code == replacement_character || is_other(code));
      });
      for (char32_t& code : text.codes) {
        if (is_white_space(code)) code = U' ';
      }
    });
  }
  if (object.flag("handle_chinese_chars")) {
    read.emplace_back([](AlignedText& text) {
      std::vector<Change> changes;
      for (const char32_t code : text.codes) {
        if (is_chinese_character(code)) {
          changes.insert(changes.end(), {{U' ', 0}, {code, 1}, {U' ', 1}});
        } else {
          changes.push_back({code, 0});
        }
      }
      transform(text, changes);
    });
  }
  if (object.has("strip_accents") ? object.flag("strip_accents") : lowercases) {
    read.emplace_back([](AlignedText& text) {
      normalize(text, NormalizationForm::nfd);
      filter(text, [](char32_t code) { return code < 0x300 || !is_nonspacing_mark(code); });
    });
  }
  if (lowercases) read.emplace_back(lower);
}

void read_replace(const JsonObject& object, std::vector<Normalizer>& read) {
  object.allow_only({"type", "pattern", "content"});
  const JsonObject pattern = object.object("pattern");
  pattern.allow_only({"String", "Regex"});
  const bool literal = pattern.has("String");
  const std::string text = pattern.text(literal ? "String" : "Regex");
  const std::string where = object.file() + ": normalizer";
  const auto expression = std::make_shared<const RegularExpression>(
      literal ? RegularExpression::literal(text, where) : RegularExpression(text, where));
  if (expression->matches_empty()) object.refuse("pattern", "can match nothing at all");
  const std::u32string content = to_code_points(object.text("content"));
  read.emplace_back([=](AlignedText& aligned) { replace(aligned, *expression, content); });
}

void read_one(const JsonObject& object, std::vector<Normalizer>& read) {
  const std::string type = object.text("type");
  const auto add_form = [&](NormalizationForm form) {
    object.allow_only({"type"});
    read.emplace_back([form](AlignedText& text) { normalize(text, form); });
  };
  if (type == "Sequence") {
    object.allow_only({"type", "normalizers"});
    if (!object.at("normalizers").is_array()) object.refuse("normalizers", "must be a list");
    for (const auto& value : object.at("normalizers"))
      read_one(JsonObject(value, object.file(), "normalizer.normalizers[]"), read);
  } else if (type == "BertNormalizer") {
    read_bert(object, read);
  } else if (type == "NFC") {
    add_form(NormalizationForm::nfc);
  } else if (type == "NFD") {
    add_form(NormalizationForm::nfd);
  } else if (type == "NFKC") {
    add_form(NormalizationForm::nfkc);
  } else if (type == "NFKD") {
    add_form(NormalizationForm::nfkd);
  } else if (type == "Lowercase") {
    object.allow_only({"type"});
    read.emplace_back(lower);
  } else if (type == "StripAccents") {
    object.allow_only({"type"});
    read.emplace_back([](AlignedText& text) {
      filter(text, [](char32_t code) { return code < 0x300 || !is_mark(code); });
    });
  } else if (type == "Strip") {
    object.allow_only({"type", "strip_left", "strip_right"});
    const bool left = object.flag("strip_left"), right = object.flag("strip_right");
    read.emplace_back([=](AlignedText& text) { strip(text, left, right); });
  } else if (type == "Prepend") {
    object.allow_only({"type", "prepend"});
    const std::u32string content = to_code_points(object.text("prepend"));
    read.emplace_back([=](AlignedText& text) { prepend(text, content); });
  } else if (type == "Nmt") {
    object.allow_only({"type"});
    read.emplace_back(clean_for_translation);
  } else if (type == "Replace") {
    read_replace(object, read);
  } else if (type == "Precompiled") {
    object.allow_only({"type", "precompiled_charsmap"});
    const std::string where = object.file() + ": normalizer.precompiled_charsmap";
    const auto map = std::make_shared<const PrecompiledMap>(
        decode_base64(object.text("precompiled_charsmap"), where), where);
    read.emplace_back([map](AlignedText& text) { map->normalize(text); });
  } else {
    object.refuse("type", "is not supported");
  }
}

}  // namespace

std::vector<Normalizer> read_normalizers(const JsonObject& file) {
  std::vector<Normalizer> read;
  if (file.has("normalizer")) read_one(file.object("normalizer"), read);
  return read;
}

}  // namespace limner
