"""config/physics/ising.yaml: the lattices with a known answer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from orderparam.settings.check import check_file, raise_all
from orderparam.settings.experiment import Positive, Seed
from orderparam.settings.section import DEFAULTS, Name, Section

ISING_FILE = "config/physics/ising.yaml"

Length = Annotated[int, Field(ge=3, le=1_000_000)]
Lengths = Annotated[list[Length], Field(min_length=1)]
Temperatures = Annotated[list[Positive], Field(min_length=1)]


class Grid(Section):
    """Points of one lattice model."""

    system: Literal["1d", "2d", "3d", "mean-field"]
    """Periodic lattice in one, two or three dimensions with J = 1, or the mean field with z J = 1."""
    lengths: Lengths
    """Side lengths, in sites; the numbers of spins for the mean field."""
    temperatures: Temperatures
    """Temperatures, in units of J (of z J for the mean field) with k_B = 1."""
    samples: Annotated[int, Field(ge=400, le=10**9)]
    """Samples per length and temperature, one per sweep."""
    field: float = 0.0
    """Field h, in units of J (of z J for the mean field)."""
    algorithm: Literal["auto", "wolff", "metropolis"] = "auto"
    """How states are updated; auto is Wolff's clusters where they are valid, else Metropolis."""


class Potts(Section):
    """The Potts model at its transition on a square lattice, a control of first order."""

    states: Annotated[int, Field(ge=5, le=127)] = 10
    """Number of states; the transition is of first order from 5 on, visibly so from about 8."""
    lengths: Lengths = Field([20, 30, 40])
    """Side lengths, in sites."""
    samples: Annotated[int, Field(ge=1000, le=10**9)] = 60_000
    """Samples per length, one per sweep."""


class Snapshots(Section):
    """The states of a square lattice that a figure shows."""

    length: Annotated[int, Field(ge=3, le=4096)] = 256
    """Side length, in sites."""
    relative_temperatures: Temperatures = Field([0.95, 1.0, 1.05])
    """Temperatures over the critical one."""
    sweeps: Annotated[int, Field(ge=1, le=10**9)] = 500
    """Sweeps from a random state before a snapshot is taken."""


class IsingFile(Section):
    """config/physics/ising.yaml: the lattices with a known answer."""

    seed: Seed = 1
    """Seed of all lattice simulations; each point of a grid draws from a stream of its own."""
    grids: Annotated[dict[Name, Grid], Field(min_length=1)]
    """What is sampled, each under a name of its own; points of one system are one job."""
    potts: Potts = DEFAULTS
    snapshots: Snapshots = DEFAULTS


def load_ising(root: Path) -> dict[str, Any]:
    """The content of config/physics/ising.yaml below the project folder `root`, defaults filled in.

    Raises ConfigError, which lists all problems.
    """
    messages, values = check_file(root, ISING_FILE, IsingFile)
    raise_all(ISING_FILE, messages)
    return values
