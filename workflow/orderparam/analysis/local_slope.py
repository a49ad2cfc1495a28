"""Slopes of a measured curve at any spacing, with standard errors, and their local extrema."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Vector = NDArray[np.float64]

_DEGREE = 3
_SPANS = (7, 9, 11, 15, 21, 29, 41)


@dataclass(frozen=True)
class LocalSlope:
    """`value`, `slope` and its `standard_error`, each (n,), at the places `x` (n,); `noise` is the points'.

    `points` is how many neighbours a local fit used at least.
    """

    x: Vector
    value: Vector
    slope: Vector
    standard_error: Vector
    noise: float
    points: int


def estimate_slope(x: ArrayLike, y: ArrayLike, points: int | None = None, reach: float = 0.0) -> LocalSlope:
    """Slope of `y` (n,) along the increasing `x` (n,) at each point, by local cubic fits.

    Each fit weighs its `points` nearest neighbours, or all within `reach` where these are more, by the
    tricube kernel (Cleveland, JASA 74, 829 (1979)), so the spacing may vary. Both value and slope are
    linear in `y`; the noise's variance is the residuals', times n over n - tr(2 S - S S^T), S the
    smoother: for `noise` of all, for the errors of the neighbourhood's. Errors are propagated for noise
    that is independent from point to point. `points` is, if not given, that of the lowest median left-out
    residual among 7 to 41. Raises ValueError for fewer than 7 points or `x` that does not increase.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if x.shape != y.shape or x.ndim != 1 or np.any(np.diff(x) <= 0):
        raise ValueError("x and y must be of one length, and x must increase")
    if x.size < _SPANS[0]:
        raise ValueError(f"{x.size} points are too few; a local slope needs {_SPANS[0]}")
    if points is not None and not _SPANS[0] <= points <= x.size:
        raise ValueError(f"a local fit to {points} of {x.size} points asked for; it needs {_SPANS[0]}")
    spans = [points] if points else [span for span in _SPANS if span <= x.size]
    best = None
    for span in spans:
        smoother, slopes = _operators(x, span, reach)
        residual = y - smoother @ y
        # Left-out residuals. Their median, since a steep beginning must not set the span for all.
        score = float(np.median(np.abs(residual / np.maximum(1 - np.diag(smoother), 1e-9))))
        if best is None or score < best[0]:
            best = (score, span, smoother, slopes, residual)
    assert best is not None
    _, span, smoother, slopes, residual = best
    freedom = x.size - 2 * np.trace(smoother) + np.sum(smoother**2)
    inflation = x.size / freedom if freedom > 0.5 else float("nan")
    noise = float(np.sqrt(inflation * np.mean(residual**2)))
    # Of the neighbourhood's residuals, since a misfit elsewhere says nothing of the noise here.
    places = np.arange(x.size)
    mask = np.abs(places[:, None] - places) <= span
    near = mask @ residual**2 / mask.sum(axis=1)
    error = np.sqrt(inflation * near * np.sum(slopes**2, axis=1))
    return LocalSlope(x, smoother @ y, slopes @ y, error, noise, span)


def _operators(x: Vector, points: int, reach: float) -> tuple[Vector, Vector]:
    """Matrices (n, n) that take measured values to fitted values and to slopes."""
    n = x.size
    smoother, slopes = np.zeros((n, n)), np.zeros((n, n))
    for i in range(n):
        first, last = np.searchsorted(x, [x[i] - reach, x[i] + reach], side="left")
        if last - first < points:
            # Of all runs of neighbours that hold i, the one that reaches least far.
            starts = np.arange(max(0, i - points + 1), min(i, n - points) + 1)
            farthest = np.maximum(x[i] - x[starts], x[starts + points - 1] - x[i])
            first = int(starts[np.argmin(farthest)])
            last = first + points
        near = slice(int(first), int(last))
        # Beyond the farthest neighbour, so that none has weight zero.
        width = 1.1 * np.abs(x[near] - x[i]).max()
        distance = (x[near] - x[i]) / width
        root = np.sqrt((1 - np.abs(distance) ** 3) ** 3)
        design = np.vander(distance, _DEGREE + 1, increasing=True)
        solution = np.linalg.pinv(design * root[:, None]) * root
        smoother[i, near], slopes[i, near] = solution[0], solution[1] / width
    return smoother, slopes


def local_extrema(values: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of inner local minima and maxima of `values` (n,); the first point of a flat one."""
    values = np.asarray(values, dtype=float)
    signs = np.sign(np.diff(values))
    for i in range(1, signs.size):
        if signs[i] == 0:
            signs[i] = signs[i - 1]
    turns = signs[1:] - signs[:-1]
    minima, maxima = np.flatnonzero(turns > 0) + 1, np.flatnonzero(turns < 0) + 1

    def first_of_flat(place: int) -> int:
        while place > 0 and values[place - 1] == values[place]:
            place -= 1
        return place

    return (
        np.array([first_of_flat(int(i)) for i in minima], dtype=np.int64),
        np.array([first_of_flat(int(i)) for i in maxima], dtype=np.int64),
    )
