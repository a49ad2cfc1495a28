"""The mean field: m = tanh((z J m + h) / T) of infinitely many spins, and finite numbers of them exactly."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import gammaln, logsumexp

from orderparam.known_systems.ising.lattice import MeanFieldModel, check_temperature
from orderparam.known_systems.ising.observables import ExactObservables, exact_observables

Floats = NDArray[np.float64]


def mean_field_magnetization(temperature: float, strength: float = 1.0, field: float = 0.0) -> float:
    """The solution of m = tanh((strength m + field) / T) of lowest free energy; `strength` is z J.

    Without a field it is the one with m >= 0, which is 0 from T_c = z J on. P. Weiss, J. Phys. Theor. Appl.
    6, 661 (1907). Raises LatticeError for a temperature that is not positive.
    """
    check_temperature(temperature)
    if field == 0 and temperature >= strength:
        return 0.0

    def excess(m: float) -> float:
        return math.tanh((strength * m + abs(field)) / temperature) - m

    # For J > 0 the excess is concave in m > 0. Without a field its zero lies beyond its maximum.
    lowest = 0.0
    if field == 0:
        lowest = temperature / strength * math.acosh(math.sqrt(strength / temperature))
    m = 1.0 if excess(1.0) >= 0 else float(brentq(excess, lowest, 1.0, xtol=1e-15))
    return math.copysign(m, field) if field else m


def solve_mean_field(model: MeanFieldModel, temperature: float) -> ExactObservables:
    """Exact observables of finitely many spins, by the sum over the number of up spins.

    The energy is that of every pair, -strength / N times the sum of s_i s_j over i < j, less field times
    the sum of s_i. Raises LatticeError for a temperature that is not positive.
    """
    check_temperature(temperature)
    n = model.sites
    up = np.arange(n + 1)
    total = 2 * up - n
    energy = -(model.strength / n * (total**2 - n) / 2 + model.field * total) / n
    logs = gammaln(n + 1) - gammaln(up + 1) - gammaln(n - up + 1) - n * energy / temperature
    probabilities = np.exp(logs - logsumexp(logs))
    mean = float(probabilities @ energy)
    variance = float(probabilities @ (energy - mean) ** 2)
    return exact_observables(mean, variance, total / n, probabilities, n, temperature)
