"""Writes reference.json beside it: what NumPy, SciPy, scikit-learn and pandas make of small tables. Run by hand when a case is
added: $(scripts/python-env) tests/prepare/reference.py
"""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats
from scipy.interpolate import CubicSpline
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import MinMaxScaler, StandardScaler

random = np.random.default_rng(11)


def plain(values):
    return [None if math.isnan(v) else float(v) for v in np.asarray(values, float).ravel()]


def column(values, train):
    """Every statistic is fitted to the rows of `train`."""
    values, train = np.asarray(values, float), np.asarray(train, bool)
    known = values[train & ~np.isnan(values)]
    wide = values.reshape(-1, 1)
    case = {"values": plain(values), "train": train.tolist(), "fill": {}, "limits": {}, "scaling": {}}
    for strategy in ("mean", "median", "most_frequent"):
        case["fill"][strategy] = plain(SimpleImputer(strategy=strategy).fit(wide[train]).transform(wide))
    lower, upper = np.percentile(known, [25, 75])
    case["limits"]["iqr"] = [lower - 1.5 * stats.iqr(known), upper + 1.5 * stats.iqr(known)]
    case["limits"]["z_score"] = [known.mean() - 3 * known.std(), known.mean() + 3 * known.std()]
    case["beyond_z"] = int((np.abs((values - known.mean()) / known.std()) > 3).sum())
    for kind, scaler in (("standard", StandardScaler()), ("min_max", MinMaxScaler())):
        case["scaling"][kind] = plain(scaler.fit(wide[train]).transform(wide))
    return case


def with_gaps(values, share):
    values = np.array(values, float)
    values[random.random(values.size) < share] = math.nan
    return values


def columns():
    yield column(with_gaps(random.normal(40, 12, 97), 0.2), random.random(97) < 0.8)
    yield column(with_gaps(random.lognormal(3, 1.2, 61), 0.1), random.random(61) < 0.7)
    yield column(with_gaps(random.integers(1, 6, 53), 0.3), random.random(53) < 0.5)
    yield column(with_gaps(np.append(random.normal(0, 1e-3, 40), [1.0, -2.0]) + 1e5, 0.05), [True] * 42)


def curve(times, values):
    times = np.array(times, float)
    inside = np.sort(random.uniform(times[0], times[-1], 9))
    return {"times": plain(times), "values": plain(values), "at": plain(inside), "linear": plain(np.interp(inside, times, values)),
            "cubic_spline": plain(CubicSpline(times, values)(inside))}


def curves():
    for count in (2, 3, 4, 5, 7, 12, 40):
        times = np.cumsum(random.exponential(3.0, count) + 0.01)
        yield curve(times, random.normal(0, 10, count))
    yield curve([0, 1e-4, 2, 1000, 1001, 4000], [1, 2, -3, 5, 5, 5.5])


def events(customers, count, days, periods, period_days):
    """Random events as the table's rows, and what pandas makes of them; a customer may have none."""
    start = pd.Timestamp("2021-03-01")
    table = pd.DataFrame({
        "customer": random.integers(0, customers - 2, count),
        "time": start + pd.to_timedelta(random.integers(0, days * 86400, count), unit="s"),
        "kind": random.choice(["purchase", "view", "search"], count, p=[0.2, 0.6, 0.2]),
        "amount": np.round(random.lognormal(3, 1, count), 2),
    })
    present = table.time.max()
    bought = table[table.kind == "purchase"].groupby("customer")
    every = table.groupby("customer")
    period = ((present - table.time) // pd.Timedelta(days=period_days)).astype(int)
    expected = []
    for customer in range(customers):
        has, buys = customer in every.groups, customer in bought.groups
        counts = [int(((table.customer == customer) & (period == p)).sum()) for p in reversed(range(periods))]
        expected.append(plain([
            (present - bought.time.max()[customer]) / pd.Timedelta(days=1) if buys else math.nan,
            bought.size()[customer] if buys else 0,
            bought.amount.sum()[customer] if buys else 0,
            (table[table.customer == customer].kind != "purchase").mean() if has else math.nan,
            np.polyfit(range(periods), counts, 1)[0],
        ]))
    rows = [[int(r.customer), str(r.time), r.kind, float(r.amount)] for r in table.itertuples()]
    return {"periods": periods, "period_days": period_days, "rows": rows, "expected": expected}


def main():
    reference = {"events": [events(9, 40, 20, 4, 5), events(14, 150, 400, 6, 30), events(5, 90, 3, 2, 1)], "columns": list(columns()), "curves": list(curves())}
    Path(__file__).with_suffix(".json").write_text(json.dumps(reference, indent=None, separators=(",", ":")) + "\n")


main()
