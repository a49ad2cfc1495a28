"""What a test finds about a claim: a statistic with its interval, and the verdict that follows from it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import ArrayLike

from orderparam.analysis.statistics import share_interval

SUPPORTED = "supported"
REFUTED = "refuted"
INCONCLUSIVE = "inconclusive"
NOT_TESTED = "not tested at this scale"

CONFIDENCE = 0.95


class NotTestedError(Exception):
    """A test lacks what it needs: a table, a size, a measured step. The message is the verdict's note."""


@dataclass(frozen=True)
class Interval:
    """A value with the ends of its interval; the ends are NaN where a single run gives none."""

    value: float = math.nan
    lower: float = math.nan
    upper: float = math.nan

    @classmethod
    def exact(cls, value: float) -> Interval:
        """A number without uncertainty."""
        return cls(value, value, value)

    @classmethod
    def normal(cls, value: float, error: float) -> Interval:
        """95% interval of a Gaussian estimate with standard error `error`."""
        half = float(scipy.stats.norm.ppf((1 + CONFIDENCE) / 2)) * error
        return cls(value, value - half, value + half)

    @classmethod
    def of_share(cls, count: int, total: int) -> Interval:
        """Share `count` / `total` with Clopper and Pearson's exact 95% interval."""
        return cls(count / total, *share_interval(count, total))

    @classmethod
    def of_mean(cls, values: ArrayLike, confidence: float = CONFIDENCE) -> Interval:
        """Student's t interval of the mean of independent `values` (n,), one a seed; no ends for n = 1.

        Where all values are equal, it has no width.
        """
        sample = np.asarray(values, dtype=np.float64)
        mean = float(sample.mean())
        if sample.size < 2:
            return cls(mean)
        error = float(sample.std(ddof=1)) / math.sqrt(sample.size)
        half = float(scipy.stats.t.ppf((1 + confidence) / 2, sample.size - 1)) * error
        return cls(mean, mean - half, mean + half)

    @classmethod
    def of_slope(cls, x: ArrayLike, y: ArrayLike) -> Interval:
        """Slope of the least-squares line through at least 3 points, with Student's t interval (n - 2)."""
        line = scipy.stats.linregress(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64))
        half = float(scipy.stats.t.ppf((1 + CONFIDENCE) / 2, np.size(x) - 2)) * float(line.stderr)
        slope = float(line.slope)
        return cls(slope, slope - half, slope + half)

    def scaled(self, factor: float) -> Interval:
        """The interval of the value times a positive `factor`."""
        return Interval(self.value * factor, self.lower * factor, self.upper * factor)

    def decide(self, low: float = -math.inf, high: float = math.inf) -> str:
        """Supported if the whole interval lies between `low` and `high`, refuted if none of it does."""
        if math.isnan(self.lower) or math.isnan(self.upper):
            return INCONCLUSIVE
        if low < self.lower and self.upper < high:
            return SUPPORTED
        if self.upper <= low or self.lower >= high:
            return REFUTED
        return INCONCLUSIVE


@dataclass(frozen=True)
class Finding:
    """A statistic in words and numbers, and the bounds `low` and `high` between which the claim puts it.

    `ruling` is the verdict where it does not follow from the interval and the bounds alone.
    """

    statistic: str
    interval: Interval = Interval()
    note: str = ""
    low: float = -math.inf
    high: float = math.inf
    ruling: str | None = None

    @property
    def verdict(self) -> str:
        """Supported, refuted, inconclusive or not tested at this scale."""
        return self.ruling or self.interval.decide(self.low, self.high)
