"""Grids of lengths and temperatures: the models they stand for, and their measured observables."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from orderparam.errors import StatisticsError
from orderparam.known_systems.ising.lattice import build_model
from orderparam.known_systems.ising.observables import measure_observables
from orderparam.known_systems.ising.simulation import simulate
from orderparam.tables import OBSERVABLES


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
            "temperatures": tuple(float(temperature) for temperature in values["temperatures"]),
            "field": float(values.get("field", 0.0)),
        }
        return cls(**{**values, **numbers})


def sample_grids(grids: Iterable[Grid], seed: int) -> pd.DataFrame:
    """Measure every observable at each point; a tables.OBSERVABLES.

    A point's random numbers depend on `seed` and on what the point is, not on the other points. Raises
    StatisticsError, naming the point, where its samples are too few.
    """
    rows = []
    for grid in grids:
        for length in grid.lengths:
            model = build_model(grid.system, length, grid.field)
            for temperature in grid.temperatures:
                point = (grid.system, length, temperature, grid.field, grid.algorithm)
                stream = np.random.SeedSequence([seed, zlib.crc32(repr(point).encode())])
                series = simulate(model, temperature, grid.samples, stream, grid.algorithm)
                try:
                    measured = measure_observables(
                        series.energy,
                        series.magnetization,
                        model.sites,
                        temperature,
                        signed=grid.field != 0,
                    )
                except StatisticsError as error:
                    name = f"system {grid.system}, length {length}, temperature {temperature}"
                    raise StatisticsError(f"{name}: {error}") from None
                for name, estimate in measured.estimates.items():
                    rows.append(
                        {
                            "system": grid.system,
                            "length": length,
                            "temperature": temperature,
                            "field": grid.field,
                            "algorithm": series.algorithm,
                            "sites": model.sites,
                            "samples": grid.samples,
                            "autocorrelation_time": measured.time,
                            "observable": name,
                            "value": estimate.value,
                            "error": estimate.error,
                        }
                    )
    return OBSERVABLES.frame(rows)


def measure_grids(grids: Mapping[str, dict[str, Any]], seed: int) -> pd.DataFrame:
    """The table of `sample_grids` for named grids as the configuration has them."""
    return sample_grids([Grid.from_dict(grid) for grid in grids.values()], seed)
