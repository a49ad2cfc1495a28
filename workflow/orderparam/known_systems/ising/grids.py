"""Grids of lengths and temperatures: the models they stand for, and their measured observables; snapshots."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from orderparam.errors import StatisticsError
from orderparam.known_systems.ising.lattice import IsingModel, Lattice, build_model
from orderparam.known_systems.ising.observables import measure_observables
from orderparam.known_systems.ising.simulation import simulate
from orderparam.known_systems.ising.square_lattice import critical_temperature
from orderparam.tables import OBSERVABLES, SNAPSHOTS


def measure_grids(grids: Mapping[str, Mapping[str, Any]], seed: int) -> pd.DataFrame:
    """Measure every observable at each point of named grids, as the configuration has them.

    Returns a tables.OBSERVABLES. A point's random numbers depend on `seed` and on what the point is, not on
    the other points. Raises StatisticsError, naming the point, where its samples are too few.
    """
    return OBSERVABLES.frame(
        [
            row
            for grid in grids.values()
            for length in grid["lengths"]
            for temperature in grid["temperatures"]
            for row in _sample_point(grid, length, float(temperature), seed)
        ]
    )


def _sample_point(
    grid: Mapping[str, Any], length: int, temperature: float, seed: int
) -> list[tuple[object, ...]]:
    system, field, algorithm = grid["system"], float(grid.get("field", 0)), grid.get("algorithm", "auto")
    model = build_model(system, length, field)
    point = (system, length, temperature, field)
    stream = np.random.SeedSequence([seed, zlib.crc32(repr((*point, algorithm)).encode())])
    series = simulate(model, temperature, grid["samples"], stream, algorithm)
    try:
        estimates, time = measure_observables(
            series.energy, series.magnetization, model.sites, temperature, signed=field != 0
        )
    except StatisticsError as error:
        name = f"system {system}, length {length}, temperature {temperature}"
        raise StatisticsError(f"{name}: {error}") from None
    how = (series.algorithm, model.sites, grid["samples"], time)
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
