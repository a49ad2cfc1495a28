"""Slopes of a measured curve at any spacing, with standard errors; those of a run's loss by b and step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from orderparam.tables import LOSS_SLOPE

Vector = NDArray[np.float64]
Integers = NDArray[np.int64]

_DEGREE = 3
_SPANS = (7, 9, 11, 15, 21, 29, 41)
# Share of the range of b, and e-folds of steps. The passage between levels takes longer; fits to fewer
# points would take the noise of a flat loss for a dip.
_REACH_ALONG_B, _REACH_ALONG_LOG_STEP = 0.1, 0.5


@dataclass(frozen=True)
class LocalSlope:
    """`value`, `slope` and its `standard_error`, each (n,), of n points."""

    value: Vector
    slope: Vector
    standard_error: Vector


def estimate_slope(x: ArrayLike, y: ArrayLike, reach: float = 0.0) -> LocalSlope:
    """Slope of `y` (n,) along the increasing `x` (n,) at each point, by local cubic fits.

    Each fit weighs its nearest neighbours, or all within `reach` where these are more, by the tricube kernel
    (Cleveland, JASA 74, 829 (1979)), so the spacing may vary. Both value and slope are linear in `y`. The
    noise's variance is that of the neighbourhood's residuals times n / (n - tr(2 S - S S^T)), S the smoother.
    Errors are propagated for noise that is independent from point to point. The number of neighbours is that
    from 7 to 41 that gives the lowest median left-out residual. Raises ValueError for fewer than 7 points or
    `x` that does not increase.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if x.shape != y.shape or x.ndim != 1 or np.any(np.diff(x) <= 0):
        raise ValueError("x and y must be of one length, and x must increase")
    if x.size < _SPANS[0]:
        raise ValueError(f"{x.size} points are too few; a local slope needs {_SPANS[0]}")
    best = None
    for span in [span for span in _SPANS if span <= x.size]:
        smoother, slopes = _operators(x, span, reach)
        residual = y - smoother @ y
        # Residuals of each point left out of its own fit. The median: a steep beginning must not set it.
        score = float(np.median(np.abs(residual / np.maximum(1 - np.diag(smoother), 1e-9))))
        if best is None or score < best[0]:
            best = (score, span, smoother, slopes, residual)
    assert best is not None
    _, span, smoother, slopes, residual = best
    freedom = x.size - 2 * np.trace(smoother) + np.sum(smoother**2)
    inflation = x.size / freedom if freedom > 0.5 else float("nan")
    # From the neighbourhood's residuals only: a misfit elsewhere would widen the errors here.
    places = np.arange(x.size)
    mask = np.abs(places[:, None] - places) <= span
    near = mask @ residual**2 / mask.sum(axis=1)
    error = np.sqrt(inflation * near * np.sum(slopes**2, axis=1))
    return LocalSlope(smoother @ y, slopes @ y, error)


def _operators(x: Vector, points: int, reach: float) -> tuple[Vector, Vector]:
    """Matrices (n, n) that take measured values to fitted values and to slopes."""
    n = x.size
    smoother, slopes = np.zeros((n, n)), np.zeros((n, n))
    for i in range(n):
        first, last = np.searchsorted(x, [x[i] - reach, x[i] + reach], side="left")
        if last - first < points:
            # The nearest `points` neighbours: of all such runs around i, the one that reaches least far.
            starts = np.arange(max(0, i - points + 1), min(i, n - points) + 1)
            farthest = np.maximum(x[i] - x[starts], x[starts + points - 1] - x[i])
            first = int(starts[np.argmin(farthest)])
            last = first + points
        near = slice(int(first), int(last))
        # A little beyond the farthest neighbour, whose weight would otherwise be zero.
        width = 1.1 * np.abs(x[near] - x[i]).max()
        distance = (x[near] - x[i]) / width
        root = np.sqrt((1 - np.abs(distance) ** 3) ** 3)
        design = np.vander(distance, _DEGREE + 1, increasing=True)
        solution = np.linalg.pinv(design * root[:, None]) * root
        smoother[i, near], slopes[i, near] = solution[0], solution[1] / width
    return smoother, slopes


def rising_rows(x: ArrayLike) -> Integers:
    """Rows at which `x` (n,) exceeds all that come after its minimum: where it can serve as a clock.

    The order parameter of a fresh model falls for a few steps before it rises; from the minimum on, a
    row is kept if it is above all kept before it.
    """
    x = np.asarray(x, dtype=float)
    lowest = int(np.argmin(x))
    highest = np.maximum.accumulate(x[lowest:])
    return np.append(lowest, lowest + 1 + np.flatnonzero(highest[1:] > highest[:-1])).astype(np.int64)


def measure_loss_slopes(run: pd.DataFrame) -> pd.DataFrame:
    """The local slopes of the loss by b and by log step of one run, as tables.LOSS_SLOPE with smooth losses.

    `run` has size, seed, step, order_parameter and train_loss, in the order of the steps. Local fits reach
    at least a tenth of the range of b, and half an e-fold of steps, to both sides. Rows are those at which b
    rises, under their index in `run`; a slope that cannot be taken there, or with fewer than 7 points, is
    NaN. Errors are for noise that is independent between measured steps. Two more columns, `loss_dorder` and
    `loss_dlogstep`, hold the fitted losses (nats per character).
    """
    steps, b, loss = (run[name].to_numpy(dtype=float) for name in ("step", "order_parameter", "train_loss"))
    rising, started = rising_rows(b), np.flatnonzero(steps > 0)
    clocks = {
        "dorder": (rising, b[rising], _REACH_ALONG_B * np.ptp(b[rising])),
        "dlogstep": (started, np.log(steps[started]), _REACH_ALONG_LOG_STEP),
    }
    table = run[["size", "seed", "step", "order_parameter", "train_loss"]].copy()
    for name, (rows, clock, reach) in clocks.items():
        columns = [f"dloss_{name}", f"dloss_{name}_error", f"loss_{name}"]
        table[columns] = np.nan
        if rows.size >= _SPANS[0]:
            found = estimate_slope(clock, loss[rows], reach=reach)
            fitted = np.column_stack([found.slope, found.standard_error, found.value])
            table.loc[table.index[rows], columns] = fitted
    return table.loc[table.index[rising], list(LOSS_SLOPE.columns)]
