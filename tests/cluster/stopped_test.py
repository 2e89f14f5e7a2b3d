#!/usr/bin/env python3
"""A rank that is stopped while no other listens to it, as MPI starts or ends: who else speaks names it, and the job is down.

    stopped_test.py LIMNER STOP_PRELOAD
"""
import re
import sys
import tempfile
import time
from pathlib import Path

from soak_job import DOWN_WITHIN, Job, is_running


def main():
    limner, preload = (Path(argument).resolve() for argument in sys.argv[1:])
    with tempfile.TemporaryDirectory() as folder:
        jobs = {}
        for phase, call in ("start", "MPI_Init"), ("end", "MPI_Finalize"):  # side by side: they only wait
            place = Path(folder) / phase
            place.mkdir()
            jobs[phase, call] = Job(limner, place, ["--version"], 3, LD_PRELOAD=str(preload), LIMNER_STOP_IN=f"{call}:1")
        begun = time.monotonic()
        ranks = {name: job.wait_for_ranks(watched=False) for name, job in jobs.items()}
        for (phase, call), job in jobs.items():
            processes = ranks[phase, call]
            code = job.wait(max(0.0, begun + DOWN_WITHIN - time.monotonic()))
            said = job.output()
            if code is None:
                job.end()
            print(f"{phase}: {code}, after {time.monotonic() - begun:.1f} s\n{said}", flush=True)
            assert code == 70, f"{phase}: ended with {code}"
            messages = re.findall(r"^.*the job ends$", said, re.MULTILINE)
            named = rf"limner: rank 1 of 3 on \S+, process {processes[1]}, phase {phase}, not through '{call}' after \d+ s: it is stopped; the job ends"
            assert len(messages) == 1 and re.fullmatch(named, messages[0]), f"{phase}: said {messages}"
            assert not any(map(is_running, processes.values())), f"{phase}: a process is left"
    print("stopped: all held")


if __name__ == "__main__":
    main()
