"""Fluctuations of an order parameter over an ensemble of seeds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Vector = NDArray[np.float64]

RESAMPLES = 999
_MIXTURE_ITERATIONS = 100


def susceptibility(values: ArrayLike, size: float, axis: int = -1) -> Vector:
    """`size` times the unbiased variance over `axis`: N Var(phi), N being what the caller takes for it."""
    return np.asarray(size * np.var(np.asarray(values, dtype=float), axis=axis, ddof=1))


def binder_cumulant(values: ArrayLike, axis: int = -1) -> Vector:
    """1 - <d^4> / (3 <d^2>^2) over `axis`, d the deviation from the mean; NaN where nothing varies.

    0 for a Gaussian, 2/3 for two equal sharp peaks, negative for a rare outlier (Binder, Z. Phys. B 43,
    119 (1981), here centred, since phi has no symmetry about zero). A small sample's estimate is biased.
    """
    values = np.asarray(values, dtype=float)
    deviation = values - values.mean(axis=axis, keepdims=True)
    second, fourth = np.mean(deviation**2, axis=axis), np.mean(deviation**4, axis=axis)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(second > 0, 1 - fourth / (3 * second**2), np.nan))


def bimodality_coefficient(values: ArrayLike, axis: int = -1) -> Vector:
    """Sarle's coefficient (g^2 + 1) / (k + 3 (n-1)^2 / ((n-2)(n-3))), g and k the unbiased skewness and
    excess kurtosis; above 5/9, the uniform distribution's, it suggests two modes or a heavy skew.

    NaN for fewer than 4 values (SAS/STAT User's Guide, CLUSTER procedure; Pfister et al. 2013).
    """
    values = np.asarray(values, dtype=float)
    n = values.shape[axis]
    if n < 4:
        return np.full(np.delete(values.shape, axis), np.nan)
    skew = stats.skew(values, axis=axis, bias=False)
    kurtosis = stats.kurtosis(values, axis=axis, bias=False)
    return np.asarray((skew**2 + 1) / (kurtosis + 3 * (n - 1) ** 2 / ((n - 2) * (n - 3))))


def two_peak_evidence(values: ArrayLike) -> float:
    """BIC of one Gaussian less that of a mixture of two (equal widths): positive speaks for two peaks.

    `values` (n,). Fitted by expectation maximisation from a split at every quartile. NaN for fewer than
    8 values or where nothing varies.
    """
    values = np.asarray(values, dtype=float)
    n = values.size
    if n < 8 or np.ptp(values) == 0:
        return float("nan")
    one = stats.norm.logpdf(values, values.mean(), values.std()).sum()
    two = max(_fit_two_peaks(values, np.quantile(values, split)) for split in (0.25, 0.5, 0.75))
    return float(2 * (two - one) - 2 * np.log(n))


def _fit_two_peaks(values: Vector, split: float) -> float:
    upper = (values > split).astype(float)
    likelihood = -np.inf
    # A width below the spacing of equally spread points is a peak of one point.
    narrowest = np.ptp(values) / values.size / 2
    for _ in range(_MIXTURE_ITERATIONS):
        share = np.clip(upper.mean(), 1e-3, 1 - 1e-3)
        means = [np.average(values, weights=w + 1e-12) for w in (1 - upper, upper)]
        spread = (1 - upper) * (values - means[0]) ** 2 + upper * (values - means[1]) ** 2
        width = max(float(np.sqrt(spread.mean())), narrowest)
        scaled = (values - np.array(means)[:, None]) / width
        densities = np.exp(-(scaled**2) / 2) / (width * np.sqrt(2 * np.pi))
        joint = np.array([1 - share, share])[:, None] * densities
        total = joint.sum(axis=0) + np.finfo(float).tiny
        upper = joint[1] / total
        previous, likelihood = likelihood, float(np.log(total).sum())
        if likelihood - previous < 1e-6:
            break
    return likelihood


def bootstrap_interval(
    values: ArrayLike, statistic: Callable[..., Vector], confidence: float = 0.95, seed: int = 0
) -> tuple[Vector, Vector]:
    """Percentile interval of `statistic(values, axis=...)` by resampling the seeds, axis 0 of `values`.

    NaN for fewer than 3 seeds: resampling two says nothing.
    """
    values = np.asarray(values, dtype=float)
    if values.shape[0] < 3:
        nothing = np.full(np.shape(statistic(values, axis=0)), np.nan)
        return nothing, nothing.copy()
    draws = np.random.default_rng(seed).integers(0, values.shape[0], (RESAMPLES, values.shape[0]))
    with np.errstate(invalid="ignore"):
        resampled = np.asarray(statistic(values[draws], axis=1))
    tail = (1 - confidence) / 2
    finite = np.isfinite(resampled).any(axis=0)
    lower, upper = (np.full(resampled.shape[1:], np.nan) for _ in range(2))
    if resampled.ndim == 1:
        if finite:
            lower, upper = (np.asarray(np.nanquantile(resampled, q)) for q in (tail, 1 - tail))
    else:
        lower[finite], upper[finite] = np.nanquantile(resampled[:, finite], [tail, 1 - tail], axis=0)
    return lower, upper
