"""Of one training run: its progress from bigram to trigram level, the plateau before, and the escape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from orderparam.analysis.local_slope import LocalSlope, estimate_slope, local_extrema
from orderparam.errors import RecordError

Vector = NDArray[np.float64]
Integers = NDArray[np.int64]

# Nats per character between bigram and trigram level below which there is nothing to pass between.
MIN_GAP = 0.1
# A dip counts if the slope rises again by as many standard errors, on both sides.
_SIGNIFICANCE = 3.0
# A passage between levels takes longer than that; what is shorter is the noise of few measurements.
_REACH_ALONG_B, _REACH_ALONG_LOG_STEP = 0.1, 0.5


@dataclass(frozen=True)
class Levels:
    """The n-gram entropies (nats per character) between which a run passes: bigram and trigram."""

    bigram: float
    trigram: float

    def progress(self, loss: ArrayLike) -> Vector:
        """phi = (H_2 - L) / (H_2 - H_3): 0 at bigram level, 1 at trigram level, negative before."""
        return np.asarray((self.bigram - np.asarray(loss, dtype=float)) / (self.bigram - self.trigram))


def levels_of(ngram_entropies: pd.DataFrame) -> Levels | None:
    """The levels from a corpus's table (order, train_entropy, ...); None where phi would mean nothing.

    That is where the entropies of orders 2 and 3 are less than MIN_GAP apart, as in a text sampled from a
    first-order Markov chain. Raises RecordError where an order is missing.
    """
    entropies = dict(zip(ngram_entropies["order"], ngram_entropies["train_entropy"], strict=True))
    if 2 not in entropies or 3 not in entropies:
        raise RecordError("the n-gram entropies lack order 2 or 3; count the n-grams again")
    levels = Levels(float(entropies[2]), float(entropies[3]))
    return levels if levels.bigram - levels.trigram >= MIN_GAP else None


def rising_rows(x: ArrayLike) -> Integers:
    """Rows at which `x` (n,) exceeds all that come after its minimum: where it can serve as a clock.

    The order parameter of a fresh model falls for a few steps before it rises; from the minimum on, a
    row is kept if it is above all kept before it.
    """
    x = np.asarray(x, dtype=float)
    kept = [int(np.argmin(x))]
    for i in range(kept[0] + 1, x.size):
        if x[i] > x[kept[-1]]:
            kept.append(i)
    return np.array(kept, dtype=np.int64)


def first_passage(values: ArrayLike, level: float) -> float | None:
    """Fractional row at which `values` (n,) first fall below `level`, linear between rows; None if never."""
    values = np.asarray(values, dtype=float)
    below = np.flatnonzero((values[:-1] >= level) & (values[1:] < level))
    if below.size == 0:
        return None
    i = int(below[0])
    return float(i + (values[i] - level) / (values[i] - values[i + 1]))


@dataclass(frozen=True)
class Escape:
    """Rows of a `LocalSlope` at which |dL/dx| dips as the loss passes H_2, and is steepest after it."""

    plateau: int
    escape: int


def find_escape(slope: LocalSlope, levels: Levels) -> Escape | None:
    """The deepest dip of |slope| near H_2 in loss, and the following maximum; None where there is no dip.

    A dip lies within half of H_2 - H_3 of H_2. Its depth is by how much |slope| is surely higher before
    and after it, the lesser of the two: 3 standard errors of the difference are taken off, and what is
    left must be positive. The maximum is the row where |slope| less 3 standard errors is highest, so that
    the noise of a few rows does not decide.
    """
    steepness, margin = -slope.slope, _SIGNIFICANCE * slope.standard_error
    minima, _ = local_extrema(steepness)
    progress = levels.progress(slope.value)
    found: list[tuple[float, Escape]] = []
    for dip in minima[np.abs(progress[minima]) <= 0.5]:
        rise = steepness - steepness[dip] - np.hypot(margin, margin[dip])
        depth = float(min(rise[:dip].max(), rise[dip + 1 :].max()))
        after = int(dip + np.argmax((steepness - margin)[dip:]))
        found.append((depth, Escape(int(dip), after)))
    depth, escape = max(found, key=lambda pair: pair[0], default=(0.0, None))
    return escape if depth > 0 else None


def slope_along_order_parameter(b: ArrayLike, loss: ArrayLike) -> tuple[Integers, LocalSlope] | None:
    """Slope of the loss along b, and the rows it stands for: those of `rising_rows`.

    Local fits reach a tenth of the range of b to both sides at least. None for fewer than 7 rows.
    """
    b, loss = np.asarray(b, dtype=float), np.asarray(loss, dtype=float)
    rows = rising_rows(b)
    return _slope(b, loss, rows, _REACH_ALONG_B * (b[rows[-1]] - b[rows[0]]))


def slope_along_log_step(steps: ArrayLike, loss: ArrayLike) -> tuple[Integers, LocalSlope] | None:
    """Slope of the loss along the logarithm of the step, and the rows it stands for: those after step 0.

    Local fits reach half an e-fold of steps to both sides at least. None for fewer than 7 rows.
    """
    steps, loss = np.asarray(steps, dtype=float), np.asarray(loss, dtype=float)
    rows = np.flatnonzero(steps > 0)
    return _slope(np.log(np.maximum(steps, 1)), loss, rows, _REACH_ALONG_LOG_STEP)


def _slope(clock: Vector, loss: Vector, rows: Integers, reach: float) -> tuple[Integers, LocalSlope] | None:
    if rows.size < 7:
        return None
    return rows, estimate_slope(clock[rows], loss[rows], reach=reach)
