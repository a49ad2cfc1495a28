"""Critical temperatures from the crossings of Binder cumulants of lengths L and 2 L.

K. Binder, Z. Phys. B 43, 119 (1981). The cumulant grows with L where there is order and falls where there is
none, so that a transition is where the difference between two lengths changes its sign.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2

from orderparam.known_systems.ising.reference import TRANSITIONS, Transition
from orderparam.tables import CRITICAL

Floats = NDArray[np.float64]

# Standard errors by which the cumulants must differ on both sides of a crossing.
SIGNIFICANCE = 4.0
DEGREE = 3
# Numbers of temperatures that the cubics are fitted to: the first for which they fit is taken.
FITTED = (8, 7, 6, 5)
WORST_FIT = 0.05


@dataclass(frozen=True)
class Crossing:
    """Where two curves cross: temperature, cumulant, and the chi-square probability of the two fits.

    `deviations` (2, points) are the shares of each cumulant's error, of the smaller and the larger length at
    the fitted `temperatures` (points,), in the error of the temperature; widened where the fits scatter more
    than the errors say.
    """

    temperature: float
    cumulant: float
    p_value: float
    temperatures: Floats
    deviations: Floats


def find_crossing(temperatures: Floats, cumulants: Floats, errors: Floats) -> Crossing | None:
    """The crossing of the cumulants (2, points) of two lengths, the smaller first; None if they do not cross.

    They cross between the last of the ascending `temperatures` (points,) at which the larger length has a
    cumulant larger by 4 standard errors and the first one beyond at which it is smaller by as much. Of 8, 7,
    6 and 5 points around there the first number is taken to which cubics fit with a chi-square probability
    of at least 5%.
    """
    score = (cumulants[1] - cumulants[0]) / np.hypot(errors[1], errors[0])
    above = np.flatnonzero(score > SIGNIFICANCE)
    if above.size == 0:
        return None
    below = np.flatnonzero((score < -SIGNIFICANCE) & (np.arange(len(score)) > above[-1]))
    if below.size == 0:
        return None
    centre = (above[-1] + below[0]) / 2
    for points in FITTED:
        first = min(max(round(centre - (points - 1) / 2), 0), max(len(score) - points, 0))
        window = slice(first, first + points)
        crossing = _fit_cubics(temperatures[window], cumulants[:, window], errors[:, window])
        if crossing and crossing.p_value >= WORST_FIT:
            break
    return crossing


def _fit_cubics(temperatures: Floats, cumulants: Floats, errors: Floats) -> Crossing | None:
    """The crossing of cubics fitted to all points; None where they do not cross between the ends."""
    middle, half = (temperatures[0] + temperatures[-1]) / 2, (temperatures[-1] - temperatures[0]) / 2
    x = (temperatures - middle) / half
    degree = min(DEGREE, len(x) - 1)
    powers = np.polynomial.polynomial.polyvander(x, degree)
    fits, inverses, misfit = [], [], 0.0
    for y, weight in zip(cumulants, 1 / errors, strict=True):
        inverse = np.linalg.pinv(powers * weight[:, None]) * weight
        fit = np.polynomial.Polynomial(inverse @ y)
        misfit += float(np.sum(((y - fit(x)) * weight) ** 2))
        fits.append(fit)
        inverses.append(inverse)
    difference = fits[1] - fits[0]
    roots = difference.roots()
    real = roots[np.abs(roots.imag) < 1e-9].real
    inside = real[(real >= -1) & (real <= 1)]
    if inside.size == 0:
        return None
    root = float(inside[np.argmin(np.abs(inside))])
    at_root = np.polynomial.polynomial.polyvander(root, degree) * (half / difference.deriv()(root))
    responses = np.stack([(at_root @ inverses[0]).ravel(), -(at_root @ inverses[1]).ravel()])
    freedom = 2 * (len(x) - degree - 1)
    scale = max(1.0, float(np.sqrt(misfit / freedom))) if freedom else 1.0
    return Crossing(
        temperature=float(middle + half * root),
        cumulant=float(fits[0](root)),
        p_value=float(chi2.sf(misfit, freedom)) if freedom else 1.0,
        temperatures=temperatures,
        deviations=responses * errors * scale,
    )


def estimate_critical_temperatures(observables: pd.DataFrame) -> pd.DataFrame:
    """Crossings of all pairs L, 2 L of each system without a field, and T_c extrapolated from them.

    `observables` is a tables.OBSERVABLES; a pair must share at least 8 temperatures. Errors are propagated to
    first order from those of the cumulants, with the covariance of crossings that share a length, and
    widened where the cubics do not fit. The extrapolation is a least-squares line through
    T(L) = T_c + a L^-(1 / nu + omega), with the known exponents. Returns a tables.CRITICAL, in
    which a pair that does not cross has no temperature.
    """
    cumulants = observables[(observables["observable"] == "binder_cumulant") & (observables["field"] == 0)]
    rows = []
    for system, table in cumulants.groupby("system", sort=False):
        rows += _estimate_one(str(system), table)
    return CRITICAL.frame(rows)


def _estimate_one(system: str, table: pd.DataFrame) -> list[tuple[object, ...]]:
    # One temperature may be in two grids; the more precise row stands for both.
    best = table.sort_values("error").drop_duplicates(["length", "temperature"])
    curves = best.pivot_table(index="temperature", columns="length", values=["value", "error"])
    reference = TRANSITIONS[system].temperature if system in TRANSITIONS else np.nan
    crossings: dict[tuple[int, int], Crossing | None] = {}
    for length in sorted(set(table["length"])):
        pair = (length, 2 * length)
        if pair[1] in set(table["length"]):
            both = curves.loc[:, (slice(None), list(pair))].dropna()
            if len(both) >= FITTED[0]:
                values, errors = (both[name][list(pair)].to_numpy().T for name in ("value", "error"))
                crossings[pair] = find_crossing(both.index.to_numpy(), values, errors)
    found = {pair: crossing for pair, crossing in crossings.items() if crossing}
    covariance = _covariance(found)
    standard_errors = dict(zip(found, np.sqrt(np.diag(covariance)), strict=True))

    rows: list[tuple[object, ...]] = []
    for pair, crossing in crossings.items():
        measured = (np.nan,) * 4
        if crossing:
            measured = (crossing.temperature, standard_errors[pair], crossing.cumulant, crossing.p_value)
        rows.append((system, "crossing", *pair, *measured, reference, measured[0] / reference - 1))
    if len(found) >= 2 and system in TRANSITIONS:
        temperature, error, p_value = _extrapolate(TRANSITIONS[system], found, covariance)
        measured = (temperature, error, np.nan, p_value)
        deviation = temperature / reference - 1
        rows.append((system, "extrapolated", np.nan, np.nan, *measured, reference, deviation))
    return rows


def _covariance(found: dict[tuple[int, int], Crossing]) -> Floats:
    """Of the crossings' temperatures, (crossings, crossings); those that share a length are correlated."""
    deviations = {
        pair: pd.Series(
            crossing.deviations.ravel(), pd.MultiIndex.from_product([pair, crossing.temperatures])
        )
        for pair, crossing in found.items()
    }
    # A row per crossing, a column per measured cumulant.
    shares = pd.DataFrame(deviations).T.reindex(list(found)).fillna(0.0).to_numpy()
    return np.asarray(shares @ shares.T)


def _extrapolate(
    transition: Transition, found: dict[tuple[int, int], Crossing], covariance: Floats
) -> tuple[float, float, float]:
    """Temperature for infinite length, its error, and the chi-square probability of the line."""
    lengths = np.array([small for small, _ in found], dtype=np.float64)
    temperatures = np.array([crossing.temperature for crossing in found.values()])
    power = -(transition.inverse_nu + transition.omega)
    design = np.stack([np.ones(len(lengths)), lengths**power], axis=1)
    inverse = np.linalg.inv(covariance)
    spread = np.linalg.inv(design.T @ inverse @ design)
    solution = spread @ design.T @ inverse @ temperatures
    residual = temperatures - design @ solution
    freedom = len(lengths) - 2
    p_value = float(chi2.sf(residual @ inverse @ residual, freedom)) if freedom else np.nan
    return float(solution[0]), float(np.sqrt(spread[0, 0])), p_value
