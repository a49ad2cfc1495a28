"""Every state of a small model, bond by bond in plain Python: the oracle of the tests."""

from __future__ import annotations

import itertools
import math

import numpy as np


def bonds_of(shape):
    """Pairs of sites (C order) and the axis that each bond follows, from the coordinates alone."""
    for place in itertools.product(*map(range, shape)):
        for axis, side in enumerate(shape):
            other = list(place)
            other[axis] = (other[axis] + 1) % side
            i, j = (int(np.ravel_multi_index(p, shape)) for p in (place, tuple(other)))
            yield i, j, axis


def enumerate_states(shape, field=0.0):
    """Total energy and magnetization of each of the 2^N states."""
    return _enumerate(math.prod(shape), field, ((i, j, 1) for i, j, _ in bonds_of(shape)))


def enumerate_mean_field(sites, field=0.0):
    """The same of the mean field, whose every pair is coupled."""
    return _enumerate(sites, field, ((i, j, 1 / sites) for i, j in itertools.combinations(range(sites), 2)))


def _enumerate(sites, field, bonds):
    states = 1.0 - 2 * (np.arange(2**sites)[:, None] >> np.arange(sites) & 1)
    energy = -field * states.sum(axis=1)
    for i, j, coupling in bonds:
        energy -= coupling * states[:, i] * states[:, j]
    return energy, states.sum(axis=1)


def observables_of(energy, magnetization, sites, temperature):
    """The observables, by name, of states with these total energies and magnetizations."""
    weight = np.exp(-(energy - energy.min()) / temperature)
    weight /= weight.sum()
    e, m = energy / sites, magnetization / sites

    def mean(values):
        return float(weight @ values)

    return {
        "energy": mean(e),
        "specific_heat": sites * mean((e - mean(e)) ** 2) / temperature**2,
        "magnetization": mean(m),
        "abs_magnetization": mean(abs(m)),
        "susceptibility": sites * (mean(m**2) - mean(abs(m)) ** 2) / temperature,
        "binder_cumulant": 1 - mean(m**4) / (3 * mean(m**2) ** 2),
    }
