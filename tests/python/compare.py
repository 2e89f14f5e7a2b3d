"""Compares two safetensors files tensor by tensor: `compare.py REFERENCE OURS`.

Two errors per tensor, the largest difference over the largest reference value and the L2 norm of the difference over that of
the reference; both must stay within the tolerance. A tensor missing on either side, another shape, or a number that is not
finite is a failure. The exit status is 0 when all agree, 1 otherwise.
"""

import argparse
import fnmatch
import sys

import numpy as np
from safetensors.numpy import load_file


def scale_name(name: str) -> str:
    """The tensor whose size an error is measured by: its own, but for the key bias, whose gradient is zero but for rounding
    (a constant added to all keys does not change a softmax); the query bias next to it is of the size that matters."""
    if not name.startswith("grad."):
        return name
    return name.replace(".key.bias", ".query.bias").replace(".attn.k.bias", ".attn.q.bias").replace(".k_lin.bias", ".q_lin.bias")


def compare(reference: dict, ours: dict, tolerance: float = 1e-4, special: dict | None = None,
            ignore: tuple = ()) -> list[dict]:
    """One record per tensor: name, shape, largest, max_error, l2_error, tolerance, verdict ('' is good). `special` maps a
    name pattern to its own tolerance; names that match a pattern of `ignore` are left out."""
    records = []
    for name in sorted(reference.keys() | ours.keys()):
        if any(fnmatch.fnmatch(name, pattern) for pattern in ignore):
            continue
        limit = next((value for pattern, value in (special or {}).items() if fnmatch.fnmatch(name, pattern)), tolerance)
        record = dict(name=name, shape="", largest=0.0, max_error=0.0, l2_error=0.0, tolerance=limit, verdict="")
        records.append(record)
        if name not in ours or name not in reference:
            record["verdict"] = "missing in " + ("ours" if name not in ours else "reference")
            continue
        a, b = (side[name].astype(np.float64) for side in (ours, reference))
        record["shape"] = "x".join(map(str, b.shape))
        if a.shape != b.shape:
            record["verdict"] = f"shape {'x'.join(map(str, a.shape))}"
            continue
        if not (np.isfinite(a).all() and np.isfinite(b).all()):
            record["verdict"] = "not finite"
            continue
        if b.size == 0:
            continue
        scale = reference.get(scale_name(name), b).astype(np.float64)
        tiny = np.finfo(np.float64).tiny
        record["largest"] = float(np.abs(b).max())
        record["max_error"] = float(np.abs(a - b).max() / max(np.abs(scale).max(), tiny))
        record["l2_error"] = float(np.linalg.norm(a - b) / max(np.linalg.norm(scale), tiny))
        if not max(record["max_error"], record["l2_error"]) <= limit:
            record["verdict"] = "differs"
    return records


def report(records: list[dict], rows: int = 12, out=sys.stdout) -> bool:
    """Prints failures and the worst of the rest; true when all agree."""
    failed = [r for r in records if r["verdict"]]
    passed = sorted((r for r in records if not r["verdict"]), key=lambda r: -max(r["max_error"], r["l2_error"]))
    shown = failed + passed[: max(0, rows - len(failed))]
    width = max([len(r["name"]) for r in shown], default=4)
    print(f"{'tensor':<{width}}  {'shape':>12}  {'largest':>9}  {'max err':>9}  {'L2 err':>9}  {'limit':>7}", file=out)
    for r in shown:
        print(f"{r['name']:<{width}}  {r['shape']:>12}  {r['largest']:9.3g}  {r['max_error']:9.2e}  {r['l2_error']:9.2e}  "
              f"{r['tolerance']:7.0e}  {r['verdict'] or 'ok'}", file=out)
    print(f"{len(records)} tensors, {len(failed)} differ", file=out)
    return bool(records) and not failed


def compare_files(reference, ours, tolerance=1e-4, special=None, ignore=()) -> bool:
    return report(compare(load_file(str(reference)), load_file(str(ours)), tolerance, special, ignore))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reference")
    parser.add_argument("ours")
    parser.add_argument("--tolerance", type=float, default=1e-4)
    parser.add_argument("--special", action="append", default=[], metavar="PATTERN=TOLERANCE")
    parser.add_argument("--ignore", action="append", default=[], metavar="PATTERN")
    arguments = parser.parse_args()
    special = {pattern: float(value) for pattern, value in (item.rsplit("=", 1) for item in arguments.special)}
    return 0 if compare_files(arguments.reference, arguments.ours, arguments.tolerance, special, tuple(arguments.ignore)) else 1


if __name__ == "__main__":
    sys.exit(main())
