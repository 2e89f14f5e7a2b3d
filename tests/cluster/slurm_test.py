#!/usr/bin/env python3
"""The batch scripts on a real SLURM that this test starts: training and extraction are disturbed as schedulers do, and must
end by themselves with the bytes of an undisturbed run.

    slurm_test.py LIMNER SOURCE [--cycles N] [--time-limit]

--cycles      disturbances of training and of extraction each (default 3)
--time-limit  also wait for a real time limit of a minute
"""
import argparse
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from private_slurm import PrivateSlurm, missing_programs

SKIPPED = 77
ENDED = {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY"}
TASKS = 2  # of training: its sums depend on their number
OVERRIDES = [
    "run.directory=run", "runtime.device=cpu", "runtime.precision=f32", "runtime.threads=1",
    "model.architecture.layers=1", "model.architecture.hidden=64", "model.architecture.heads=2",
    "model.architecture.inner=128", "model.vocabulary.size=1000", "train.max_steps=150",
    "train.max_tokens_per_batch=512", "train.save_steps=20", "train.eval_steps=50", "extract.rows_per_shard=128",
    "profile.segments.k=3",
]


# Says what is saved, then becomes the program.
WATCHED = """#!/bin/sh
saved=$(for file in run/checkpoints/step-*/checksums.json; do expr "$file" : '.*step-0*\\([0-9]*\\)/'; done 2>/dev/null | sort -n | tail -1)
echo "saved: step ${saved:-0}, $(ls run/embeddings/shards 2>/dev/null | grep -c 'h5$') shards" >&2
exec "LIMNER" "$@"
"""


class SlurmTest:
    def __init__(self, slurm, limner, source, folder, dice):
        self.slurm, self.limner, self.source, self.folder, self.dice = slurm, limner, source, folder, dice
        self.config = source / "configs" / "demo.yaml"
        watched = folder / "limner"
        watched.write_text(WATCHED.replace("LIMNER", str(limner)))
        watched.chmod(0o755)
        self.environment = {"LIMNER": str(watched), "OMP_NUM_THREADS": "1", "OMPI_MCA_rmaps_base_oversubscribe": "1",
                            "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}

    def limner_here(self, place, stage, ranks, *more):
        launch = ["mpirun", "--oversubscribe", "--bind-to", "none", "-n", str(ranks)] if ranks > 1 else []
        subprocess.run(launch + [str(self.limner), stage, str(self.config)] + OVERRIDES + list(more), cwd=place, check=True,
                       env=dict(os.environ, **self.environment), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def make_reference(self):
        subprocess.run([str(self.limner), "demo-data", str(self.folder / "data/demo"), "customers=600"], check=True,
                       stdout=subprocess.DEVNULL)
        for name in ["reference", "work"]:
            (self.folder / name).mkdir()
            (self.folder / name / "data").symlink_to(self.folder / "data")
        self.reference, self.work = self.folder / "reference", self.folder / "work"
        begun = time.monotonic()
        for stage, ranks in [("prepare", 1), ("train", TASKS), ("extract", 1), ("profile", 1)]:
            self.limner_here(self.reference, stage, ranks)
        print(f"undisturbed run: {time.monotonic() - begun:.1f} s", flush=True)

    def submit(self, script, *options, more=()):
        return self.slurm.call("sbatch", "--parsable", *options, self.source / "slurm" / script, self.config, *OVERRIDES, *more,
                               cwd=self.work, environment=self.environment)

    def logs(self):
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.work.glob("*.out")))

    def expect_completed(self, job, seconds=300):
        jobs = self.slurm.wait(job, ENDED, seconds)
        if any(state != "COMPLETED" for state, _ in jobs):
            raise AssertionError(f"job {job} ended as {jobs}:\n{self.logs()}")
        return jobs

    def expect_same(self, *patterns):
        for pattern in patterns:
            wanted = {path.relative_to(self.reference): path for path in self.reference.glob("run/" + pattern)}
            found = {path.relative_to(self.work): path for path in self.work.glob("run/" + pattern)}
            if not wanted or set(wanted) != set(found):
                raise AssertionError(f"{pattern}: {sorted(map(str, set(wanted) ^ set(found)))} in one run only\n{self.logs()}")
            for name, path in wanted.items():
                if path.read_bytes() != found[name].read_bytes():
                    raise AssertionError(f"{name}: other bytes than in the undisturbed run")

    def node_fails(self, job):
        """A node of the job goes down and comes back."""
        nodes = self.slurm.call("squeue", "-h", "-j", job, "-o", "%N").split()
        if not nodes:
            return False
        node = self.slurm.call("scontrol", "show", "hostnames", nodes[0]).split()[0]
        self.slurm.call("scontrol", "update", f"nodename={node}", "state=down", "reason=test")
        self.slurm.call("scontrol", "update", f"nodename={node}", "state=resume")
        return True

    def signal_before_limit(self, job):
        """What SLURM does before the time limit."""
        self.slurm.call("scancel", "-s", "USR1", "-b", job)
        return True

    def disturb(self, job, kind):
        """Waits until the job computes, then disturbs it."""
        deadline = time.monotonic() + 60
        while not any(state == "RUNNING" for state, _ in self.slurm.jobs(job)) or self.logs().count("start ") == 0:
            if all(state in ENDED for state, _ in self.slurm.jobs(job)) or time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        time.sleep(self.dice.uniform(0.3, 2.5))
        try:
            return kind(job)
        except RuntimeError:
            return False  # it has just ended

    def wait_for_new_start(self, job, before, seconds=60):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            jobs = self.slurm.jobs(job)
            if sum(restarts for _, restarts in jobs) > before or all(state in ENDED for state, _ in jobs):
                return
            time.sleep(0.1)
        raise AssertionError(f"job {job} was disturbed and not queued again: {self.slurm.jobs(job)}\n{self.logs()}")

    def cycles(self, job, count):
        """Disturbs a job up to `count` times; returns how often it was started anew."""
        for cycle in range(count):
            before = sum(restarts for _, restarts in self.slurm.jobs(job))
            if not self.disturb(job, self.node_fails if cycle % 3 == 2 else self.signal_before_limit):
                break
            self.wait_for_new_start(job, before)
        return sum(restarts for _, restarts in self.expect_completed(job))

    def last_checkpoint(self):
        """Of the undisturbed run; an interrupted one leaves others before it."""
        last = max((self.reference / "run" / "checkpoints").glob("step-*")).name
        return [f"checkpoints/{last}/model.safetensors", f"checkpoints/{last}/limner_state/optimizer.safetensors"]

    def expect_nothing_twice(self):
        """Every start went on from the newest save; returns the steps that training went on after."""
        step = shards = 0
        steps = []
        for line in self.logs().splitlines():
            if saved := re.match(r"saved: step (\d+), (\d+) shards", line):
                step, shards = int(saved[1]), int(saved[2])
            elif again := re.search(r"train: going on after step (\d+)", line):
                steps.append(int(again[1]))
                if steps[-1] != step:
                    raise AssertionError(f"training went on after step {steps[-1]}; step {step} was saved\n{self.logs()}")
            elif again := re.search(r"rows in (\d+) shards, (\d+) to do", line):
                if int(again[1]) - int(again[2]) != shards:
                    raise AssertionError(f"{again[2]} of {again[1]} shards to do; {shards} were there\n{self.logs()}")
        return steps

    def training(self, count):
        restarts, steps = 0, []
        while restarts < count:
            shutil.rmtree(self.work / "run" / "checkpoints", ignore_errors=True)
            shutil.rmtree(self.work / "run" / "train", ignore_errors=True)
            for old in self.work.glob("*.out"):
                old.unlink()
            job = self.submit("train.sbatch", "--nodes=2", "--ntasks-per-node=1")
            restarts += self.cycles(job, count - restarts)
            self.expect_same("checkpoints/best/model.safetensors", *self.last_checkpoint())
            steps += self.expect_nothing_twice()
        print(f"training: started anew {restarts} times, each from the newest save (steps {min(steps, default=0)} to "
              f"{max(steps, default=0)}); weights and moments as undisturbed", flush=True)

    def extraction(self, count):
        restarts = jobs = 0
        while restarts < count or jobs < 2:
            options = [["--nodes=2", "--ntasks-per-node=1"], ["--array=0-2", "--ntasks=1"]][jobs % 2]
            jobs += 1
            shutil.rmtree(self.work / "run" / "embeddings", ignore_errors=True)
            for old in self.work.glob("*.out"):
                old.unlink()
            job = self.submit("extract.sbatch", *options)
            restarts += self.cycles(job, count - restarts)
            self.expect_same("embeddings/*.*", "embeddings/shards/*")
            if "--array" not in options[0]:  # whose tasks write while others begin
                self.expect_nothing_twice()
        print(f"extraction: {jobs} jobs, every other an array of 3, started anew {restarts} times; bytes as undisturbed", flush=True)

    def pipeline(self):
        """Dependencies; mpirun in place of srun; a failed stage takes the rest of the queue along."""
        shutil.rmtree(self.work / "run")
        numbers = self.slurm.call(self.source / "slurm" / "pipeline.sh", self.config, *OVERRIDES, cwd=self.work,
                                  environment=dict(self.environment, TRAIN_OPTIONS=f"--ntasks-per-node={TASKS}", LIMNER_LAUNCHER="mpirun",
                                                   EXTRACT_OPTIONS="--array=0-1"))
        for line in numbers.splitlines():
            self.expect_completed(line.split()[1])
        self.expect_same("embeddings/shards/*", "profile/profiles.*")
        wrong = self.slurm.call(self.source / "slurm" / "pipeline.sh", self.config, *OVERRIDES, "model.checkpoint=nowhere",
                                cwd=self.work, environment=self.environment)
        jobs = [line.split()[1] for line in wrong.splitlines()]
        states = [self.slurm.wait(job, ENDED, 120)[0][0] for job in jobs]
        if states != ["COMPLETED", "FAILED", "CANCELLED", "CANCELLED"]:
            raise AssertionError(f"a training that fails: {states}")
        print("pipeline: four jobs by dependencies, bytes as undisturbed; after a failed one the rest is cancelled", flush=True)

    def sweep(self):
        (self.work / "grid.yaml").write_text("train.learning_rate: [1e-3, 2e-3]\n")
        job = self.slurm.call("sbatch", "--parsable", "--array=0-1", "--ntasks=1", self.source / "slurm" / "sweep.sbatch", "sweep",
                              "grid.yaml", self.config, *OVERRIDES, "train.max_steps=20", cwd=self.work,
                              environment=self.environment)
        self.expect_completed(job)
        table = subprocess.run([str(self.limner), "compare", "sweep/0", "sweep/1"], cwd=self.work, check=True,
                               capture_output=True, text=True).stdout.splitlines()
        if [row.split()[:2] for row in table] != [["run", "train.learning_rate"], ["sweep/0", "0.001"], ["sweep/1", "0.002"]]:
            raise AssertionError("\n".join(table))
        print("sweep: two runs of a grid as an array, compared", flush=True)

    def cancelled(self):
        """scancel ends a job for good, within seconds and without a half-written file; the same command goes on."""
        shutil.rmtree(self.work / "run" / "embeddings", ignore_errors=True)
        job = self.submit("extract.sbatch", "--nodes=2", "--ntasks-per-node=1")
        self.disturb(job, lambda number: self.slurm.call("scancel", number) is not None)
        self.slurm.wait(job, ENDED, 30)
        job = self.submit("extract.sbatch", "--ntasks=1")
        self.expect_completed(job)
        self.expect_same("embeddings/*.*", "embeddings/shards/*")
        print("scancel: the job ends; submitted again it goes on to the same bytes", flush=True)

    def without_pmix(self):
        """srun that starts singletons is explained."""
        shell = ["srun", "--mpi=none", "--ntasks=2", str(self.limner), "train", str(self.config)] + OVERRIDES
        result = subprocess.run(shell, cwd=self.work, env=dict(self.slurm.environment, **self.environment), text=True,
                                capture_output=True)
        if result.returncode != 64 or result.stderr.count("srun --mpi=pmix") != 1:
            raise AssertionError(f"srun --mpi=none ended with {result.returncode}:\n{result.stderr}")
        print("srun --mpi=none: refused with the way that works", flush=True)

    def time_limit(self):
        """A training of more than the minute that is the least limit, in a run of its own."""
        long = ["train.max_steps=8000", "train.save_steps=500", "train.eval_steps=2000"]
        for place in [self.reference, self.work]:
            for part in ["checkpoints", "train"]:
                shutil.rmtree(place / "run" / part)
        for old in self.work.glob("*.out"):
            old.unlink()
        begun = time.monotonic()
        self.limner_here(self.reference, "train", TASKS, *long)
        seconds = time.monotonic() - begun
        job = self.submit("train.sbatch", f"--ntasks-per-node={TASKS}", "--time=1", "--signal=B:USR1@20", more=long)
        jobs = self.expect_completed(job, 1800)
        self.expect_same("checkpoints/best/model.safetensors", *self.last_checkpoint())
        self.expect_nothing_twice()
        if jobs[0][1] == 0:
            raise AssertionError(f"a training of {seconds:.0f} s met no limit of a minute:\n{self.logs()}")
        print(f"time limit: a training of {seconds:.0f} s, a minute a job, started anew {jobs[0][1]} times; weights and moments as "
              "undisturbed", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("limner", type=Path)
    parser.add_argument("source", type=Path)
    parser.add_argument("--cycles", type=int, default=3)
    parser.add_argument("--time-limit", action="store_true")
    options = parser.parse_args()
    if missing := missing_programs():
        print(f"SKIPPED: {', '.join(missing)} not installed; scripts/packages --tests installs SLURM")
        return SKIPPED
    if os.getuid() != 0:
        print("SKIPPED: a SLURM of one's own with several nodes needs root")
        return SKIPPED
    folder = Path(tempfile.mkdtemp(prefix="limner-slurm-"))
    folder.chmod(0o711)  # munge wants its socket within reach of everybody
    begun = time.monotonic()
    with PrivateSlurm(folder / "slurm", nodes=2) as slurm:
        test = SlurmTest(slurm, options.limner.resolve(), options.source.resolve(), folder, random.Random(5))
        test.make_reference()
        test.without_pmix()
        shutil.copytree(test.reference / "run", test.work / "run")
        test.training(options.cycles)
        test.extraction(options.cycles)
        test.sweep()
        test.cancelled()
        test.pipeline()
        if options.time_limit:
            test.time_limit()
    shutil.rmtree(folder, ignore_errors=True)
    print(f"slurm: all held, {time.monotonic() - begun:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
