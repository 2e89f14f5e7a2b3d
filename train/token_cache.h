// The tokens of all prepared rows, made once, in one file that every rank maps read-only: epochs cost no
// tokenizing, and memory stays bounded whatever the size of the table.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/communicator.h"
#include "runtime/files.h"
#include "tables/prepared.h"
#include "text/tokenizer.h"

namespace limner {

// The file, in this machine's byte order: int32 ids of row 0, of row 1, …; zeros up to a multiple of 8 bytes;
// int64 offsets [rows + 1] in ids; a footer with counts and the key.
class TokenCache {
 public:
  // What decides the tokens.
  struct Key {
    std::string tokenizer_sha256, prepared_sha256;
    int64_t max_length = 0;
    std::string digest() const;
  };

  // Ranks tokenize row blocks in turn and rank 0 writes them, unless the file stands there with this key
  // already. All ranks together. `stop` is asked between blocks; true on any rank: interrupted("train").
  static void make(const std::filesystem::path& path, const Key& key, const PreparedReader& prepared,
                   const Tokenizer& tokenizer, const Communicator& ranks, int threads,
                   const std::function<bool()>& stop);
  static bool is_current(const std::filesystem::path& path, const Key& key);

  explicit TokenCache(const std::filesystem::path& path);  // torn or foreign: bad_data
  int64_t rows() const { return static_cast<int64_t>(offsets_.size()) - 1; }
  int64_t tokens() const { return offsets_.back(); }
  int64_t truncated() const { return truncated_; }  // rows that were cut to max_length
  int64_t bytes() const { return static_cast<int64_t>(map_->bytes().size()); }
  std::span<const int32_t> row(int64_t index) const;
  int32_t length(int64_t index) const { return static_cast<int32_t>(row(index).size()); }

 private:
  std::unique_ptr<MappedFile> map_;
  std::span<const int32_t> ids_;
  std::span<const int64_t> offsets_;
  int64_t truncated_ = 0;
};

}  // namespace limner
