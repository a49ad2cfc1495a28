"""The square-lattice Potts model, H = -sum_<ij> delta(s_i, s_j), at its transition; k_B = 1.

Of first order for more than 4 states. R. J. Baxter, J. Phys. C 6, L445 (1973), and F. Y. Wu, Rev. Mod. Phys.
54, 235 (1982), section V.
"""

from __future__ import annotations

import math

from orderparam.errors import LatticeError


def transition_temperature(states: int) -> float:
    """T_t = 1 / ln(1 + sqrt q); R. B. Potts, Proc. Camb. Phil. Soc. 48, 106 (1952)."""
    return 1 / math.log(1 + math.sqrt(states))


def coexisting_energies(states: int) -> tuple[float, float]:
    """Energies per site of the ordered and the disordered phase at T_t; LatticeError for q <= 4.

    Their mean is -(1 + 1 / sqrt q) by duality, and they differ by Baxter's latent heat
    2 (1 + 1 / sqrt q) tanh(theta / 2) prod_n tanh(n theta)^2, where 2 cosh theta = sqrt q.
    """
    if states <= 4:
        raise LatticeError(
            f"the Potts model of {states} states has a continuous transition: no phases coexist"
        )
    mean = -(1 + 1 / math.sqrt(states))
    theta = math.acosh(math.sqrt(states) / 2)
    product = 1.0
    for n in range(1, math.ceil(20 / theta) + 1):
        product *= math.tanh(n * theta) ** 2
    half = -mean * math.tanh(theta / 2) * product
    return mean - half, mean + half


def equal_weight_temperature(states: int, sites: int) -> float:
    """Where a finite lattice is as often disordered as in one of its q ordered phases, to leading order.

    At T_t each phase has the same weight, the ordered ones together q times that of the disordered one, so
    that 1 / T = 1 / T_t - ln q / (N latent heat); C. Borgs and W. Janke, Phys. Rev. Lett. 68, 1738 (1992).
    Raises LatticeError for q <= 4.
    """
    ordered, disordered = coexisting_energies(states)
    shift = math.log(states) / (sites * (disordered - ordered))
    return 1 / (1 / transition_temperature(states) - shift)
