// How this process was started, told by the environment.
#pragma once

namespace limner {

// By mpirun, srun or the like. A program started by hand needs no MPI: Open MPI would start a daemon for it,
// look for ssh and take a second.
bool started_by_launcher();

// The classic mistake: a launcher started n processes, but none finds the others, and each would do the whole
// job and write the same files. Errors: ExitCode::usage, with the launchers that work.
void refuse_launcher_without_mpi();    // before MPI is started: srun without --mpi=pmix
void refuse_singletons(int mpi_size);  // afterwards: the mpirun of another MPI

// Tasks that SLURM gave to a batch job whose script called the program without srun or mpirun; else 0.
int unused_slurm_tasks();

int environment_count(const char* name);  // a number that a launcher gives; 0 without it

}  // namespace limner
