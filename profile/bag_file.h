// Bags of words on disk: a rank reads its texts once for every pass, and memory holds one block at a time.
#pragma once

#include <filesystem>
#include <vector>

#include "profile/scratch_file.h"
#include "profile/vocabulary.h"

namespace limner {

class BagFile {
 public:
  explicit BagFile(const std::filesystem::path& folder) : file_(folder, "words") {}
  void append(const SparseRows& bags);  // the next block
  SparseRows read(int64_t block) const;
  int64_t blocks() const { return static_cast<int64_t>(starts_.size()) - 1; }

 private:
  ScratchFile file_;
  std::vector<int64_t> starts_{0};  // of each block and the end, in bytes
};

}  // namespace limner
