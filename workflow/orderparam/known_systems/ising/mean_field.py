"""The mean field: m = tanh((m + h) / T) of infinitely many spins, and finite numbers of them exactly."""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import brentq
from scipy.special import gammaln, logsumexp

from orderparam.known_systems.ising.lattice import MeanFieldModel
from orderparam.known_systems.ising.observables import exact_observables


def mean_field_magnetization(temperature: float, field: float = 0.0) -> float:
    """The solution of m = tanh((m + field) / T) of lowest free energy; T and field in units of z J.

    Without a field it is the one with m >= 0, which is 0 from T_c = 1 on. P. Weiss, J. Phys. Theor. Appl.
    6, 661 (1907).
    """
    if field == 0 and temperature >= 1:
        return 0.0

    def excess(m: float) -> float:
        return math.tanh((m + abs(field)) / temperature) - m

    # The excess is concave in m > 0. Without a field its zero lies beyond its maximum.
    lowest = 0.0 if field else temperature * math.acosh(math.sqrt(1 / temperature))
    m = 1.0 if excess(1.0) >= 0 else float(brentq(excess, lowest, 1.0, xtol=1e-15))
    return math.copysign(m, field) if field else m


def solve_mean_field(model: MeanFieldModel, temperature: float) -> dict[str, float]:
    """Exact observables of finitely many spins, by name, by the sum over the number of up spins.

    The energy is that of every pair, -1 / N times the sum of s_i s_j over i < j, less field times the sum of
    s_i.
    """
    n = model.sites
    up = np.arange(n + 1)
    total = 2 * up - n
    energy = -(1 / n * (total**2 - n) / 2 + model.field * total) / n
    logs = gammaln(n + 1) - gammaln(up + 1) - gammaln(n - up + 1) - n * energy / temperature
    probabilities = np.exp(logs - logsumexp(logs))
    mean = float(probabilities @ energy)
    variance = float(probabilities @ (energy - mean) ** 2)
    return exact_observables(mean, variance, total / n, probabilities, n, temperature)
