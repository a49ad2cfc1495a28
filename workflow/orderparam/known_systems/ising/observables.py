"""The observables of a spin model per site: from a time series with errors, or exactly from moments.

energy <e>, specific heat N (<e^2> - <e>^2) / T^2, magnetization <m>, |m|, susceptibility
N (<m^2> - <|m|>^2) / T, Binder cumulant 1 - <m^4> / (3 <m^2>^2); k_B = 1.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from orderparam.analysis.statistics import (
    Estimate,
    binder_cumulant,
    choose_block_length,
    estimate_by_jackknife,
    estimate_mean,
    specific_heat,
    susceptibility,
)

Floats = NDArray[np.float64]


OBSERVABLES = (
    "energy",
    "specific_heat",
    "magnetization",
    "abs_magnetization",
    "susceptibility",
    "binder_cumulant",
)


def measure_observables(
    energy: Floats, magnetization: Floats, sites: int, temperature: float, signed: bool = True
) -> tuple[dict[str, Estimate], float]:
    """Observables with errors from time series (samples,) of energy and magnetization per site, by name.

    Also returns the longest autocorrelation time of the means of e, |m| and m^2, in samples. Means have the
    Gamma method's errors, functions of several means those of a jackknife over blocks of at least 20 times
    that time. `magnetization`, with its sign, is left out unless `signed`: Metropolis updates may take any
    time to turn it where there is no field. Raises StatisticsError where the series is too short for the
    errors.
    """
    absolute = np.abs(magnetization)
    square = magnetization**2
    means = {"energy": estimate_mean(energy), "abs_magnetization": estimate_mean(absolute)}
    times = [estimate_mean(square).time, *(mean.time for mean in means.values())]
    if signed:
        means["magnetization"] = estimate_mean(magnetization)
    estimates = {name: Estimate(mean.value, mean.error) for name, mean in means.items()}
    block = choose_block_length(len(energy), max(times))
    functions: dict[str, tuple[list[Floats], Callable[[Floats], Floats]]] = {
        "specific_heat": (
            [energy - energy.mean(), (energy - energy.mean()) ** 2],
            lambda x: specific_heat(x[..., 0], x[..., 1], sites, temperature),
        ),
        "susceptibility": (
            [absolute, square],
            lambda x: susceptibility(x[..., 0], x[..., 1], sites, temperature),
        ),
        "binder_cumulant": ([square, square**2], lambda x: binder_cumulant(x[..., 0], x[..., 1])),
    }
    for name, (columns, function) in functions.items():
        estimates[name] = estimate_by_jackknife(np.stack(columns, axis=1), function, block)
    return {name: estimates[name] for name in OBSERVABLES if name in estimates}, max(times)


def exact_observables(
    mean_energy: float,
    energy_variance: float,
    levels: Floats,
    probabilities: Floats,
    sites: int,
    temperature: float,
) -> dict[str, float]:
    """Observables, by name, from the exact mean and variance of the energy per site and m's distribution.

    `levels` are the values of m, per site, and `probabilities` theirs, both (levels,).
    """
    moments = {power: float(probabilities @ np.abs(levels) ** power) for power in (1, 2, 4)}
    values = (
        mean_energy,
        sites * energy_variance / temperature**2,
        float(probabilities @ levels),
        moments[1],
        float(susceptibility(moments[1], moments[2], sites, temperature)),
        float(binder_cumulant(moments[2], moments[4])),
    )
    return dict(zip(OBSERVABLES, values, strict=True))
