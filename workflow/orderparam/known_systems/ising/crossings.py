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

from orderparam.known_systems.ising.reference import TRANSITIONS
from orderparam.tables import CRITICAL

Floats = NDArray[np.float64]

# Standard errors by which the cumulants must differ on both sides of a crossing.
SIGNIFICANCE = 4.0
DEGREE = 3
# Numbers of temperatures that the cubics are fitted to: the first for which they fit is taken.
FITTED = (8, 7, 6, 5)
WORST_FIT = 0.05


@dataclass(frozen=True)
class Curve:
    """Cumulants of one length at ascending temperatures, with errors; all (points,)."""

    temperatures: Floats
    cumulants: Floats
    errors: Floats


@dataclass(frozen=True)
class Crossing:
    """Where two curves cross: temperature, cumulant, and the chi-square probability of the two fits.

    `responses` are the derivatives of the temperature by each cumulant of the smaller and the larger length
    within the window, (points,) each. `scale` is by how much the fits scatter more than the errors say, at
    least 1.
    """

    temperature: float
    cumulant: float
    p_value: float
    scale: float
    responses: tuple[Floats, Floats]


def find_window(small: Curve, large: Curve) -> slice | None:
    """The places of the points around the crossing that are fitted, or None where the curves do not cross.

    The curves cross between the last temperature at which the larger length has a cumulant larger by 4
    standard errors and the first one beyond at which it is smaller by as much. Of 8, 7, 6 and 5 points around
    there the first number is taken to which cubics fit with a chi-square probability of at least 5%.
    """
    score = (large.cumulants - small.cumulants) / np.hypot(large.errors, small.errors)
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
        crossing = locate_crossing(small, large, window)
        if crossing and crossing.p_value >= WORST_FIT:
            break
    return window


def locate_crossing(small: Curve, large: Curve, window: slice) -> Crossing | None:
    """The crossing of cubics fitted within `window`; None where they do not cross between its ends."""
    t = small.temperatures[window]
    middle, half = (t[0] + t[-1]) / 2, (t[-1] - t[0]) / 2
    x = (t - middle) / half
    degree = min(DEGREE, len(x) - 1)
    fits, inverses, misfit = [], [], 0.0
    powers = np.polynomial.polynomial.polyvander(x, degree)
    for curve in (small, large):
        y, weight = curve.cumulants[window], 1 / curve.errors[window]
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
    freedom = 2 * (len(x) - degree - 1)
    return Crossing(
        temperature=float(middle + half * root),
        cumulant=float(fits[0](root)),
        p_value=float(chi2.sf(misfit, freedom)) if freedom else 1.0,
        scale=max(1.0, float(np.sqrt(misfit / freedom))) if freedom else 1.0,
        responses=((at_root @ inverses[0]).ravel(), -(at_root @ inverses[1]).ravel()),
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


def _estimate_one(system: str, table: pd.DataFrame) -> list[dict[str, object]]:
    curves = read_curves(table)
    doubled = [(length, 2 * length) for length in curves if 2 * length in curves]
    pairs = [pair for pair in doubled if len(_common(curves, pair)[0].temperatures) >= FITTED[0]]
    reference = TRANSITIONS[system].temperature if system in TRANSITIONS else np.nan
    found: dict[tuple[int, int], Crossing] = {}
    deviations: dict[tuple[int, int], pd.Series] = {}
    for pair in pairs:
        small, large = _common(curves, pair)
        window = find_window(small, large)
        crossing = locate_crossing(small, large, window) if window else None
        if window and crossing:
            found[pair] = crossing
            deviations[pair] = pd.concat(
                [
                    pd.Series(response * curve.errors[window] * crossing.scale, curve.temperatures[window])
                    for curve, response in zip((small, large), crossing.responses, strict=True)
                ],
                keys=pair,
            )
    # A row per crossing, a column per measured cumulant: its error's share in the crossing's.
    shares = pd.DataFrame(deviations).T.reindex(list(found)).fillna(0.0).to_numpy()
    covariance = shares @ shares.T
    errors = dict(zip(found, np.sqrt(np.diag(covariance)), strict=True))

    rows = []
    for pair in pairs:
        crossing = found.get(pair)
        temperature = crossing.temperature if crossing else np.nan
        rows.append(
            {
                "system": system,
                "estimate": "crossing",
                "length": pair[0],
                "double_length": pair[1],
                "temperature": temperature,
                "error": errors.get(pair, np.nan),
                "binder_cumulant": crossing.cumulant if crossing else np.nan,
                "p_value": crossing.p_value if crossing else np.nan,
                "reference": reference,
                "relative_deviation": temperature / reference - 1,
            }
        )
    if len(found) >= 2 and system in TRANSITIONS:
        rows.append(_extrapolate(system, found, covariance))
    return rows


def _extrapolate(
    system: str, found: dict[tuple[int, int], Crossing], covariance: Floats
) -> dict[str, object]:
    transition = TRANSITIONS[system]
    lengths = np.array([small for small, _ in found], dtype=np.float64)
    temperatures = np.array([crossing.temperature for crossing in found.values()])
    power = -(transition.inverse_nu + transition.omega)
    design = np.stack([np.ones(len(lengths)), lengths**power], axis=1)
    inverse = np.linalg.inv(covariance)
    spread = np.linalg.inv(design.T @ inverse @ design)
    solution = spread @ design.T @ inverse @ temperatures
    residual = temperatures - design @ solution
    freedom = len(lengths) - 2
    return {
        "system": system,
        "estimate": "extrapolated",
        "length": np.nan,
        "double_length": np.nan,
        "temperature": solution[0],
        "error": np.sqrt(spread[0, 0]),
        "binder_cumulant": np.nan,
        "p_value": float(chi2.sf(residual @ inverse @ residual, freedom)) if freedom else np.nan,
        "reference": transition.temperature,
        "relative_deviation": solution[0] / transition.temperature - 1,
    }


def read_curves(table: pd.DataFrame) -> dict[int, Curve]:
    """Curves by length from rows length, temperature, value and error."""
    curves = {}
    for length, rows in table.sort_values("temperature").groupby("length"):
        # One temperature may be in two grids; the more precise row stands for both.
        best = rows.sort_values("error").drop_duplicates("temperature").sort_values("temperature")
        columns = (best[name].to_numpy(dtype=np.float64) for name in ("temperature", "value", "error"))
        curves[int(str(length))] = Curve(*columns)
    return curves


def _common(curves: dict[int, Curve], pair: tuple[int, int]) -> tuple[Curve, Curve]:
    """The two curves at the temperatures that both have."""
    small, large = (curves[length] for length in pair)
    shared = np.intersect1d(small.temperatures, large.temperatures)

    def restrict(curve: Curve) -> Curve:
        kept = np.isin(curve.temperatures, shared)
        return Curve(curve.temperatures[kept], curve.cumulants[kept], curve.errors[kept])

    return restrict(small), restrict(large)
