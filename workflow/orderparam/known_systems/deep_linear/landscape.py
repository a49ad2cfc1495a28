"""The loss of a deep linear net at its optimum for a given norm of the last layer, and its minima."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

Vector = NDArray[np.float64]

_GRID = 4000


@dataclass(frozen=True)
class Task:
    """A regression of a scalar y on isotropic inputs x of variance `a`, with `c` the norm of E[x y]."""

    a: float = 1.0
    c: float = 1.0

    @property
    def y_variance(self) -> float:
        """E[y^2] of a noiseless linear target, c^2 / a; it only shifts the loss."""
        return self.c**2 / self.a


@dataclass(frozen=True)
class Landscape:
    """F(s) of a net with `depth` hidden layers, s the Frobenius norm of its last layer.

    The loss is E(f - y)^2 + gamma times the sum of the layers' squared Frobenius norms, without factors
    1/2: SGD's weight_decay would be 2 gamma. All layers but the first have the norm s at its optimum,
    and F(s) = E[y^2] - c^2 s^(2D) / (a s^(2D) + gamma) + gamma D s^2, the reduced landscape of Ziyin
    and Ueda, "Exact phase transitions in deep learning" (arXiv 2205.12510), for isotropic inputs.
    """

    task: Task
    depth: int

    def loss(self, s: ArrayLike, gamma: float) -> Vector:
        """F at norms `s` (any shape), `gamma` > 0."""
        s = np.asarray(s, dtype=float)
        power = s ** (2 * self.depth)
        a, c = self.task.a, self.task.c
        return np.asarray(
            self.task.y_variance - c**2 * power / (a * power + gamma) + gamma * self.depth * s**2
        )

    def minima(self, gamma: float) -> Vector:
        """All s >= 0 at which F has a local minimum, in increasing order.

        The derivative by u = s^2 is gamma D times 1 - c^2 u^(D-1) / (a u^D + gamma)^2; its changes of sign
        on a logarithmic grid of u are refined by Brent's method. No minimum lies beyond u =
        E[y^2] / (gamma D), where the penalty alone exceeds F(0).
        """
        largest = max(self.task.y_variance / (gamma * self.depth), 1.0) * 1.01
        grid = np.concatenate([[0.0], np.geomspace(1e-12 * largest, largest, _GRID)])
        slopes = np.array([self._slope(u, gamma) for u in grid])
        found = [0.0] if slopes[1] > 0 else []
        for i in np.flatnonzero((slopes[1:-1] <= 0) & (slopes[2:] > 0)) + 1:
            found.append(float(np.sqrt(brentq(self._slope, grid[i], grid[i + 1], args=(gamma,), xtol=1e-15))))
        return np.array(found)

    def global_minimum(self, gamma: float) -> float:
        """The s of lowest F; the larger one where two are equal."""
        minima = self.minima(gamma)[::-1]
        return float(minima[np.argmin(self.loss(minima, gamma))])

    def _slope(self, u: float, gamma: float) -> float:
        a, c = self.task.a, self.task.c
        return float(1 - c**2 * u ** (self.depth - 1) / (a * u**self.depth + gamma) ** 2)


@dataclass(frozen=True)
class ClosedForm:
    """Transition point, s just below it, and the spinodal (where the ordered minimum vanishes)."""

    gamma_c: float
    jump: float
    spinodal: float


def closed_form(task: Task, depth: int) -> ClosedForm:
    """One hidden layer: second order at gamma = c. Two: first order at (c^4 / 16 a)^(1/3).

    Ziyin and Ueda (arXiv 2205.12510), Theorems on depth 1 and 2, specialised to isotropic inputs.
    Raises ValueError for another depth.
    """
    a, c = task.a, task.c
    if depth == 1:
        return ClosedForm(c, 0.0, c)
    if depth == 2:
        gamma_c = float(np.cbrt(c**4 / (16 * a)))
        return ClosedForm(gamma_c, float((gamma_c / a) ** 0.25), float(0.75 * c * np.cbrt(c / (4 * a))))
    raise ValueError(f"no closed form is kept for {depth} hidden layers")


def find_threshold(landscape: Landscape, low: float, high: float, ordered_is_global: bool) -> float:
    """The gamma between `low` and `high` at which s > 0 stops being the global (or a local) minimum.

    By bisection, to 1e-10 relative.
    """

    def is_ordered(gamma: float) -> bool:
        minima = landscape.minima(gamma)
        return bool(landscape.global_minimum(gamma) > 0 if ordered_is_global else minima[-1] > 0)

    while high - low > 1e-10 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if is_ordered(middle) else (low, middle)
    return (low + high) / 2
