"""Claims about the systems with a known answer, and about the detector that is tried on them."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from orderparam.claims.evidence import Evidence
from orderparam.claims.registry import claim_test
from orderparam.claims.verdict import REFUTED, SUPPORTED, Finding, Interval, NotTestedError

_FEWEST_LENGTHS = 3


@claim_test("critical.csv")
def critical_temperature_is_found(evidence: Evidence, *, system: str, tolerance: float) -> Finding:
    """The critical temperature extrapolated from Binder crossings is within `tolerance` of the reference."""
    rows = evidence.rows("critical.csv", system=system, estimate="extrapolated")
    row = rows[["temperature", "error", "reference"]].iloc[0]
    if row.isna().any():
        raise NotTestedError(f"no extrapolated temperature of {system}")
    temperature, error, reference = row.astype(float)
    interval = Interval.normal(temperature / reference - 1, error / reference)
    note = f"{system}: {temperature:.6g} against {reference:.6g}; {tolerance:.1%} allowed"
    statistic = "relative deviation of the critical temperature"
    return Finding(statistic, interval, note, -tolerance, tolerance)


@claim_test("critical.csv")
def no_critical_temperature(evidence: Evidence, *, system: str) -> Finding:
    """No two Binder cumulants of a system, at sizes L and 2 L, cross at a temperature above zero."""
    pairs = evidence.rows("critical.csv", system=system, estimate="crossing")
    crossings = int(pairs["temperature"].notna().sum())
    note = f"{system}: {crossings} of {len(pairs)} pairs of sizes cross"
    return Finding("crossings of Binder cumulants", Interval.exact(float(crossings)), note, high=0.5)


@claim_test("validation_summary.csv")
def lattice_agrees_with_exact(evidence: Evidence, *, system: str) -> Finding:
    """No more values than by chance lie over 3 errors off the exact ones, and none beyond Bonferroni's bound.

    The statistic is their share, of all observables of a system, with Clopper and Pearson's interval.
    """
    rows = evidence.rows("validation_summary.csv", system=system)
    count = int(rows["count"].sum())
    share = Interval.of_share(int(rows["beyond_3"].sum()), count)
    agrees = rows["agrees"].astype(str).str.lower() == "true"
    wrong = ", ".join(rows["observable"][~agrees])
    note = f"{system}: {count} values; {f'{wrong} disagree' if wrong else 'all agree'}"
    ruling = SUPPORTED if agrees.all() else REFUTED
    return Finding("share of |z| > 3, 0.27% by chance", share, note, ruling=ruling)


@claim_test("potts_phases.csv")
def phases_coexist(evidence: Evidence, *, states: int = 10) -> Finding:
    """At its transition the energy of a Potts lattice has two peaks, and the valley between deepens with L.

    The statistic is the slope along the side length L of ln(valley / peak), both peaks of all lattices: at a
    transition of first order an interface costs free energy in proportion to L.
    """
    rows = evidence.rows("potts_phases.csv", states=states)
    rows = rows[rows["valley_to_peak"] > 0]
    if rows["length"].nunique() < _FEWEST_LENGTHS:
        raise NotTestedError(f"fewer than {_FEWEST_LENGTHS} lattices of {states} states have two peaks")
    interval = Interval.of_slope(rows["length"], np.log(rows["valley_to_peak"]))
    lengths = ", ".join(str(length) for length in rows["length"].unique())
    note = f"L = {lengths}; down to {rows['valley_to_peak'].min():.2g}"
    return Finding("slope of ln(valley / peak) along L", interval, note, high=0.0)


@claim_test("summary.csv")
def closed_form_is_met(evidence: Evidence, *, quantities: list[str], tolerance: float) -> Finding:
    """Each of the quantities of deep linear nets deviates from its closed form by less than `tolerance`.

    The sweeps are deterministic; the grid of the weight decay sets the precision of points read off them.
    """
    rows = [evidence.rows("summary.csv", quantity=name).iloc[0] for name in quantities]
    deviations = [float(row["relative_deviation"]) for row in rows]
    if not all(map(math.isfinite, deviations)):
        raise NotTestedError(f"no deviation of {quantities[int(np.isfinite(deviations).argmin())]}")
    worst = int(np.argmax(deviations))
    measured, reference = (float(rows[worst][name]) for name in ("measured", "reference"))
    note = f"{quantities[worst]}: {measured:.6g} against {reference:.6g}; largest of {len(quantities)}; exact"
    return Finding("relative deviation", Interval.exact(deviations[worst]), note, high=tolerance)


@claim_test("summary.csv")
def sweep_down_stays_at_zero(evidence: Evidence, *, down: str, up: str, spared: float) -> Finding:
    """A sweep `up` loses order at a finite weight decay, and the sweep `down` below it does not regain it.

    `down` begins the name of the largest s of the sweep down, `up` that of the point of collapse.
    """
    table = evidence.table("summary.csv").dropna(subset=["measured"])
    found = [table[table["quantity"].str.startswith(prefix)] for prefix in (down, up)]
    if any(rows.empty for rows in found):
        raise NotTestedError(f"no {down}, or no {up}")
    largest, collapse = (float(rows["measured"].iloc[0]) for rows in found)
    note = f"{found[0]['quantity'].iloc[0]}; the sweep up collapses at {collapse:.5g}; exact"
    return Finding("largest s of the sweep down", Interval.exact(largest), note, high=spared)


@claim_test("false_positives.csv")
def detector_is_seldom_wrong(evidence: Evidence, *, at_most: float) -> Finding:
    """On every smooth curve the detector reports a change of slope in at most a share `at_most` of cases."""
    interval, worst = _extreme_share(evidence.table("false_positives.csv"), largest=True)
    return Finding("largest share of false positives of a smooth curve", interval, worst, high=at_most)


@claim_test("power.csv")
def detector_sees_planted_changes(evidence: Evidence, *, slope_change: float, at_least: float) -> Finding:
    """On every curve the detector finds a share `at_least` of changes by `slope_change` (nats per range)."""
    table = evidence.table("power.csv")
    planted = table[table["slope_change"] >= slope_change]
    size = planted["slope_change"].min()
    interval, worst = _extreme_share(planted[planted["slope_change"] == size], largest=False)
    return Finding(f"smallest share found of changes by {size:g}", interval, worst, low=at_least)


@claim_test("capacity.csv")
def retrieval_breaks_down(evidence: Evidence, *, load: float, tolerance: float) -> Finding:
    """The load at which a Hopfield network ceases to retrieve, for many neurons, is `load` to `tolerance`."""
    row = evidence.rows("capacity.csv", estimate="extrapolated").iloc[0]
    interval = Interval(*(float(row[name]) for name in ("value", "lower", "upper")))
    note = f"against {load:g}, {tolerance:.0%} allowed"
    return Finding("critical load", interval, note, load * (1 - tolerance), load * (1 + tolerance))


def _extreme_share(table: pd.DataFrame, largest: bool) -> tuple[Interval, str]:
    """The largest or smallest share of detections of any curve, over all its settings, and a note on it."""
    sums = table.groupby("curve")[["detected", "curves"]].sum()
    if sums.empty:
        raise NotTestedError("the table holds no such curves")
    shares = sums["detected"] / sums["curves"]
    worst = int(shares.argmax() if largest else shares.argmin())
    detected, curves = (int(sums[name].iloc[worst]) for name in ("detected", "curves"))
    note = f"{sums.index[worst]}: {detected} of {curves}, over all noises and lengths"
    return Interval.of_share(detected, curves), note


@claim_test("finite_size.csv")
def detector_sees_finite_systems(evidence: Evidence, *, at_least: float, finite: bool = True) -> Finding:
    """The detector finds a sharp change in a share `at_least` of the noisy curves of each system.

    Of those of `finite` size, or of the limits that are known in closed form.
    """
    table = evidence.table("finite_size.csv")
    table = table[np.isfinite(table["extent"]) == finite]
    row = table.sort_values("rate").iloc[0]
    seen = [
        f"{system} from {rows['extent'].min():g} on" if finite else f"seen: {system}"
        for system, rows in table[table["rate"] >= at_least].groupby("system", sort=False)
    ]
    note = f"least: {row['system']}, size {row['extent']:g}; {'; '.join(seen) or 'none seen'}"
    share = Interval.of_share(int(row["detected"]), int(row["curves"]))
    return Finding("smallest share of curves with a change", share, note, low=at_least)


@claim_test("finite_size.csv")
def extrema_grow(evidence: Evidence, *, sharpening: float) -> Finding:
    """The largest slope or curvature of each system grows with its size, by an exponent above `sharpening`.

    A power of the size, between neighbouring sizes along exact curves; of each system the extremum counts
    whose smallest such exponent is larger.
    """
    table = evidence.table("finite_size.csv")
    found, told = [], []
    for system, rows in table[np.isfinite(table["extent"])].groupby("system", sort=False):
        steps = np.diff(np.log(rows["extent"]))
        least = {name: float((np.diff(np.log(rows[name])) / steps).min()) for name in ("steepest", "bend")}
        found.append(max(least.values()))
        told.append(f"{system}: slope {least['steepest']:.2f}, curvature {least['bend']:.2f}")
    note = f"{'; '.join(told)}; exact curves"
    return Finding(
        "smallest exponent of the system with the least", Interval.exact(min(found)), note, low=sharpening
    )
