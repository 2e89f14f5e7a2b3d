// Pieces of work as CUDA graphs, kept for when the same piece comes again with other arguments.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "kernels/backend.h"
#include "kernels/cuda/piece.h"

namespace limner {

// One piece's calls as nodes. Kernels may get another grid and other arguments, nothing else may change.
class Graph {
 public:
  // Makes the calls under capture: nothing runs. `stream` is as before, whether it succeeds or not.
  Graph(const Piece& piece, cudaStream_t stream);
  ~Graph();
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  // Does the piece differ in nothing but grids and arguments of kernels?
  bool fits(const Piece& piece) const;
  // Compares these with the piece's, one by one, and sets what differs. Launches under way are not touched.
  void set(const Piece& piece);
  void launch(cudaStream_t stream) const;

 private:
  void release();

  Piece piece_;  // as the nodes have it
  std::vector<cudaGraphNode_t> nodes_;
  cudaGraph_t graph_ = nullptr;
  cudaGraphExec_t executable_ = nullptr;
};

// A piece's structure is all of it but grids and arguments of kernels.
class GraphCache {
 public:
  // Does what the piece says. A structure that was not seen before: by its calls, which also load the
  // kernels' code, as capturing may not; the second time a graph is made; from then on it is launched.
  void run(const Piece& piece, cudaStream_t stream);
  GraphUse use() const { return use_; }

 private:
  struct Known {
    std::optional<Graph> graph;
    int64_t last_use = 0;
  };
  void forget_oldest();

  std::unordered_map<uint64_t, Known> known_;  // by the structure's hash
  GraphUse use_;
};

}  // namespace limner
