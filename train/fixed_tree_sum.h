// Sums gradients so that their bits do not depend on the number of ranks: the step is cut into a fixed number
// of leaves, each computed whole by one rank, and the leaves are added in one binary tree, whoever holds
// them. A node of more than one leaf is (largest power of two of them that is fewer) + (the rest).
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "kernels/backend.h"
#include "runtime/communicator.h"
#include "runtime/tensor.h"

namespace limner {

class FixedTreeSum {
 public:
  struct Range {
    int64_t first, count;
  };
  // gradients: f32, where the backend computes. The sums are made in host memory.
  FixedTreeSum(Backend& backend, const Communicator& ranks, Tensor gradients);

  Range own(int64_t leaves) const;  // this rank's; empty where there are more ranks than leaves
  // Calls compute(leaf) for each of this rank's leaves in order, with gradients of zero, to which it adds the
  // leaf's. Afterwards gradients is the sum of all leaves, the same bytes on every rank. All ranks together.
  void sum(int64_t leaves, const std::function<void(int64_t leaf)>& compute);

  // Host memory that sum() needs.
  static int64_t bytes(int64_t elements, int64_t leaves, int ranks);

 private:
  Backend& backend_;
  const Communicator& ranks_;
  Tensor gradients_;
  std::vector<float> sum_;                // of the node that was finished last
  std::vector<std::vector<float>> held_;  // left halves that wait for their right ones, by depth
  std::vector<int> owner_;                // rank of each leaf

  void add_node(int64_t begin, int64_t end, size_t depth, const std::function<void(int64_t)>& compute);
  void add(const std::vector<float>& other);
};

}  // namespace limner
