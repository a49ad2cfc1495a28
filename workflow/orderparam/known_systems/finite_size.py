"""Systems with a known transition as the analysis of models would see them: of finite size, with noise.

A transition is sharp in the infinite system only. So the detector of sharp changes is tried on finite ones,
and beside it what does see them: extrema that grow with the size, and a collapse that predicts a size held
out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from orderparam.analysis.collapse import fit_collapse
from orderparam.analysis.slope_change import THRESHOLD, SlopeChangeDetector
from orderparam.analysis.statistics import share_interval
from orderparam.known_systems.deep_linear.landscape import Landscape, Task, closed_form
from orderparam.known_systems.ising.lattice import MeanFieldModel
from orderparam.known_systems.ising.mean_field import mean_field_magnetization, solve_mean_field
from orderparam.known_systems.ising.potts import transition_temperature
from orderparam.known_systems.ising.square_lattice import (
    critical_temperature,
    kaufman_observables,
    onsager_energy,
)
from orderparam.tables import FINITE_SIZE, FINITE_SIZE_COLLAPSE

Vector = NDArray[np.float64]
Curve = Callable[[Vector], Vector]

POINTS = 60
# Standard deviation of the noise, as a share of a curve's range: that of the recorded losses along b.
NOISE = 0.002
LATTICES = (8, 16, 32, 64, 128)
SPINS = (64, 128, 256, 512, 1024, 2048, 4096, 16384)
# Control parameters over the critical one. The transition is not in the middle, nor on a point.
_REDUCED = (0.72, 1.25)
_REDUCED_POTTS = (0.993, 1.0068)
# Points of the grid on which extrema are read off exact curves.
_FINE = 1201


def measure_finite_size(
    histogram: pd.DataFrame, phases: pd.DataFrame, curves: int, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What the detector finds in `curves` noisy copies of each system, and the extrema of the exact curves.

    `histogram` and `phases` are those of the Potts model (tables.POTTS_HISTOGRAM, POTTS_PHASES). The first
    table is a tables.FINITE_SIZE: x and y in units of their ranges; `extent` is the side length of lattices,
    the number of spins of the mean field, and inf for a limit that is known in closed form. The second is a
    tables.FINITE_SIZE_COLLAPSE, of the mean-field magnetization, the largest size held out.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for system, size, curve, low, high in _systems(histogram, phases):
        detector = SlopeChangeDetector(np.linspace(low, high, POINTS))
        y = curve(detector.x)
        reach = float(np.ptp(y))
        found = detector.evaluate(y[:, None] + rng.normal(0, NOISE * reach, (POINTS, curves)))
        detected = int(np.sum(found.evidence > THRESHOLD))
        numbers = detected, detected / curves, *share_interval(detected, curves), np.median(found.evidence)
        extrema = _extrema(curve, low, high) if np.isfinite(size) else (np.nan, np.nan)
        rows.append((system, size, POINTS, NOISE, curves, *numbers, *extrema))
    return FINITE_SIZE.frame(rows), FINITE_SIZE_COLLAPSE.frame([_collapse(rng)])


def _extrema(curve: Curve, low: float, high: float) -> tuple[float, float]:
    """The largest slope and the largest curvature of a curve, in units of both ranges."""
    x = np.linspace(low, high, _FINE)
    y = curve(x)
    unit = (x - low) / (high - low)
    slope = np.gradient(y / np.ptp(y), unit)
    return float(np.abs(slope).max()), float(np.abs(np.gradient(slope, unit)).max())


def _systems(
    histogram: pd.DataFrame, phases: pd.DataFrame
) -> Iterator[tuple[str, float, Curve, float, float]]:
    """Each system's name, size, curve, and the ends of the control parameter."""
    low, high = (critical_temperature() * each for each in _REDUCED)
    for length in LATTICES:
        yield "2d Ising, energy", length, _each(_lattice_energy, length), low, high
    yield "2d Ising, energy", np.inf, onsager_energy, low, high
    for name in ("energy", "abs_magnetization"):
        system = f"mean field, {name.removeprefix('abs_')}"
        for spins in SPINS:
            yield system, spins, _each(_mean_field, spins, name), *_REDUCED
        yield system, np.inf, _each(_infinite_mean_field, 2 if name == "energy" else 1), *_REDUCED
    for side in sorted(set(histogram["length"])):
        of_length = histogram[histogram["length"] == side]
        temperature = float(phases.loc[phases["length"] == side, "temperature"].iloc[0])
        states = int(of_length["states"].iloc[0])
        low, high = (transition_temperature(states) * each for each in _REDUCED_POTTS)
        mean = _each(_reweighted_energy, of_length[of_length["density"] > 0], temperature)
        yield f"{states}-state Potts, energy", float(side), mean, low, high
    for depth in (1, 2):
        task = Task(1.0, 1.0)
        low, high = (closed_form(task, depth).gamma_c * each for each in _REDUCED)
        yield f"deep linear net, D = {depth}", np.inf, _each(_global_minimum, task, depth), low, high


def _each(function: Callable[..., float], *arguments: object) -> Curve:
    """The curve of a function of the control parameter, its last argument."""
    return lambda values: np.array([function(*arguments, float(value)) for value in values])


def _lattice_energy(length: int, temperature: float) -> float:
    return kaufman_observables(length, length, temperature)[0]


def _mean_field(spins: int, name: str, temperature: float) -> float:
    return solve_mean_field(MeanFieldModel(spins), temperature)[name]


def _infinite_mean_field(power: int, temperature: float) -> float:
    """|m| of infinitely many spins, or with `power` 2 their m^2, to which the energy is proportional."""
    return mean_field_magnetization(temperature) ** power


def _global_minimum(task: Task, depth: int, gamma: float) -> float:
    return Landscape(task, depth).global_minimum(gamma)


def _reweighted_energy(histogram: pd.DataFrame, measured_at: float, temperature: float) -> float:
    """Energy per site at another temperature: A. M. Ferrenberg and R. H. Swendsen, PRL 61, 2635 (1988)."""
    energy, density = (histogram[name].to_numpy(dtype=float) for name in ("energy", "density"))
    sites = float(histogram["length"].iloc[0]) ** 2
    logs = np.log(density) - sites * energy * (1 / temperature - 1 / measured_at)
    weights = np.exp(logs - logs.max())
    return float(weights @ energy / weights.sum())


def _collapse(rng: np.random.Generator) -> tuple[object, ...]:
    """Collapse of |m| for a handful of sizes; the exact exponents are 1/2 and 1/4."""
    curves = {}
    x = np.linspace(-0.12, 0.12, POINTS)
    for spins in (256, 512, 1024):
        y = _each(_mean_field, spins, "abs_magnetization")(1 + x)
        curves[float(spins)] = (x, y + rng.normal(0, NOISE, POINTS), np.full(POINTS, NOISE))
    widest = max(curves)
    fitted = {size: curve for size, curve in curves.items() if size != widest}
    found = fit_collapse(fitted, {widest: curves[widest]}, (0.3, 0.1))
    numbers = found.width_exponent, found.value_exponent, found.held_out, found.unscaled
    return "mean field, magnetization", widest, *numbers
