"""Churn of the bank's customers as the program predicts it from its configuration, beside scikit-learn on the program's own folds."""

import json
from pathlib import Path

import h5py
import numpy as np
import pandas
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

CONFIGURATION = Path(__file__).resolve().parents[2] / "configs" / "bank_churn.yaml"
NUMBERS = ["CreditScore", "Age", "Tenure", "Balance", "HasCrCard", "IsActiveMember", "EstimatedSalary"]
CATEGORIES = ["Geography", "Gender", "NumOfProducts"]


@pytest.fixture(scope="module")
def run(limner, data, workspace):
    folder = workspace / "bank"
    limner("run", CONFIGURATION, f"run.directory={folder}", f"prepare.sources.0.path={data / 'bank_churn.csv'}")
    return folder / "profile"


def test_logistic_on_the_same_folds(run, data):
    table = pandas.read_csv(data / "bank_churn.csv", dtype={"CustomerId": str}).set_index("CustomerId")
    with h5py.File(run / "profiles.h5") as file:
        table = table.loc[file["customer"].asstr()[:]]
        group = file["regression/churned.logistic"]
        observed, ours, fold = group["observed"][:], group["predicted"][:], group["fold"][:]
    assert np.array_equal(observed, table["Exited"]) and set(fold) == set(range(5))
    features = pandas.get_dummies(table[NUMBERS + CATEGORIES], columns=CATEGORIES, dtype=float)
    # One category of each is the reference, as the program has it: the most frequent one.
    features = features.drop(columns=[f"{name}_{table[name].mode()[0]}" for name in CATEGORIES])
    theirs = np.zeros(len(table))
    for left_out in range(5):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=10000, tol=1e-10))
        model.fit(features[fold != left_out], observed[fold != left_out])
        theirs[fold == left_out] = model.predict_proba(features[fold == left_out])[:, 1]
    auc, reference = roc_auc_score(observed, ours), roc_auc_score(observed, theirs)
    print(f"AUC {auc:.5f}, scikit-learn {reference:.5f}; log loss {log_loss(observed, ours):.5f}, {log_loss(observed, theirs):.5f}; "
          f"largest difference of a probability {np.abs(ours - theirs).max():.1e}")
    assert abs(auc - reference) < 0.005
    assert np.abs(ours - theirs).max() < 1e-4


def test_boosting_and_calibration(run):
    regressions = {entry["name"]: entry for entry in json.loads((run / "regression.json").read_text())["regressions"]}
    boosting = regressions["churned.boosting"]
    errors = {entry["method"]: entry["calibration_error"] for entry in boosting["calibration"]}
    auc = boosting["feature_sets"][-1]["out_of_fold"]["auc"]
    print(f"boosting: AUC {auc:.4f}; calibration error {errors['none']:.4f} before, {errors['isotonic']:.4f} after")
    assert auc >= 0.85
    assert errors["isotonic"] < 0.02
