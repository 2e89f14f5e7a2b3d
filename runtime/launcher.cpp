#include "runtime/launcher.h"

#include <unistd.h>

#include <cstdlib>
#include <string>
#include <string_view>

#include "runtime/error.h"

namespace limner {
namespace {

bool any_variable_starts_with(std::string_view mark) {
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (std::string_view(*variable).starts_with(mark)) return true;
  }
  return false;
}

[[noreturn]] void refuse(const char* variable, int processes) {
  // Each of them comes here; the first one speaks.
  if (environment_count("SLURM_PROCID") > 0 || environment_count("PMI_RANK") > 0) {
    std::_Exit(static_cast<int>(ExitCode::usage));
  }
  fail(ExitCode::usage,
       "{} says that {} processes were started, but MPI sees only this one: start with `srun --mpi=pmix` or "
       "with the mpirun of the MPI that this program was built with",
       variable, processes);
}

}  // namespace

int environment_count(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr ? 0 : std::atoi(text);
}

bool started_by_launcher() {
  for (const char* mark : {"OMPI_COMM_WORLD_", "PMIX_", "PMI_", "SLURM_STEP_", "PALS_", "FLUX_TASK_"}) {
    if (any_variable_starts_with(mark)) return true;
  }
  return false;
}

void refuse_launcher_without_mpi() {
  const int tasks = environment_count("SLURM_STEP_NUM_TASKS");
  if (tasks <= 1 || std::getenv("OMPI_COMM_WORLD_SIZE") != nullptr) return;
  if (!any_variable_starts_with("PMIX_") && !any_variable_starts_with("PMI_")) {
    refuse("SLURM_STEP_NUM_TASKS", tasks);
  }
}

void refuse_singletons(int mpi_size) {
  if (mpi_size != 1) return;
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS", "PMI_SIZE"}) {
    const int started = environment_count(name);
    if (started > 1) refuse(name, started);
    if (started == 1) return;  // the nearest launcher knows best
  }
}

int unused_slurm_tasks() {
  const int tasks = environment_count("SLURM_NTASKS");
  return tasks > 1 && !started_by_launcher() ? tasks : 0;
}

}  // namespace limner
