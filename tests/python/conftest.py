"""What the tests run on, from the environment (ctest sets it; see tests/CMakeLists.txt):

    LIMNER         the program
    LIMNER_PROBE   the parity probe, see oracles.py
    LIMNER_DATA    folder with the four tables of reviews and customers; optional

A test whose part is missing is skipped with a word on it. When nothing but skips is left the exit status is 77, which
ctest shows as skipped (SKIP_RETURN_CODE), never as passed.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
os.environ["HF_HUB_OFFLINE"] = "1"

TABLES = ("shopping_reviews.csv", "takeaway_reviews.csv", "instrument_reviews.csv", "bank_churn.csv")


def from_environment(variable: str) -> Path:
    value = os.environ.get(variable)
    if not value:
        pytest.skip(f"{variable} is not set")
    path = Path(value)
    if not path.exists():
        pytest.fail(f"{variable}={value} does not exist")
    return path.resolve()


class Program:
    """Runs an executable and fails with its own words when it fails."""

    def __init__(self, path: Path):
        self.path = path

    def __call__(self, *arguments, expect: int = 0, ranks: int = 1, **options) -> subprocess.CompletedProcess:
        command = [str(self.path), *map(str, arguments)]
        if ranks > 1:
            command = ["mpirun", "--oversubscribe", *(["--allow-run-as-root"] if os.geteuid() == 0 else []), "-n", str(ranks), *command]
        done = subprocess.run(command, capture_output=True, text=True, **options)
        if done.returncode != expect:
            pytest.fail(f"{' '.join(command)}\nexit {done.returncode}, expected {expect}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}",
                        pytrace=False)
        return done


@pytest.fixture(scope="session")
def limner() -> Program:
    return Program(from_environment("LIMNER"))


@pytest.fixture(scope="session")
def probe() -> Program:
    return Program(from_environment("LIMNER_PROBE"))


@pytest.fixture(scope="session")
def data() -> Path:
    folder = from_environment("LIMNER_DATA")
    missing = [name for name in TABLES if not (folder / name).exists()]
    if missing:
        pytest.skip(f"{folder} lacks {', '.join(missing)}")
    return folder


@pytest.fixture(scope="session")
def workspace(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("parity")


def pytest_terminal_summary(terminalreporter):
    for report in terminalreporter.stats.get("skipped", []):
        terminalreporter.write_line(f"SKIPPED {report.nodeid}: {report.longrepr[-1]}", yellow=True)


def pytest_sessionfinish(session, exitstatus):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    counts = {kind: len(reporter.stats.get(kind, [])) for kind in ("passed", "failed", "error", "skipped")}
    if counts["skipped"] and not (counts["passed"] or counts["failed"] or counts["error"]):
        session.exitstatus = 77
