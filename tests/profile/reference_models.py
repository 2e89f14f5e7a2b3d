"""Writes reference_models.json: three public data sets that come with scikit-learn, and what scikit-learn, SciPy and pandas
make of them. The tests of the models of customers compare with it.

    $(scripts/python-env) tests/profile/reference_models.py
"""

import json
import pathlib

import numpy as np
import pandas as pd
from scipy import optimize, stats
from sklearn import metrics
from sklearn.calibration import _sigmoid_calibration
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor, RandomForestClassifier, RandomForestRegressor
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import ElasticNet, LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor


def numbers(array):
    return np.round(np.asarray(array, dtype=float), 12).tolist()


def groups(values):
    """As profile/associations.h: every value, or ten groups by rank with equal values together."""
    if len(np.unique(values)) <= 10:
        return np.unique(values, return_inverse=True)[1]
    return (stats.rankdata(values, "min").astype(int) - 1) * 10 // len(values)


def reliability_error(labels, chances):
    order = np.argsort(chances, kind="stable")
    bounds = [i * len(order) // 10 for i in range(11)]
    parts = [order[a:b] for a, b in zip(bounds, bounds[1:])]
    return sum(len(p) * abs(chances[p].mean() - labels[p].mean()) for p in parts) / len(order)


def standardised(features):
    return (features - features.mean(axis=0)) / features.std(axis=0)


def describe(features, target, labels):
    count = len(target)
    standard = standardised(features)
    shuffled = np.random.default_rng(3).permutation(count)
    fitting, asked = shuffled[: count * 2 // 3], shuffled[count * 2 // 3:]
    result = {"features": numbers(features), "target": numbers(target), "labels": numbers(labels),
              "fitting": fitting.tolist(), "asked": asked.tolist()}
    predicted = Ridge(alpha=2.0, solver="cholesky").fit(standard, target).predict(standard)
    result["ridge"] = numbers(predicted)
    result["number_scores"] = {"r2": metrics.r2_score(target, predicted), "rmse": float(np.sqrt(metrics.mean_squared_error(target, predicted))),
                               "mae": metrics.mean_absolute_error(target, predicted),
                               "baseline_rmse": float(np.sqrt(metrics.mean_squared_error(target, np.full(count, target.mean()))))}
    logistic = LogisticRegression(C=0.5, tol=1e-12, max_iter=10000, solver="newton-cholesky").fit(standard, labels)
    result["logistic"] = numbers(logistic.predict_proba(standard)[:, 1])
    result["elastic_net"] = []
    for l1, l2 in ((20.0, 5.0), (round(0.5 * count * target.std(), 4), 0.5), (3.0, 40.0)):
        model = ElasticNet(alpha=(l1 / 2 + l2) / count, l1_ratio=(l1 / 2) / (l1 / 2 + l2), tol=1e-14, max_iter=1000000)
        model.fit(standard, target)
        result["elastic_net"].append({"l1": l1, "l2": l2, "coefficients": numbers(model.coef_), "intercept": float(model.intercept_)})
    result["naive_bayes"] = numbers(GaussianNB().fit(standard, labels).predict_proba(standard)[:, 1])
    # A split that ties with another is resolved by chance: trees of a depth where none does.
    result["tree_number"] = numbers(DecisionTreeRegressor(max_depth=2, min_samples_leaf=8, random_state=0).fit(features, target).predict(features))
    result["tree_classes"] = numbers(DecisionTreeClassifier(max_depth=2, min_samples_leaf=8, random_state=0).fit(features, labels).predict_proba(features)[:, 1])

    r2 = lambda model: metrics.r2_score(target[asked], model.fit(features[fitting], target[fitting]).predict(features[asked]))
    auc = lambda model: metrics.roc_auc_score(labels[asked], model.fit(features[fitting], labels[fitting]).predict_proba(features[asked])[:, 1])
    result["forest_r2"] = r2(RandomForestRegressor(200, max_depth=12, min_samples_leaf=3, random_state=0))
    result["forest_auc"] = auc(RandomForestClassifier(200, max_depth=12, min_samples_leaf=3, random_state=0))
    result["boosting_r2"] = r2(GradientBoostingRegressor(n_estimators=60, max_depth=2, random_state=0))
    result["boosting_auc"] = auc(GradientBoostingClassifier(n_estimators=60, max_depth=2, random_state=0))

    # A chance that is too bold, so that there is something to calibrate.
    noise = np.random.default_rng(5).normal(size=count)
    chances = np.round(1 / (1 + np.exp(-(2.5 * noise + 3 * (labels - 0.4)))), 3)
    z = np.log(np.clip(chances, 1e-6, 1 - 1e-6)) - np.log1p(-np.clip(chances, 1e-6, 1 - 1e-6))
    a, b = _sigmoid_calibration(z, labels)
    loss = lambda slope: np.sum(np.logaddexp(0, slope * z) - labels * slope * z)
    grid = np.linspace(0, 1, 21)
    precise = optimize.minimize(lambda v: np.sum(np.logaddexp(0, v[0] * z + v[1]) - np.where(
        labels > 0, (labels.sum() + 1) / (labels.sum() + 2), 1 / (count - labels.sum() + 2)) * (v[0] * z + v[1])), [1.0, 0.0], tol=1e-14)
    assert abs(-a - precise.x[0]) < 1e-3 and abs(-b - precise.x[1]) < 1e-3  # scikit-learn's, which stops early
    result["calibration"] = {
        "chances": numbers(chances), "error": reliability_error(labels, chances), "grid": numbers(grid),
        "platt": numbers(precise.x), "temperature": float(optimize.minimize_scalar(loss, bounds=(0.01, 5), method="bounded", options={"xatol": 1e-12}).x),
        "isotonic": numbers(IsotonicRegression(out_of_bounds="clip").fit(chances, labels).predict(grid))}
    chosen = chances >= 0.5
    result["scores"] = {
        "precision": metrics.precision_score(labels, chosen), "recall": metrics.recall_score(labels, chosen),
        "f1": metrics.f1_score(labels, chosen), "accuracy": metrics.accuracy_score(labels, chosen),
        "auc": metrics.roc_auc_score(labels, chances), "pr_auc": metrics.average_precision_score(labels, chances),
        "brier": metrics.brier_score_loss(labels, chances), "log_loss": metrics.log_loss(labels, np.clip(chances, 1e-15, 1 - 1e-15))}
    result["associations"] = [
        {"pearson": stats.pearsonr(column, target)[0], "spearman": stats.spearmanr(column, target)[0],
         "mutual_information": metrics.mutual_info_score(groups(column), groups(target))} for column in features.T]
    table = pd.DataFrame({"chance": chances, "label": labels}).sort_values("chance", ascending=False, kind="stable").reset_index(drop=True)
    bounds = [i * count // 10 for i in range(11)]
    table["decile"] = np.repeat(range(10), np.diff(bounds))
    by_decile = table.groupby("decile")["label"]
    result["deciles"] = {"share": numbers(by_decile.mean()), "lift": numbers(by_decile.mean() / labels.mean()),
                         "gain": numbers(by_decile.sum().cumsum() / labels.sum())}
    costs = [np.mean(np.where(chances >= t, 1 - labels, 5 * labels)) for t in [*np.unique(chances), 2]]
    result["least_cost"] = min(costs)
    return result


diabetes = load_diabetes(scaled=False)
cancer = load_breast_cancer()
wine = load_wine()
result = {
    "diabetes": describe(np.round(diabetes.data, 4), diabetes.target, (diabetes.target > 140).astype(float)),
    "cancer": describe(np.round(cancer.data[:300, :8], 5), np.round(cancer.data[:300, 20], 4), cancer.target[:300].astype(float)),
    "wine": describe(np.round(wine.data[:, 1:9], 4), np.round(wine.data[:, 0], 4), (wine.target == 1).astype(float)),
}
path = pathlib.Path(__file__).with_name("reference_models.json")
path.write_text(json.dumps(result) + "\n")
