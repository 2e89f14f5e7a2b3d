"""k-means, ridge and logistic regression of a million customers: Limner beside scikit-learn on the same vectors.

    $(scripts/python-env) bench/customers.py FOLDER [--customers 1000000] [--repeats 3] [--threads 2] > results.jsonl

Makes FOLDER/vectors-N.h5 (float32 [N, 384], twenty overlapping groups; a number and a class that follow from them), then runs every
contestant in turns, each in a process of its own. k-means: k = 20 from the first twenty customers, twenty rounds. scikit-learn
reads the vectors into memory first; its times are those of fit() alone, Limner's include every reading of its scratch file.
Last come one line a task with medians, the ratio, and how far the answers lie apart.
"""

import argparse
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import time

WIDTH, GROUPS, TASKS = 384, 20, ("k_means", "ridge", "logistic")


def make(path, customers):
    import h5py
    import numpy as np

    random = np.random.default_rng(5)
    centres = random.normal(size=(GROUPS, WIDTH)) * 0.3
    weights = random.normal(size=WIDTH) / WIDTH**0.5
    with h5py.File(path.with_suffix(".partial"), "w") as file:
        vectors = file.create_dataset("vectors", (customers, WIDTH), "f4", chunks=(min(customers, 1024), WIDTH))
        target, label = file.create_dataset("target", (customers,), "f8"), file.create_dataset("label", (customers,), "f8")
        for first in range(0, customers, 65536):
            count = min(65536, customers - first)
            block = (centres[random.integers(0, GROUPS, count)] + random.normal(size=(count, WIDTH))).astype("f4")
            linear = block @ weights
            vectors[first:first + count] = block
            target[first:first + count] = linear + random.normal(size=count)
            label[first:first + count] = random.random(count) < 1 / (1 + np.exp(-2 * linear))
    path.with_suffix(".partial").rename(path)


def fit(task, path):
    import h5py
    from sklearn.cluster import KMeans
    from sklearn.linear_model import LogisticRegression, Ridge

    with h5py.File(path) as file:
        vectors, target, label = file["vectors"][:], file["target"][:], file["label"][:]
    models = {"k_means": lambda: KMeans(GROUPS, init=vectors[:GROUPS], n_init=1, max_iter=20, tol=0, algorithm="lloyd").fit(vectors),
              "ridge": lambda: Ridge(alpha=1.0, solver="cholesky").fit(vectors, target.astype("f4")),
              "logistic": lambda: LogisticRegression(C=1.0, max_iter=1000).fit(vectors, label)}
    start = time.perf_counter()
    model = models[task]()
    seconds = time.perf_counter() - start
    answer = {"inertia": float(model.inertia_), "rounds": model.n_iter_} if task == "k_means" else {
        "coefficients": model.coef_.ravel().astype(float).tolist(), "intercept": float(model.intercept_.ravel()[0] if task == "logistic" else model.intercept_)}
    print(json.dumps({"bench": "customers", "contestant": "scikit-learn", "task": task, "customers": len(vectors), "width": WIDTH,
                      "seconds": seconds, "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, **answer}))


def apart(task, ours, theirs):
    if task == "k_means":
        return abs(ours["inertia"] / theirs["inertia"] - 1)
    return max(abs(a - b) for a, b in zip(ours["coefficients"], theirs["coefficients"]))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--limner", default="build/cli/limner")
    parser.add_argument("--fit", choices=TASKS)
    options = parser.parse_args()
    path = options.folder / f"vectors-{options.customers}.h5"
    if options.fit:
        return fit(options.fit, path)
    if not path.exists():
        make(path, options.customers)
    threads = str(options.threads)
    environment = {**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
    lines = []
    for _ in range(options.repeats):
        for task in TASKS:
            for command in ([options.limner, "bench", "customers", f"vectors={path}", f"threads={threads}", f"tasks={task}"],
                            [sys.executable, __file__, str(options.folder), "--customers", str(options.customers), "--fit", task]):
                output = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout
                lines += [json.loads(line) for line in output.splitlines()]
                for line in output.splitlines():
                    short = {key: value for key, value in json.loads(line).items() if key != "coefficients"}
                    print(json.dumps(short), flush=True)
    for task in TASKS:
        of = {name: [line for line in lines if line["contestant"] == name and line["task"] == task] for name in ("limner", "scikit-learn")}
        median = {name: statistics.median(line["seconds"] for line in entries) for name, entries in of.items()}
        print(json.dumps({"task": task, "customers": options.customers, "threads": options.threads, "limner_seconds": median["limner"],
                          "scikit_learn_seconds": median["scikit-learn"], "times_as_fast": median["scikit-learn"] / median["limner"],
                          "limner_memory": max(line["peak_memory_bytes"] for line in of["limner"]),
                          "scikit_learn_memory": max(line["peak_memory_bytes"] for line in of["scikit-learn"]),
                          "answers_apart": apart(task, of["limner"][0], of["scikit-learn"][0])}), flush=True)


main()
