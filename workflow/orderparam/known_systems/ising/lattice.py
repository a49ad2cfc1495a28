"""Ising models: their lattice, couplings and field.

H = -sum_<ij> J_ij s_i s_j - h sum_i s_i with s_i = +-1, on periodic hypercubic lattices or, as the mean
field, with every pair of N spins coupled by z J / N. Temperatures and energies are in units with k_B = 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from orderparam.errors import LatticeError

SHORTEST = 3
SYSTEMS = ("1d", "2d", "3d", "mean-field")


@dataclass(frozen=True)
class Lattice:
    """A periodic hypercubic lattice; sites are numbered in C order of `shape`.

    Every side must be at least 3: on a side of 2 both ways round join the same two sites, so that it is a
    matter of taste whether they have one bond or two. Raises LatticeError.
    """

    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.shape or any(side < SHORTEST for side in self.shape):
            raise LatticeError(
                f"a periodic lattice of shape {self.shape}: every side must be at least {SHORTEST} sites, "
                "so that no two sites have more than one bond"
            )

    @property
    def dimension(self) -> int:
        return len(self.shape)

    @property
    def sites(self) -> int:
        return math.prod(self.shape)

    @cached_property
    def neighbours(self) -> NDArray[np.int32]:
        """Shape (sites, 2 d): columns 2 a and 2 a + 1 are the next and the previous site along axis a."""
        index = np.arange(self.sites, dtype=np.int32).reshape(self.shape)
        columns = [np.roll(index, step, axis) for axis in range(self.dimension) for step in (-1, 1)]
        return np.stack([column.ravel() for column in columns], axis=1)


@dataclass(frozen=True, eq=False)
class IsingModel:
    """An Ising model on a lattice.

    `couplings` is one J for all bonds, or an array (sites, d) whose entry [i, a] is that of the bond from
    site i to the next along axis a. `field` is h. Raises LatticeError for another shape or values that are
    not finite.
    """

    lattice: Lattice
    couplings: float | NDArray[np.float64] = 1.0
    field: float = 0.0

    def __post_init__(self) -> None:
        shape = (self.lattice.sites, self.lattice.dimension)
        values = np.asarray(self.couplings, dtype=np.float64)
        if values.shape not in ((), shape):
            raise LatticeError(
                f"couplings of shape {values.shape}: on a lattice of shape {self.lattice.shape} they must be "
                f"one number or an array of shape {shape}, site by axis"
            )
        if not np.isfinite(values).all() or not math.isfinite(self.field):
            raise LatticeError("couplings and field must be finite numbers")

    @property
    def sites(self) -> int:
        return self.lattice.sites

    @property
    def bonds(self) -> NDArray[np.float64]:
        """The couplings as a read-only array (sites, d)."""
        shape = (self.lattice.sites, self.lattice.dimension)
        return np.broadcast_to(np.asarray(self.couplings, dtype=np.float64), shape)

    def is_ferromagnetic(self) -> bool:
        """Whether no coupling is negative."""
        return bool(np.min(self.couplings) >= 0)


@dataclass(frozen=True)
class MeanFieldModel:
    """N spins, each pair coupled by `strength` / N; `strength` is z J, which is T_c for large N."""

    sites: int
    strength: float = 1.0
    field: float = 0.0

    def __post_init__(self) -> None:
        if self.sites < 2:
            raise LatticeError(f"a mean-field model of {self.sites} spins: at least 2 are needed")
        if not math.isfinite(self.strength) or not math.isfinite(self.field):
            raise LatticeError("coupling and field must be finite numbers")


def build_model(system: str, length: int, field: float) -> IsingModel | MeanFieldModel:
    """One of SYSTEMS: a hypercubic lattice of that side with J = 1, or the mean field of that many spins
    with z J = 1. Raises LatticeError for another name.
    """
    if system not in SYSTEMS:
        raise LatticeError(f"found the system {system!r}; known are {', '.join(SYSTEMS)}")
    if system == "mean-field":
        return MeanFieldModel(length, 1.0, field)
    return IsingModel(Lattice((length,) * (SYSTEMS.index(system) + 1)), 1.0, field)


def check_temperature(temperature: float) -> None:
    """Raise LatticeError unless the temperature is a positive, finite number."""
    if not (math.isfinite(temperature) and temperature > 0):
        raise LatticeError(f"a temperature of {temperature}: it must be a finite number above 0")
