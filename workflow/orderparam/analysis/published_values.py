"""Whether published values lie where runs of the same protocol put them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import scipy
from numpy.typing import ArrayLike

from orderparam.analysis.derivative import backward_differences
from orderparam.errors import RecordError
from orderparam.tables import COMPARISON, DERIVATIVE, METRICS

QUANTITIES = {
    "order_parameter": "b",
    "train_loss": "training loss",
    "val_loss": "validation loss",
    "hidden_magnetization": "mean |h|",
}
"""The published columns of metrics.csv, with their names for readers."""
TRAIN_LOSS_NOISE = 0.0015
"""Standard deviation of a published training loss as an estimate from random batches, nats per character."""
VAL_LOSS_NOISE = 0.01
"""The same of a published validation loss, relative to its value."""
SIGNIFICANT_DIGITS = 4
FEWEST_RUNS = 3


def tabulate_published(
    order_parameter: pd.DataFrame, slope_changes: pd.DataFrame, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The author's published tables in the form of our own: a tables.METRICS and a tables.DERIVATIVE.

    `order_parameter` is a tables.PUBLISHED, `slope_changes` a tables.SLOPE_CHANGES, and `seed` names the
    author's run of each size. Not every checkpoint is published. Where the one before is not, the slope is
    the mean over the wider `interval` since the last that is, unless the slope itself is published: then it
    is that, over the interval of the author's checkpoints, which is the least between published steps.
    Raises RecordError for a table without rows.
    """
    if order_parameter.empty:
        raise RecordError(
            "config/published/order_parameter.csv holds no rows; restore it from Git: "
            "git checkout -- config/published/order_parameter.csv"
        )
    metrics = METRICS.frame(order_parameter.assign(seed=seed).drop(columns="source"))
    runs = [run.sort_values("step") for _, run in metrics.groupby("size", sort=False)]
    derivative = pd.concat([backward_differences(run) for run in runs], ignore_index=True)
    told = derivative.merge(slope_changes, "left", ["size", "step"], suffixes=("", "_told"))[
        "dloss_dorder_told"
    ]
    derivative["interval"] = derivative["interval"].mask(told.notna(), derivative["interval"].min())
    return metrics, DERIVATIVE.frame(derivative.assign(dloss_dorder=told.fillna(derivative["dloss_dorder"])))


def prediction_interval(values: ArrayLike, noise: float = 0.0) -> tuple[float, float]:
    """Where one further draw is seen with probability 95%; NaN for fewer than three values.

    For `values` (n,) drawn independently from one normal distribution, with sample standard deviation s, and
    a further draw that is seen with normal noise of known standard deviation `noise`:
    mean +- sqrt(t_{n-1}^2 s^2 (1 + 1/n) + z^2 noise^2), with Student's and the normal quantile. Exact where
    one of the two vanishes; else it covers more, up to 97.5% for n = 3, where Welch's degrees of freedom
    cover 92%.
    Two values would give an interval too, but one so wide or narrow by chance that it tells nothing.
    Source (without noise): Hahn & Meeker (1991), Statistical Intervals.
    """
    sample = np.asarray(values, dtype=np.float64)
    n = len(sample)
    if n < FEWEST_RUNS:
        return float("nan"), float("nan")
    of_runs = scipy.stats.t.ppf(0.975, n - 1) * sample.std(ddof=1) * np.sqrt(1 + 1 / n)
    half = np.hypot(of_runs, scipy.stats.norm.ppf(0.975) * noise)
    return float(sample.mean() - half), float(sample.mean() + half)


def sampling_noise(quantity: str, value: float) -> float:
    """Standard deviation of a published value as an estimate of what its run had; 0 for b and mean |h|."""
    return {"train_loss": TRAIN_LOSS_NOISE, "val_loss": VAL_LOSS_NOISE * value}.get(quantity, 0.0)


def compare_with_published(
    metrics: pd.DataFrame, published: pd.DataFrame, seeds: Mapping[str, Sequence[int]]
) -> pd.DataFrame:
    """A row for each published value that was measured too: is it inside the runs' 95% prediction interval?

    `metrics` and `published` have size, step and the columns of `QUANTITIES` (losses in nats per character).
    `seeds` names the runs of each size that started from the published run's initial weights; others
    take no part. The interval is that of a further run, widened by the published value's own
    `sampling_noise`. `inside` (True, False, or NA for fewer than three runs) allows for the rounding of the
    published values to four significant digits, by half a unit of the last. Step 0 is left out: there, the
    same initial weights agree by construction, which is no evidence.
    """
    rows = []
    for size, of_size in published[published["step"] > 0].groupby("size", sort=False):
        chosen = metrics[(metrics["size"] == size) & metrics["seed"].isin(seeds.get(str(size), ()))]
        for point in of_size.to_dict("records"):
            runs = chosen[chosen["step"] == point["step"]]
            for quantity in QUANTITIES:
                values, value = runs[quantity].dropna().to_numpy(), float(point[quantity])
                if not len(values) or np.isnan(value):
                    continue
                noise = sampling_noise(quantity, value)
                lower, upper = prediction_interval(values, noise=noise)
                rounding = 0.5 * 10.0 ** (np.floor(np.log10(abs(value))) + 1 - SIGNIFICANT_DIGITS)
                known = len(values) >= FEWEST_RUNS
                spread = values.std(ddof=1) if known else np.nan
                inside = lower - rounding <= value <= upper + rounding if known else pd.NA
                found = (value, noise, len(values), values.mean(), spread, lower, upper, inside)
                rows.append((size, point["step"], quantity, *found))
    table = COMPARISON.frame(rows)
    return table.astype({"inside": "boolean", "runs": "int64", "step": "int64"})


def summarise_comparison(comparison: pd.DataFrame) -> list[dict[str, Any]]:
    """A row for each size and quantity of a comparison, as pages show it.

    `steps` counts published values, `deviation` is the mean over them of mean of runs / published - 1,
    `judged` counts those with an interval, and `inside` those inside it.
    """
    return [
        {
            "size": size,
            "label": QUANTITIES[str(quantity)],
            "steps": len(rows),
            "deviation": float((rows["mean"] / rows["published"] - 1).mean()),
            "judged": int(rows["inside"].notna().sum()),
            "inside": int(rows["inside"].astype("boolean").sum()),
        }
        for (size, quantity), rows in comparison.groupby(["size", "quantity"], sort=False)
    ]


def describe_row(row: Mapping[Hashable, Any]) -> dict[str, Any]:
    """A row of a comparison as pages show it: with `label`, `interval` and `verdict` in words."""
    known = not pd.isna(row["inside"])
    lacking = "one run" if row["runs"] == 1 else "two runs"
    return {
        **{str(key): value for key, value in row.items()},
        "label": QUANTITIES[row["quantity"]],
        "interval": f"{row['lower']:.5g} to {row['upper']:.5g}" if known else "-",
        "verdict": ("yes" if row["inside"] else "no") if known else f"{lacking}: no interval",
    }
