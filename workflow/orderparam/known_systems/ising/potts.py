"""The square-lattice Potts model, H = -sum_<ij> delta(s_i, s_j), at its transition; k_B = 1.

Of first order for more than 4 states, with two phases as peaks of the energy's distribution. R. J. Baxter,
J. Phys. C 6, L445 (1973), and F. Y. Wu, Rev. Mod. Phys. 54, 235 (1982), section V.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from orderparam.known_systems import kernels
from orderparam.known_systems.ising.lattice import Lattice
from orderparam.known_systems.ising.simulation import warm_up_of
from orderparam.tables import POTTS_HISTOGRAM, POTTS_PHASES

Floats = NDArray[np.float64]

BIN_WIDTH = 0.02


def transition_temperature(states: int) -> float:
    """T_t = 1 / ln(1 + sqrt q); R. B. Potts, Proc. Camb. Phil. Soc. 48, 106 (1952)."""
    return 1 / math.log(1 + math.sqrt(states))


def coexisting_energies(states: int) -> tuple[float, float]:
    """Energies per site of the ordered and the disordered phase at T_t, which coexist for q > 4.

    Their mean is -(1 + 1 / sqrt q) by duality, and they differ by Baxter's latent heat
    2 (1 + 1 / sqrt q) tanh(theta / 2) prod_n tanh(n theta)^2, where 2 cosh theta = sqrt q.
    """
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
    """
    ordered, disordered = coexisting_energies(states)
    shift = math.log(states) / (sites * (disordered - ordered))
    return 1 / (1 / transition_temperature(states) - shift)


def simulate_potts(
    lattice: Lattice,
    states: int,
    temperature: float,
    samples: int,
    seed: int | np.random.SeedSequence,
    ordered_start: bool = False,
) -> Floats:
    """Energies per site (samples,) of the Potts model of `states` states in equilibrium.

    Swendsen and Wang's algorithm, one sweep per sample, after a warm-up of a fifth as many, from one state
    for all sites if `ordered_start`, else from random ones. The same arguments give the same series.
    """
    generator = np.random.default_rng(seed)
    values = generator.integers(0, states, lattice.sites, dtype=np.int8)
    if ordered_start:
        values[:] = 0
    probability = -math.expm1(-1 / temperature)
    for length in (warm_up_of(samples), samples):
        energy = np.empty(length)
        kernels.run_swendsen_wang(values, lattice.neighbours, states, probability, energy, generator)
    return energy


def sample_phases(
    states: int, lengths: Iterable[int], samples: int, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Distribution of the energy per site where both phases have equal weight, and its two peaks.

    Half of the samples come from an ordered start and half from a random one, so that the phases keep their
    weights even where passages between them are rare. The first table is a tables.POTTS_HISTOGRAM, densities
    over bins 0.02 wide; the second is a tables.POTTS_PHASES, a row per length and phase: `passages` from one
    phase to the other, the peak beside the exact energy at the transition, and `valley_to_peak`, the lowest
    density between the peaks over the peak's.
    """
    exact = coexisting_energies(states)
    edges = np.linspace(-2, 0, round(2 / BIN_WIDTH) + 1)
    energy = (edges[1:] + edges[:-1]) / 2
    cold = energy < sum(exact) / 2
    bins: list[tuple[float, ...]] = []
    phases: list[tuple[object, ...]] = []
    for length in lengths:
        temperature = equal_weight_temperature(states, length**2)
        halves = []
        for ordered in (True, False):
            stream = np.random.SeedSequence([seed, states, length, int(ordered)])
            lattice = Lattice((length, length))
            halves.append(simulate_potts(lattice, states, temperature, samples // 2, stream, ordered))
        density, _ = np.histogram(np.concatenate(halves), edges, density=True)
        bins += [(states, length, e, d, *exact) for e, d in zip(energy, density, strict=True)]
        peaks = [int(np.argmax(np.where(side, density, -1))) for side in (cold, ~cold)]
        valley = density[peaks[0] : peaks[1] + 1].min()
        passages = sum(count_passages(half, *exact) for half in halves)
        for phase, place, known in zip(("ordered", "disordered"), peaks, exact, strict=True):
            ratio = valley / density[place] if density[place] else np.nan
            counts = (states, length, temperature, 2 * (samples // 2), passages)
            phases.append((*counts, phase, energy[place], known, ratio))
    return POTTS_HISTOGRAM.frame(bins), POTTS_PHASES.frame(phases)


def count_passages(energy: Floats, low: float, high: float) -> int:
    """How often a series (samples,) comes from below `low` to above `high`, or the other way."""
    sides = np.where(energy <= low, -1, np.where(energy >= high, 1, 0))
    visited = sides[sides != 0]
    return int(np.count_nonzero(np.diff(visited)))
