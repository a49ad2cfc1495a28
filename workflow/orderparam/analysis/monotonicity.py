"""Whether a noisy series rises all along, and how much of a fall its noise explains."""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import ArrayLike

_FEWEST_POINTS = 3
# 1 / quantile(0.75) of the normal distribution: the standard deviation from a median of absolute values.
_MAD = 1.4826


def estimate_noise(x: ArrayLike, y: ArrayLike) -> float:
    """Standard deviation of the noise of `y` (n,) around a smooth function of the increasing `x` (n,).

    From each inner point's distance to the line through its two neighbours, which has the variance
    1 + w^2 + (1 - w)^2 times the noise's, w the share of the gap; the median makes it robust against the
    few steps where the curve bends. It is an upper estimate where the curve bends everywhere. 0 for
    fewer than 3 points.
    """
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if x.size < _FEWEST_POINTS:
        return 0.0
    share = (x[1:-1] - x[:-2]) / (x[2:] - x[:-2])
    distance = y[1:-1] - ((1 - share) * y[:-2] + share * y[2:])
    return float(_MAD * np.median(np.abs(distance) / np.sqrt(1 + share**2 + (1 - share) ** 2)))


def tolerance_of(noise: float, points: int) -> float:
    """Difference of two of `points` values that noise alone exceeds with probability 5% or less.

    Gaussian noise of standard deviation `noise`, Bonferroni's correction for all pairs.
    """
    pairs = points * (points - 1) / 2
    return float(scipy.stats.norm.isf(0.05 / pairs) * np.sqrt(2) * noise) if points > 1 else 0.0


def least_rise(y: ArrayLike) -> float:
    """The least excess of a value of `y` (n,) over the largest before it: positive iff `y` rises strictly."""
    y = np.asarray(y, dtype=np.float64)
    return float(np.min(y[1:] - np.maximum.accumulate(y)[:-1]))


def tolerance_along(steps: ArrayLike, values: ArrayLike) -> float:
    """The tolerance of `values` (n,) over increasing `steps` (n,), their noise told along log(1 + step)."""
    log_step = np.log1p(np.asarray(steps, dtype=np.float64))
    return tolerance_of(estimate_noise(log_step, values), log_step.size)


def rises_after_minimum(steps: ArrayLike, values: ArrayLike) -> tuple[int, float]:
    """The row of the least of `values` (n,) over the increasing `steps`, and how far the last exceeds it.

    The rise is less the tolerance for noise: there is a minimum iff it is positive.
    """
    values = np.asarray(values, dtype=np.float64)
    lowest = int(np.argmin(values))
    return lowest, float(values[-1] - values[lowest]) - tolerance_along(steps, values)
