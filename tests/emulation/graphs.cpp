// CUDA graphs: what a stream under capture is given becomes a chain of nodes, with the parameters of that
// moment. What CUDA forbids meanwhile is refused with its error, and makes the capture invalid. Forks, events
// and NCCL under capture are not emulated.
#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "tests/emulation/block.h"
#include "tests/emulation/runtime.h"

struct CUgraphNode_st {
  emulation::Task task;
};
struct CUgraph_st {
  std::vector<std::unique_ptr<CUgraphNode_st>> nodes;  // in the order in which they run
};
struct CUgraphExec_st {
  std::vector<std::pair<const CUgraphNode_st*, emulation::Task>> tasks;  // of the graph's nodes
  size_t bytes = 0;  // of device memory; 0 before it is uploaded
};

namespace {

constexpr size_t kNodeBytes = 1024;  // of device memory; what a GPU takes is not known

struct Capture {
  cudaStreamCaptureMode mode;
  std::thread::id thread;
  std::unique_ptr<CUgraph_st> graph = std::make_unique<CUgraph_st>();
  cudaGraphNode_t last = nullptr;
  bool valid = true;

  // Are calls that might wait for the captured stream forbidden to the calling thread?
  bool forbids() const {
    return mode == cudaStreamCaptureModeGlobal ||
           (mode == cudaStreamCaptureModeThreadLocal && thread == std::this_thread::get_id());
  }
};

struct Captures {
  std::recursive_mutex mutex;
  std::map<cudaStream_t, Capture> streams;
};
Captures& captures() {
  static auto* one = new Captures;  // outlives every owner of device memory
  return *one;
}

}  // namespace

namespace emulation {

bool is_captured(cudaStream_t stream) {
  const std::lock_guard lock(captures().mutex);
  const auto& streams = captures().streams;
  if (stream != nullptr) return streams.contains(stream);
  return std::any_of(streams.begin(), streams.end(),
                     [](const auto& one) { return is_ordered_with_default(one.first); });
}

cudaError_t capture(cudaStream_t stream, Task task) {
  const std::lock_guard lock(captures().mutex);
  if (stream == nullptr) return refused_by_capture(cudaErrorStreamCaptureImplicit);
  Capture& mine = captures().streams.at(stream);
  if (!mine.valid) return cudaErrorStreamCaptureInvalidated;
  mine.graph->nodes.push_back(std::make_unique<CUgraphNode_st>(CUgraphNode_st{std::move(task)}));
  mine.last = mine.graph->nodes.back().get();
  return cudaSuccess;
}

cudaError_t refused_by_capture(cudaError_t error) {
  const std::lock_guard lock(captures().mutex);
  bool refused = false;
  for (auto& [stream, one] : captures().streams) {
    if (!one.forbids()) continue;
    one.valid = false;
    refused = true;
  }
  return refused ? error : cudaSuccess;
}

}  // namespace emulation

extern "C" {

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  const std::lock_guard lock(captures().mutex);
  if (stream == nullptr) return cudaErrorStreamCaptureUnsupported;
  if (captures().streams.contains(stream)) return cudaErrorIllegalState;
  captures().streams.emplace(stream, Capture{mode, std::this_thread::get_id()});
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  const std::lock_guard lock(captures().mutex);
  *graph = nullptr;
  const auto found = captures().streams.find(stream);
  if (found == captures().streams.end()) return cudaErrorIllegalState;
  if (found->second.mode != cudaStreamCaptureModeRelaxed &&
      found->second.thread != std::this_thread::get_id()) {
    return cudaErrorStreamCaptureWrongThread;
  }
  const bool valid = found->second.valid;
  if (valid) *graph = found->second.graph.release();
  captures().streams.erase(found);
  return valid ? cudaSuccess : cudaErrorStreamCaptureInvalidated;
}

cudaError_t cudaStreamGetCaptureInfo(cudaStream_t stream, cudaStreamCaptureStatus* status,
                                     unsigned long long* id, cudaGraph_t* graph, const cudaGraphNode_t** last,
                                     const cudaGraphEdgeData** edges, size_t* count) {
  const std::lock_guard lock(captures().mutex);
  if (id != nullptr || graph != nullptr || edges != nullptr)
    emulation::fail("not emulated: who captures what");
  const auto found = captures().streams.find(stream);
  if (found == captures().streams.end()) {
    *status = cudaStreamCaptureStatusNone;
    return cudaSuccess;
  }
  Capture& mine = found->second;
  *status = mine.valid ? cudaStreamCaptureStatusActive : cudaStreamCaptureStatusInvalidated;
  *last = &mine.last;
  *count = mine.last == nullptr ? 0 : 1;
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long) {
  auto made = std::make_unique<CUgraphExec_st>();
  for (const auto& node : graph->nodes) made->tasks.emplace_back(node.get(), node->task);
  *executable = made.release();
  return cudaSuccess;
}

cudaError_t cudaGraphUpload(cudaGraphExec_t executable, cudaStream_t) {
  if (executable->bytes > 0) return cudaSuccess;
  const size_t bytes = executable->tasks.size() * kNodeBytes;
  if (!emulation::take_device_memory(bytes)) return emulation::remember(cudaErrorMemoryAllocation);
  executable->bytes = bytes;
  return cudaSuccess;
}

cudaError_t cudaGraphExecKernelNodeSetParams(cudaGraphExec_t executable, cudaGraphNode_t node,
                                             const cudaKernelNodeParams* parameters) {
  const auto found = std::find_if(executable->tasks.begin(), executable->tasks.end(),
                                  [&](const auto& one) { return one.first == node; });
  if (found == executable->tasks.end() || found->second.kernel == nullptr) return cudaErrorInvalidValue;
  const auto change = found->second.change;  // it replaces the task that it is part of
  return change(found->second, *parameters);
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  if (emulation::is_captured(stream)) emulation::fail("graphs in graphs are not emulated");
  if (const cudaError_t refused = cudaGraphUpload(executable, stream)) return refused;
  for (const auto& [node, task] : executable->tasks) {
    if (task.kernel != nullptr && emulation::launch_fails()) return cudaErrorLaunchFailure;
    emulation::enqueue(stream, task);
  }
  return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  emulation::give_device_memory_back(executable->bytes);
  delete executable;
  return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}
}
