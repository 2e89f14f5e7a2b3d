"""What texts tell of customers' mean rating in configs/instrument_reviews.yaml, beside a TF-IDF ridge on the same folds, and how often
recommendations hit. By hand, for a run with the MiniLM folder:

    limner run configs/instrument_reviews.yaml model.checkpoint=MINILM train.learning_rate=1e-4
    python tests/profile/compare_reviews.py runs/instrument_reviews             # needs h5py, scikit-learn

Folds are those of the run. Of a run whose model was trained on the rating only customers count whose texts took no part in training; the TF-IDF
ridge may learn from all the others. Its penalty is chosen within each fold; words and pairs of words in two texts or more count.
"""

import json
import pathlib
import sys

import h5py
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

run = pathlib.Path(sys.argv[1])
with h5py.File(run / "prepared" / "prepared.h5") as file:
    offsets, data = file["text/offsets"][:], file["text/bytes"][:].tobytes()
    of_row, split = file["customer"][:], file["split"][:]
texts = {}
for row, customer in enumerate(of_row):
    texts.setdefault(int(customer), []).append(data[offsets[row]:offsets[row + 1]].decode())
joined = np.array([" ".join(texts[customer]) for customer in sorted(texts)], dtype=object)
with h5py.File(run / "profile" / "profiles.h5") as file:
    group = file["regression/rating"]
    observed, ours, fold = group["observed"][:], group["predicted"][:], group["fold"][:]
assert len(observed) == len(joined)
entry = next(entry for entry in json.loads((run / "profile" / "regression.json").read_text())["regressions"] if entry["name"] == "rating")
scored = np.ones(len(observed), dtype=bool)
if entry["head_was_trained_on_target"]:
    scored[of_row[split == 0]] = False
theirs, mean = np.zeros(len(observed)), np.zeros(len(observed))
for left_out in sorted(set(fold)):
    fitting, asked = fold != left_out, fold == left_out
    search = GridSearchCV(make_pipeline(TfidfVectorizer(min_df=2, ngram_range=(1, 2)), Ridge(solver="lsqr")), {"ridge__alpha": [0.3, 1, 3, 10]}, cv=3)
    theirs[asked] = search.fit(joined[fitting], observed[fitting]).predict(joined[asked])
    mean[asked] = observed[fitting].mean()


def scores(predicted):
    error, apart = (predicted - observed)[scored], (mean - observed)[scored]
    return {"r2": round(1 - (error**2).sum() / (apart**2).sum(), 4), "rmse": round(float(np.sqrt((error**2).mean())), 4)}


print(json.dumps({"customers": int(scored.sum()), "mean": scores(mean), "TF-IDF ridge": scores(theirs), "limner": scores(ours)}))
found = json.loads((run / "profile" / "recommendation.json").read_text())
print(json.dumps({entry["method"]: [entry["recall_at_10"], entry["ndcg_at_10"]] for entry in found["methods"]}
                 | {"gain": found["gain_over_popularity"], "standard error": found["gain_standard_error"]}))
