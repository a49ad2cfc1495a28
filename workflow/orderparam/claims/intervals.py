"""Intervals of statistics over seeds, and the verdicts that follow from where they lie."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import ArrayLike

from orderparam.claims.verdict import INCONCLUSIVE, NOT_TESTED, REFUTED, SUPPORTED, Verdict

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """A value with the ends of its interval; the ends are NaN where a single run gives none."""

    value: float
    lower: float
    upper: float

    @classmethod
    def exact(cls, value: float) -> Interval:
        """A number without uncertainty."""
        return cls(value, value, value)

    @classmethod
    def normal(cls, value: float, error: float) -> Interval:
        """95% interval of a Gaussian estimate with standard error `error`."""
        half = float(scipy.stats.norm.ppf((1 + CONFIDENCE) / 2)) * error
        return cls(value, value - half, value + half)


def mean_interval(values: ArrayLike, confidence: float = CONFIDENCE) -> Interval:
    """Student's t interval of the mean of independent `values` (n,), one a seed; no ends for n = 1.

    Where all values are equal, it has no width.
    """
    sample = np.asarray(values, dtype=np.float64)
    mean = float(sample.mean())
    if sample.size < 2:
        return Interval(mean, math.nan, math.nan)
    error = float(sample.std(ddof=1)) / math.sqrt(sample.size)
    half = float(scipy.stats.t.ppf((1 + confidence) / 2, sample.size - 1)) * error
    return Interval(mean, mean - half, mean + half)


def share_interval(count: int, total: int) -> Interval:
    """Share `count` / `total` with Clopper and Pearson's exact 95% interval."""
    interval = scipy.stats.binomtest(count, total).proportion_ci(CONFIDENCE, method="exact")
    return Interval(count / total, float(interval.low), float(interval.high))


def slope_interval(x: ArrayLike, y: ArrayLike) -> Interval:
    """Slope of the least-squares line through at least 3 points, with Student's t interval (n - 2)."""
    line = scipy.stats.linregress(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64))
    half = float(scipy.stats.t.ppf((1 + CONFIDENCE) / 2, np.size(x) - 2)) * float(line.stderr)
    slope = float(line.slope)
    return Interval(slope, slope - half, slope + half)


def decide(interval: Interval, low: float = -math.inf, high: float = math.inf) -> str:
    """Supported if the whole interval lies between `low` and `high`, refuted if none of it does."""
    if math.isnan(interval.lower) or math.isnan(interval.upper):
        return INCONCLUSIVE
    if low < interval.lower and interval.upper < high:
        return SUPPORTED
    if interval.upper <= low or interval.lower >= high:
        return REFUTED
    return INCONCLUSIVE


def judge_interval(
    interval: Interval,
    statistic: str,
    file: str,
    note: str = "",
    low: float = -math.inf,
    high: float = math.inf,
) -> Verdict:
    """The verdict on a statistic that the claim puts between `low` and `high`."""
    verdict = decide(interval, low, high)
    return Verdict(verdict, statistic, interval.value, interval.lower, interval.upper, file, note)


def judge_sizes(
    values: Mapping[str, ArrayLike],
    missing: Mapping[str, str],
    statistic: str,
    file: str,
    note: str = "",
    low: float = -math.inf,
    high: float = math.inf,
) -> Verdict:
    """The verdict on a claim that puts a statistic between `low` and `high` for every size.

    `values` holds each size's statistic, one number a seed; `missing` says of the sizes without one why.
    One size that refutes the claim refutes it; else what is missing leaves it untested, and one size that
    does not decide leaves it open. The numbers are those of the size that decides. Intervals are
    Student's, at a confidence that Bonferroni's correction for the number of sizes gives.
    """
    reasons = [f"{size}: {reason}" for size, reason in missing.items()]
    if not values:
        return Verdict(NOT_TESTED, statistic, file=file, note=_join(*reasons, note))
    level = 1 - (1 - CONFIDENCE) / len(values)
    intervals = {size: mean_interval(sample, level) for size, sample in values.items()}
    verdicts = {size: decide(interval, low, high) for size, interval in intervals.items()}

    def distance(size: str) -> float:
        """How far inside of its bounds a size is; the least of them decides."""
        interval = intervals[size]
        ends = (interval.value,) if math.isnan(interval.lower) else (interval.lower, interval.upper)
        return min(min(end - low, high - end) for end in ends)

    order = [REFUTED, INCONCLUSIVE, SUPPORTED]
    size = min(values, key=lambda name: (order.index(verdicts[name]), distance(name)))
    overall = verdicts[size]
    if missing and overall != REFUTED:
        overall = NOT_TESTED
    count = np.size(values[size])
    seeds = "1 seed gives no interval" if count == 1 else f"{count} seeds"
    others = [f"{name} {intervals[name].value:.4g} ({verdicts[name]})" for name in values if name != size]
    interval = intervals[size]
    return Verdict(
        overall,
        statistic,
        interval.value,
        interval.lower,
        interval.upper,
        file,
        _join(f"{size}, {seeds}", *others, *reasons, note),
    )


def _join(*parts: str) -> str:
    return "; ".join(part for part in parts if part)
