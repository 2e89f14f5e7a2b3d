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

// From here until end_start_limit() MPI must start: a rank that is stopped meanwhile would hold the others
// for ever, and nobody listens to it yet. Too long: a message, and the process ends with ExitCode::internal,
// which ends the job. 20 s where all ranks are on one host, 120 s where hosts may begin at different times,
// up to 3 s more on some ranks; nothing without a launcher.
void begin_start_limit();
void end_start_limit();

}  // namespace limner
