"""Simulations: a model, a temperature and a seed in; time series of energy and magnetization out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from orderparam.errors import LatticeError
from orderparam.known_systems import kernels
from orderparam.known_systems.ising.lattice import IsingModel, MeanFieldModel

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


def simulate(
    model: IsingModel | MeanFieldModel,
    temperature: float,
    samples: int,
    seed: int | np.random.SeedSequence,
    algorithm: Literal["auto", "wolff", "metropolis"] = "auto",
) -> TimeSeries:
    """Sample `model` in equilibrium at `temperature`, after a warm-up of a fifth as many samples.

    `auto` is Wolff's cluster algorithm where it is valid, on a lattice without field; else Metropolis. In a
    field, or where the mean field orders, Metropolis starts with all spins along it; else spins start at
    random. The same arguments give the same series.

    Raises LatticeError for Wolff where it is not valid.
    """
    chosen = choose_algorithm(model, algorithm)
    generator = np.random.default_rng(seed)
    if isinstance(model, MeanFieldModel):
        return _simulate_mean_field(model, temperature, samples, generator)
    neighbours = model.lattice.neighbours
    if model.field == 0:
        spins = generator.choice(np.array([-1, 1], np.int8), model.sites)
    else:
        spins = np.full(model.sites, np.sign(model.field), np.int8)
    if chosen == "wolff":
        probability = float(-np.expm1(-2 / temperature))
        mean_size = kernels.warm_up_wolff(spins, neighbours, probability, warm_up_of(samples), generator)
        # Fixed before the measurement: a number of clusters that depends on the state would bias it.
        clusters = max(1, round(model.sites / mean_size))
        energy, magnetization = np.empty(samples), np.empty(samples)
        kernels.run_wolff(spins, neighbours, probability, clusters, energy, magnetization, generator)
    else:
        field, temperature = float(model.field), float(temperature)
        for length in (warm_up_of(samples), samples):
            energy, magnetization = np.empty(length), np.empty(length)
            kernels.run_metropolis(spins, neighbours, field, temperature, energy, magnetization, generator)
    return TimeSeries(energy, magnetization, chosen, spins.reshape(model.lattice.shape))


def warm_up_of(samples: int) -> int:
    """How many samples are thrown away before so many are measured."""
    return max(math.ceil(WARM_UP * samples), FEWEST_WARM_UP)


def choose_algorithm(model: IsingModel | MeanFieldModel, algorithm: str = "auto") -> Algorithm:
    """The algorithm that `simulate` takes; raises LatticeError where the one named is not valid."""
    valid = isinstance(model, IsingModel) and model.field == 0
    if algorithm == "wolff" and not valid:
        raise LatticeError("Wolff's clusters are for a lattice without a field; take metropolis")
    return "wolff" if valid and algorithm != "metropolis" else "metropolis"


def _simulate_mean_field(
    model: MeanFieldModel, temperature: float, samples: int, generator: np.random.Generator
) -> TimeSeries:
    total = model.sites * (-1 if model.field < 0 else 1)
    if model.field == 0 and temperature >= 1:
        total = int(generator.choice([-1, 1], model.sites).sum())
    field, temperature = float(model.field), float(temperature)
    for length in (warm_up_of(samples), samples):
        energy, magnetization = np.empty(length), np.empty(length)
        total = kernels.run_mean_field(
            total, model.sites, field, temperature, energy, magnetization, generator
        )
    return TimeSeries(energy, magnetization, "metropolis", None)
