"""The Potts model at its transition: its two phases as peaks of the energy's distribution; and snapshots."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from orderparam.known_systems.ising.lattice import IsingModel, Lattice, build_model
from orderparam.known_systems.ising.potts import coexisting_energies, equal_weight_temperature
from orderparam.known_systems.ising.simulation import simulate, simulate_potts
from orderparam.known_systems.ising.square_lattice import critical_temperature
from orderparam.tables import POTTS_HISTOGRAM, POTTS_PHASES, SNAPSHOTS

BIN_WIDTH = 0.02


def sample_phases(
    states: int, lengths: Iterable[int], samples: int, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Distribution of the energy per site where both phases have equal weight, and its two peaks.

    Half of the samples come from an ordered start and half from a random one, so that the phases keep their
    weights even where passages between them are rare. The first table is a
    tables.POTTS_HISTOGRAM, densities over bins 0.02 wide; the second is a tables.POTTS_PHASES, a row per
    length and phase: `passages` from one phase to the other, the peak beside the exact energy at the
    transition, and `valley_to_peak`, the lowest density between the peaks over the peak's.

    Raises LatticeError for `states` <= 4.
    """
    exact = dict(zip(("ordered", "disordered"), coexisting_energies(states), strict=True))
    histograms, phases = [], []
    for length in lengths:
        temperature = equal_weight_temperature(states, length**2)
        halves = [
            simulate_potts(
                Lattice((length, length)),
                states,
                temperature,
                samples // 2,
                np.random.SeedSequence([seed, states, length, int(ordered)]),
                ordered_start=ordered,
            ).energy
            for ordered in (True, False)
        ]
        edges = np.linspace(-2, 0, round(2 / BIN_WIDTH) + 1)
        density, _ = np.histogram(np.concatenate(halves), edges, density=True)
        energy = (edges[1:] + edges[:-1]) / 2
        columns = {"states": states, "length": length, "energy": energy, "density": density}
        histograms.append(
            pd.DataFrame({**columns, **{f"{phase}_energy": value for phase, value in exact.items()}})
        )
        cold = energy < sum(exact.values()) / 2
        peaks = {
            "ordered": int(np.argmax(np.where(cold, density, -1))),
            "disordered": int(np.argmax(np.where(cold, -1, density))),
        }
        valley = density[peaks["ordered"] : peaks["disordered"] + 1].min()
        for phase, place in peaks.items():
            row = {
                "states": states,
                "length": length,
                "temperature": temperature,
                "samples": 2 * (samples // 2),
                "passages": sum(count_passages(half, *exact.values()) for half in halves),
                "phase": phase,
                "peak_energy": energy[place],
                "exact_energy": exact[phase],
                "valley_to_peak": valley / density[place] if density[place] else np.nan,
            }
            phases.append(row)
    table = pd.concat(histograms, ignore_index=True)[list(POTTS_HISTOGRAM.columns)]
    return table, POTTS_PHASES.frame(phases)


def count_passages(energy: NDArray[np.float64], low: float, high: float) -> int:
    """How often a series (samples,) comes from below `low` to above `high`, or the other way."""
    sides = np.where(energy <= low, -1, np.where(energy >= high, 1, 0))
    visited = sides[sides != 0]
    return int(np.count_nonzero(np.diff(visited)))


def take_snapshots(
    length: int, relative_temperatures: Iterable[float], sweeps: int, seed: int
) -> pd.DataFrame:
    """States of the square lattice after `sweeps` sweeps; a row per site, as tables.SNAPSHOTS.

    The temperature is T / T_c. The same random numbers serve all temperatures.
    """
    model = build_model("2d", length, 0.0)
    assert isinstance(model, IsingModel)
    rows, columns = np.indices((length, length)).reshape(2, -1)
    tables = []
    for relative in relative_temperatures:
        series = simulate(model, relative * critical_temperature(), sweeps, seed)
        assert series.spins is not None
        columns_of = {"temperature": relative, "row": rows, "column": columns, "spin": series.spins.ravel()}
        tables.append(pd.DataFrame(columns_of))
    return pd.concat(tables, ignore_index=True)[list(SNAPSHOTS.columns)]
