"""What a test finds about a claim: a statistic with its interval, and the verdict that follows from it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import ArrayLike

from orderparam.analysis.statistics import share_interval, student_interval

SUPPORTED = "supported"
REFUTED = "refuted"
INCONCLUSIVE = "inconclusive"
NOT_TESTED = "not tested at this scale"
# A test that would find nothing either way: its silence refutes nothing.
NOT_DETECTABLE = "not detectable by this test"

CONFIDENCE = 0.95


class NotTestedError(Exception):
    """A test lacks what it needs: a table, a size, a measured step. The message is the verdict's note."""


@dataclass(frozen=True)
class Interval:
    """A value with the ends of its interval; the ends are NaN where a single run gives none.

    `freedom` is that of Student's t, infinite for a normal one, `confidence` the interval's.
    """

    value: float = math.nan
    lower: float = math.nan
    upper: float = math.nan
    freedom: float = math.inf
    confidence: float = CONFIDENCE

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
        bounds = student_interval(sample, confidence)
        return cls(float(sample.mean()), *bounds, max(sample.size - 1, 1), confidence)

    @classmethod
    def of_difference(cls, one: ArrayLike, other: ArrayLike, confidence: float = CONFIDENCE) -> Interval:
        """Mean of `one` (n,) less that of `other` (m,), Welch's interval; no ends if either has one value.

        B. L. Welch, Biometrika 34, 28 (1947): the two may vary differently.
        """
        first, second = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
        value = float(first.mean() - second.mean())
        if min(first.size, second.size) < 2:
            return cls(value)
        found = scipy.stats.ttest_ind(first, second, equal_var=False)
        low, high = found.confidence_interval(confidence)
        return cls(value, float(low), float(high), float(found.df), confidence)

    @classmethod
    def of_slope(cls, x: ArrayLike, y: ArrayLike) -> Interval:
        """Slope of the least-squares line through at least 3 points, with Student's t interval (n - 2).

        Where the points lie on the line, as where all of `y` are equal, it has no width.
        """
        line = scipy.stats.linregress(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64))
        # Of equal values SciPy calls the error NaN, by way of a correlation that they do not have.
        error = float(line.stderr) if np.ptp(y) else 0.0
        half = float(scipy.stats.t.ppf((1 + CONFIDENCE) / 2, np.size(x) - 2)) * error
        slope = float(line.slope)
        return cls(slope, slope - half, slope + half, np.size(x) - 2)

    def decide(self, low: float = -math.inf, high: float = math.inf) -> str:
        """Supported if the whole interval lies between `low` and `high`, refuted if none of it does."""
        if math.isnan(self.lower) or math.isnan(self.upper):
            return INCONCLUSIVE
        if low < self.lower and self.upper < high:
            return SUPPORTED
        if self.upper <= low or self.lower >= high:
            return REFUTED
        return INCONCLUSIVE

    def p_value(self, bound: float) -> float:
        """Two-sided p of a true value at `bound`, by the interval's side that faces it; NaN if exact."""
        half = self.upper - self.value if bound > self.value else self.value - self.lower
        if not (half > 0 and math.isfinite(bound)):
            return math.nan
        quantile = scipy.stats.t.ppf((1 + self.confidence) / 2, self.freedom)
        return float(2 * scipy.stats.t.sf(abs(self.value - bound) / half * quantile, self.freedom))


@dataclass(frozen=True)
class Finding:
    """A statistic in words and numbers, and the bounds `low` and `high` between which the claim puts it.

    `ruling` is the verdict where it does not follow from the interval and the bounds alone. `looks` counts
    the sizes or pairs of which the one shown decided.
    """

    statistic: str
    interval: Interval = Interval()
    note: str = ""
    low: float = -math.inf
    high: float = math.inf
    ruling: str | None = None
    looks: int = 1

    @property
    def verdict(self) -> str:
        """Supported, refuted, inconclusive, not tested at this scale or not detectable by this test."""
        return self.ruling or self.interval.decide(self.low, self.high)

    @property
    def p_value(self) -> float:
        """p at the bound that is nearest to what a decided verdict found, times the `looks`; else NaN."""
        if self.verdict not in (SUPPORTED, REFUTED):
            return math.nan
        chances = [self.interval.p_value(bound) for bound in (self.low, self.high) if math.isfinite(bound)]
        known = [chance for chance in chances if not math.isnan(chance)]
        if not known:
            return math.nan
        # The nearest bound decides: within both for support, beyond one for refutation.
        return min(1.0, max(known) * self.looks)
