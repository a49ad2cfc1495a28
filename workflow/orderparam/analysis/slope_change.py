"""Is there a change of slope, or only a smooth curve? A detector with measured errors (`calibration`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import BSpline
from scipy.special import expit

Vector = NDArray[np.float64]
Integers = NDArray[np.int64]

# Widths below this share of the range count as sharp.
RESOLUTION = 0.02
# Evidence from which a change of slope counts as detected: "very strong" in Kass and Raftery's scale
# (JASA 90, 773 (1995)); `calibration` measures what it means in false positives and power.
THRESHOLD = 10.0
# Least noise, as a share of the values' range: smaller departures are no evidence, however exact they seem.
NOISE_FLOOR = 2e-4
MIN_POINTS = 16
MAX_POINTS = 120
AUTOCORRELATIONS = (0.0, 0.3, 0.6, 0.85)

_SHARP = 0
# Widths of the rounded features in units of the resolution; 0 is the sharp one.
_WIDTHS = (_SHARP, 1, 2, 4)
_PLACES = 60
_MARGIN = 0.08

# The smooth curves that a sharp one is compared with.
_DEGREES = (1, 2, 3, 4, 5)
_KNOTS = (1, 2, 3, 4, 6, 8, 12)
# Of log(x + offset), in units of the range: along it steep beginnings (exponentials, power laws) vary slowly.
_OFFSETS = (0.003, 0.01, 0.03, 0.1, 0.3)
_LOG_KNOTS = (0, 1, 2, 4, 8)


@dataclass(frozen=True)
class Evidence:
    """Of each of S curves: what speaks for a sharp feature, and the best model that has one.

    `evidence` (S,) is the difference in BIC between the best smooth and the best sharp model. `place`
    is the main feature's, in units of x, `is_jump` whether it is one of the value and not of the slope,
    `noise` that of the best sharp model, in units of y.
    """

    evidence: Vector
    place: Vector
    is_jump: NDArray[np.bool_]
    noise: Vector


class SlopeChangeDetector:
    """Compares smooth with sharply broken curves on one grid `x` (n,), for any number of curves.

    Every model is a smooth function out of `smooth_spaces` plus at most two features: changes of slope
    at c spread over a width w, Delta w log(1 + exp((x - c) / w)), of which the first may instead be a
    change of value, a logistic step. *Sharp* models have features of zero width; *smooth* ones none, or
    features no narrower than the resolution: RESOLUTION of the range, and the spacing of the points
    at c. Both are fitted with Gaussian noise of unknown size (at least NOISE_FLOOR of each curve's range)
    and AR(1) correlation along the points, one of AUTOCORRELATIONS. Models are compared by BIC with a
    small-sample factor, -2 log L + k log(n) n / (n - k - 2), minimal over all of a kind.

    Raises ValueError if there are fewer than MIN_POINTS, or `x` does not increase.
    """

    def __init__(self, x: ArrayLike) -> None:
        self.x = np.asarray(x, dtype=float)
        if self.x.ndim != 1 or self.x.size < MIN_POINTS or np.any(np.diff(self.x) <= 0):
            raise ValueError(f"x must increase and have at least {MIN_POINTS} points")
        self.unit = (self.x - self.x[0]) / np.ptp(self.x)
        self.spaces = list(smooth_spaces(self.unit))
        self._places = _candidate_places(self.unit)
        spacing = np.interp(self._places, (self.unit[1:] + self.unit[:-1]) / 2, np.diff(self.unit))
        self._features = _features(self.unit, self._places, np.maximum(RESOLUTION, spacing))

    def evaluate(self, y: ArrayLike) -> Evidence:
        """Weigh the curves `y` (n,) or (n, S)."""
        values = np.asarray(y, dtype=float)
        values = values[:, None] if values.ndim == 1 else values
        n, curves = values.shape
        floor = (NOISE_FLOOR * np.ptp(values, axis=0)) ** 2 + np.finfo(float).tiny
        smooth = np.full(curves, np.inf)
        best = Evidence(
            np.full(curves, np.inf), np.zeros(curves), np.zeros(curves, dtype=bool), np.zeros(curves)
        )
        rows = np.arange(curves)
        for rho in AUTOCORRELATIONS:
            white = _whiten(values, rho)
            features = _whiten(self._features, rho)
            lengths = np.linalg.norm(features, axis=1)
            for space in self.spaces:
                basis = np.linalg.qr(_whiten(space, rho))[0]
                residual = white - basis @ (basis.T @ white)
                rss = np.sum(residual**2, axis=0)
                size = space.shape[1] + 1 + (rho != 0)

                def score(
                    rest: Vector, parameters: int, bound: Vector = floor, rho: float = rho
                ) -> tuple[Vector, Vector]:
                    variance = np.maximum(rest / n, bound)
                    penalty = parameters * np.log(n) * n / max(n - parameters - 2, 1)
                    fit = n * np.log(variance) + rest / variance - np.log1p(-(rho**2))
                    return fit + penalty, variance

                smooth = np.minimum(smooth, score(rss, size)[0])
                projected = _projected(features, lengths, basis)
                for place_of, columns in enumerate(projected):
                    width = _WIDTHS[place_of % len(_WIDTHS)]
                    overlap = columns.T @ residual
                    first = np.argmax(overlap**2, axis=0)
                    main = overlap[first, rows]
                    hinges = projected[place_of % len(_WIDTHS)]
                    both = _with_second(columns, hinges, residual, first, main, rss)
                    options = [(np.maximum(rss - main**2, 0.0), size + 2), (both, size + 4)]
                    for rest, parameters in options:
                        bic, variance = score(rest, parameters)
                        if width != _SHARP:
                            smooth = np.minimum(smooth, bic)
                            continue
                        better = bic < best.evidence
                        best.evidence[better] = bic[better]
                        best.place[better] = self._places[first[better]]
                        best.is_jump[better] = place_of >= len(_WIDTHS)
                        best.noise[better] = np.sqrt(variance[better] / (1 - rho**2))
        # A jump anywhere between two points gives the same values: name the middle.
        after = np.searchsorted(self.unit, best.place, side="right")
        middle = (self.unit[after] + self.unit[after - 1]) / 2
        place = np.where(best.is_jump, middle, best.place)
        place = self.x[0] + np.ptp(self.x) * place
        return Evidence(smooth - best.evidence, place, best.is_jump, best.noise)


def smooth_spaces(x: Vector) -> Iterator[Vector]:
    """Bases (n, p) of spaces of smooth functions on `x` (n,), which increases from 0 to 1.

    Polynomials up to degree 5; cubic regression splines with up to 12 inner knots at quantiles of `x`;
    and linear functions and cubic splines of log(x + offset). A space of more than n / 3 dimensions is
    left out, since measured points must outnumber what they determine.
    """
    most = x.size / 3
    for degree in _DEGREES:
        yield np.vander(2 * x - 1, degree + 1)
    for knots in _KNOTS:
        if knots + 4 <= most:
            yield _cubic_splines(x, knots)
    for offset in _OFFSETS:
        stretched = np.log((x + offset) / offset) / np.log((1 + offset) / offset)
        yield np.vander(2 * stretched - 1, 2)
        for knots in _LOG_KNOTS:
            if knots + 4 <= most:
                yield _cubic_splines(stretched, knots)


def _cubic_splines(x: Vector, knots: int) -> Vector:
    inner = np.quantile(x, np.linspace(0, 1, knots + 2)[1:-1])
    all_knots = np.concatenate([np.zeros(4), inner, np.ones(4)])
    return np.asarray(BSpline.design_matrix(np.clip(x, 0, 1), all_knots, 3).toarray())


def _whiten(columns: Vector, rho: float) -> Vector:
    """Take an AR(1) correlation `rho` out of the rows of (..., n, k)."""
    head = columns[..., :1, :] * np.sqrt(1 - rho**2)
    return np.concatenate([head, columns[..., 1:, :] - rho * columns[..., :-1, :]], axis=-2)


def _candidate_places(unit: Vector) -> Vector:
    """Where a feature may lie: on and between points, with a margin of at least 4 of them on each side."""
    margin = max(4, int(np.ceil(_MARGIN * unit.size)))
    inside = unit[margin - 1 : unit.size - margin + 1]
    places = np.sort(np.concatenate([inside, (inside[1:] + inside[:-1]) / 2]))
    chosen = np.linspace(0, places.size - 1, min(places.size, _PLACES)).round().astype(int)
    return np.asarray(places[chosen])


def _features(unit: Vector, places: Vector, finest: Vector) -> Vector:
    """Columns (2 len(_WIDTHS), n, places): changes of slope of each width, then changes of value."""
    distance = unit[:, None] - places
    slopes = [np.maximum(distance, 0.0)]
    steps = [(distance > 0).astype(float)]
    for multiple in _WIDTHS[1:]:
        width = multiple * finest
        slopes.append(width * np.logaddexp(0.0, distance / width))
        steps.append(expit(distance / width))
    return np.stack(slopes + steps)


def _projected(features: Vector, lengths: Vector, basis: Vector) -> Vector:
    """The features outside the space of `basis`, as unit vectors; zero where nothing is left."""
    outside = features - basis @ (basis.T @ features)
    norms = np.linalg.norm(outside, axis=1)
    usable = norms > 1e-5 * lengths
    return np.where(usable[:, None, :], outside / np.where(usable, norms, 1.0)[:, None, :], 0.0)


def _with_second(
    columns: Vector, hinges: Vector, residual: Vector, first: Integers, main: Vector, rss: Vector
) -> Vector:
    """Sum of squares left by the first feature, of `columns`, and the best change of slope beside it."""
    shared = (columns.T @ hinges)[first].T
    gain = (hinges.T @ residual - shared * main) ** 2 / np.maximum(1 - shared**2, 1e-2)
    return np.asarray(np.maximum(rss - main**2 - gain.max(axis=0), 0.0))


@dataclass(frozen=True)
class SlopeChange:
    """What the detector says of one curve: a change of its slope or, `is_jump`, its value, at `place` (x)."""

    detected: bool
    evidence: float
    place: float
    is_jump: bool
    noise: float


def detect_slope_change(x: ArrayLike, y: ArrayLike) -> SlopeChange:
    """Whether `y` (n,) over the increasing `x` (n,) has a sharp change of slope or of value.

    It has one if the best model with a sharp feature beats every smooth one, and every one whose
    features are rounded, by THRESHOLD in BIC (`SlopeChangeDetector`). Longer curves are averaged in
    blocks down to MAX_POINTS. The place says where the main feature lies, whether detected or not.
    Raises ValueError for fewer than MIN_POINTS points.
    """
    thin_x, thin_y = thin_out(np.asarray(x, dtype=float), np.asarray(y, dtype=float), points=MAX_POINTS)
    found = SlopeChangeDetector(thin_x).evaluate(thin_y)
    return SlopeChange(
        bool(found.evidence[0] > THRESHOLD),
        float(found.evidence[0]),
        float(found.place[0]),
        bool(found.is_jump[0]),
        float(found.noise[0]),
    )


def thin_out(*columns: Vector, points: int) -> list[Vector]:
    """Averages of each column (n,) over blocks of equally many rows, at most `points` of them.

    Rows left over at the end form a shorter block.
    """
    size = -(-columns[0].size // points)
    starts = np.arange(0, columns[0].size, size)
    counts = np.diff(np.append(starts, columns[0].size))
    return [np.add.reduceat(column, starts) / counts for column in columns]
