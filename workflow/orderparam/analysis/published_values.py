"""Whether published values lie where runs of the same protocol put them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import scipy
from numpy.typing import ArrayLike

from orderparam.tables import COMPARISON

QUANTITIES = ("order_parameter", "train_loss")
SIGNIFICANT_DIGITS = 4


def prediction_interval(values: ArrayLike, level: float = 0.95) -> tuple[float, float]:
    """Where one further draw falls with probability `level`, by Student's t; NaN for fewer than two values.

    mean +- t_{n-1} s sqrt(1 + 1/n), for `values` (n,) drawn independently from one normal distribution,
    with s their sample standard deviation. Source: Hahn & Meeker (1991), Statistical Intervals.
    """
    sample = np.asarray(values, dtype=np.float64)
    n = len(sample)
    if n < 2:
        return float("nan"), float("nan")
    half = scipy.stats.t.ppf((1 + level) / 2, n - 1) * sample.std(ddof=1) * np.sqrt(1 + 1 / n)
    return float(sample.mean() - half), float(sample.mean() + half)


def compare_with_published(
    metrics: pd.DataFrame, published: pd.DataFrame, seeds: Mapping[str, Sequence[int]]
) -> pd.DataFrame:
    """A row for each published value that was measured too: is it inside the runs' 95% prediction interval?

    `metrics` and `published` have size, step, order_parameter and train_loss (nats per character).
    `seeds` names the runs of each size that started from the published run's initial weights; others
    take no part. `inside` (True, False, or NA for fewer than two runs) allows for the rounding of the
    published values to four significant digits, by half a unit of the last.
    """
    rows = []
    for size, of_size in published.groupby("size", sort=False):
        chosen = metrics[(metrics["size"] == size) & metrics["seed"].isin(seeds.get(str(size), ()))]
        for point in of_size.to_dict("records"):
            runs = chosen[chosen["step"] == point["step"]]
            for quantity in QUANTITIES if len(runs) else ():
                values, value = runs[quantity].to_numpy(), float(point[quantity])
                lower, upper = prediction_interval(values)
                rounding = 0.5 * 10.0 ** (np.floor(np.log10(abs(value))) + 1 - SIGNIFICANT_DIGITS)
                known = len(values) > 1
                rows.append(
                    {
                        "size": size,
                        "step": point["step"],
                        "quantity": quantity,
                        "published": value,
                        "runs": len(values),
                        "mean": values.mean(),
                        "standard_deviation": values.std(ddof=1) if known else np.nan,
                        "lower": lower,
                        "upper": upper,
                        "inside": lower - rounding <= value <= upper + rounding if known else pd.NA,
                    }
                )
    table = COMPARISON.frame(rows)
    return table.astype({"inside": "boolean", "runs": "int64", "step": "int64"})
