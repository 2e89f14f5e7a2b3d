"""See bench/accuracy, which calls this."""

import argparse
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import yaml
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score

LIMNER = os.environ["LIMNER"]
TRAIN, VALIDATION, TEST = 0, 1, 2  # of /split in prepared.h5
# The yardstick's grid; the best on the validation rows is reported. Chinese has no blanks, so `word` is words between punctuation there.
GRAMS = [("char", (1, 2)), ("char", (1, 3)), ("word", (1, 2))]
STRENGTHS = [1.0, 4.0, 16.0]


def limner(*arguments: str) -> float:
    start = time.monotonic()
    subprocess.run([LIMNER, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - start


class Results:
    """JSON lines, one a result; a newer one with the same key takes the older one's place."""

    def __init__(self, path: Path):
        self.path = path
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        self.records = {self.key(record): record for record in map(json.loads, lines)}

    @staticmethod
    def key(record: dict) -> tuple:
        return record["configuration"], record["contestant"], record["seed"], record["inputs"]

    def has(self, record: dict) -> bool:
        return self.key(record) in self.records

    def put(self, record: dict) -> None:
        self.records[self.key(record)] = record
        self.path.parent.mkdir(parents=True, exist_ok=True)
        text = "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in self.records.values())
        temporary = self.path.with_suffix(".tmp")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(self.path)
        print(json.dumps(record, ensure_ascii=False), file=sys.stderr, flush=True)


def conditions() -> dict:
    describe = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=True)
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "")
    return {"date": time.strftime("%F", time.gmtime()), "commit": describe.stdout.strip(), "processor": model, "cores": os.cpu_count(),
            "load": round(os.getloadavg()[0], 1)}


def digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def digest_of_rows(prepared: Path) -> str:
    """Of what is learned from, wherever the table lay."""
    found = hashlib.sha256()
    with h5py.File(prepared) as file:
        for name in ["text/bytes", "text/offsets", "split", *sorted(f"fields/{field}" for field in file["fields"])]:
            found.update(name.encode() + file[name][:].tobytes())
    return found.hexdigest()[:16]


def read_rows(prepared: Path, field: str):
    with h5py.File(prepared) as file:
        data, offsets = file["text/bytes"][:].tobytes(), file["text/offsets"][:]
        texts = [data[begin:end].decode() for begin, end in zip(offsets[:-1], offsets[1:])]
        return np.array(texts, dtype=object), file[f"fields/{field}"][:], file["split"][:]


def yardstick(prepared: Path, head: dict) -> dict:
    """TF-IDF with logistic regression: the grid's best on the validation rows, then once on the test rows."""
    texts, labels, split = read_rows(prepared, head["field"])
    known = labels >= 0
    part = {name: known & (split == name) for name in (TRAIN, VALIDATION, TEST)}
    weights = [None, "balanced"] if head.get("class_weight") == "auto" else [None]
    best = (-1.0, None, None, "")
    for analyzer, grams in GRAMS:
        vectors = TfidfVectorizer(analyzer=analyzer, ngram_range=grams, min_df=2, sublinear_tf=True)
        features = vectors.fit_transform(texts[part[TRAIN]])
        validation = vectors.transform(texts[part[VALIDATION]])
        for strength in STRENGTHS:
            for weight in weights:
                model = LogisticRegression(C=strength, class_weight=weight, max_iter=1000).fit(features, labels[part[TRAIN]])
                score = accuracy_score(labels[part[VALIDATION]], model.predict(validation))
                name = f"{analyzer} {grams[0]}-{grams[1]}, C {strength:g}, {weight or 'no'} weights"
                best = max(best, (score, model, vectors, name), key=lambda entry: entry[0])
    score, model, vectors, name = best
    predicted = model.predict(vectors.transform(texts[part[TEST]]))
    return {"validation_accuracy": score, "accuracy": accuracy_score(labels[part[TEST]], predicted),
            "macro_f1": f1_score(labels[part[TEST]], predicted, average="macro"), "choice": name}


def trained(directory: Path) -> dict:
    summary = json.loads((directory / "train" / "summary.json").read_text())
    validation = {head["name"]: head["accuracy"] for head in summary["validation"]["heads"]}
    return {head["name"]: {"validation_accuracy": validation[head["name"]], "accuracy": head["accuracy"], "macro_f1": head["macro_f1"]}
            for head in summary["test"]["heads"] if head["kind"] == "single_label"}


def print_table(results: Results) -> None:
    print("| configuration | contestant | head | accuracy | macro F1 | seeds | seconds a seed |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    groups: dict = {}
    for record in results.records.values():
        for head, scores in record["heads"].items():
            groups.setdefault((record["configuration"], record["contestant"], head), []).append((record, scores))
    for (configuration, contestant, head), entries in sorted(groups.items()):
        def figure(name):
            values = [scores[name] for _, scores in entries]
            spread = f" ({min(values):.4f} to {max(values):.4f})" if len(values) > 1 else ""
            return f"{statistics.mean(values):.4f}{spread}"
        seeds = ", ".join(str(record["seed"]) for record, _ in entries if record["seed"] is not None)
        seconds = statistics.mean(record["seconds"] for record, _ in entries)
        print(f"| {configuration} | {contestant} | {head} | {figure('accuracy')} | {figure('macro_f1')} | {seeds} | {seconds:,.0f} |")


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench/accuracy", description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("configuration", help="a name in configs/, without .yaml")
    parser.add_argument("--seeds", default="17,18,19")
    parser.add_argument("--name", default="Limner")
    parser.add_argument("--results", type=Path, default=Path("bench/results/accuracy.jsonl"))
    parser.add_argument("--work", type=Path, default=Path("runs/accuracy"))
    parser.add_argument("settings", nargs="*", help="KEY=VALUE of the runs; never of the rows, which are the same for all")
    options = parser.parse_intermixed_args()
    if any(setting.startswith(("prepare.", "run.")) for setting in options.settings):
        parser.error("the rows and the seed are not settings of a contestant")

    path = Path("configs") / f"{options.configuration}.yaml"
    text = path.read_text(encoding="utf-8")
    configuration = yaml.safe_load(text)
    source = options.data / Path(configuration["prepare"]["sources"][0]["path"]).name
    heads = [head for head in configuration["train"]["heads"] if head.get("kind", "single_label") == "single_label"]
    results = Results(options.results)
    place = options.work / options.configuration
    limner("prepare", str(path), f"prepare.sources.0.path={source}", f"run.directory={place}")
    prepared = place / "prepared" / "prepared.h5"
    rows = digest_of_rows(prepared)

    record = {"configuration": options.configuration, "contestant": "TF-IDF, logistic regression", "seed": None, "inputs": rows}
    if not results.has(record):
        start = time.monotonic()
        scores = {head["name"]: yardstick(prepared, head) for head in heads}
        results.put(record | {"heads": scores, "seconds": time.monotonic() - start} | conditions())
    for seed in [int(seed) for seed in options.seeds.split(",") if seed]:
        record = {"configuration": options.configuration, "contestant": options.name, "seed": seed,
                  "inputs": digest(rows, text, *sorted(options.settings))}
        if results.has(record):
            continue
        directory = place / f"{options.name.replace(' ', '-')}-{seed}"
        shutil.copytree(place / "prepared", directory / "prepared", dirs_exist_ok=True)
        seconds = limner("train", str(path), f"run.directory={directory}", f"run.seed={seed}", *options.settings)
        results.put(record | {"heads": trained(directory), "seconds": seconds, "settings": options.settings} | conditions())
    print_table(results)


if __name__ == "__main__":
    main()
