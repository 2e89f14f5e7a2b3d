// Limits for the moments in which no rank listens to another: until MPI has started, and after the last word.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace limner {

// A rank that is stopped then would hold the others for ever. When a limit is over, a message names the
// stopped rank with its host and process, where it can be seen: on this host, of the same job by its
// PMIX_NAMESPACE. When none is seen a second message, 4 s later, blames nobody. Both end this process with
// ExitCode::internal, and so the job. The ranks' limits end a second apart, up to 3 s late: the first one
// speaks, and Open MPI 4.1's mpirun may crash or wait for ever where all ranks end at once.
class JobLimit {
 public:
  JobLimit() = default;
  ~JobLimit() { lift(); }
  JobLimit(const JobLimit&) = delete;
  JobLimit& operator=(const JobLimit&) = delete;

  // MPI must start within 20 s where all ranks are on one host, 120 s where hosts may begin at different
  // times. Nothing without a launcher.
  void begin_start();
  void begin_end();  // all ranks must come to their end within 15 s; for more than one
  void lift();

 private:
  void begin(std::chrono::seconds limit, const char* phase, const char* call);
  void wait(std::chrono::seconds limit, const char* phase, const char* call);

  std::mutex mutex_;
  std::condition_variable changed_;
  bool lifted_ = false;
  std::thread thread_;
};

}  // namespace limner
