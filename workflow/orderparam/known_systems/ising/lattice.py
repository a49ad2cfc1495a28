"""Ising models: their lattice and field.

H = -sum_<ij> s_i s_j - h sum_i s_i with s_i = +-1, on periodic hypercubic lattices or, as the mean field,
with every pair of N spins coupled by 1 / N. Temperatures and energies are in units of J, for the mean field
z J, with k_B = 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from orderparam.errors import LatticeError

SHORTEST = 3


@dataclass(frozen=True)
class Lattice:
    """A periodic hypercubic lattice; sites are numbered in C order of `shape`.

    Every side must be at least 3: on a side of 2 both ways round join the same two sites, and one bond or two
    could be meant. Raises LatticeError.
    """

    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.shape or any(side < SHORTEST for side in self.shape):
            raise LatticeError(
                f"a periodic lattice of shape {self.shape}: every side must be at least {SHORTEST} sites, "
                "so that no two sites have more than one bond"
            )

    @property
    def sites(self) -> int:
        return math.prod(self.shape)

    @cached_property
    def neighbours(self) -> NDArray[np.int32]:
        """Shape (sites, 2 d): columns 2 a and 2 a + 1 are the next and the previous site along axis a."""
        index = np.arange(self.sites, dtype=np.int32).reshape(self.shape)
        columns = [np.roll(index, step, axis) for axis in range(len(self.shape)) for step in (-1, 1)]
        return np.stack([column.ravel() for column in columns], axis=1)


@dataclass(frozen=True)
class IsingModel:
    """An Ising model on a lattice in a field h."""

    lattice: Lattice
    field: float = 0.0

    @property
    def sites(self) -> int:
        return self.lattice.sites


@dataclass(frozen=True)
class MeanFieldModel:
    """Spins, each pair coupled by 1 / N, so that T_c is 1 for large N."""

    sites: int
    field: float = 0.0


def build_model(system: str, length: int, field: float) -> IsingModel | MeanFieldModel:
    """A hypercubic lattice of that side, `1d` to `3d`, or the `mean-field` of that many spins."""
    if system == "mean-field":
        return MeanFieldModel(length, field)
    return IsingModel(Lattice((length,) * int(system[0])), field)
