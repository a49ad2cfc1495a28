"""Continuous piecewise-linear fits ("broken sticks") with a given number of breaks."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

_CANDIDATES = 60
_ITERATIONS = 40

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class BrokenStick:
    """A continuous piecewise-linear curve; `slopes` has one entry more than `breaks`.

    `bic` is n log(rss / n) + k log n with k = 3 + 2 per break (two coefficients, the variance, and a
    place and a change of slope for each break).
    """

    breaks: Vector
    slopes: Vector
    intercept: float
    rss: float
    bic: float

    def __call__(self, x: ArrayLike) -> Vector:
        """The curve at `x`."""
        changes = np.diff(self.slopes)
        hinges = np.maximum(np.asarray(x, dtype=float)[..., None] - self.breaks, 0.0)
        return np.asarray(self.intercept + self.slopes[0] * np.asarray(x) + hinges @ changes)


def fit_broken_stick(x: ArrayLike, y: ArrayLike, breaks: int) -> BrokenStick:
    """The least-squares broken stick with `breaks` (0, 1 or 2) breaks, at least two points on each piece.

    The best combination of measured places starts Muggeo's iteration (Statistics in Medicine 22, 3055
    (2003)), which moves breaks between them; the better of both is returned. `x` (n,) must increase.
    Raises ValueError for arrays that do not fit together or are too short for the pieces.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if x.shape != y.shape or x.ndim != 1 or np.any(np.diff(x) <= 0):
        raise ValueError("x and y must be of one length, and x must increase")
    if not 0 <= breaks <= 2:
        raise ValueError(f"{breaks} breaks asked for; it can be 0, 1 or 2")
    if x.size < 2 * (breaks + 1) + 1:
        raise ValueError(f"{x.size} points are too few for {breaks} breaks")
    # Centred and scaled, so that no coefficient is the small difference of large numbers.
    centre, scale = x.mean(), np.ptp(x)
    t = (x - centre) / scale
    places = _refine(t, y, _best_on_grid(t, y, breaks)) if breaks else np.empty(0)
    coefficients, rss = _solve(t, y, places)
    slopes = np.cumsum(coefficients[1:]) / scale
    n = x.size
    bic = n * np.log(max(rss, np.finfo(float).tiny) / n) + (3 + 2 * breaks) * np.log(n)
    intercept = float(coefficients[0] - slopes[0] * centre)
    return BrokenStick(centre + scale * places, slopes, intercept, rss, float(bic))


def _design(t: Vector, places: Vector) -> Vector:
    hinges = np.maximum(t[:, None] - places, 0.0)
    return np.column_stack([np.ones_like(t), t, hinges])


def _solve(t: Vector, y: Vector, places: Vector) -> tuple[Vector, float]:
    design = _design(t, places)
    coefficients = np.asarray(np.linalg.lstsq(design, y, rcond=None)[0], dtype=np.float64)
    return coefficients, float(np.sum((y - design @ coefficients) ** 2))


def _best_on_grid(t: Vector, y: Vector, breaks: int) -> Vector:
    inner = np.arange(1, t.size - 1)
    chosen = np.unique(np.linspace(0, inner.size - 1, min(inner.size, _CANDIDATES)).round().astype(int))
    best, best_rss = t[inner[:breaks]], np.inf
    for combination in combinations(inner[chosen], breaks):
        if np.any(np.diff(combination) < 2):
            continue
        rss = _solve(t, y, t[list(combination)])[1]
        if rss < best_rss:
            best, best_rss = t[list(combination)], rss
    return best


def _refine(t: Vector, y: Vector, start: Vector) -> Vector:
    best, best_rss = start, _solve(t, y, start)[1]
    # A break that lies on a measured place has no derivative there: start from both sides.
    nudge = 0.25 * np.diff(t).min()
    for shift in (-nudge, nudge):
        places = start + shift
        for _ in range(_ITERATIONS):
            if not _separated(t, places):
                break
            rss = _solve(t, y, places)[1]
            if rss < best_rss:
                best, best_rss = places, rss
            indicator = -(t[:, None] > places).astype(float)
            design = np.column_stack([_design(t, places), indicator])
            coefficients = np.linalg.lstsq(design, y, rcond=None)[0]
            changes, moves = np.split(coefficients[2:], 2)
            with np.errstate(divide="ignore", invalid="ignore"):
                step = moves / changes
            if not np.all(np.isfinite(step)) or np.all(np.abs(step) < 1e-15):
                break
            places = np.sort(places + step)
    return best


def _separated(t: Vector, places: Vector) -> bool:
    counts = np.diff(np.searchsorted(t, [t[0], *places, np.nextafter(t[-1], np.inf)]))
    return bool(np.all(np.diff(places) > 0) and places[0] > t[0] and places[-1] < t[-1] and counts.min() >= 2)
