"""Known answers: critical temperatures and exponents, exact values of a grid's points, exact curves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from orderparam.known_systems.ising.lattice import MeanFieldModel, build_model
from orderparam.known_systems.ising.mean_field import mean_field_magnetization, solve_mean_field
from orderparam.known_systems.ising.square_lattice import (
    correlation_length,
    critical_temperature,
    kaufman_observables,
    onsager_energy,
    onsager_specific_heat,
    yang_magnetization,
)
from orderparam.known_systems.ising.transfer_matrix import solve_by_transfer_matrix
from orderparam.tables import EXACT

# Layers of more spins have transfer matrices too, but take minutes.
LARGEST_LAYER = 9
# exp(-20) is below any statistical error here.
CORRELATION_LENGTHS_PER_SIDE = 20


@dataclass(frozen=True)
class Transition:
    """T_c, and the exponents of finite-size scaling: 1 / nu, and omega of the leading correction.

    For the mean field they are those of the number of spins.
    """

    temperature: float
    inverse_nu: float
    omega: float


# 2d: Onsager; the regular part of the susceptibility is L^(-7/4) of the singular one.
# 3d: A. M. Ferrenberg, J. Xu and D. P. Landau, Phys. Rev. E 97, 043301 (2018); omega: D. Simmons-Duffin,
# JHEP 03 (2017) 086. Mean field: K. Binder, M. Nauenberg, V. Privman and A. P. Young, Phys. Rev. B 31, 1498
# (1985).
TRANSITIONS = {
    "2d": Transition(critical_temperature(), 1.0, 7 / 4),
    "3d": Transition(1 / 0.221654626, 1 / 0.629912, 0.82968),
    "mean-field": Transition(1.0, 0.5, 0.5),
}


def exact_values(system: str, length: int, temperature: float, field: float) -> tuple[dict[str, float], str]:
    """Exact values of this point's observables, those that are known, and where they come from."""
    model = build_model(system, length, field)
    if isinstance(model, MeanFieldModel):
        return solve_mean_field(model, temperature), "sum over states"
    if model.sites // length <= LARGEST_LAYER:
        return solve_by_transfer_matrix(model, temperature), "transfer matrix"
    if system != "2d" or field != 0:
        return {}, ""
    energy, specific_heat = kaufman_observables(length, length, temperature)
    values = {"energy": energy, "specific_heat": specific_heat}
    if is_yang_exact(length, temperature):
        values["abs_magnetization"] = float(yang_magnetization(temperature))
        return values, "Kaufman; Yang"
    return values, "Kaufman"


def is_yang_exact(length: int, temperature: float) -> bool:
    """Whether a square lattice of this side has the infinite one's magnetization, to any precision here."""
    ordered = temperature < critical_temperature()
    return ordered and length >= CORRELATION_LENGTHS_PER_SIDE * float(correlation_length(temperature))


def tabulate_exact_curves(observables: pd.DataFrame, points: int = 300) -> pd.DataFrame:
    """Exact lines over the temperatures measured without a field; a tables.EXACT.

    `observables` is a tables.OBSERVABLES. Infinite systems have no length (NaN): m of the chain (zero), of
    Yang and of the mean field, and Onsager's energy and specific heat; Kaufman's are for each length.
    """
    rows: list[tuple[object, ...]] = []
    for name, measured in observables[observables["field"] == 0].groupby("system", sort=False):
        system, temperatures = str(name), measured["temperature"]
        grid = np.linspace(temperatures.min(), temperatures.max(), points)
        for length, observable, values, source in _curves(system, sorted(set(measured["length"])), grid):
            rows += [
                (system, length, observable, t, value, source)
                for t, value in zip(grid.tolist(), values.tolist(), strict=True)
            ]
    return EXACT.frame(rows)


def _curves(system: str, lengths: list[int], grid: np.ndarray) -> list[tuple[float, str, np.ndarray, str]]:
    """Length, observable, values at the temperatures `grid`, and source of each exact curve of a system."""
    if system == "1d":
        return [(np.nan, "abs_magnetization", np.zeros(len(grid)), "no order in d = 1")]
    if system == "mean-field":
        m = np.array([mean_field_magnetization(float(t)) for t in grid])
        return [(np.nan, "abs_magnetization", m, "self-consistency")]
    if system != "2d":
        return []
    curves: list[tuple[float, str, np.ndarray, str]] = [
        (np.nan, "abs_magnetization", yang_magnetization(grid), "Yang"),
        (np.nan, "energy", onsager_energy(grid), "Onsager"),
        (np.nan, "specific_heat", onsager_specific_heat(grid), "Onsager"),
    ]
    for length in lengths:
        energy, heat = np.array([kaufman_observables(length, length, float(t)) for t in grid]).T
        curves += [(length, "energy", energy, "Kaufman"), (length, "specific_heat", heat, "Kaufman")]
    return curves
