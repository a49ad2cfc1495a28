"""The square lattice without a field: Onsager's, Yang's and Kaufman's exact results; J = k_B = 1.

Temperatures may be arrays. K stands for J / T.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ellipe, ellipk

Floats = NDArray[np.float64]


def critical_temperature() -> float:
    """T_c = 2 / ln(1 + sqrt 2); L. Onsager, Phys. Rev. 65, 117 (1944)."""
    return 2 / math.log(1 + math.sqrt(2))


def onsager_energy(temperature: ArrayLike) -> Floats:
    """Energy per site of the infinite lattice; L. Onsager, Phys. Rev. 65, 117 (1944)."""
    k = 1 / np.asarray(temperature, dtype=np.float64)
    modulus = 2 * np.sinh(2 * k) / np.cosh(2 * k) ** 2
    detuning = 2 * np.tanh(2 * k) ** 2 - 1
    # At T_c the factor vanishes faster than the elliptic integral grows.
    integral = np.where(detuning == 0, 0.0, detuning * ellipk(np.minimum(modulus**2, 1 - 1e-16)))
    return np.asarray(-1 / np.tanh(2 * k) * (1 + 2 / math.pi * integral))


def onsager_specific_heat(temperature: ArrayLike) -> Floats:
    """Specific heat per site of the infinite lattice, infinite at T_c; Onsager 1944."""
    k = 1 / np.asarray(temperature, dtype=np.float64)
    squared = (2 * np.sinh(2 * k) / np.cosh(2 * k) ** 2) ** 2
    tanh_squared = np.tanh(2 * k) ** 2
    bracket = (1 - tanh_squared) * (math.pi / 2 + (2 * tanh_squared - 1) * ellipk(squared))
    return np.asarray(4 / math.pi * (k / np.tanh(2 * k)) ** 2 * (ellipk(squared) - ellipe(squared) - bracket))


def yang_magnetization(temperature: ArrayLike) -> Floats:
    """Spontaneous magnetization of the infinite lattice; C. N. Yang, Phys. Rev. 85, 808 (1952)."""
    k = 1 / np.asarray(temperature, dtype=np.float64)
    with np.errstate(over="ignore"):
        return np.asarray(np.clip(1 - np.sinh(2 * k) ** -4.0, 0, None) ** 0.125)


def correlation_length(temperature: ArrayLike) -> Floats:
    """Correlation length along an axis, in sites, infinite at T_c.

    1 / (ln coth K - 2 K) above T_c, half of minus that below; T. T. Wu, B. M. McCoy, C. A. Tracy and
    E. Barouch, Phys. Rev. B 13, 316 (1976).
    """
    k = 1 / np.asarray(temperature, dtype=np.float64)
    inverse = -np.log(np.tanh(k)) - 2 * k
    with np.errstate(divide="ignore"):
        return np.asarray(np.where(inverse > 0, 1.0, 0.5) / np.abs(inverse))


def kaufman_observables(rows: int, columns: int, temperature: float) -> tuple[float, float]:
    """Energy and specific heat per site of the periodic lattice of `rows` times `columns` sites, exactly.

    B. Kaufman, Phys. Rev. 76, 1232 (1949), in the form of A. E. Ferdinand and M. E. Fisher, Phys. Rev. 185,
    832 (1969), section II. For sides of at least 3.
    """
    k = 1 / temperature
    sites = rows * columns
    sums = _sum_of_products(rows, columns, k)
    slope = float(sums[1] / sums[0])
    curvature = float(sums[2] / sums[0]) - slope**2
    return (
        -(slope / sites + 1 / math.tanh(2 * k)),
        k**2 * (curvature / sites - 2 / math.sinh(2 * k) ** 2),
    )


def _sum_of_products(rows: int, columns: int, k: float) -> Floats:
    """The four products over the modes, added, with two derivatives in K; up to a common factor."""
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
    one = (0.0, np.array([1.0, 0.0, 0.0]))
    products = [
        (_log_product(odd, 1), one),
        (_log_product(odd, -1), one),
        (_log_product(even, 1), _factor(zero_mode, 1)),
        (_log_product(even, -1), _factor(zero_mode, -1)),
    ]
    scale = max(log + size for (log, _, _), (size, _) in products)
    sums = np.zeros(3)
    for (log, slope_of_log, curvature_of_log), (size, f) in products:
        p = math.exp(log + size - scale) * np.array([1.0, slope_of_log, curvature_of_log + slope_of_log**2])
        sums += [p[0] * f[0], p[1] * f[0] + p[0] * f[1], p[2] * f[0] + 2 * p[1] * f[1] + p[0] * f[2]]
    return sums


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
