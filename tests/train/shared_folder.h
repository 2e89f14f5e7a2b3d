// For tests run by several ranks: the ranks, and one folder for all of them.
#pragma once

#include <memory>

#include "runtime/communicator.h"
#include "tests/train/synthetic_run.h"

namespace limner::testing {

inline Communicator& world() {
  static Communicator communicator = Communicator::world(std::chrono::seconds(60));
  return communicator;
}

class SharedFolder {
 public:
  SharedFolder() {
    if (world().root()) folder_ = std::make_unique<TemporaryFolder>();
    path_ = folder_ ? folder_->path().string() : "";
    world().broadcast(path_, 0, "share a folder");
  }
  ~SharedFolder() { world().barrier("end of test"); }
  fs::path path() const { return path_; }

 private:
  std::unique_ptr<TemporaryFolder> folder_;
  std::string path_;
};

}  // namespace limner::testing
