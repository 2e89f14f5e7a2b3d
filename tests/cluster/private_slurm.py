"""A SLURM of our own on this machine: munged, slurmctld and several slurmd, all of whose state lies in one folder."""
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

PROGRAMS = ["munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "scancel", "squeue", "sinfo"]

CONFIGURATION = """
ClusterName=limner
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/munge.socket,cred_expire=5
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
TmpFS={folder}/tmp/%n
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd.%n.log
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
MpiDefault=pmix
ReturnToService=2
KillWait=5
SchedulerParameters=sched_interval=1,bf_interval=1
NodeName=n[1-{nodes}] NodeHostname={host} NodeAddr=127.0.0.1 Port=[{first}-{last}] CPUs=4 RealMemory=2000
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def missing_programs():
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return [program for program in PROGRAMS if shutil.which(program, path=path) is None]


def free_ports(count):
    """The first of `count` ports in a row that nobody listens on."""
    for first in range(20000 + os.getpid() % 5000, 32000, count):
        try:
            for port in range(first, first + count):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
            return first
        except OSError:
            continue
    raise RuntimeError("no free ports")


class PrivateSlurm:
    def __init__(self, folder, nodes):
        self.folder, self.nodes = Path(folder), nodes
        self.environment = dict(os.environ, SLURM_CONF=str(self.folder / "slurm.conf"),
                                PATH=os.environ["PATH"] + ":/usr/sbin:/sbin")

    def __enter__(self):
        for name in ["munge", "state", "log"] + [f"{kind}/n{i + 1}" for kind in ["spool", "tmp"] for i in range(self.nodes)]:
            (self.folder / name).mkdir(parents=True)
        (self.folder / "munge").chmod(0o711)  # clients must reach the socket
        key = self.folder / "munge" / "munge.key"
        key.touch(0o600)
        key.write_bytes(os.urandom(1024))
        port = free_ports(self.nodes + 1)
        (self.folder / "slurm.conf").write_text(CONFIGURATION.format(
            folder=self.folder, host=socket.gethostname().split(".")[0], port=port, first=port + 1, last=port + self.nodes,
            nodes=self.nodes))
        munge = self.folder / "munge"
        self.call("munged", f"--key-file={key}", f"--socket={munge}/munge.socket", f"--pid-file={munge}/munged.pid",
                  f"--log-file={munge}/munged.log", f"--seed-file={munge}/seed")
        self.call("slurmctld", "-c")
        for i in range(self.nodes):
            self.call("slurmd", "-N", f"n{i + 1}")
        deadline = time.monotonic() + 30
        while self.call("sinfo", "-h", "-N", "-o", "%T").split().count("idle") < self.nodes:
            if time.monotonic() > deadline:
                raise RuntimeError("the nodes do not become idle:\n" + (self.folder / "log/slurmctld.log").read_text())
            time.sleep(0.2)
        return self

    def __exit__(self, *unused):
        for state in self.call("squeue", "-h", "-o", "%A").split():
            self.call("scancel", state)
        deadline = time.monotonic() + 15
        while self.call("squeue", "-h", "-o", "%A") and time.monotonic() < deadline:
            time.sleep(0.2)
        ends = [int(file.read_text()) for file in [*self.folder.glob("slurmd.*.pid"), self.folder / "slurmctld.pid",
                                                   self.folder / "munge/munged.pid"] if file.exists()]
        for process in ends:
            os.kill(process, 15)
        while any(Path(f"/proc/{process}").exists() for process in ends) and time.monotonic() < deadline:
            time.sleep(0.1)

    def call(self, *words, **more):
        result = subprocess.run([str(word) for word in words], env=dict(self.environment, **more.pop("environment", {})),
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)
        if result.returncode != 0:
            raise RuntimeError(f"{' '.join(map(str, words))} ended with {result.returncode}: {result.stderr}")
        return result.stdout.strip()

    def jobs(self, job):
        """[(state, times it was started anew)] of a job and its array tasks, as far as SLURM still knows them."""
        try:
            text = self.call("scontrol", "--oneliner", "show", "job", job)
        except RuntimeError:
            return []
        found = []
        for line in text.splitlines():
            values = dict(word.split("=", 1) for word in line.split() if "=" in word)
            found.append((values["JobState"], int(values["Restarts"])))
        return found

    def wait(self, job, wanted, seconds):
        """Until every task of the job is in one of the states."""
        deadline = time.monotonic() + seconds
        while True:
            jobs = self.jobs(job)
            if jobs and all(state in wanted for state, _ in jobs):
                return jobs
            if time.monotonic() > deadline:
                raise RuntimeError(f"job {job} is {jobs}, not {wanted}, after {seconds} s")
            time.sleep(0.1)
