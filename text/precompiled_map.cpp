#include "text/precompiled_map.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cstring>

#include "runtime/error.h"
#include "text/graphemes.h"
#include "text/utf8.h"

namespace limner {
namespace {

// A unit of the double array (Darts-clone): label, offset to the children, and whether a value follows.
bool has_value(uint32_t unit) { return ((unit >> 8) & 1) != 0; }
uint32_t value_of(uint32_t unit) { return unit & 0x7FFFFFFFu; }
uint32_t label_of(uint32_t unit) { return unit & 0x800000FFu; }
uint32_t offset_of(uint32_t unit) { return (unit >> 10) << ((unit & (1u << 9)) >> 6); }

constexpr size_t longest_sequence = 5;  // bytes of a cluster that is looked up as a whole

// As `tokenizers` aligns a replacement: what is inserted stands behind, what vanishes goes with the last.
void append_replacement(std::vector<Change>& changes, size_t old_count, const std::u32string& replacement) {
  for (size_t index = 0; index < replacement.size(); ++index)
    changes.push_back({replacement[index], index < old_count ? 0 : 1});
  if (replacement.size() < old_count && !changes.empty())
    changes.back().change -= static_cast<int32_t>(old_count - replacement.size());
}

}  // namespace

PrecompiledMap::PrecompiledMap(std::string_view bytes, const std::string& where) : ascii_(0x80) {
  uint32_t size = 0;
  if (bytes.size() >= sizeof size) std::memcpy(&size, bytes.data(), sizeof size);
  if (size == 0 || size % sizeof(uint32_t) != 0 || size > bytes.size() - sizeof size)
    fail(ExitCode::bad_data, "{}: not a map of SentencePiece: {} bytes, a trie of {}", where, bytes.size(),
         size);
  units_.resize(size / sizeof(uint32_t));
  std::memcpy(units_.data(), bytes.data() + sizeof size, size);
  texts_ = bytes.substr(sizeof size + size);
  if (!is_valid_utf8(texts_)) fail(ExitCode::bad_data, "{}: its texts are not UTF-8", where);
  for (char code = 1; code > 0; ++code) ascii_[static_cast<size_t>(code)] = replacement({&code, 1});
}

// The text for the shortest sequence of the map that this one begins with: not the longest, as `tokenizers`
// has it.
std::optional<std::u32string> PrecompiledMap::replacement(std::string_view sequence) const {
  size_t node = offset_of(units_[0]);
  for (const char byte : sequence) {
    const auto label = static_cast<uint8_t>(byte);
    if (label == 0) return {};
    node ^= label;
    if (node >= units_.size() || label_of(units_[node]) != label) return {};
    const uint32_t unit = units_[node];
    node ^= offset_of(unit);
    if (!has_value(unit) || node >= units_.size()) continue;
    const size_t begin = value_of(units_[node]);
    if (begin > texts_.size()) return {};
    return to_code_points(std::string_view(texts_).substr(begin, texts_.find('\0', begin) - begin));
  }
  return {};
}

void PrecompiledMap::normalize(AlignedText& text) const {
  if (text.open) {
    // A cluster that a basic letter or sign begins, behind another one, begins whatever follows.
    size_t end = text.codes.size();
    const auto is_basic = [&](size_t index) { return text.codes[index] > 0x20 && text.codes[index] < 0x7F; };
    while (end > 1 && !(is_basic(end - 1) && is_basic(end - 2))) --end;
    text.cut(end <= 1 ? 0 : end - 1);
  }
  std::vector<Change> changes;
  changes.reserve(text.codes.size() + 16);
  bool changed = false;
  const auto replace = [&](const std::optional<std::u32string>& by, size_t old_count) {
    if (!by) return false;
    append_replacement(changes, old_count, *by);
    changed = true;
    return true;
  };
  std::string bytes;
  for (size_t begin = 0; begin < text.codes.size();) {
    const char32_t code = text.codes[begin];
    const bool alone = begin + 1 == text.codes.size() || text.codes[begin + 1] < 0x80;
    if (code < 0x80 && code != U'\r' && alone) {
      if (!replace(ascii_[code], 1)) changes.push_back({code, 0});
      ++begin;
      continue;
    }
    const size_t end = grapheme_end(text.codes, begin);
    bytes.clear();
    for (size_t index = begin; index < end && bytes.size() <= longest_sequence; ++index)
      append_utf8(bytes, text.codes[index]);
    if (bytes.size() > longest_sequence || !replace(replacement(bytes), end - begin)) {
      for (size_t index = begin; index < end; ++index) {
        bytes.clear();
        append_utf8(bytes, text.codes[index]);
        if (!replace(replacement(bytes), 1)) changes.push_back({text.codes[index], 0});
      }
    }
    begin = end;
  }
  if (changed) transform(text, changes);
}

std::string decode_base64(std::string_view text, const std::string& where) {
  std::string bytes(text.size() / 4 * 3, '\0');
  const int size =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (size < 0 || text.size() % 4 != 0) fail(ExitCode::bad_data, "{}: not base64", where);
  const auto padding =
      static_cast<size_t>(std::count(text.end() - std::min<int64_t>(2, std::ssize(text)), text.end(), '='));
  bytes.resize(static_cast<size_t>(size) - padding);
  return bytes;
}

std::string encode_base64(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  text.resize(static_cast<size_t>(EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                                  reinterpret_cast<const unsigned char*>(bytes.data()),
                                                  static_cast<int>(bytes.size()))));
  return text;
}

}  // namespace limner
