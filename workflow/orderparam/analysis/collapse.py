"""Finite-size scaling: one curve for all sizes, judged on a size that was held out."""

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
    """y N^value_exponent against x N^width_exponent, fitted to some sizes.

    `held_out` is the root mean square distance, in standard errors, of the sizes that were not fitted from
    the common curve; `unscaled` the same with both exponents 0. About 1 is a collapse, NaN where scaled
    curves do not overlap.
    """

    width_exponent: float
    value_exponent: float
    held_out: float
    unscaled: float


def fit_collapse(fitted: Curves, held_out: Curves, start: tuple[float, float] = (0.0, 0.0)) -> Collapse:
    """Fit both exponents on `fitted`, and predict `held_out`.

    x is the distance from each size's own critical point: sizes that learn at different speeds have no common
    one. The common curve is a polynomial of degree 6, fitted to the rescaled points by weighted least squares
    at each trial; the search (Nelder-Mead) starts at `start`. For the order parameter of a continuous
    transition in lattices of side N the exponents are 1/nu and beta/nu (Fisher and Barber, Phys. Rev. Lett.
    28, 1516 (1972)). Raises ValueError for fewer than two fitted sizes.
    """
    if len(fitted) < 2:
        raise ValueError(f"a collapse needs at least two sizes to fit, got {len(fitted)}")

    def cost(exponents: Vector) -> float:
        return _distance(fitted, _common_curve(fitted, exponents), exponents)

    simplex = np.array(start) + np.array([[0, 0], [0.3, 0], [0, 0.2]])
    options = {"initial_simplex": simplex, "maxiter": 2000, "xatol": 1e-7, "fatol": 1e-9}
    best = minimize(cost, np.array(start), method="Nelder-Mead", options=options).x  # type: ignore[call-overload]
    flat = np.zeros(2)
    return Collapse(
        float(best[0]),
        float(best[1]),
        _distance(held_out, _common_curve(fitted, best), best),
        _distance(held_out, _common_curve(fitted, flat), flat),
    )


def _rescale(size: float, curve: tuple[Vector, Vector, Vector], exponents: Vector) -> tuple[Vector, ...]:
    x, y, error = curve
    width, value = exponents
    return x * size**width, y * size**value, error * size**value


def _common_curve(curves: Curves, exponents: Vector) -> Chebyshev:
    parts = [_rescale(size, curve, exponents) for size, curve in curves.items()]
    x, y, error = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Chebyshev.fit(x, y, min(_DEGREE, x.size - 1), w=1 / error)


def _distance(curves: Curves, common: Chebyshev, exponents: Vector) -> float:
    low, high = common.domain
    squares = []
    for size, curve in curves.items():
        x, y, error = _rescale(size, curve, exponents)
        inside = (x >= low) & (x <= high)
        if inside.sum() < _MIN_OVERLAP:
            return float("nan")
        squares.append(((y - common(x))[inside] / error[inside]) ** 2)
    return float(np.sqrt(np.concatenate(squares).mean())) if squares else float("nan")
