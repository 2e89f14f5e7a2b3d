#include "text/pre_tokenizers.h"

#include <memory>
#include <optional>
#include <utility>

#include "text/regular_expression.h"
#include "text/unicode.h"
#include "text/utf8.h"

namespace limner {
namespace {

using Piece = PieceList::Piece;

// What becomes of the delimiters that a text is split at.
enum class Behavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };

Behavior behavior_of(const JsonObject& object) {
  const std::string name = object.text("behavior");
  if (name == "Removed") return Behavior::removed;
  if (name == "Isolated") return Behavior::isolated;
  if (name == "MergedWithPrevious") return Behavior::merged_with_previous;
  if (name == "MergedWithNext") return Behavior::merged_with_next;
  if (name == "Contiguous") return Behavior::contiguous;
  object.refuse("behavior", "is not supported");
}

// A part of a text: a delimiter or what stands between two.
struct Part {
  size_t begin, end;
  bool delimiter;
};

// Parts become pieces.
void append_pieces(const std::vector<Part>& parts, Behavior behavior, std::vector<Piece>& pieces) {
  const size_t first = pieces.size();
  bool previous = false;
  for (size_t index = 0; index < parts.size(); ++index) {
    const Part& part = parts[index];
    const bool behind_other = pieces.size() > first;
    bool joins = false;
    switch (behavior) {
      case Behavior::removed:
        if (part.delimiter) continue;
        break;
      case Behavior::isolated:
        break;
      case Behavior::merged_with_previous:
        joins = part.delimiter && !previous && behind_other;
        break;
      case Behavior::merged_with_next:  // the last delimiter of a row joins what follows
        joins = !part.delimiter && previous;
        break;
      case Behavior::contiguous:
        joins = part.delimiter == previous && behind_other;
        break;
    }
    previous = part.delimiter;
    if (joins) {
      pieces.back().end = part.end;
    } else {
      pieces.push_back({part.begin, part.end});
    }
  }
}

// find(piece, parts) lists the parts of a piece, in bytes of the whole list, without gaps; of an open piece
// all but the last are certain.
template <class Find>
void split_pieces(PieceList& list, Behavior behavior, Find&& find) {
  std::vector<Piece> pieces;
  std::vector<Part> parts;
  for (const Piece& piece : list.pieces) {
    if (piece.token >= 0) {
      pieces.push_back(piece);
      continue;
    }
    parts.clear();
    find(piece, parts);
    const size_t first = pieces.size();
    append_pieces(parts, behavior, pieces);
    std::erase_if(pieces, [](const Piece& p) { return p.begin == p.end; });
    if (piece.open && pieces.size() > first) pieces.back().open = true;
  }
  list.pieces = std::move(pieces);
}

// Each code point for which is_delimiter(code) holds is a delimiter.
template <class IsDelimiter>
auto split_at(IsDelimiter is_delimiter, Behavior behavior) {
  return [=](PieceList& list) {
    split_pieces(list, behavior, [&](const Piece& piece, std::vector<Part>& parts) {
      const std::string_view text = std::string_view(list.bytes).substr(0, piece.end);
      size_t begin = piece.begin;
      for (size_t position = piece.begin; position < piece.end;) {
        const size_t here = position;
        if (!is_delimiter(next_code_point(text, position))) continue;
        if (begin < here) parts.push_back({begin, here, false});
        parts.push_back({here, position, true});
        begin = position;
      }
      if (begin < piece.end) parts.push_back({begin, piece.end, false});
    });
  };
}

auto split_at_matches(RegularExpression expression, Behavior behavior, bool invert) {
  const auto shared = std::make_shared<const RegularExpression>(std::move(expression));
  return [=](PieceList& list) {
    split_pieces(list, behavior, [&](const Piece& piece, std::vector<Part>& parts) {
      RegularExpression::Matches matches(*shared, list.text(piece), piece.open);
      size_t begin = piece.begin;
      while (const auto match = matches.next()) {
        if (begin < piece.begin + match->begin) parts.push_back({begin, piece.begin + match->begin, invert});
        begin = piece.begin + match->end;
        parts.push_back({piece.begin + match->begin, begin, !invert});
      }
      if (begin < piece.end) parts.push_back({begin, piece.end, invert});
      // The last match of an open piece is certain, but not whether the next one joins it.
    });
  };
}

// Words and runs of other characters; white space vanishes: \w+|[^\w\s]+ inverted.
void split_whitespace(PieceList& list) {
  enum class Kind { space, word, other };
  const auto kind_of = [](char32_t code) {
    return is_white_space(code) ? Kind::space : is_word_character(code) ? Kind::word : Kind::other;
  };
  split_pieces(list, Behavior::removed, [&](const Piece& piece, std::vector<Part>& parts) {
    const std::string_view text = std::string_view(list.bytes).substr(0, piece.end);
    std::optional<Kind> last;
    for (size_t position = piece.begin; position < piece.end;) {
      const size_t here = position;
      const Kind kind = kind_of(next_code_point(text, position));
      if (last == kind) {
        parts.back().end = position;
      } else {
        parts.push_back({here, position, kind == Kind::space});
      }
      last = kind;
    }
  });
}

// Writes every piece anew; write(piece, bytes, sources) appends what it becomes.
template <class Write>
void rewrite_pieces(PieceList& list, Write&& write) {
  std::string bytes;
  std::vector<int32_t> sources;
  bytes.reserve(list.bytes.size() + 64);
  sources.reserve(list.bytes.size() + 64);
  for (Piece& piece : list.pieces) {
    const size_t begin = bytes.size();
    if (piece.token < 0) {
      write(piece, bytes, sources);
    } else {
      bytes += list.text(piece);
      sources.insert(sources.end(), list.sources.begin() + static_cast<int64_t>(piece.begin),
                     list.sources.begin() + static_cast<int64_t>(piece.end));
    }
    piece.begin = begin;
    piece.end = bytes.size();
  }
  list.bytes = std::move(bytes);
  list.sources = std::move(sources);
}

void append_part(const PieceList& list, size_t begin, size_t end, std::string& bytes,
                 std::vector<int32_t>& sources) {
  bytes.append(list.bytes, begin, end - begin);
  sources.insert(sources.end(), list.sources.begin() + static_cast<int64_t>(begin),
                 list.sources.begin() + static_cast<int64_t>(end));
}

void prepend_space(PieceList& list) {
  rewrite_pieces(list, [&](const Piece& piece, std::string& bytes, std::vector<int32_t>& sources) {
    if (list.bytes[piece.begin] != ' ') {
      bytes += ' ';
      sources.push_back(list.sources[piece.begin]);
    }
    append_part(list, piece.begin, piece.end, bytes, sources);
  });
}

enum class Prepend { always, first, never };

void replace_spaces(PieceList& list, const std::string& replacement, Prepend prepend) {
  rewrite_pieces(list, [&](const Piece& piece, std::string& bytes, std::vector<int32_t>& sources) {
    const auto put = [&](int32_t source) {
      bytes += replacement;
      sources.insert(sources.end(), replacement.size(), source);
    };
    const std::string_view text = list.text(piece);
    const int32_t first = list.sources[piece.begin];
    if (!text.starts_with(' ') && !text.starts_with(replacement) &&
        (prepend == Prepend::always || (prepend == Prepend::first && first == 0)))
      put(first);
    for (size_t begin = piece.begin; begin < piece.end;) {
      const size_t space = std::min(list.bytes.find(' ', begin), piece.end);
      append_part(list, begin, space, bytes, sources);
      if (space < piece.end) put(list.sources[space]);
      begin = space + 1;
    }
  });
}

void read_metaspace(const JsonObject& object, PreTokenizers& read) {
  object.allow_only({"type", "replacement", "add_prefix_space", "prepend_scheme", "split", "str_rep"});
  const std::string replacement = object.text("replacement");
  if (to_code_points(replacement).size() != 1) object.refuse("replacement", "must be one character");
  Prepend prepend = Prepend::always;
  if (object.has("prepend_scheme")) {
    const std::string scheme = object.text("prepend_scheme");
    if (scheme == "first") {
      prepend = Prepend::first;
    } else if (scheme == "never") {
      prepend = Prepend::never;
    } else if (scheme != "always") {
      object.refuse("prepend_scheme", "must be always, first or never");
    }
  }
  if (object.has("add_prefix_space") && !object.flag("add_prefix_space")) {
    if (object.has("prepend_scheme") && prepend != Prepend::never)
      object.refuse("add_prefix_space", "does not go with prepend_scheme");
    prepend = Prepend::never;
  }
  read.steps.emplace_back([=](PieceList& list) { replace_spaces(list, replacement, prepend); });
  if (object.has("split") && !object.flag("split")) return;
  const char32_t delimiter = to_code_points(replacement).front();
  read.steps.emplace_back(
      split_at([=](char32_t code) { return code == delimiter; }, Behavior::merged_with_next));
}

constexpr std::string_view byte_level_words =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

void read_byte_level(const JsonObject& object, PreTokenizers& read) {
  object.allow_only({"type", "add_prefix_space", "trim_offsets", "use_regex"});
  if (object.flag("add_prefix_space")) read.steps.emplace_back(prepend_space);
  if (!object.has("use_regex") || object.flag("use_regex")) {
    read.steps.emplace_back(
        split_at_matches(RegularExpression(byte_level_words, object.file()), Behavior::isolated, false));
  }
  read.byte_level = true;
}

void read_split(const JsonObject& object, PreTokenizers& read) {
  object.allow_only({"type", "pattern", "behavior", "invert"});
  const JsonObject pattern = object.object("pattern");
  pattern.allow_only({"String", "Regex"});
  const bool literal = pattern.has("String");
  const std::string text = pattern.text(literal ? "String" : "Regex");
  if (text.empty()) object.refuse("pattern", "is empty");
  const std::string where = object.file() + ": pre_tokenizer";
  read.steps.emplace_back(
      split_at_matches(literal ? RegularExpression::literal(text, where) : RegularExpression(text, where),
                       behavior_of(object), object.flag("invert")));
}

void read_one(const JsonObject& object, PreTokenizers& read) {
  const std::string type = object.text("type");
  if (read.byte_level) object.refuse("type", "nothing may follow ByteLevel");
  if (type == "Sequence") {
    object.allow_only({"type", "pretokenizers"});
    if (!object.at("pretokenizers").is_array()) object.refuse("pretokenizers", "must be a list");
    for (const auto& value : object.at("pretokenizers"))
      read_one(JsonObject(value, object.file(), "pre_tokenizer.pretokenizers[]"), read);
  } else if (type == "BertPreTokenizer") {
    object.allow_only({"type"});
    read.steps.emplace_back(split_at(is_white_space, Behavior::removed));
    read.steps.emplace_back(split_at(is_punctuation, Behavior::isolated));
  } else if (type == "ByteLevel") {
    read_byte_level(object, read);
  } else if (type == "Metaspace") {
    read_metaspace(object, read);
  } else if (type == "Split") {
    read_split(object, read);
  } else if (type == "Whitespace") {
    object.allow_only({"type"});
    read.steps.emplace_back(split_whitespace);
  } else if (type == "WhitespaceSplit") {
    object.allow_only({"type"});
    read.steps.emplace_back(split_at(is_white_space, Behavior::removed));
  } else if (type == "Punctuation") {
    object.allow_only({"type", "behavior"});
    read.steps.emplace_back(
        split_at(is_punctuation, object.has("behavior") ? behavior_of(object) : Behavior::isolated));
  } else if (type == "Digits") {
    object.allow_only({"type", "individual_digits"});
    read.steps.emplace_back(
        split_at(is_numeric, object.flag("individual_digits") ? Behavior::isolated : Behavior::contiguous));
  } else {
    object.refuse("type", "is not supported");
  }
}

}  // namespace

PreTokenizers read_pre_tokenizers(const JsonObject& file) {
  PreTokenizers read;
  if (file.has("pre_tokenizer")) read_one(file.object("pre_tokenizer"), read);
  return read;
}

}  // namespace limner
