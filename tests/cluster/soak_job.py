"""One call of limner on some ranks, watched and disturbed from outside; what the trials of scripts/soak share."""
import os
import signal
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
STAGES = ["prepare", "train", "extract", "profile"]
TRAINING_RANKS = 2
DOWN_WITHIN = 30.0  # seconds
OVERRIDES = [
    "run.directory=run", "runtime.device=cpu", "runtime.precision=f32", "runtime.threads=1",
    "model.architecture.layers=1", "model.architecture.hidden=32", "model.architecture.heads=2",
    "model.architecture.inner=64", "model.vocabulary.size=1000", "train.num_train_epochs=2",
    "train.max_tokens_per_batch=1024", "train.save_steps=5", "train.eval_steps=5", "train.logging_steps=1",
    "extract.rows_per_shard=32", "profile.segments.k=3",
]


def environment():
    return dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", OMP_NUM_THREADS="1",
                NO_COLOR="1")


class Failure(Exception):
    pass


class Job:
    """One call of limner, alone or under mpirun, whose output goes to a file."""

    def __init__(self, limner, folder, arguments, ranks, **variables):
        launch = ["mpirun", "--oversubscribe", "--bind-to", "none", "-n", str(ranks)] if ranks > 1 else []
        self.ranks = ranks
        self.log = folder / "log"
        self.file = open(self.log, "wb")
        self.process = subprocess.Popen(launch + [str(limner)] + arguments, cwd=folder, stdout=self.file,
                                        stderr=subprocess.STDOUT, env=dict(environment(), **variables), start_new_session=True)

    def rank_processes(self):
        """{rank: process} of those that run now."""
        if self.ranks == 1:
            return {0: self.process.pid} if self.process.poll() is None else {}
        found = {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                if int((entry / "stat").read_text().rpartition(")")[2].split()[1]) != self.process.pid:
                    continue
                variables = (entry / "environ").read_bytes().split(b"\0")
            except (OSError, ValueError):
                continue
            for variable in variables:
                if variable.startswith(b"OMPI_COMM_WORLD_RANK="):
                    found[int(variable.partition(b"=")[2])] = int(entry.name)
        return found

    def wait_for_ranks(self, watched):
        """{rank: process} once every rank runs or, watched, listens to another; {} if the job ends before."""
        def ready(process):
            try:
                return not watched or any((task / "comm").read_text().strip() == "limner-watch"
                                          for task in Path(f"/proc/{process}/task").iterdir())
            except OSError:
                return False
        while self.process.poll() is None:
            processes = self.rank_processes()
            if len(processes) == self.ranks and all(ready(process) for process in processes.values()):
                return processes
            time.sleep(0.002)
        return {}

    def wait(self, seconds):
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        self.file.close()
        return code

    def output(self):
        return self.log.read_text(errors="replace")

    def end(self):
        """Whatever still runs."""
        for process in list(self.rank_processes().values()) + [self.process.pid]:
            send(process, signal.SIGKILL)
        self.process.wait()
        self.file.close()


def send(process, number):
    try:
        os.kill(process, number)
    except ProcessLookupError:
        pass


def is_running(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (OSError, IndexError):
        return False
