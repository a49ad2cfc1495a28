"""Where the Ising systems have their transitions, and the exponents of finite-size scaling there."""

from __future__ import annotations

from dataclasses import dataclass

from orderparam.known_systems.ising.square_lattice import critical_temperature


@dataclass(frozen=True)
class Transition:
    """T_c, and the exponents of finite-size scaling: 1 / nu, and omega of the leading correction.

    For the mean field they are those of the number of spins.
    """

    temperature: float
    inverse_nu: float
    omega: float


# 2d: Onsager; the regular part of the susceptibility is L^(-7/4) of the singular one.
# 3d: A. M. Ferrenberg, J. Xu and D. P. Landau, Phys. Rev. E 97, 043301 (2018); omega: D. Simmons-Duffin,
# JHEP 03 (2017) 086. Mean field: K. Binder, M. Nauenberg, V. Privman and A. P. Young, Phys. Rev. B 31, 1498
# (1985).
TRANSITIONS = {
    "2d": Transition(critical_temperature(), 1.0, 7 / 4),
    "3d": Transition(1 / 0.221654626, 1 / 0.629912, 0.82968),
    "mean-field": Transition(1.0, 0.5, 0.5),
}
