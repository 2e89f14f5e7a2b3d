#!/usr/bin/env python3
"""A tiny run in which one call of the C library fails: every open, read, write, fsync and rename below the run's folder, in
turn, with every fault. The program must say what is wrong and end with the right code, leave nothing half-written under a
final name, and give the same bytes when it is run again.

    fault_test.py LIMNER PRELOAD SOURCE [--trials N] [--seed S]     N trials spread over all calls; 0: every one
    fault_test.py LIMNER PRELOAD SOURCE --trials 0 --state FILE     hours; the same command goes on where it was ended
"""
import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

INTERRUPTED_CALL = ["EINTR"]  # goes on as if nothing had happened
FAULTS = {
    "open": ["EIO", "ENOSPC", "EINTR", "kill-before", "kill-after"],
    "read": ["EIO", "EINTR", "short", "kill-before", "kill-after"],
    "write": ["EIO", "ENOSPC", "EINTR", "short", "kill-before", "kill-after"],
    "fsync": ["EIO", "ENOSPC", "EINTR", "kill-before", "kill-after"],
    "rename": ["EIO", "ENOSPC", "EINTR", "kill-before", "kill-after"],
}
OVERRIDES = [
    "run.directory=run", "runtime.device=cpu", "runtime.precision=f32", "runtime.threads=1",
    "model.architecture.layers=1", "model.architecture.hidden=32", "model.architecture.heads=2",
    "model.architecture.inner=64", "model.vocabulary.size=600", "train.num_train_epochs=1", "train.save_steps=4",
    "train.max_tokens_per_batch=1024", "extract.rows_per_shard=64", "profile.segments.k=2",
]
COMPARED = ["prepared/prepared.h5", "prepared/rejects.jsonl", "checkpoints/best/model.safetensors", "embeddings/*.*",
            "embeddings/shards/*", "profile/profiles.*"]


class State:
    """What was tried, how those runs ended, and the faults that were not held; kept in a file where one is given."""

    def __init__(self, path):
        self.path, self.done, self.outcomes, self.calls, self.failed = path, 0, {}, None, []
        if path and path.exists():
            kept = json.loads(path.read_text())
            self.done, self.calls, self.failed = kept["done"], kept["calls"], kept["failed"]
            self.outcomes = {int(code): number for code, number in kept["outcomes"].items()}

    def keep(self):
        if self.path:
            beside = self.path.with_name(self.path.name + ".new")
            beside.write_text(json.dumps({"done": self.done, "calls": self.calls, "outcomes": self.outcomes,
                                          "failed": self.failed}) + "\n")
            beside.replace(self.path)


