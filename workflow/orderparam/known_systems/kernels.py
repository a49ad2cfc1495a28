"""The compiled inner loops of the simulations.

Each draws from a NumPy Generator, advances `spins` in place and fills the series, one entry per sample.
`neighbours` (sites, 2 d) are those of `lattice.Lattice`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

Spins = NDArray[np.int8]
Indices = NDArray[np.int32]
Floats = NDArray[np.float64]
Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """`function` compiled by numba at its first call with each kind of arguments; its type stays.

    Each process compiles anew, for a second or two: numba's cache would lie in the source folders.
    """
    return cast(Function, njit(function))


@compiled
def measure(spins: Spins, neighbours: Indices, field: float) -> tuple[float, float]:
    """Energy and magnetization per site."""
    sites, degree = neighbours.shape
    bonds = 0
    total = 0
    for i in range(sites):
        for k in range(0, degree, 2):
            bonds += spins[i] * spins[neighbours[i, k]]
        total += spins[i]
    return (-bonds - field * total) / sites, total / sites


@compiled
def run_metropolis(
    spins: Spins,
    neighbours: Indices,
    field: float,
    temperature: float,
    energy: Floats,
    magnetization: Floats,
    generator: np.random.Generator,
) -> None:
    """Metropolis updates of sites drawn at random, one sweep (as many as there are sites) per sample."""
    sites, degree = neighbours.shape
    for sample in range(len(energy)):
        for _ in range(sites):
            i = int(generator.random() * sites)
            local = field
            for k in range(degree):
                local += spins[neighbours[i, k]]
            cost = 2 * spins[i] * local
            if cost <= 0 or generator.random() < math.exp(-cost / temperature):
                spins[i] = -spins[i]
        energy[sample], magnetization[sample] = measure(spins, neighbours, field)


@compiled
def flip_cluster(
    spins: Spins, neighbours: Indices, probability: float, stack: Indices, generator: np.random.Generator
) -> int:
    """Grow and flip one cluster from a site drawn at random; returns its number of sites."""
    sites, degree = neighbours.shape
    seed = int(generator.random() * sites)
    old = spins[seed]
    spins[seed] = -old
    stack[0] = seed
    height = 1
    flipped = 1
    while height > 0:
        height -= 1
        i = stack[height]
        for k in range(degree):
            j = neighbours[i, k]
            if spins[j] == old and generator.random() < probability:
                spins[j] = -old
                stack[height] = j
                height += 1
                flipped += 1
    return flipped


@compiled
def warm_up_wolff(
    spins: Spins, neighbours: Indices, probability: float, sweeps: int, generator: np.random.Generator
) -> float:
    """Flip clusters until as many sites were flipped as there are, `sweeps` times over.

    Returns the mean number of sites of a cluster in the later half. For a warm-up only: a stop that
    depends on the state biases what is measured there.
    """
    stack = np.empty(len(spins), np.int32)
    clusters = 0
    flipped_later = 0
    for sweep in range(sweeps):
        flipped = 0
        while flipped < len(spins):
            flipped += flip_cluster(spins, neighbours, probability, stack, generator)
            clusters += 2 * sweep >= sweeps
        if 2 * sweep >= sweeps:
            flipped_later += flipped
    return flipped_later / clusters


@compiled
def run_wolff(
    spins: Spins,
    neighbours: Indices,
    probability: float,
    clusters: int,
    energy: Floats,
    magnetization: Floats,
    generator: np.random.Generator,
) -> None:
    """Wolff's algorithm without a field, `clusters` of them per sample.

    U. Wolff, Phys. Rev. Lett. 62, 361 (1989). `probability` is 1 - exp(-2 / T).
    """
    stack = np.empty(len(spins), np.int32)
    for sample in range(len(energy)):
        for _ in range(clusters):
            flip_cluster(spins, neighbours, probability, stack, generator)
        energy[sample], magnetization[sample] = measure(spins, neighbours, 0.0)


@compiled
def run_mean_field(
    total: int,
    sites: int,
    field: float,
    temperature: float,
    energy: Floats,
    magnetization: Floats,
    generator: np.random.Generator,
) -> int:
    """Metropolis for the mean field, where a state is its number of up spins less down spins, `total`.

    A site drawn at random is up with probability (1 + total / sites) / 2. Returns the last `total`.
    """
    for sample in range(len(energy)):
        for _ in range(sites):
            spin = 1 if generator.random() * 2 * sites < sites + total else -1
            cost = 2 * spin * ((total - spin) / sites + field)
            if cost <= 0 or generator.random() < math.exp(-cost / temperature):
                total -= 2 * spin
        pairs = 0.5 * (float(total) * total - sites)
        energy[sample] = -(pairs / sites + field * total) / sites
        magnetization[sample] = total / sites
    return total


@compiled
def run_swendsen_wang(
    states: Spins,
    neighbours: Indices,
    q: int,
    probability: float,
    energy: Floats,
    generator: np.random.Generator,
) -> None:
    """Swendsen and Wang's algorithm for the Potts model, one sweep of all sites per sample.

    R. H. Swendsen and J.-S. Wang, Phys. Rev. Lett. 58, 86 (1987). `energy` is that per site of
    H = -sum delta(s_i, s_j).
    """
    sites, degree = neighbours.shape
    stack = np.empty(sites, np.int32)
    visited = np.empty(sites, np.bool_)
    for sample in range(len(energy)):
        visited[:] = False
        for start in range(sites):
            if visited[start]:
                continue
            old = states[start]
            new = int(generator.random() * q)
            visited[start] = True
            states[start] = new
            stack[0] = start
            height = 1
            while height > 0:
                height -= 1
                i = stack[height]
                # The bond to a visited site was tried from there, or both are in the cluster already.
                for k in range(degree):
                    j = neighbours[i, k]
                    if not visited[j] and states[j] == old and generator.random() < probability:
                        visited[j] = True
                        states[j] = new
                        stack[height] = j
                        height += 1
        equal = 0
        for i in range(sites):
            for k in range(0, degree, 2):
                equal += states[i] == states[neighbours[i, k]]
        energy[sample] = -equal / sites
