"""Writes reference.json: small inputs and scikit-learn's answers, which the tests of profile/ compare with.

    $(scripts/python-env) tests/profile/reference.py
"""

import json
import pathlib

import numpy as np
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss, roc_auc_score, silhouette_samples

random = np.random.default_rng(7)


def numbers(array):
    return np.round(np.asarray(array, dtype=float), 12).tolist()


features = np.round(random.normal(size=(60, 7)), 4)
features[:, 6] = np.round(features[:, 0] * 0.9 + features[:, 6] * 0.1, 4)  # nearly collinear
target = np.round(features @ [2, -1, 0, 0.5, 0, 3, 1] + random.normal(size=60), 4)
labels = (target + random.normal(size=60) * 3 > 0).astype(float)

ridge = {str(l2): Ridge(alpha=l2, solver="cholesky").fit(features, target) for l2 in (0.1, 1.0, 30.0)}
logistic = {str(l2): LogisticRegression(C=1 / l2, tol=1e-12, max_iter=10000, solver="newton-cholesky").fit(features, labels)
            for l2 in (0.1, 1.0, 30.0)}
scores = np.round(random.normal(size=60) + labels, 1)  # with ties
chances = np.round(1 / (1 + np.exp(-scores)), 6)

points = np.concatenate([np.round(random.normal(size=(25, 5)) * 0.7 + centre, 4)
                         for centre in (np.zeros(5), np.full(5, 3.0), np.array([4.0, -4, 0, 0, 0]))])
unit = points / np.linalg.norm(points, axis=1, keepdims=True)
groups = np.repeat([0, 1, 2], 25)
groups[3] = 2  # one in the wrong place

result = {
    "features": numbers(features), "target": numbers(target), "labels": numbers(labels),
    "ridge": {l2: {"coefficients": numbers(m.coef_), "intercept": round(float(m.intercept_), 12)} for l2, m in ridge.items()},
    "logistic": {l2: {"coefficients": numbers(m.coef_[0]), "intercept": round(float(m.intercept_[0]), 12),
                      "probabilities": numbers(m.predict_proba(features)[:, 1])} for l2, m in logistic.items()},
    "scores": numbers(scores), "chances": numbers(chances),
    "auc": roc_auc_score(labels, scores), "log_loss": log_loss(labels, chances),
    "points": numbers(points), "groups": groups.tolist(),
    "silhouette_euclidean": numbers(silhouette_samples(points, groups)),
    "silhouette_cosine": numbers(silhouette_samples(unit, groups, metric="cosine")),
    "inertia": {str(k): float(KMeans(k, n_init=50, random_state=0, tol=0, max_iter=1000).fit(points).inertia_)
                for k in (2, 3, 4)},
}
path = pathlib.Path(__file__).with_name("reference.json")
path.write_text(json.dumps(result) + "\n")
