"""Finite-size scaling: one curve for all sizes, judged on sizes that were held out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import Chebyshev
from numpy.typing import NDArray
from scipy.optimize import minimize

Vector = NDArray[np.float64]
# Per size: x, y and the standard error of y, each (n,).
Curves = Mapping[float, tuple[Vector, Vector, Vector]]

_DEGREE = 6
_MIN_OVERLAP = 3


@dataclass(frozen=True)
class Collapse:
    """y N^value_exponent against (x - critical) N^width_exponent, fitted to some sizes.

    `quality` is the mean square, in standard errors, of the distance from the common curve on the
    fitted sizes; `held_out` the same on those that were not fitted, `unscaled` theirs with both exponents
    0. About 1 is a collapse, NaN where scaled curves do not overlap.
    """

    critical: float
    width_exponent: float
    value_exponent: float
    quality: float
    held_out: float
    unscaled: float


def fit_collapse(
    fitted: Curves, held_out: Curves, start: tuple[float, float, float], starts: int = 5
) -> Collapse:
    """Fit the critical point and both exponents on `fitted`, and predict `held_out`.

    The common curve is a polynomial of degree 6, fitted to the rescaled points by weighted least squares
    at each trial. `start` is (critical, width_exponent, value_exponent); the search (Nelder-Mead)
    starts there and at `starts` - 1 places around it. For the order parameter of a continuous
    transition in lattices of side N the exponents are 1/nu and beta/nu (Fisher and Barber, Phys. Rev.
    Lett. 28, 1516 (1972)). Raises ValueError for fewer than two fitted sizes.
    """
    if len(fitted) < 2:
        raise ValueError(f"a collapse needs at least two sizes to fit, got {len(fitted)}")
    reach = max(np.ptp(x) for x, _, _ in fitted.values())
    rng = np.random.default_rng(0)
    spread = np.array([0.1 * reach, 0.3, 0.2])

    def cost(parameters: Vector) -> float:
        return _distance(fitted, _common_curve(fitted, parameters), parameters)

    trials = [np.array(start, dtype=float)]
    trials += [trials[0] + spread * rng.normal(size=3) for _ in range(starts - 1)]
    results = []
    for trial in trials:
        simplex = np.vstack([trial, trial + np.diag(spread)])
        options = {"initial_simplex": simplex, "maxiter": 2000, "xatol": 1e-7, "fatol": 1e-9}
        results.append(minimize(cost, trial, method="Nelder-Mead", options=options))  # type: ignore[call-overload]
    best = min(results, key=lambda result: result.fun)
    flat = np.array([best.x[0], 0.0, 0.0])
    critical, width_exponent, value_exponent = best.x.tolist()
    return Collapse(
        critical,
        width_exponent,
        value_exponent,
        float(best.fun),
        _distance(held_out, _common_curve(fitted, best.x), best.x),
        _distance(held_out, _common_curve(fitted, flat), flat),
    )


def _rescale(size: float, curve: tuple[Vector, Vector, Vector], parameters: Vector) -> tuple[Vector, ...]:
    x, y, error = curve
    critical, width, value = parameters
    return (x - critical) * size**width, y * size**value, error * size**value


def _common_curve(curves: Curves, parameters: Vector) -> Chebyshev:
    parts = [_rescale(size, curve, parameters) for size, curve in curves.items()]
    x, y, error = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Chebyshev.fit(x, y, min(_DEGREE, x.size - 1), w=1 / error)


def _distance(curves: Curves, common: Chebyshev, parameters: Vector) -> float:
    low, high = common.domain
    squares = []
    for size, curve in curves.items():
        x, y, error = _rescale(size, curve, parameters)
        inside = (x >= low) & (x <= high)
        if inside.sum() < _MIN_OVERLAP:
            return float("nan")
        squares.append(((y - common(x))[inside] / error[inside]) ** 2)
    return float(np.concatenate(squares).mean()) if squares else float("nan")
