// Bags of words on disk: a rank reads its texts once for every pass, and memory holds one block at a time.
#pragma once

#include <filesystem>
#include <vector>

#include "profile/vocabulary.h"

namespace limner {

// A scratch file without a name, gone with the process. Errors: the disk is full (io).
class BagFile {
 public:
  explicit BagFile(const std::filesystem::path& folder);
  ~BagFile();
  BagFile(const BagFile&) = delete;
  BagFile& operator=(const BagFile&) = delete;
  void append(const SparseRows& bags);  // the next block
  SparseRows read(int64_t block) const;
  int64_t blocks() const { return static_cast<int64_t>(starts_.size()) - 1; }

 private:
  int descriptor_ = -1;
  std::vector<int64_t> starts_{0};  // of each block and the end, in bytes
};

}  // namespace limner
