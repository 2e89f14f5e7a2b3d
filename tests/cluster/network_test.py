#!/usr/bin/env python3
"""Two 'hosts' on one machine: network namespaces with names of their own, joined by a veth pair, mpirun across them over TCP.
A run must give the bytes that one rank on one host gives; the link cut in mid-run must end the job on both within 30 s.

    network_test.py LIMNER SOURCE          77: this machine lets nobody make network namespaces (root is needed)
"""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DOWN_WITHIN = 30.0
SILENCE = 5
HOSTS = {"a": "10.99.0.1", "b": "10.99.0.2"}
# mpirun's own connection to the other host: without these a cut link is not noticed for minutes.
KEEPALIVE = ["--mca", "oob_tcp_keepalive_time", "5", "--mca", "oob_tcp_keepalive_intvl", "2", "--mca", "oob_tcp_keepalive_probes", "3"]
# A connection with data under way is not probed by keep-alive but sent again: 15 times, a quarter of an hour, by default.
RETRIES = 5  # 13 s
OVERRIDES = [
    "run.directory=run", "runtime.device=cpu", "runtime.precision=f32", "runtime.threads=1", f"runtime.silence_timeout={SILENCE}",
    "model.architecture.layers=1", "model.architecture.hidden=32", "model.architecture.heads=2",
    "model.architecture.inner=64", "model.vocabulary.size=1000", "train.max_tokens_per_batch=1024", "train.logging_steps=1",
    "train.num_train_epochs=1", "train.deterministic=across_ranks", "train.micro_batches=4", "extract.rows_per_shard=32",
    "profile.segments.k=3",
]
COMPARED = ["prepared/prepared.h5", "checkpoints/best/model.safetensors", "checkpoints/step-*/limner_state/optimizer.safetensors",
            "embeddings/*.*", "embeddings/shards/*", "profile/profiles.*"]
# Open MPI starts its daemon on a host through this in place of ssh.
AGENT = """#!/bin/bash
while [[ $1 == -* ]]; do shift; done
host=$1; shift
case $host in {a}) name={space}-a;; {b}) name={space}-b;; *) echo "no host $host" >&2; exit 1;; esac
exec ip netns exec "$name" unshare --uts bash -c 'hostname "$0"; eval exec "$1"' "$name" "$*"
"""


def ip(*words, check=True):
    return subprocess.run(["ip", *words], check=check, capture_output=True, text=True)


class Hosts:
    def __init__(self, folder):
        self.space = f"limner-{os.getpid()}"
        self.agent = folder / "agent"
        self.agent.write_text(AGENT.format(space=self.space, **HOSTS))
        self.agent.chmod(0o700)

    def __enter__(self):
        for host in HOSTS:
            ip("netns", "add", self.name(host))
        ip("link", "add", f"va{os.getpid()}", "netns", self.name("a"), "type", "veth", "peer", "name", f"vb{os.getpid()}",
           "netns", self.name("b"))
        for host, address in HOSTS.items():
            ip("-n", self.name(host), "addr", "add", f"{address}/24", "dev", self.device(host))
            for device in ["lo", self.device(host)]:
                ip("-n", self.name(host), "link", "set", device, "up")
            ip("netns", "exec", self.name(host), "bash", "-c", f"echo {RETRIES} > /proc/sys/net/ipv4/tcp_retries2")
        return self

    def __exit__(self, *ignored):
        for process in self.processes():
            os.kill(process, signal.SIGKILL)
        for host in HOSTS:
            ip("netns", "delete", self.name(host), check=False)

    def name(self, host):
        return f"{self.space}-{host}"

    @staticmethod
    def device(host):
        return f"v{host}{os.getpid()}"

    def processes(self):
        return [int(word) for host in HOSTS for word in ip("netns", "pids", self.name(host), check=False).stdout.split()]

    def command(self, limner, arguments):
        """One rank on each host."""
        return ["ip", "netns", "exec", self.name("a"), "unshare", "--uts", "bash", "-c", 'hostname "$0"; exec "$@"', self.name("a"),
                "mpirun", "--mca", "plm_rsh_agent", str(self.agent), "--mca", "plm_rsh_no_tree_spawn", "1", *KEEPALIVE,
                "--bind-to", "none", "--host", ",".join(f"{address}:1" for address in HOSTS.values()), "-n", "2", str(limner), *arguments]

    def cut(self):
        ip("-n", self.name("a"), "link", "set", self.device("a"), "down")


