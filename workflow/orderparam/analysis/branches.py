"""The branches of a penalty that is swept up and down: what each stage ends at, and where a branch ends.

A branch is a series of an observable by the penalty, ascending, from the ends of the stages of one seed.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

FEWEST_POINTS = 4


def stage_ends(metrics: pd.DataFrame, rows: int = 1) -> pd.DataFrame:
    """The last row of each stage, of tables.METRICS, with the penalised loss (nats) as `penalised_loss`.

    Its numbers are means over the stage's last `rows`, which tell a state from its fluctuations where the
    learning rate does not fall. A stage's rows follow each other in a run and have one weight decay.
    """
    runs = metrics.sort_values(["size", "seed", "step"], kind="stable", ignore_index=True)
    runs = runs.assign(penalised_loss=runs["train_loss"] + runs["weight_decay"] * runs["squared_norm"])
    key = ["size", "seed", "weight_decay"]
    stage = (runs[key] != runs[key].shift()).any(axis="columns").cumsum()
    last = runs.groupby(stage).tail(rows).groupby(stage)
    measured = runs.columns.drop(["size", "seed", "step", "weight_decay"])
    return last.last().assign(**last[list(measured)].mean()).reset_index(drop=True)


def branch_end(branch: pd.Series, threshold: float) -> float:
    """The penalty up to which an observable is above `threshold`.

    The geometric mean of the largest penalty at which it is, and the next. Where it is at none or at the
    largest, the branch's least or largest penalty: a bound.
    """
    penalties = branch.index.to_numpy(dtype=np.float64)
    above = np.flatnonzero(branch.to_numpy() > threshold)
    if not above.size:
        return float(penalties[0])
    last = int(above[-1])
    return math.sqrt(penalties[last] * penalties[min(last + 1, len(penalties) - 1)])


def loop_width(up: pd.Series, down: pd.Series, threshold: float) -> float:
    """ln of the penalty up to which the upward branch is above `threshold`, over the downward one's."""
    return math.log(branch_end(up, threshold) / branch_end(down, threshold))


def largest_fall(branch: pd.Series, low: float, high: float) -> float:
    """The most that an observable falls from one stage to the next, penalties from `low` to `high` taken.

    NaN for fewer than two stages.
    """
    chosen = branch[(branch.index >= low) & (branch.index <= high)].to_numpy(dtype=np.float64)
    return float(-np.diff(chosen).min()) if chosen.size > 1 else math.nan


def steepest_slope(branch: pd.Series) -> float:
    """The largest |d m / d ln gamma| of an observable m between neighbouring stages."""
    return float(
        np.abs(np.diff(branch.to_numpy()) / np.diff(np.log(branch.index.to_numpy(dtype=float)))).max()
    )


def loss_crossing(up: pd.Series, down: pd.Series) -> float:
    """The penalty from which on the upward branch's penalised loss is the higher one, linear in ln gamma.

    NaN where it is so at the first penalty that both have, or at none.
    """
    excess = (up - down).dropna()
    above = np.flatnonzero(excess.to_numpy() > 0)
    if not above.size or above[0] == 0:
        return math.nan
    around = excess.iloc[above[0] - 1 : above[0] + 1]
    logs = np.log(around.index.to_numpy(dtype=np.float64))
    return math.exp(float(np.interp(0.0, around.to_numpy(), logs)))


def crossing_in_loop(up: pd.Series, down: pd.Series, ends: tuple[float, float]) -> float:
    """Where the penalised losses of the branches cross, from 0 at the loop's lower end to 1 at its upper.

    `up` and `down` are penalised losses at the same penalties; `ends` those of the loop. 0 if the upward
    branch's is the higher one in all of the loop, 1 if it is the lower one, NaN if no stage lies in it.
    """
    low, high = ends
    shared = up.index.intersection(down.index)
    inside = shared[(shared > low) & (shared < high)]
    if inside.empty:
        return math.nan
    excess = (up - down).loc[inside]
    if excess.iloc[0] > 0:
        return 0.0
    if not (excess > 0).any():
        return 1.0
    place = loss_crossing(up.loc[inside], down.loc[inside])
    return math.log(place / low) / math.log(high / low)


def critical_exponent(branch: pd.Series, threshold: float, end: float | None = None) -> tuple[float, float]:
    """gamma_c and beta of m = A (gamma_c - gamma)^beta at the last four stages with m above `threshold`.

    By least squares in ln m. gamma_c is `end`, and the stages are below it; if None it is fitted, within two
    stages of the last of these, since m may be below the threshold and not zero. NaN for fewer stages, or
    where there are no two.
    """
    below = branch.index.to_numpy(dtype=np.float64) < (math.inf if end is None else end)
    above = np.flatnonzero((branch.to_numpy() > threshold) & below)
    if above.size < FEWEST_POINTS or above[-1] + 2 >= len(branch):
        return math.nan, math.nan
    last = int(above[-1])
    chosen = branch.iloc[last + 1 - FEWEST_POINTS : last + 1]
    gammas, logs = chosen.index.to_numpy(dtype=np.float64), np.log(chosen.to_numpy())
    candidates = np.geomspace(gammas[-1], branch.index[last + 2], 402)[1:] if end is None else np.array([end])
    fits = [np.polyfit(np.log(gamma - gammas), logs, 1, full=True) for gamma in candidates]
    best = int(np.argmin([float(residual.sum()) for _, residual, *_ in fits]))
    return float(candidates[best]), float(fits[best][0][0])
