#!/usr/bin/env bash
# Queues prepare, train, extract and profile, each after the one before; prints the numbers of the jobs.
#
#   slurm/pipeline.sh CONFIG [key.path=value ...]
#
#   TRAIN_OPTIONS     sbatch's options for training, such as "--nodes=4 --ntasks-per-node=8 --gpus-per-node=8"
#   EXTRACT_OPTIONS   for extraction, such as "--array=0-15 --gpus-per-node=1"
#   JOB_OPTIONS       for every job, such as "--account=NAME --partition=NAME"
set -euo pipefail
if [ $# = 0 ]; then sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 64; fi
LIMNER_SLURM=$(cd "$(dirname "$0")" && pwd)
export LIMNER_SLURM
# Options hold several words on purpose.
# shellcheck disable=SC2086
submit() { sbatch --parsable --kill-on-invalid-dep=yes ${JOB_OPTIONS:-} "$@"; }
prepare=$(submit --job-name=limner-prepare "$LIMNER_SLURM/stage.sbatch" prepare "$@")
# shellcheck disable=SC2086
train=$(submit --dependency="afterok:$prepare" ${TRAIN_OPTIONS:-} "$LIMNER_SLURM/train.sbatch" "$@")
# shellcheck disable=SC2086
extract=$(submit --dependency="afterok:$train" ${EXTRACT_OPTIONS:-} "$LIMNER_SLURM/extract.sbatch" "$@")
profile=$(submit --dependency="afterok:$extract" --job-name=limner-profile "$LIMNER_SLURM/stage.sbatch" profile "$@")
echo "prepare $prepare"
echo "train $train"
echo "extract $extract"
echo "profile $profile"
