"""The square lattice without a field, J > 0: Onsager's, Yang's and Kaufman's exact results; k_B = 1.

Temperatures may be arrays. K stands for J / T.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ellipe, ellipk

from orderparam.errors import LatticeError
from orderparam.known_systems.ising.lattice import SHORTEST, check_temperature

Floats = NDArray[np.float64]


def critical_temperature(coupling: float = 1.0) -> float:
    """T_c = 2 J / ln(1 + sqrt 2); L. Onsager, Phys. Rev. 65, 117 (1944)."""
    return 2 * coupling / math.log(1 + math.sqrt(2))


def onsager_energy(temperature: ArrayLike, coupling: float = 1.0) -> Floats:
    """Energy per site of the infinite lattice; L. Onsager, Phys. Rev. 65, 117 (1944)."""
    k = _reduced(temperature, coupling)
    modulus = 2 * np.sinh(2 * k) / np.cosh(2 * k) ** 2
    detuning = 2 * np.tanh(2 * k) ** 2 - 1
    # At T_c the factor vanishes faster than the elliptic integral grows.
    integral = np.where(detuning == 0, 0.0, detuning * ellipk(np.minimum(modulus**2, 1 - 1e-16)))
    return np.asarray(-coupling / np.tanh(2 * k) * (1 + 2 / math.pi * integral))


def onsager_specific_heat(temperature: ArrayLike, coupling: float = 1.0) -> Floats:
    """Specific heat per site of the infinite lattice, infinite at T_c; Onsager 1944."""
    k = _reduced(temperature, coupling)
    squared = (2 * np.sinh(2 * k) / np.cosh(2 * k) ** 2) ** 2
    tanh_squared = np.tanh(2 * k) ** 2
    bracket = (1 - tanh_squared) * (math.pi / 2 + (2 * tanh_squared - 1) * ellipk(squared))
    return np.asarray(4 / math.pi * (k / np.tanh(2 * k)) ** 2 * (ellipk(squared) - ellipe(squared) - bracket))


def yang_magnetization(temperature: ArrayLike, coupling: float = 1.0) -> Floats:
    """Spontaneous magnetization of the infinite lattice; C. N. Yang, Phys. Rev. 85, 808 (1952)."""
    k = _reduced(temperature, coupling)
    with np.errstate(over="ignore"):
        return np.asarray(np.clip(1 - np.sinh(2 * k) ** -4.0, 0, None) ** 0.125)


def correlation_length(temperature: ArrayLike, coupling: float = 1.0) -> Floats:
    """Correlation length along an axis, in sites, infinite at T_c.

    1 / (ln coth K - 2 K) above T_c, half of minus that below; T. T. Wu, B. M. McCoy, C. A. Tracy and
    E. Barouch, Phys. Rev. B 13, 316 (1976).
    """
    k = _reduced(temperature, coupling)
    inverse = -np.log(np.tanh(k)) - 2 * k
    with np.errstate(divide="ignore"):
        return np.asarray(np.where(inverse > 0, 1.0, 0.5) / np.abs(inverse))


def kaufman_observables(
    rows: int, columns: int, temperature: float, coupling: float = 1.0
) -> tuple[float, float]:
    """Energy and specific heat per site of the periodic lattice of `rows` times `columns` sites, exactly.

    B. Kaufman, Phys. Rev. 76, 1232 (1949), in the form of A. E. Ferdinand and M. E. Fisher, Phys. Rev. 185,
    832 (1969), section II. Raises LatticeError for sides below 3, J <= 0, and temperatures not above 0.
    """
    k = _check(rows, columns, temperature, coupling)
    sites = rows * columns
    _, sums = _sum_of_products(rows, columns, k)
    slope = float(sums[1] / sums[0])
    curvature = float(sums[2] / sums[0]) - slope**2
    return (
        -coupling * (slope / sites + 1 / math.tanh(2 * k)),
        k**2 * (curvature / sites - 2 / math.sinh(2 * k) ** 2),
    )


def kaufman_log_partition(rows: int, columns: int, temperature: float, coupling: float = 1.0) -> float:
    """ln Z of the periodic lattice of `rows` times `columns` sites; as `kaufman_observables`."""
    k = _check(rows, columns, temperature, coupling)
    scale, sums = _sum_of_products(rows, columns, k)
    return rows * columns / 2 * math.log(2 * math.sinh(2 * k)) + scale + math.log(sums[0] / 2)


def _sum_of_products(rows: int, columns: int, k: float) -> tuple[float, Floats]:
    """The four products over the modes, added; a logarithmic scale, and the sum with two derivatives in K."""
    sinh, cosh = math.sinh(2 * k), math.cosh(2 * k)
    # cosh gamma_l = cosh 2K coth 2K - cos(pi l / n), and its derivatives in K.
    first = 2 * cosh * (1 - sinh**-2)
    second = 4 * sinh + 4 / sinh + 8 / sinh**3
    cosh_gamma = sinh + 1 / sinh - np.cos(math.pi * np.arange(1, 2 * columns) / columns)
    sinh_gamma = np.sqrt(cosh_gamma**2 - 1)
    slope = first / sinh_gamma
    modes = (
        rows / 2 * np.array([np.arccosh(cosh_gamma), slope, (second - cosh_gamma * slope**2) / sinh_gamma])
    )
    # gamma_0 changes its sign at T_c, where one of the products passes through zero.
    zero_mode = rows / 2 * np.array([2 * k + math.log(math.tanh(k)), 2 + 2 / sinh, -4 * cosh / sinh**2])
    odd, even = modes[:, ::2], modes[:, 1::2]
    products = [
        (_log_product(odd, 1), None),
        (_log_product(odd, -1), None),
        (_log_product(even, 1), _factor(zero_mode, 1)),
        (_log_product(even, -1), _factor(zero_mode, -1)),
    ]
    scale = max(log + (factor[0] if factor else 0.0) for (log, _, _), factor in products)
    sums = np.zeros(3)
    for (log, slope_of_log, curvature_of_log), factor in products:
        size = math.exp(log + (factor[0] if factor else 0.0) - scale)
        p = size * np.array([1.0, slope_of_log, curvature_of_log + slope_of_log**2])
        f = factor[1] if factor else np.array([1.0, 0.0, 0.0])
        sums += [p[0] * f[0], p[1] * f[0] + p[0] * f[1], p[2] * f[0] + 2 * p[1] * f[1] + p[0] * f[2]]
    return scale, sums


def _log_product(modes: Floats, sign: int) -> tuple[float, float, float]:
    """ln of the product of 2 cosh x (`sign` 1) or 2 sinh x (-1), x > 0, and two derivatives."""
    x, slope, curvature = modes
    decay = np.exp(-2 * x)
    ratio = (1 - sign * decay) / (1 + sign * decay)
    logs = x + np.log1p(sign * decay)
    return (
        float(logs.sum()),
        float((ratio * slope).sum()),
        float((ratio * curvature + (1 - ratio**2) * slope**2).sum()),
    )


def _factor(mode: Floats, sign: int) -> tuple[float, Floats]:
    """2 cosh x (`sign` 1) or 2 sinh x (-1) and two derivatives, over exp|x|, and |x|; x of either sign."""
    x, slope, curvature = mode
    up, down = np.exp(x - abs(x)), np.exp(-x - abs(x))
    same, other = up + sign * down, up - sign * down
    return float(abs(x)), np.array([same, other * slope, other * curvature + same * slope**2])


def _reduced(temperature: ArrayLike, coupling: float) -> Floats:
    values = np.asarray(temperature, dtype=np.float64)
    if coupling <= 0 or not (np.isfinite(values) & (values > 0)).all():
        raise LatticeError("the square lattice's exact results are for J > 0 and finite temperatures above 0")
    return coupling / values


def _check(rows: int, columns: int, temperature: float, coupling: float) -> float:
    check_temperature(temperature)
    if min(rows, columns) < SHORTEST:
        raise LatticeError(
            f"a periodic lattice of {rows} x {columns}: every side must be at least {SHORTEST}"
        )
    return float(_reduced(temperature, coupling))
