"""Estimates with errors: of correlated series, of shares, of means over seeds; fluctuations on lattices."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from orderparam.errors import StatisticsError

Floats = NDArray[np.float64]

# Wolff's S: the window closes where exp(-W / (S tau)) meets the statistical error.
WINDOW_PARAMETER = 1.5
FEWEST_SAMPLES = 10
# A series of fewer autocorrelation times is too short to estimate that time.
FEWEST_TIMES = 20
# Blocks of 20 autocorrelation times underestimate the error by a fortieth.
TIMES_PER_BLOCK = 20
MOST_BLOCKS = 200
FEWEST_BLOCKS = 20


@dataclass(frozen=True)
class Estimate:
    """A value and its standard error."""

    value: float
    error: float


@dataclass(frozen=True)
class MeanEstimate(Estimate):
    """The mean of a time series; `time` is the integrated autocorrelation time in samples.

    Independent samples have `time` 1/2.
    """

    time: float


def autocovariance(series: ArrayLike) -> Floats:
    """The autocovariance at lags 0 ... n - 1 of a series (n,), each lag normalised by its number of pairs."""
    values = _as_series(series)
    n = len(values)
    deviations = values - values.mean()
    length = scipy.fft.next_fast_len(2 * n)
    spectrum = np.fft.rfft(deviations, length)
    sums = np.fft.irfft(spectrum * spectrum.conj(), length)[:n]
    return np.asarray(sums / np.arange(n, 0, -1))


def estimate_mean(series: ArrayLike) -> MeanEstimate:
    """Mean of a stationary time series (n,) with an error that accounts for autocorrelation.

    The Gamma method with automatic windowing: U. Wolff, Comput. Phys. Commun. 156, 143 (2004),
    section 3. Raises StatisticsError for fewer than 10 samples, for values that are not finite, and for a
    series shorter than 20 autocorrelation times.
    """
    values = _as_series(series)
    n = len(values)
    covariance = autocovariance(values)
    mean = float(values.mean())
    # A constant series, up to rounding errors.
    if covariance[0] <= (4 * np.finfo(np.float64).eps * np.abs(values).max()) ** 2:
        return MeanEstimate(mean, 0.0, 0.5)
    # Sums of magnitudes: where the terms alternate in sign, their own sum would close the window at once.
    sums = 0.5 + np.cumsum(np.abs(covariance[1:]) / covariance[0])
    window = _find_window(sums, n)
    # Subtracting the measured mean has lowered each lag by the variance of that mean.
    total = covariance[0] + 2 * covariance[1 : window + 1].sum()
    shifted = covariance + total / n
    variance = shifted[0] + 2 * shifted[1 : window + 1].sum()
    # Noise can make it negative for a strongly alternating series: take that of independent samples, a bound.
    if variance <= 0:
        variance = shifted[0]
    time = float(variance / (2 * shifted[0]))
    if n < FEWEST_TIMES * time:
        raise StatisticsError(
            f"a time series of {n} samples is too short for its autocorrelation time of about {time:.3g}; "
            f"take at least {math.ceil(FEWEST_TIMES * time)}"
        )
    return MeanEstimate(mean, math.sqrt(variance / n), time)


def _find_window(sums: Floats, n: int) -> int:
    """First lag W at which the truncation error and the statistical error of tau balance."""
    lags = np.arange(1, len(sums) + 1)
    decay = WINDOW_PARAMETER / np.log((2 * sums + 1) / np.maximum(2 * sums - 1, 1e-300))
    balance = np.exp(-lags / decay) - decay / np.sqrt(lags * n)
    closed = np.flatnonzero(balance < 0)
    return min(int(lags[closed[0]]) if closed.size else n, n // 4)


def choose_block_length(n: int, time: float) -> int:
    """Length of jackknife blocks of n samples: at least 20 autocorrelation times, at most 200 blocks.

    Raises StatisticsError where fewer than 20 such blocks fit.
    """
    block = max(math.ceil(TIMES_PER_BLOCK * time), math.ceil(n / MOST_BLOCKS))
    if n // block < FEWEST_BLOCKS:
        raise StatisticsError(
            f"{n} samples with an autocorrelation time of {time:.3g} are fewer than {FEWEST_BLOCKS} blocks "
            f"of {TIMES_PER_BLOCK} times; take at least {FEWEST_BLOCKS * block} samples"
        )
    return block


def estimate_by_jackknife(columns: ArrayLike, function: Callable[[Floats], Floats], block: int) -> Estimate:
    """A function of means, with the bias removed to first order, by the jackknife over blocks.

    `columns` has shape (n, k), a row per sample in time order; `function` maps means (..., k) to (...).
    Samples before the first whole block of length `block` are dropped. The error is right where blocks are
    much longer than the autocorrelation time: see `choose_block_length`. B. Efron, The Jackknife, the
    Bootstrap and Other Resampling Plans (SIAM, 1982). Raises StatisticsError for fewer than two blocks.
    """
    values = np.asarray(columns, dtype=np.float64)
    count = len(values) // block
    if count < 2:
        raise StatisticsError(f"{len(values)} samples make {count} blocks of {block}; at least 2 are needed")
    blocks = values[len(values) - count * block :].reshape(count, block, -1).mean(axis=1)
    mean = blocks.mean(axis=0)
    left_out = function((count * mean - blocks) / (count - 1))
    plain = float(function(mean))
    spread = left_out - left_out.mean()
    return Estimate(
        value=count * plain - (count - 1) * float(left_out.mean()),
        error=math.sqrt((count - 1) / count * float(np.sum(spread**2))),
    )


def susceptibility(mean: ArrayLike, mean_square: ArrayLike, sites: float, temperature: float) -> Floats:
    """N (<m^2> - <|m|>^2) / T from the moments of the order parameter per site (k_B = 1)."""
    return np.asarray(sites * (np.asarray(mean_square) - np.square(mean)) / temperature)


def specific_heat(mean: ArrayLike, mean_square: ArrayLike, sites: float, temperature: float) -> Floats:
    """N (<e^2> - <e>^2) / T^2 from the moments of the energy per site (k_B = 1)."""
    return susceptibility(mean, mean_square, sites, temperature**2)


def binder_cumulant(mean_square: ArrayLike, mean_fourth: ArrayLike) -> Floats:
    """1 - <m^4> / (3 <m^2>^2), K. Binder, Z. Phys. B 43, 119 (1981): 2/3 in order, 0 in disorder.

    NaN where nothing varies.
    """
    with np.errstate(invalid="ignore"):
        return np.asarray(1 - np.asarray(mean_fourth) / (3 * np.square(mean_square)))


def student_interval(values: ArrayLike, confidence: float = 0.95) -> tuple[float, float]:
    """Student's t interval of the mean of independent `values` (n,), one a seed; NaN for fewer than two.

    Of three seeds a bootstrap gives about their range, which covers the mean in three cases of four.
    """
    sample = np.asarray(values, dtype=float)
    if sample.size < 2:
        return math.nan, math.nan
    half = scipy.stats.t.ppf((1 + confidence) / 2, sample.size - 1) * scipy.stats.sem(sample)
    return float(sample.mean() - half), float(sample.mean() + half)


def share_interval(count: int, total: int) -> tuple[float, float]:
    """Clopper and Pearson's exact 95% interval of a share, `count` of `total`."""
    interval = scipy.stats.binomtest(count, total).proportion_ci(0.95, method="exact")
    return float(interval.low), float(interval.high)


def _as_series(series: ArrayLike) -> Floats:
    values = np.asarray(series, dtype=np.float64)
    if values.ndim != 1 or len(values) < FEWEST_SAMPLES:
        raise StatisticsError(
            f"a time series must have one axis and at least {FEWEST_SAMPLES} samples; "
            f"found shape {values.shape}"
        )
    if not np.isfinite(values).all():
        place = int(np.flatnonzero(~np.isfinite(values))[0])
        raise StatisticsError(f"a time series must be of finite numbers; sample {place} is {values[place]}")
    return values
