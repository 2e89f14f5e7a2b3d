"""Writes reference_classes.json: three public data sets of several classes that come with scikit-learn, and what scikit-learn makes of
them: multinomial logistic regression, its scores, and k-means from a given start.

    $(scripts/python-env) tests/profile/reference_classes.py
"""

import json
import pathlib

import numpy as np
from sklearn import metrics
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, load_iris, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier


def numbers(array):
    return np.round(np.asarray(array, dtype=float), 9).tolist()


def scores(classes, chances):
    told = chances.argmax(axis=1)
    one = np.eye(chances.shape[1])[classes]
    result = {"accuracy": metrics.accuracy_score(classes, told), "confusion": metrics.confusion_matrix(classes, told).tolist(),
              "log_loss": metrics.log_loss(classes, np.clip(chances, 1e-15, 1)), "auc": metrics.roc_auc_score(classes, chances, multi_class="ovr"),
              "brier": float(np.mean(((chances - one) ** 2).sum(axis=1))),
              "aucs": [metrics.roc_auc_score(one[:, i], chances[:, i]) for i in range(one.shape[1])],
              "pr_aucs": [metrics.average_precision_score(one[:, i], chances[:, i]) for i in range(one.shape[1])]}
    for mean in ("macro", "micro"):
        precision, recall, f1, _ = metrics.precision_recall_fscore_support(classes, told, average=mean, zero_division=0)
        result |= {f"{mean}_precision": precision, f"{mean}_recall": recall, f"{mean}_f1": f1}
    return result


def describe(data, count, columns):
    order = np.random.default_rng(3).permutation(len(data.target))[:count]
    features, classes = np.round(data.data[order][:, columns], 4), data.target[order]
    deviation = features.std(axis=0)
    standard = (features - features.mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    logistic = LogisticRegression(C=0.5, tol=1e-10, max_iter=100000).fit(standard, classes)
    fitting, asked = np.arange(count) % 3 > 0, np.arange(count) % 3 == 0
    network = MLPClassifier((16,), activation="tanh", solver="lbfgs", alpha=5.0, max_iter=2000, random_state=0).fit(standard[fitting], classes[fitting])
    noise = np.random.default_rng(5).dirichlet(np.ones(classes.max() + 1), count)
    chances = np.round(0.6 * noise + 0.4 * logistic.predict_proba(standard), 6)
    chances[:, -1] = 1 - chances[:, :-1].sum(axis=1)
    chances = np.round(np.clip(chances, 0, 1), 6)
    k = int(classes.max()) + 1
    means = {}
    for rounds in (2, 300):
        model = KMeans(k, init=standard[:k], n_init=1, max_iter=rounds, tol=0, algorithm="lloyd").fit(standard)
        means[str(rounds)] = {"cluster": model.labels_.tolist(), "centroids": numbers(model.cluster_centers_), "inertia": float(model.inertia_)}
    return {"features": features.tolist(), "classes": classes.tolist(), "chances": chances.tolist(), "scores": scores(classes, chances),
            "logistic": {"probabilities": numbers(logistic.predict_proba(standard)), "coefficients": numbers(logistic.coef_)},
            "silhouette": {"euclidean": numbers(metrics.silhouette_samples(standard, classes)),
                           "cosine": numbers(metrics.silhouette_samples(standard, classes, metric="cosine"))},
            "network_accuracy": network.score(standard[asked], classes[asked]), "k_means": means}


result = {"iris": describe(load_iris(), 150, slice(None)), "wine": describe(load_wine(), 178, slice(None)),
          "digits": describe(load_digits(), 200, slice(10, 34))}
path = pathlib.Path(__file__).with_name("reference_classes.json")
path.write_text(json.dumps(result, separators=(",", ":")) + "\n")
