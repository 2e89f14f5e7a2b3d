#include "kernels/cuda/graphs.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <string_view>

#include "kernels/cuda/check_cuda.h"
#include "runtime/error.h"

namespace limner {
namespace {

constexpr size_t kMostKnown = 256;  // structures; a guess, their memory on a GPU is not measured yet

std::string_view content_of(const Piece& piece, const GatheredCall& call) {
  return {reinterpret_cast<const char*>(piece.content.data()) + call.begin, call.bytes};
}

bool equal(const dim3& a, const dim3& b) { return a.x == b.x && a.y == b.y && a.z == b.z; }

uint64_t hash_of(const Piece& piece) {
  uint64_t hash = piece.calls.size();
  const auto mix = [&](uint64_t value) {
    hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 32;
  };
  for (const GatheredCall& call : piece.calls) {
    mix(reinterpret_cast<uintptr_t>(call.make));
    if (call.arguments == nullptr) {
      mix(std::hash<std::string_view>()(content_of(piece, call)));
    } else {
      mix(reinterpret_cast<uintptr_t>(call.kernel));
      mix(uint64_t{call.block.x} << 32 | call.shared_bytes);
    }
  }
  return hash;
}

bool same_structure(const GatheredCall& a, const Piece& of_a, const GatheredCall& b, const Piece& of_b) {
  if (a.make != b.make || a.arguments != b.arguments || a.bytes != b.bytes) return false;
  if (a.arguments == nullptr) return content_of(of_a, a) == content_of(of_b, b);
  return a.kernel == b.kernel && equal(a.block, b.block) && a.shared_bytes == b.shared_bytes;
}

void make_calls(const Piece& piece, cudaStream_t stream) {
  for (const GatheredCall& call : piece.calls) call.make(call, piece.content.data() + call.begin, stream);
}

// A stream under capture, until end() or an error.
class Capture {
 public:
  explicit Capture(cudaStream_t stream) : stream_(stream) {
    // Other threads may allocate meanwhile.
    check_cuda(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  }
  ~Capture() {
    if (ended_) return;
    // An error is under way; what this one says adds nothing to it.
    cudaGraph_t unfinished = nullptr;
    static_cast<void>(cudaStreamEndCapture(stream_, &unfinished));
    if (unfinished != nullptr) static_cast<void>(cudaGraphDestroy(unfinished));
    static_cast<void>(cudaGetLastError());
  }
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  // The node that the last call became: the one that the next will wait for.
  cudaGraphNode_t last_node() const {
    cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
    const cudaGraphNode_t* nodes = nullptr;
    size_t count = 0;
    check_cuda(cudaStreamGetCaptureInfo(stream_, &status, nullptr, nullptr, &nodes, nullptr, &count));
    require(status == cudaStreamCaptureStatusActive && count == 1, "a captured kernel became {} nodes",
            count);
    return nodes[0];
  }
  cudaGraph_t end() {
    cudaGraph_t graph = nullptr;
    ended_ = true;
    check_cuda(cudaStreamEndCapture(stream_, &graph));
    return graph;
  }

 private:
  cudaStream_t stream_;
  bool ended_ = false;
};

}  // namespace

Graph::Graph(const Piece& piece, cudaStream_t stream) : piece_(piece) {
  Capture capture(stream);
  for (const GatheredCall& call : piece.calls) {
    call.make(call, piece.content.data() + call.begin, stream);
    nodes_.push_back(call.arguments == nullptr ? nullptr : capture.last_node());
  }
  graph_ = capture.end();
  cudaError_t status = cudaGraphInstantiate(&executable_, graph_, 0);
  if (status == cudaSuccess) status = cudaGraphUpload(executable_, stream);  // now, not in the first launch
  if (status == cudaSuccess) return;
  release();
  if (status == cudaErrorMemoryAllocation) {
    static_cast<void>(cudaGetLastError());
    throw OutOfMemory(fmt::format(
        "out of GPU memory for a CUDA graph of {} calls; set runtime.cuda_graphs to false, run fewer ranks "
        "on this GPU, or lower max_tokens_per_batch",
        piece.calls.size()));
  }
  check_cuda(status);
}

Graph::~Graph() { release(); }

void Graph::release() {
  // Only a broken device makes these fail, and then nothing is left to save.
  if (executable_ != nullptr) static_cast<void>(cudaGraphExecDestroy(executable_));
  if (graph_ != nullptr) static_cast<void>(cudaGraphDestroy(graph_));
}

bool Graph::fits(const Piece& piece) const {
  return std::equal(piece_.calls.begin(), piece_.calls.end(), piece.calls.begin(), piece.calls.end(),
                    [&](const GatheredCall& mine, const GatheredCall& wanted) {
                      return same_structure(mine, piece_, wanted, piece);
                    });
}

void Graph::set(const Piece& piece) {
  for (size_t i = 0; i < piece.calls.size(); ++i) {
    GatheredCall& mine = piece_.calls[i];
    const GatheredCall& wanted = piece.calls[i];
    if (wanted.arguments == nullptr) continue;
    if (equal(mine.grid, wanted.grid) && content_of(piece_, mine) == content_of(piece, wanted)) continue;
    const std::byte* const content = piece.content.data() + wanted.begin;
    std::array<void*, kMostArguments> arguments{};
    wanted.arguments(content, arguments.data());
    cudaKernelNodeParams parameters{};
    parameters.func = const_cast<void*>(wanted.kernel);
    parameters.gridDim = wanted.grid;
    parameters.blockDim = wanted.block;
    parameters.sharedMemBytes = static_cast<unsigned>(wanted.shared_bytes);
    parameters.kernelParams = arguments.data();
    check_cuda(cudaGraphExecKernelNodeSetParams(executable_, nodes_[i], &parameters), wanted.place);
    mine.grid = wanted.grid;
    std::memcpy(piece_.content.data() + mine.begin, content, wanted.bytes);
  }
}

void Graph::launch(cudaStream_t stream) const { check_cuda(cudaGraphLaunch(executable_, stream)); }

void GraphCache::run(const Piece& piece, cudaStream_t stream) {
  ++use_.pieces;
  const auto [place, is_new] = known_.try_emplace(hash_of(piece));
  Known& known = place->second;
  known.last_use = use_.pieces;
  if (is_new) {
    make_calls(piece, stream);
    forget_oldest();
    return;
  }
  if (!known.graph || !known.graph->fits(piece)) {
    known.graph.emplace(piece, stream);  // also in the place of one that has the same hash by chance
  } else {
    known.graph->set(piece);
    ++use_.replayed;
  }
  known.graph->launch(stream);
}

// A graph that still runs is freed by CUDA when it is done.
void GraphCache::forget_oldest() {
  if (known_.size() <= kMostKnown) return;
  const auto oldest = std::min_element(known_.begin(), known_.end(), [](const auto& a, const auto& b) {
    return a.second.last_use < b.second.last_use;
  });
  known_.erase(oldest);
}

}  // namespace limner