def can_make_namespaces():
    if shutil.which("ip") is None or shutil.which("unshare") is None:
        return "ip or unshare is missing"
    probe = f"limner-probe-{os.getpid()}"
    made = ip("netns", "add", probe, check=False)
    if made.returncode != 0:
        return made.stderr.strip()
    ip("netns", "delete", probe)
    return ""


def environment():
    return dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", OMP_NUM_THREADS="1", NO_COLOR="1")


def wait_for(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen within {seconds} s")
        time.sleep(0.02)


def same_bytes(limner, config, hosts, folder):
    for place in ["one", "two"]:
        (folder / place).mkdir()
        (folder / place / "data").symlink_to(folder / "data")
    arguments = ["run", str(config), *OVERRIDES]
    for place, command in [("one", [str(limner), *arguments]), ("two", hosts.command(limner, arguments))]:
        result = subprocess.run(command, cwd=folder / place, env=environment(), capture_output=True, text=True, timeout=300)
        assert result.returncode == 0, f"the run '{place}' ended with {result.returncode}:\n{result.stdout}{result.stderr}"
    assert "2 ranks" in result.stderr, f"not two ranks:\n{result.stderr}"
    compared = 0
    for pattern in COMPARED:
        wanted = sorted(path.relative_to(folder / "one") for path in (folder / "one").glob("run/" + pattern))
        found = sorted(path.relative_to(folder / "two") for path in (folder / "two").glob("run/" + pattern))
        assert wanted and wanted == found, f"{pattern}: {wanted} on one host, {found} on two"
        for name in wanted:
            assert (folder / "one" / name).read_bytes() == (folder / "two" / name).read_bytes(), f"{name}: other bytes on two hosts"
            compared += 1
    return compared


def cut_link(limner, config, hosts, folder):
    """Returns seconds until nothing of the job runs any more, and what it said."""
    place = folder / "cut"
    place.mkdir()
    (place / "data").symlink_to(folder / "data")
    shutil.copytree(folder / "one" / "run" / "prepared", place / "run" / "prepared")
    metrics = place / "run" / "train" / "metrics.jsonl"
    with open(place / "log", "wb") as log:
        job = subprocess.Popen(hosts.command(limner, ["train", str(config), *OVERRIDES, "train.num_train_epochs=10000"]), cwd=place,
                               env=environment(), stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
    wait_for(lambda: metrics.exists() and metrics.read_text().count("\n") >= 5, 120, "the fifth step")
    hosts.cut()
    begun = time.monotonic()
    wait_for(lambda: job.poll() is not None and not hosts.processes(), DOWN_WITHIN, "the end of the job on both hosts")
    return time.monotonic() - begun, job.returncode, (place / "log").read_text(errors="replace")


def main():
    limner, source = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    why = can_make_namespaces()
    if why:
        print(f"SKIPPED: two hosts cannot be made here: {why}", file=sys.stderr)
        return 77
    config = source / "configs" / "demo.yaml"
    with tempfile.TemporaryDirectory(prefix="limner-network-") as name:
        folder = Path(name)
        subprocess.run([str(limner), "demo-data", str(folder / "data/demo"), "customers=60"], check=True, stdout=subprocess.DEVNULL)
        with Hosts(folder) as hosts:
            compared = same_bytes(limner, config, hosts, folder)
            seconds, code, said = cut_link(limner, config, hosts, folder)
        assert code != 0, f"a job whose link was cut ended with 0:\n{said}"
        named = f"no sign of life for {SILENCE} s" in said and "phase train" in said
        by_launcher = "lost communication with a remote daemon" in said
        assert named or by_launcher, f"nobody says what happened:\n{said}"
        print(f"two hosts: {compared} files as of one rank; link cut: down on both after {seconds:.1f} s, exit code {code}, "
              f"{'named by the other rank' if named else 'named by mpirun'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
