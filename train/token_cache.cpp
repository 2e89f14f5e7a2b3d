#include "train/token_cache.h"

#include <algorithm>
#include <cstring>

#include "runtime/error.h"
#include "runtime/interrupt.h"
#include "runtime/progress.h"

namespace limner {
namespace {

constexpr int64_t block_rows = 2048;  // of one rank, between two gathers
constexpr std::array<char, 8> magic{'L', 'M', 'N', 'R', 'T', 'O', 'K', '1'};

struct Footer {
  std::array<char, 8> magic;
  int64_t rows, tokens, truncated;
  std::array<char, 64> key;  // hexadecimal digits
};
static_assert(sizeof(Footer) == 96);

int64_t padded(int64_t bytes) { return (bytes + 7) / 8 * 8; }

template <class T>
std::string_view as_bytes(const T* data, size_t count) {
  return {reinterpret_cast<const char*>(data), count * sizeof(T)};
}

// False: too short, or not a file of this kind.
bool read_footer(std::string_view file, Footer& footer) {
  if (file.size() < sizeof footer) return false;
  std::memcpy(&footer, file.data() + file.size() - sizeof footer, sizeof footer);
  return footer.magic == magic && footer.rows >= 0 && footer.tokens >= 0 &&
         static_cast<int64_t>(file.size()) ==
             padded(footer.tokens * 4) + (footer.rows + 1) * 8 + static_cast<int64_t>(sizeof footer);
}

// One rank's block as it travels: truncated rows, lengths, ids.
struct Block {
  int64_t truncated = 0;
  std::vector<int32_t> lengths, ids;

  std::string serialize() const {
    const std::array<int64_t, 2> head{truncated, static_cast<int64_t>(lengths.size())};
    std::string bytes(as_bytes(head.data(), head.size()));
    bytes += as_bytes(lengths.data(), lengths.size());
    bytes += as_bytes(ids.data(), ids.size());
    return bytes;
  }
};

Block encode_block(const PreparedReader& prepared, const Tokenizer& tokenizer, int64_t max_length,
                   int threads, int64_t first) {
  Block block;
  const int64_t count = std::min(block_rows, prepared.rows() - first);
  if (count <= 0) return block;
  const auto rows = tokenizer.encode_all(prepared.texts(first, count), max_length, threads, &block.truncated);
  for (const std::vector<int32_t>& row : rows) {
    block.lengths.push_back(static_cast<int32_t>(row.size()));
    block.ids.insert(block.ids.end(), row.begin(), row.end());
  }
  return block;
}

// Rank 0's side: appends blocks in row order.
class CacheWriter {
 public:
  explicit CacheWriter(const fs::path& path) : file_(path) { offsets_.push_back(0); }

  void append(std::string_view block) {
    std::array<int64_t, 2> head{};
    std::memcpy(head.data(), block.data(), sizeof head);
    block.remove_prefix(sizeof head);
    std::vector<int32_t> lengths(static_cast<size_t>(head[1]));
    std::copy_n(block.data(), lengths.size() * sizeof(int32_t), reinterpret_cast<char*>(lengths.data()));
    block.remove_prefix(lengths.size() * sizeof(int32_t));
    for (const int32_t length : lengths) offsets_.push_back(offsets_.back() + length);
    truncated_ += head[0];
    file_.write(block);
  }

  void publish(const std::string& key) {
    const int64_t tokens = offsets_.back();
    file_.write(std::string(static_cast<size_t>(padded(tokens * 4) - tokens * 4), '\0'));
    file_.write(as_bytes(offsets_.data(), offsets_.size()));
    Footer footer{magic, static_cast<int64_t>(offsets_.size()) - 1, tokens, truncated_, {}};
    require(key.size() == footer.key.size(), "token cache key of {} digits", key.size());
    std::copy(key.begin(), key.end(), footer.key.begin());
    file_.write(as_bytes(&footer, 1));
    file_.publish();
  }

 private:
  FileWriter file_;
  std::vector<int64_t> offsets_;
  int64_t truncated_ = 0;
};

}  // namespace

std::string TokenCache::Key::digest() const {
  return sha256(fmt::format("{} {} {}", tokenizer_sha256, prepared_sha256, max_length));
}

bool TokenCache::is_current(const fs::path& path, const Key& key) {
  if (!fs::exists(path)) return false;
  const MappedFile file(path);
  Footer footer{};
  return read_footer(file.bytes(), footer) &&
         std::string_view(footer.key.data(), footer.key.size()) == key.digest();
}

void TokenCache::make(const fs::path& path, const Key& key, const PreparedReader& prepared,
                      const Tokenizer& tokenizer, const Communicator& ranks, int threads,
                      const std::function<bool()>& stop) {
  int current = ranks.root() && is_current(path, key) ? 1 : 0;
  ranks.broadcast_value(current, 0, "share whether the tokens are there");
  if (current != 0) return;
  std::unique_ptr<CacheWriter> writer = ranks.root() ? std::make_unique<CacheWriter>(path) : nullptr;
  Progress progress("tokenize", prepared.rows(), "rows", ranks.root());
  for (int64_t first = 0; first < prepared.rows(); first += block_rows * ranks.size()) {
    if (ranks.any(stop(), "agree on stopping")) interrupted("train");
    const Block block =
        encode_block(prepared, tokenizer, key.max_length, threads, first + ranks.rank() * block_rows);
    for (const std::string& part : ranks.gather(block.serialize(), 0, "gather tokens")) writer->append(part);
    progress.update(std::min(prepared.rows(), first + block_rows * ranks.size()));
  }
  if (writer) writer->publish(key.digest());
  ranks.barrier("publish the tokens");
}

TokenCache::TokenCache(const fs::path& path) : map_(std::make_unique<MappedFile>(path)) {
  const std::string_view bytes = map_->bytes();
  Footer footer{};
  if (!read_footer(bytes, footer)) {
    fail(ExitCode::bad_data, "{}: not a whole file of tokens; remove it and run `limner train` again",
         path.string());
  }
  ids_ = {reinterpret_cast<const int32_t*>(bytes.data()), static_cast<size_t>(footer.tokens)};
  offsets_ = {reinterpret_cast<const int64_t*>(bytes.data() + padded(footer.tokens * 4)),
              static_cast<size_t>(footer.rows + 1)};
  truncated_ = footer.truncated;
}

std::span<const int32_t> TokenCache::row(int64_t index) const {
  const auto begin = static_cast<size_t>(offsets_[static_cast<size_t>(index)]);
  const auto end = static_cast<size_t>(offsets_[static_cast<size_t>(index) + 1]);
  return ids_.subspan(begin, end - begin);
}

}  // namespace limner
