# What the batch scripts share. A job gets USR1 before its time limit (--signal=B:USR1@120), hands it to all ranks, which save
# and end with 75, and queues itself again; after a lost node or preemption SLURM does so. Either way the same command goes on
# where it was.
#
#   LIMNER            the program (default: limner on the PATH)
#   LIMNER_LAUNCHER   srun (default) or mpirun, where srun has no PMIx (srun --mpi=list tells)

# In a subshell, which becomes the launcher: signals sent to it reach the ranks.
become_launcher() {
  if [ "${LIMNER_LAUNCHER:-srun}" = mpirun ]; then
    exec mpirun --bind-to none -n "$SLURM_NTASKS" "$@"
  fi
  # srun of some versions does not take the cores over from the job by itself.
  exec srun --mpi=pmix --kill-on-bad-exit=1 ${SLURM_CPUS_PER_TASK:+--cpus-per-task="$SLURM_CPUS_PER_TASK"} "$@"
}

# limner ARGUMENTS on all tasks of the job; ends the script.
run_job() {
  local job=${SLURM_JOB_ID} step='' asked_to_stop=no cancelled=no code=0
  if [ -n "${SLURM_ARRAY_JOB_ID:-}" ]; then job=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID; fi
  trap 'asked_to_stop=yes; [ -z "$step" ] || kill -USR1 "$step" 2> /dev/null' USR1 USR2
  trap 'cancelled=yes; [ -z "$step" ] || kill -TERM "$step" 2> /dev/null' TERM
  echo "$(date '+%F %T') job $SLURM_JOB_ID, start $((${SLURM_RESTART_COUNT:-0} + 1)), $SLURM_NTASKS tasks on $SLURM_JOB_NODELIST: limner $*"
  become_launcher "${LIMNER:-limner}" "$@" &
  step=$!
  # A trap ends `wait` early; the ranks may still be saving.
  while wait "$step"; code=$?; kill -0 "$step" 2> /dev/null; do :; done
  echo "$(date '+%F %T') job $SLURM_JOB_ID ended with $code"
  if [ "$cancelled" = no ] && { [ "$code" = 75 ] || { [ "$asked_to_stop" = yes ] && [ "$code" != 0 ]; }; }; then
    scontrol requeue "$job"
    sleep 60 # the requeue ends this script
  fi
  exit "$code"
}
