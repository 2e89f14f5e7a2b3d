// Preloaded into a program: spoils one rank's gradients just before they are summed, through MPI's own
// interface for tools (PMPI). Gradients are the only floats that the program sums, one range a step in the
// small model of soak.
//
//   LIMNER_BAD_GRADIENTS=12:nan:0,15:inf:1,18:spike:0    step, what, rank
#include <mpi.h>

#include <atomic>
#include <cstdlib>
#include <limits>
#include <map>
#include <sstream>
#include <string>
#include <utility>

namespace {

constexpr float spike = 1e6f;  // beside norms near 1

using Plan = std::map<std::pair<long, int>, std::string>;

Plan read_plan() {
  Plan plan;
  const char* text = std::getenv("LIMNER_BAD_GRADIENTS");
  std::istringstream entries(text == nullptr ? "" : text);
  for (std::string entry; std::getline(entries, entry, ',');) {
    const size_t first = entry.find(':'), second = entry.rfind(':');
    plan[{std::stol(entry), std::stoi(entry.substr(second + 1))}] =
        entry.substr(first + 1, second - first - 1);
  }
  return plan;
}

void spoil(float& value, const std::string& kind) {
  if (kind == "nan") value = std::numeric_limits<float>::quiet_NaN();
  if (kind == "inf") value = std::numeric_limits<float>::infinity();
  if (kind == "spike") value += spike;
}

std::atomic<long> sums{0};

}  // namespace

extern "C" int MPI_Iallreduce(const void* send, void* receive, int count, MPI_Datatype type, MPI_Op operation,
                              MPI_Comm comm, MPI_Request* request) {
  static const Plan* const plan = new Plan(read_plan());
  if (type == MPI_FLOAT && count > 0) {
    int rank = 0;
    PMPI_Comm_rank(comm, &rank);
    const long step = ++sums;
    const auto found = plan->find({step, rank});
    if (found != plan->end()) spoil(static_cast<float*>(receive)[step % count], found->second);
  }
  return PMPI_Iallreduce(send, receive, count, type, operation, comm, request);
}
