"""Backward differences of the training loss by the order parameter, and where the loss passes a level."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from orderparam.errors import RecordError
from orderparam.tables import DERIVATIVE


def compute_derivative(metrics: pd.DataFrame, checkpoint_every: Mapping[str, int]) -> pd.DataFrame:
    """Backward differences of the training loss along b on each size's grid of checkpoints.

    With L the training loss (nats per character) and b the order parameter (dimensionless), the value
    at checkpoint k is (L_k - L_{k-1}) / (b_k - b_{k-1}), in nats per character, recorded at step and b
    of k; the first interval is included. This is the article's estimator (its Figure 5).

    `metrics` has a row per measured step with at least size, seed, step, order_parameter, train_loss.
    `checkpoint_every` maps each size to its grid spacing in steps. The grid 0, every, 2 every, ... ends
    with the last step measured of a run; other measured steps are not used.

    Where b_k equals b_{k-1}, or the quotient overflows, no slope along b exists: the value is NaN (an
    empty CSV cell), never zero or infinite. The row stays, so every grid point but step 0 has one.

    Returns a tables.DERIVATIVE, in the order of `metrics`. Raises RecordError, naming size,
    seed and step, for a grid step that is missing or recorded twice or a value there that is not finite,
    and, naming the size, for a size present on one side only.
    """
    if odd := set(metrics["size"]) ^ checkpoint_every.keys():
        raise RecordError(
            f"size {', '.join(sorted(odd))} has metrics or a checkpoint_every, but not both; collect the "
            "metrics again"
        )
    tables = []
    for (size, seed), run in metrics.groupby(["size", "seed"], sort=False):
        grid = range(0, int(run["step"].max()) + 1, checkpoint_every[str(size)])
        tables.append(_differentiate(run, f"size {size}, seed {seed}", grid))
    return DERIVATIVE.frame(pd.concat(tables, ignore_index=True))


def _differentiate(run: pd.DataFrame, name: str, grid: range) -> pd.DataFrame:
    on_grid = run[run["step"].isin(grid)].sort_values("step")
    steps = on_grid["step"].to_numpy()
    repeated = steps[1:][steps[1:] == steps[:-1]]
    if repeated.size:
        raise RecordError(f"metrics of {name}: step {repeated[0]} is recorded twice; collect them again")
    missing = sorted(set(grid) - set(steps.tolist()))
    if missing:
        raise RecordError(
            f"metrics of {name}: step {missing[0]} is missing from the checkpoints every {grid.step} steps; "
            "train again, or correct checkpoint_every"
        )
    values = on_grid[["order_parameter", "train_loss"]].to_numpy(dtype=np.float64)
    broken = steps[~np.isfinite(values).all(axis=1)]
    if broken.size:
        raise RecordError(f"metrics of {name}: a value at step {broken[0]} is not a finite number")
    return backward_differences(on_grid)


def backward_differences(run: pd.DataFrame) -> pd.DataFrame:
    """The same between neighbouring rows of one run, in the order of the steps, whatever their distance."""
    delta_b, delta_loss = np.diff(run[["order_parameter", "train_loss"]].to_numpy(dtype=np.float64), axis=0).T
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        slope = delta_loss / delta_b
    slope[~np.isfinite(slope)] = np.nan
    table = run.iloc[1:][["size", "seed", "step", "order_parameter"]]
    return table.assign(dloss_dorder=slope, interval=np.diff(run["step"]))


def first_passage(values: ArrayLike, level: float) -> float | None:
    """Fractional row at which `values` (n,) first fall below `level`, linear between rows; None if never."""
    values = np.asarray(values, dtype=float)
    below = np.flatnonzero((values[:-1] >= level) & (values[1:] < level))
    if below.size == 0:
        return None
    i = int(below[0])
    return float(i + (values[i] - level) / (values[i] - values[i + 1]))


def find_crossings(metrics: pd.DataFrame, level: float) -> pd.DataFrame:
    """Where each run's training loss first falls below `level` (nats per character).

    Both b and step are interpolated linearly in the loss between the two measured steps around the
    crossing. Returns a table size, seed, step (float), order_parameter, in the order of `metrics`, with
    no row for a run that starts below the level or never reaches it.
    """
    rows = []
    for (size, seed), run in metrics.groupby(["size", "seed"], sort=False):
        ordered = run.sort_values("step")
        row = first_passage(ordered["train_loss"], level)
        if row is not None:
            places = (np.interp(row, range(len(run)), ordered[name]) for name in ("step", "order_parameter"))
            rows.append((size, seed, *map(float, places)))
    return pd.DataFrame(rows, columns=["size", "seed", "step", "order_parameter"])
