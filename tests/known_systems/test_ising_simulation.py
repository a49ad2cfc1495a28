"""Simulations against the enumeration of all states, with fixed seeds, and what they refuse."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from enumeration import bonds_of, enumerate_mean_field, enumerate_states, observables_of

from orderparam.analysis.statistics import estimate_mean
from orderparam.errors import LatticeError
from orderparam.known_systems import kernels
from orderparam.known_systems.ising.lattice import IsingModel, Lattice, MeanFieldModel
from orderparam.known_systems.ising.observables import OBSERVABLES, measure_observables
from orderparam.known_systems.ising.potts import coexisting_energies, simulate_potts, transition_temperature
from orderparam.known_systems.ising.simulation import choose_algorithm, simulate

SAMPLES = 40_000


CASES = {
    "chain, wolff": (IsingModel(Lattice((7,))), 0.9, "wolff"),
    "square, wolff": (IsingModel(Lattice((3, 4))), 2.4, "wolff"),
    "square, metropolis": (IsingModel(Lattice((3, 4))), 2.4, "metropolis"),
    "square, metropolis, hot": (IsingModel(Lattice((4, 4))), 50.0, "metropolis"),
    "square, field": (IsingModel(Lattice((3, 3)), -0.3), 3.0, "metropolis"),
    "slab": (IsingModel(Lattice((3, 5))), 3.0, "wolff"),
    "mean field": (MeanFieldModel(12), 0.9, "metropolis"),
    "mean field, field": (MeanFieldModel(9, 0.125), 0.75, "metropolis"),
}


def enumerate_model(model):
    if isinstance(model, MeanFieldModel):
        return enumerate_mean_field(model.sites, model.field)
    return enumerate_states(model.lattice.shape, model.field)


@pytest.mark.parametrize("case", CASES)
def test_every_observable_agrees_with_all_states(case):
    model, temperature, algorithm = CASES[case]
    series = simulate(model, temperature, SAMPLES, seed=17, algorithm=algorithm)
    assert series.algorithm == algorithm
    measured, _ = measure_observables(series.energy, series.magnetization, model.sites, temperature)
    expected = observables_of(*enumerate_model(model), model.sites, temperature)
    z = {name: (measured[name].value - expected[name]) / measured[name].error for name in OBSERVABLES}
    # Six per case, all cases: 4 is beyond what chance does in two hundred such runs.
    assert max(map(abs, z.values())) < 4, z
    # An error that is far too large would hide anything.
    assert measured["energy"].error < 0.02


def test_z_scores_of_many_seeds_scatter_as_a_normal_distribution():
    model = IsingModel(Lattice((4, 4)))
    expected = observables_of(*enumerate_states((4, 4)), 16, 2.3)
    scores = []
    for seed in range(150):
        series = simulate(model, 2.3, 2000, seed)
        measured, _ = measure_observables(series.energy, series.magnetization, 16, 2.3)
        scores.append(
            [(measured[name].value - expected[name]) / measured[name].error for name in OBSERVABLES]
        )
    width = np.sqrt(np.mean(np.square(scores), axis=0))
    assert ((width > 0.83) & (width < 1.2)).all(), dict(zip(OBSERVABLES, width, strict=True))
    assert np.abs(np.mean(scores, axis=0)).max() < 4 / math.sqrt(150)


def test_three_dimensional_neighbours_are_the_bonds_of_the_coordinates():
    lattice = Lattice((3, 4, 5))
    expected = {(i, axis): j for i, j, axis in bonds_of(lattice.shape)}
    for i, axis in itertools.product(range(lattice.sites), range(3)):
        following = lattice.neighbours[i, 2 * axis]
        assert following == expected[i, axis]
        assert lattice.neighbours[following, 2 * axis + 1] == i


def test_energy_and_magnetization_of_a_state_are_those_of_its_bonds():
    lattice = Lattice((3, 4, 3))
    spins = np.random.default_rng(0).choice(np.array([-1, 1], np.int8), lattice.sites)
    plain = -sum(int(spins[i]) * int(spins[j]) for i, j, _ in bonds_of(lattice.shape))
    energy, magnetization = kernels.measure(spins, lattice.neighbours, 0.4)
    assert energy == pytest.approx((plain - 0.4 * spins.sum()) / lattice.sites)
    assert magnetization == pytest.approx(spins.mean())
    # Without a field a state and its mirror image have one energy.
    mirrored, opposite = kernels.measure(-spins, lattice.neighbours, 0.0)
    assert mirrored == pytest.approx(plain / lattice.sites)
    assert opposite == -magnetization


@pytest.mark.parametrize("algorithm", ["wolff", "metropolis"])
def test_same_seed_same_series_other_seed_other_series(algorithm):
    model = IsingModel(Lattice((4, 4)))
    first, again, other = (simulate(model, 2.0, 50, seed, algorithm) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.energy, again.energy)
    np.testing.assert_array_equal(first.spins, again.spins)
    assert (first.energy != other.energy).any()
    energy, magnetization = kernels.measure(first.spins.ravel(), model.lattice.neighbours, 0.0)
    assert (energy, magnetization) == (first.energy[-1], first.magnetization[-1])


def test_algorithm_is_chosen_by_what_is_valid():
    lattice = Lattice((3, 3))
    assert choose_algorithm(IsingModel(lattice)) == "wolff"
    for model in (IsingModel(lattice, 0.1), MeanFieldModel(5)):
        assert choose_algorithm(model) == "metropolis"
        with pytest.raises(LatticeError, match="take metropolis"):
            simulate(model, 2.0, 10, 1, "wolff")


def test_potts_agrees_with_all_states():
    lattice, q, temperature = Lattice((3, 3)), 3, 0.9
    states = np.array(list(itertools.product(range(q), repeat=9)))
    energy = -sum((states[:, i] == states[:, j]).astype(float) for i, j, _ in bonds_of((3, 3))) / 9
    weight = np.exp(-9 * energy / temperature)
    series = simulate_potts(lattice, q, temperature, SAMPLES, 3)
    for values, exact in ((series, energy), (series**2, energy**2)):
        mean = estimate_mean(values)
        assert abs(mean.value - np.average(exact, weights=weight)) < 4 * mean.error
        assert mean.error < 0.02


def test_potts_of_two_states_is_the_ising_model_of_half_the_coupling():
    expected = observables_of(*enumerate_states((4, 4)), 16, 2.2)
    # delta(s, s') = (1 + s s') / 2, and 2 bonds a site.
    mean = estimate_mean(simulate_potts(Lattice((4, 4)), 2, 1.1, SAMPLES, 5))
    assert abs(mean.value - (expected["energy"] / 2 - 1)) < 4 * mean.error


def test_potts_of_ten_states_jumps_between_its_two_phases():
    series = simulate_potts(Lattice((24, 24)), 10, transition_temperature(10), 20_000, 1)
    ordered, disordered = coexisting_energies(10)
    # Little lies between the two.
    middle = (ordered + disordered) / 2
    cold, between, hot = (np.sum(abs(series - e) < 0.05) for e in (ordered, middle, disordered))
    assert between < min(cold, hot) / 2
