"""Simulations: a model, a temperature and a seed in; time series of energy and magnetization out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from orderparam.errors import LatticeError
from orderparam.known_systems.ising import kernels
from orderparam.known_systems.ising.lattice import IsingModel, Lattice, MeanFieldModel, check_temperature

Floats = NDArray[np.float64]
Algorithm = Literal["wolff", "metropolis"]

# Samples before the measured ones, as a share of them.
WARM_UP = 0.2
FEWEST_WARM_UP = 50


@dataclass(frozen=True)
class TimeSeries:
    """Energy and magnetization per site, each (samples,), of states in equilibrium, and the last state.

    A sample is taken after each sweep: as many updates as sites (Metropolis), or the number of clusters
    that flips as many sites on average (Wolff). `spins` has the lattice's shape; the mean field has none.
    """

    energy: Floats
    magnetization: Floats
    algorithm: Algorithm
    spins: NDArray[np.int8] | None


@dataclass(frozen=True)
class PottsSeries:
    """Energy per site and order parameter (q max_k n_k - 1) / (q - 1) of a Potts model, each (samples,)."""

    energy: Floats
    order: Floats


def simulate(
    model: IsingModel | MeanFieldModel,
    temperature: float,
    samples: int,
    seed: int | np.random.SeedSequence,
    algorithm: Literal["auto", "wolff", "metropolis"] = "auto",
    ordered_start: bool | None = None,
) -> TimeSeries:
    """Sample `model` in equilibrium at `temperature`, after a warm-up of a fifth as many samples.

    `auto` is Wolff's cluster algorithm where it is valid: on a lattice without field and without negative
    coupling; else Metropolis. The first state is all up if `ordered_start`, else random; by default
    Metropolis starts ordered in a field or where the mean field orders, along the field, and the others at
    random. The same arguments give the same series.

    Raises LatticeError for a temperature that is not positive, no samples, and for Wolff where it is not
    valid.
    """
    check_temperature(temperature)
    if samples < 1:
        raise LatticeError(f"a simulation of {samples} samples: at least 1 is needed")
    chosen = choose_algorithm(model, algorithm)
    generator = np.random.default_rng(seed)
    warm_up = max(math.ceil(WARM_UP * samples), FEWEST_WARM_UP)
    if isinstance(model, MeanFieldModel):
        return _simulate_mean_field(model, temperature, samples, warm_up, generator, ordered_start)
    if ordered_start is None:
        ordered_start = chosen == "metropolis" and model.field != 0
    spins = _first_spins(model, generator, ordered_start)
    if chosen == "wolff":
        energy, magnetization = _run_wolff(model, spins, temperature, samples, warm_up, generator)
    else:
        energy, magnetization = _run_metropolis(model, spins, temperature, samples, warm_up, generator)
    return TimeSeries(energy, magnetization, chosen, spins.reshape(model.lattice.shape))


def choose_algorithm(model: IsingModel | MeanFieldModel, algorithm: str = "auto") -> Algorithm:
    """The algorithm that `simulate` takes; raises LatticeError where the one named is not valid."""
    if algorithm not in ("auto", "wolff", "metropolis"):
        raise LatticeError(f"found the algorithm {algorithm!r}; known are auto, wolff and metropolis")
    obstacle = None
    if isinstance(model, MeanFieldModel):
        obstacle = "the mean field has no lattice on which a cluster could grow"
    elif model.field != 0:
        obstacle = f"Wolff's clusters are for no field, and the field is {model.field}"
    elif not model.is_ferromagnetic():
        obstacle = "Wolff's clusters are for couplings >= 0, and one is negative"
    if algorithm == "wolff" and obstacle:
        raise LatticeError(f"{obstacle}; take metropolis")
    return "metropolis" if algorithm == "metropolis" or obstacle else "wolff"


def _first_spins(model: IsingModel, generator: np.random.Generator, ordered: bool) -> NDArray[np.int8]:
    if ordered:
        return np.full(model.sites, -1 if model.field < 0 else 1, np.int8)
    return generator.choice(np.array([-1, 1], np.int8), model.sites)


def _around(lattice: Lattice, bonds: Floats) -> Floats:
    """Values of bonds (sites, d) as seen from each site, (sites, 2 d), in the order of its neighbours."""
    columns = []
    for axis in range(lattice.dimension):
        columns += [bonds[:, axis], bonds[lattice.neighbours[:, 2 * axis + 1], axis]]
    return np.stack(columns, axis=1)


def _spread(model: IsingModel, values: Floats) -> Floats:
    """Values of bonds around each site; for one coupling a broadcast array, which stays in the cache."""
    shape = (model.sites, 2 * model.lattice.dimension)
    if np.ndim(model.couplings) == 0:
        return np.broadcast_to(values[0, 0], shape)
    return _around(model.lattice, values)


def _run_wolff(
    model: IsingModel,
    spins: NDArray[np.int8],
    temperature: float,
    samples: int,
    warm_up: int,
    generator: np.random.Generator,
) -> tuple[Floats, Floats]:
    probability = _spread(model, -np.expm1(-2 * model.bonds / temperature))

    neighbours = model.lattice.neighbours
    mean_size = kernels.warm_up_wolff(spins, neighbours, probability, warm_up, generator)
    # Fixed before the measurement: a number of clusters that depends on the state would bias it.
    clusters = max(1, round(model.sites / mean_size))
    energy, magnetization = np.empty(samples), np.empty(samples)
    kernels.run_wolff(spins, neighbours, model.bonds, probability, clusters, energy, magnetization, generator)
    return energy, magnetization


def _run_metropolis(
    model: IsingModel,
    spins: NDArray[np.int8],
    temperature: float,
    samples: int,
    warm_up: int,
    generator: np.random.Generator,
) -> tuple[Floats, Floats]:
    around = _spread(model, model.bonds)
    for length in (warm_up, samples):
        energy, magnetization = np.empty(length), np.empty(length)
        kernels.run_metropolis(
            spins,
            model.lattice.neighbours,
            model.bonds,
            around,
            float(model.field),
            float(temperature),
            energy,
            magnetization,
            generator,
        )
    return energy, magnetization


def _simulate_mean_field(
    model: MeanFieldModel,
    temperature: float,
    samples: int,
    warm_up: int,
    generator: np.random.Generator,
    ordered: bool | None,
) -> TimeSeries:
    if ordered is None:
        ordered = model.field != 0 or temperature < model.strength
    total = model.sites * (-1 if model.field < 0 else 1)
    if not ordered:
        total = int(generator.choice([-1, 1], model.sites).sum())
    for length in (warm_up, samples):
        energy, magnetization = np.empty(length), np.empty(length)
        total = kernels.run_mean_field(
            total,
            model.sites,
            float(model.strength),
            float(model.field),
            float(temperature),
            energy,
            magnetization,
            generator,
        )
    return TimeSeries(energy, magnetization, "metropolis", None)


def simulate_potts(
    lattice: Lattice,
    states: int,
    temperature: float,
    samples: int,
    seed: int | np.random.SeedSequence,
    ordered_start: bool = False,
) -> PottsSeries:
    """Sample the Potts model H = -sum_<ij> delta(s_i, s_j) of `states` states in equilibrium.

    Swendsen and Wang's algorithm, one sweep per sample, after a warm-up of a fifth as many, from one state
    for all sites if `ordered_start`, else from random ones. The same arguments give the same series. Raises
    LatticeError for a temperature that is not positive, fewer than 2 or more than 127 states, or no samples.
    """
    check_temperature(temperature)
    if not 2 <= states <= 127 or samples < 1:
        raise LatticeError(
            f"a Potts model of {states} states, {samples} samples: there must be 2 to 127 states and a sample"
        )
    generator = np.random.default_rng(seed)
    values = generator.integers(0, states, lattice.sites, dtype=np.int8)
    if ordered_start:
        values[:] = 0
    probability = -math.expm1(-1 / temperature)
    for length in (max(math.ceil(WARM_UP * samples), FEWEST_WARM_UP), samples):
        energy, order = np.empty(length), np.empty(length)
        kernels.run_swendsen_wang(values, lattice.neighbours, states, probability, energy, order, generator)
    return PottsSeries(energy, order)