class FaultTest:
    def __init__(self, limner, preload, source, folder):
        self.limner, self.preload, self.config, self.folder = limner, preload, source / "configs" / "demo.yaml", folder
        subprocess.run([str(limner), "demo-data", str(folder / "data/demo"), "customers=20"], check=True,
                       stdout=subprocess.DEVNULL)
        for name in ["reference", "work"]:
            (folder / name).mkdir()
            (folder / name / "data").symlink_to(folder / "data")
        self.reference, self.work = folder / "reference", folder / "work"

    def run(self, place, fault=None, counts=None):
        environment = dict(os.environ, OMP_NUM_THREADS="1")
        if fault or counts:
            environment.update(LD_PRELOAD=str(self.preload), LIMNER_FAULT_FOLDER=str(place / "run"))
            if fault:
                environment["LIMNER_FAULT"] = fault
            if counts:
                environment["LIMNER_FAULT_COUNTS"] = str(counts)
        result = subprocess.run([str(self.limner), "run", str(self.config)] + OVERRIDES, cwd=place, env=environment,
                                capture_output=True, text=True, timeout=120)
        return result.returncode, result.stdout + result.stderr

    def count_calls(self):
        """How many calls of each kind an undisturbed run makes; it is the reference as well."""
        counts = self.folder / "counts"
        code, said = self.run(self.reference, counts=counts)
        assert code == 0, said
        return {name: int(number) for name, number in (line.split() for line in counts.read_text().splitlines())}

    def same_as_reference(self):
        for pattern in COMPARED:
            wanted = {path.relative_to(self.reference): path for path in self.reference.glob("run/" + pattern)}
            found = {path.relative_to(self.work): path for path in self.work.glob("run/" + pattern)}
            if set(wanted) != set(found):
                return f"{pattern}: {sorted(map(str, set(wanted) ^ set(found)))} in one run only"
            for name, path in wanted.items():
                if path.read_bytes() != found[name].read_bytes():
                    return f"{name}: other bytes"
        left = list(self.work.glob("run/**/*.tmp-*"))
        return f"left behind: {left}" if left else ""

    def trial(self, call, number, action):
        shutil.rmtree(self.work / "run", ignore_errors=True)
        (self.work / "run").mkdir()
        fault = f"{call}:{number}:{action}"
        code, said = self.run(self.work, fault=fault)
        if action.startswith("kill"):
            if code != -9:
                return f"{fault}: not killed but ended with {code}:\n{said}"
        elif action in ("EINTR", "short"):
            if code != 0 and not (code == 74 and "Interrupted system call" in said):
                return f"{fault}: ended with {code}:\n{said}"
        elif code not in (0, 74):
            return f"{fault}: ended with {code}, not 74 (input/output error):\n{said}"
        elif code == 74 and not re.search(r"error .*\brun[/:]", said):  # a file of the run, or its folder
            return f"{fault}: the message names no file:\n{said}"
        result = subprocess.run([str(self.limner), "verify", "run"], cwd=self.work, capture_output=True, text=True)
        said_of_verify = result.stdout + result.stderr
        if result.returncode != 0 and "nothing to verify" not in said_of_verify and "neither a run" not in said_of_verify:
            return f"{fault}: what is published does not verify:\n{said_of_verify}\nafter:\n{said}"
        code_again, said = self.run(self.work)
        if code_again != 0:
            return f"{fault}: the run afterwards ended with {code_again}:\n{said}"
        wrong = self.same_as_reference()
        if wrong:
            return f"{fault}: after the run afterwards {wrong}"
        self.outcomes[code] = self.outcomes.get(code, 0) + 1
        return ""

    def trials(self, count, dice, state):
        totals = self.count_calls()
        totals = state.calls = state.calls or totals
        self.outcomes = state.outcomes
        print("calls of an undisturbed run: " + ", ".join(f"{name} {number}" for name, number in totals.items()), flush=True)
        every = [(call, number, action) for call, total in totals.items() for number in range(1, total + 1)
                 for action in FAULTS[call]]
        if count:
            kinds = [(call, action) for call in FAULTS for action in FAULTS[call]]
            chosen = [(call, dice.randint(1, totals[call]), action)
                      for i in range(count) for call, action in [kinds[i % len(kinds)]]]
        else:
            dice.shuffle(every)  # what is done of them is then a fair sample
            chosen = every
        again, state.failed = state.failed, []
        for fault in [tuple(fault) for fault in again] + chosen[state.done:]:
            wrong = self.trial(*fault)
            if wrong:
                state.failed.append(fault)
                print(wrong, flush=True)
            state.done += list(fault) not in again
            state.keep()
            if len(state.failed) == 5:
                break
        if not state.failed:
            print(f"faults: {state.done} of {len(every)}, ended with "
                  + ", ".join(f"{code} {number} times" for code, number in sorted(state.outcomes.items())), flush=True)
        return state.failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ["limner", "preload", "source"]:
        parser.add_argument(name, type=Path)
    parser.add_argument("--trials", type=int, default=26)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--state", type=Path)
    options = parser.parse_args()
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="limner-faults-", dir=memory if os.access(memory, os.W_OK) else None))
    begun = time.monotonic()
    test = FaultTest(options.limner.resolve(), options.preload.resolve(), options.source.resolve(), folder)
    failures = test.trials(options.trials, random.Random(options.seed), State(options.state))
    shutil.rmtree(folder)
    print(f"seed {options.seed}, {time.monotonic() - begun:.0f} s")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
