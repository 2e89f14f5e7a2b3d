#!/usr/bin/env python3
"""scripts/gpu-check in a folder like a bundle's, whose programs only pretend: what it makes of checks that pass, fail, hang or
have no time, of a machine without cuBLAS, with an old glibc, with a sanitizer that does its work or does not.

    gpu_check_test.py SOURCE
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(sys.argv.pop(1)).resolve()
BENCHES = 16  # of a shape

# What is ours must find the bundle's libraries and the module, and no launcher.
OURS = """#!/usr/bin/env bash
[[ :$LD_LIBRARY_PATH: = *:BUNDLE/lib:* && $LIMNER_CUDA_MODULE = BUNDLE/liblimner_cuda.so ]] || { echo "bad environment"; exit 9; }
[ -z "${!SLURM_@}${!PMIX_@}${!PMI_@}${!OMPI_@}${!PALS_@}${!FLUX_@}" ] || exit 9
"""
TEST = OURS + r"""printf '[  PASSED  ] 3 tests.\n  YOU HAVE 1 DISABLED TEST\n\n'
"""
LIMNER = OURS + r"""
value() { sed -n "s/.*$1: \([^,}]*\).*/\1/p" "$2"; }
case $1 in
  demo-data)
    mkdir "$2"
    printf 'customer_id,review,label\n' > "$2/reviews.csv"
    for i in 1 2 3 4 5 6 7 8; do printf 'c%d,good %d,0\n' $i $i; done >> "$2/reviews.csv"
    ;;
  prepare | extract) echo "CUDA graphs: 5 of 6 pieces were replayed" ;;
  train)
    folder=$(value directory "$2")
    for word in "$@"; do [[ $word != run.directory=* ]] || folder=${word#*=}; done
    mkdir -p "$folder/train"
    printf '{"train/loss": %s}\n' 0.70 0.60 "${LAST_LOSS:-0.50}" > "$folder/train/metrics.jsonl"
    [[ $folder != */cuda ]] || ${CUDA_TRAIN:-true} || exit 1
    echo "CUDA graphs: 5 of 6 pieces were replayed"
    ;;
  bench)
    [ "$(wc -l < "${4#texts=}")" = 2 ] || exit 9
    echo '{"tokens_per_second": 1.5}'
    ;;
  *) exit 9 ;;
esac
"""
# Has the options, then the program; of the machine, so without the bundle's libraries.
SANITIZER = """#!/usr/bin/env bash
[[ :$LD_LIBRARY_PATH: != *BUNDLE* ]] || { echo "the bundle's libraries"; exit 9; }
[[ "$*" = *"--kernel-name kns=limner --report-api-errors no "* && "$*" = *" --error-exitcode "* ]] || exit 9
if [[ "$*" = *PlantedFault* ]]; then echo "========= Invalid __global__ read of size 4 bytes"; exit 1; fi
while [ "$1" != env ]; do shift; done
exec "$@"
"""
REFUSING_SANITIZER = """#!/usr/bin/env bash
echo "unrecognised option '--kernel-name'"
exit 1
"""
# libcublasLt is found in one folder, and only if that is searched.
LDD = """#!/usr/bin/env bash
if [[ :$LD_LIBRARY_PATH: = *:TOOLKIT/lib64:* ]]; then place=TOOLKIT/lib64/libcublasLt.so.13; else place="not found"; fi
echo "	libcublasLt.so.13 => $place"
"""


class GpuCheck(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.bundle, self.toolkit, self.path = (self.folder / name for name in ("bundle", "toolkit", "path"))
        for folder in (self.bundle / "scripts", self.bundle / "lib", self.toolkit / "bin", self.toolkit / "lib64", self.path):
            folder.mkdir(parents=True)
        shutil.copy(SOURCE / "scripts" / "gpu-check", self.bundle / "scripts")
        for name in ("kernels_gpu", "families_emulated", "graphs_model_emulated"):
            self.program(self.bundle / f"test_{name}", TEST)
        self.program(self.bundle / "limner", LIMNER)
        self.program(self.path / "ldd", LDD)
        self.program(self.path / "getconf", "#!/bin/sh\necho glibc 2.36\n")
        self.program(self.path / "compute-sanitizer", SANITIZER)
        self.program(self.toolkit / "bin" / "nvcc", "#!/bin/sh\n")
        (self.toolkit / "lib64" / "libcublasLt.so.13").touch()
        (self.bundle / "commit").write_text("abc\n")
        (self.bundle / "glibc").write_text("2.36\n")

    def tearDown(self):
        shutil.rmtree(self.folder)

    def program(self, path, text):
        path.write_text(text.replace("BUNDLE", str(self.bundle)).replace("TOOLKIT", str(self.toolkit)))
        path.chmod(0o755)

    def run_check(self, **environment):
        """The exit code, what it said, and the checks of the file by their names."""
        path = f"{self.path}:{self.toolkit}/bin:{os.environ['PATH']}"
        file = self.folder / "result.json"
        done = subprocess.run([self.bundle / "scripts" / "gpu-check", file], text=True, capture_output=True, timeout=100,
                              env=os.environ | {"PATH": path, "SHAPES": "1:64:2:128"} | environment)
        self.result = json.loads(file.read_text()) if file.exists() else None
        checks = {check["check"]: check for check in self.result["checks"]} if self.result else {}
        return done.returncode, done.stdout + done.stderr, checks

    def results(self, checks, result):
        return [name for name, check in checks.items() if check["result"] == result]

    def test_all_pass_under_a_launcher(self):
        code, said, checks = self.run_check(SHAPES="1:64:2:128 1:32:1:64", SLURM_PROCID="0", PMIX_RANK="0", OMPI_COMM_WORLD_SIZE="1")
        self.assertEqual(code, 0, said)
        self.assertEqual(self.results(checks, "passed"), list(checks), said)
        self.assertIn(f"{len(checks)} passed, 0 failed, 0 not made", said)
        self.assertEqual(len(self.result["figures"]), 2 * BENCHES)
        self.assertEqual(self.result["figures"][0]["tokens_per_second"], 1.5)
        self.assertEqual(checks["kernel_tests"]["last_line"], "[  PASSED  ] 3 tests.")
        self.assertEqual(checks["losses_agree"]["last_line"], "3 steps, largest difference of losses 0")
        order = list(checks)
        self.assertEqual(order[:3], ["kernel_tests", "families", "graphs_of_families"])
        places = [order.index(name) for name in ("bench-1:64:2:128-train-f32-2048-graphs-true", "memcheck", "racecheck", "shape-1-32-1-64")]
        self.assertEqual(places, sorted(places))

    def test_what_fails_is_told_and_the_rest_made(self):
        self.program(self.bundle / "test_kernels_gpu", OURS + 'echo "norm.cu \\"differs\\""; exit 1\n')
        self.program(self.bundle / "limner", LIMNER.replace("mkdir -p", "[[ $folder != */cuda ]] || LAST_LOSS=0.52\n    mkdir -p"))
        code, said, checks = self.run_check()
        self.assertEqual(code, 1, said)
        self.assertEqual(self.results(checks, "failed"),
                         ["kernel_tests", "losses_agree", "losses_with_graphs_agree", "memcheck", "racecheck"])
        self.assertEqual(self.results(checks, "not made"), [])
        self.assertEqual(self.result["failed"], 5)
        self.assertEqual(checks["kernel_tests"]["last_line"], 'norm.cu "differs"')
        self.assertIn('== kernel_tests\nnorm.cu "differs"', (self.folder / "result.log").read_text())

    def test_what_cannot_be_made_says_why(self):
        self.program(self.path / "compute-sanitizer", REFUSING_SANITIZER)
        code, said, checks = self.run_check(CUDA_TRAIN="false")
        self.assertEqual(code, 1, said)
        self.assertEqual(self.results(checks, "failed"), ["cuda_train"])
        reasons = {name: checks[name]["reason"] for name in self.results(checks, "not made")}
        refusal = "a planted fault is not reported: unrecognised option '--kernel-name'"
        self.assertEqual(reasons, {"cuda_extract": "cuda_train: failed", "losses_agree": "cuda_train: failed",
                                   "losses_with_graphs_agree": "cuda_train: failed", "memcheck": refusal, "racecheck": refusal})

    def test_time_runs_out(self):
        code, said, checks = self.run_check(CUDA_TRAIN="sleep 600", LIMIT="30")
        self.assertEqual(code, 0, said)
        self.assertRegex(checks["cuda_train"]["reason"], "cut off after [0-9]+ s")
        self.assertEqual(checks["cuda_extract"]["reason"], "cuda_train: not made")
        for name in ("graphs_prepare", "shape-1-64-2-128-prepare", "memcheck", "racecheck"):
            self.assertEqual(checks[name]["reason"], "no time left")
        self.assertEqual(self.result["figures"], [])
        self.assertEqual(self.result["not_made"], len(self.results(checks, "not made")))

    def test_no_cublas(self):
        (self.toolkit / "lib64" / "libcublasLt.so.13").unlink()
        code, said, _ = self.run_check()
        self.assertEqual(code, 2)
        self.assertIn("gpu-check: not found on this machine: libcublasLt.so.13 (", said)
        self.assertIsNone(self.result)

    def test_an_older_glibc(self):
        self.program(self.path / "getconf", "#!/bin/sh\necho glibc 2.9\n")
        code, said, _ = self.run_check()
        self.assertEqual(code, 2)
        self.assertIn("gpu-check: this bundle wants glibc 2.36 or later; here is 2.9", said)


if __name__ == "__main__":
    unittest.main()
