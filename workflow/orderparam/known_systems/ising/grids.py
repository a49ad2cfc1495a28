"""Grids of lengths and temperatures: the models they stand for, and their measured observables; snapshots."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from orderparam.errors import StatisticsError
from orderparam.known_systems.ising.lattice import IsingModel, Lattice, build_model
from orderparam.known_systems.ising.observables import measure_observables
from orderparam.known_systems.ising.simulation import simulate
from orderparam.known_systems.ising.square_lattice import critical_temperature
from orderparam.tables import OBSERVABLES, SNAPSHOTS


@dataclass(frozen=True)
class Grid:
    """A grid of config/physics/ising.yaml; `lengths` of the mean field are numbers of spins."""

    system: str
    lengths: tuple[int, ...]
    temperatures: tuple[float, ...]
    samples: int
    field: float = 0.0
    algorithm: Literal["auto", "wolff", "metropolis"] = "auto"

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Grid:
        """A grid from plain values, as the configuration has them."""
        numbers = {
            "lengths": tuple(values["lengths"]),
            "temperatures": tuple(map(float, values["temperatures"])),
            "field": float(values.get("field", 0.0)),
        }
        return cls(**{**values, **numbers})


def sample_grids(grids: Iterable[Grid], seed: int) -> pd.DataFrame:
    """Measure every observable at each point; a tables.OBSERVABLES.

    A point's random numbers depend on `seed` and on what the point is, not on the other points. Raises
    StatisticsError, naming the point, where its samples are too few.
    """
    points = [(grid, length, t) for grid in grids for length in grid.lengths for t in grid.temperatures]
    return OBSERVABLES.frame([row for point in points for row in _sample_point(*point, seed)])


def _sample_point(grid: Grid, length: int, temperature: float, seed: int) -> list[tuple[object, ...]]:
    model = build_model(grid.system, length, grid.field)
    point = (grid.system, length, temperature, grid.field)
    stream = np.random.SeedSequence([seed, zlib.crc32(repr((*point, grid.algorithm)).encode())])
    series = simulate(model, temperature, grid.samples, stream, grid.algorithm)
    try:
        estimates, time = measure_observables(
            series.energy, series.magnetization, model.sites, temperature, signed=grid.field != 0
        )
    except StatisticsError as error:
        name = f"system {grid.system}, length {length}, temperature {temperature}"
        raise StatisticsError(f"{name}: {error}") from None
    how = (series.algorithm, model.sites, grid.samples, time)
    return [(*point, *how, name, estimate.value, estimate.error) for name, estimate in estimates.items()]


def take_snapshots(
    length: int, relative_temperatures: Iterable[float], sweeps: int, seed: int
) -> pd.DataFrame:
    """States of the square lattice after `sweeps` sweeps; a row per site, as tables.SNAPSHOTS.

    The temperature is T / T_c. The same random numbers serve all temperatures.
    """
    model = IsingModel(Lattice((length, length)))
    rows, columns = np.indices((length, length)).reshape(2, -1)
    tables = []
    for relative in relative_temperatures:
        series = simulate(model, relative * critical_temperature(), sweeps, seed)
        assert series.spins is not None
        values = {"temperature": relative, "row": rows, "column": columns, "spin": series.spins.ravel()}
        tables.append(pd.DataFrame(values))
    return pd.concat(tables, ignore_index=True)[list(SNAPSHOTS.columns)]


def measure_grids(grids: Mapping[str, dict[str, Any]], seed: int) -> pd.DataFrame:
    """The table of `sample_grids` for named grids as the configuration has them."""
    return sample_grids([Grid.from_dict(grid) for grid in grids.values()], seed)
