"""The trials of scripts/soak: a reference run that nobody disturbs, and what must not change its bytes."""
import re
import shutil
import signal
import subprocess
import time

from soak_job import DOWN_WITHIN, OVERRIDES, ROOT, STAGES, TRAINING_RANKS, Failure, Job, is_running, send

INTERRUPTIONS = ["USR1", "USR2", "TERM"]


class Soak:
    def __init__(self, limner, folder, dice, tally):
        self.limner, self.folder, self.dice, self.tally = limner, folder, dice, tally
        self.seconds = {}

    def arguments(self, stage):
        return [stage, str(ROOT / "configs" / "demo.yaml")] + OVERRIDES

    def start(self, folder, stage, ranks):
        return Job(self.limner, folder, self.arguments(stage), ranks)

    def run(self, folder, stage, ranks):
        begun = time.monotonic()
        job = self.start(folder, stage, ranks)
        code = job.wait(600)
        if code != 0:
            job.end()
            raise Failure(f"limner {stage} on {ranks} ranks ended with {code}:\n{job.output()}")
        return time.monotonic() - begun

    def make_reference(self):
        """The undisturbed run, and how long each stage takes."""
        data = self.folder / "data" / "demo"
        subprocess.run([str(self.limner), "demo-data", str(data), "customers=60"], check=True, stdout=subprocess.DEVNULL)
        for name in ["reference", "work"]:
            (self.folder / name).mkdir()
            (self.folder / name / "data").symlink_to(self.folder / "data")
        self.reference = self.folder / "reference"
        self.work = self.folder / "work"
        for stage in STAGES:
            self.seconds[stage] = self.run(self.reference, stage, TRAINING_RANKS)
        print("undisturbed: " + ", ".join(f"{stage} {self.seconds[stage]:.1f} s" for stage in STAGES), flush=True)

    def verify(self, folder):
        result = subprocess.run([str(self.limner), "verify", "run"], cwd=folder, capture_output=True, text=True)
        return result.returncode, result.stdout + result.stderr

    # --- kills ---

    def disturb(self, job):
        """Kills or signals; returns what was done."""
        kind = self.dice.choice(["kill rank", "kill all", "kill mpirun", "kill all"] * 3 + INTERRUPTIONS)
        processes = job.rank_processes()
        victims = list(processes.values())
        if not victims:
            return "nothing", []
        if kind == "kill rank":
            send(self.dice.choice(victims), signal.SIGKILL)
        elif kind == "kill all":
            for process in victims:
                send(process, signal.SIGKILL)
        elif kind == "kill mpirun":
            send(job.process.pid, signal.SIGKILL)
        else:
            for process in victims:  # as srun does; mpirun turns TERM into an end after a second
                send(process, getattr(signal, "SIG" + kind))
        return kind, victims

    @staticmethod
    def had_done_its_work(job, stage):
        """A rank stopped after the last word to the others, or a launcher that waits for ranks killed then, is nobody's to end."""
        return f"{stage}: done" in job.output()

    def try_stage(self, stage, ranks):
        """Starts a stage and disturbs it somewhere; returns what was done."""
        job = self.start(self.work, stage, ranks)
        time.sleep(self.dice.uniform(min(0.3, self.seconds[stage] / 2), self.seconds[stage]))
        kind, victims = self.disturb(job)
        code = job.wait(DOWN_WITHIN)
        if code is None:
            done, alone = self.had_done_its_work(job, stage), not any(map(is_running, job.rank_processes().values()))
            job.end()
            if not done and not alone:
                raise Failure(f"{stage}, {kind}: not down within {DOWN_WITHIN} s:\n{job.output()}")
            if alone:
                self.tally.add("kills", 0, mpirun_alone=1)  # Open MPI's own: no rank is left to end it
            code = 0
        deadline = time.monotonic() + DOWN_WITHIN
        while any(is_running(process) for process in victims):
            if time.monotonic() > deadline:
                raise Failure(f"{stage}, {kind}: a rank still runs")
            time.sleep(0.02)
        # Signals that come before the program watches for them end it as the system does.
        if kind in INTERRUPTIONS and code not in (0, 75) and not self.ended_by_signal(code, kind, job):
            raise Failure(f"{stage}, {kind}: exit code {code}:\n{job.output()}")
        code, said = self.verify(self.work)
        if code != 0 and "nothing to verify" not in said and "no such file" not in said and "neither a run" not in said:
            raise Failure(f"{stage}, {kind}: what is published does not verify:\n{said}")
        return kind

    @staticmethod
    def ended_by_signal(code, kind, job):
        number = getattr(signal, "SIG" + kind)
        return code in (-number, 128 + number) or f"exited on signal {number}" in job.output() or \
            "its process is gone" in job.output()

    def compare(self):
        """The bytes of everything that must not depend on what happened."""
        for pattern in ["prepared/*", "embeddings/shards/*", "embeddings/*.*", "profile/profiles.*", "profile/*.json",
                        "checkpoints/best/model.safetensors"] + self.last_checkpoint():
            wanted = {path.relative_to(self.reference): path for path in self.reference.glob("run/" + pattern)}
            found = {path.relative_to(self.work): path for path in self.work.glob("run/" + pattern)}
            if set(wanted) != set(found):
                raise Failure(f"{pattern}: {sorted(set(wanted) ^ set(found))} in one run only")
            for name, path in wanted.items():
                if name.name == "checksums.json":  # of the report too, which tells times
                    continue
                if path.read_bytes() != found[name].read_bytes():
                    raise Failure(f"{name}: other bytes than in the undisturbed run")
        left = [str(path) for path in self.work.glob("run/**/*.tmp-*")]
        if left:
            raise Failure(f"left behind: {left}")

    def last_checkpoint(self):
        """Of the undisturbed run; an interrupted one leaves others before it."""
        last = max((self.reference / "run" / "checkpoints").glob("step-*")).name
        return [f"checkpoints/{last}/model.safetensors", f"checkpoints/{last}/limner_state/optimizer.safetensors"]

    def kills(self, count):
        """`count` SIGKILLs, and an interruption to four of them."""
        while self.tally.count("kills") < count:
            left, done = count - self.tally.count("kills"), []
            shutil.rmtree(self.work / "run", ignore_errors=True)
            for stage in STAGES:
                ranks = TRAINING_RANKS if stage == "train" else self.dice.choice([1, 2, 3])
                while len(done) < left and self.dice.random() < 0.8:
                    kind = self.try_stage(stage, ranks)
                    if kind != "nothing":
                        done.append(kind)
                again = TRAINING_RANKS if stage == "train" else 1 + ranks % 3
                self.run(self.work, stage, again)
            self.compare()
            kills = sum(kind not in INTERRUPTIONS for kind in done)
            self.tally.add("kills", kills, runs=1, **{kind: done.count(kind) for kind in done})

    # --- dead and stopped ranks ---


    def one_rank(self):
        shutil.rmtree(self.work / "run", ignore_errors=True)
        shutil.copytree(self.reference / "run", self.work / "run")
        stage = self.dice.choice(STAGES)
        if stage == "train":
            shutil.rmtree(self.work / "run" / "checkpoints")
        if stage == "extract":
            shutil.rmtree(self.work / "run" / "embeddings")
        stop = self.dice.random() < 0.5
        starting = self.dice.random() < 0.2  # while MPI itself starts: nobody knows the others' names yet
        job = Job(self.limner, self.work, self.arguments(stage) + ["runtime.silence_timeout=5"], 3)
        processes = job.wait_for_ranks(watched=not starting)
        time.sleep(self.dice.uniform(0.0, 0.3 if starting else self.seconds[stage] / 2))
        processes = job.rank_processes() if processes else {}
        if len(processes) < 3:
            job.end()
            return None
        rank = self.dice.randrange(3)
        ended_before = job.process.poll() is not None
        send(processes[rank], signal.SIGSTOP if stop else signal.SIGKILL)
        begun = time.monotonic()
        code = job.wait(DOWN_WITHIN)
        seconds = time.monotonic() - begun
        what = f"{stage}, rank {rank} {'stopped' if stop else 'killed'}{' while MPI started' if starting else ''}"
        if code is None:
            done = self.had_done_its_work(job, stage)
            job.end()
            if not done:
                raise Failure(f"{what}: not down within {DOWN_WITHIN} s:\n{job.output()}")
        if ended_before or code == 0 or self.had_done_its_work(job, stage):
            return None  # it had done its work, and was down in time
        named = re.findall(rf"rank {rank} of 3 on \S+, process \d+, phase \w+, [a-z ]+'[^']+'", job.output())
        by_launcher = not stop and f"process rank {rank} with PID" in job.output()
        if not named and not by_launcher:
            raise Failure(f"{what}: nobody names it:\n{job.output()}")
        others = [line for line in job.output().splitlines() if "the job ends" in line and f"rank {rank} of" not in line]
        if others:
            raise Failure(f"{what}: others are blamed too:\n{job.output()}")
        deadline = time.monotonic() + DOWN_WITHIN
        while any(is_running(process) for process in processes.values()):
            if time.monotonic() > deadline:
                raise Failure(f"{what}: a process is left")
            time.sleep(0.02)
        return seconds, stop, bool(named)

    def ranks(self, count):
        while self.tally.count("stopped ranks") + self.tally.count("killed ranks") < count:
            result = self.one_rank()
            if result:
                seconds, stop, named = result
                self.tally.add("stopped ranks" if stop else "killed ranks", 1, most_seconds=seconds,
                               named_with_phase_and_operation=int(named))

    # --- flipped bits ---

    def flips(self, count):
        run = self.reference / "run"
        files = [path for folder in ["checkpoints", "embeddings", "prepared", "profile", "train/tokenizer"]
                 for path in sorted((run / folder).rglob("*")) if path.is_file() and path.stat().st_size > 0]
        if self.tally.count("flipped bits") >= count:
            return
        for trial in range(self.tally.count("flipped bits"), count):
            path = files[trial] if trial < len(files) else self.dice.choice(files)
            bit = self.dice.randrange(path.stat().st_size * 8)
            with open(path, "r+b") as file:
                file.seek(bit // 8)
                byte = file.read(1)[0]
                file.seek(bit // 8)
                file.write(bytes([byte ^ (1 << bit % 8)]))
                file.flush()
                code, said = self.verify(self.reference)
                file.seek(bit // 8)
                file.write(bytes([byte]))
            if code not in (65, 66):
                raise Failure(f"bit {bit} of {path.relative_to(run)}: verify ended with {code}:\n{said}")
            self.tally.add("flipped bits", 1, most_files=len(files))
        code, said = self.verify(self.reference)
        if code != 0:
            raise Failure(f"after the flips were taken back: {said}")
