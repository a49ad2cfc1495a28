"""Claims about the systems with a known answer, and about the detector that is tried on them."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from orderparam.claims.evidence import Evidence
from orderparam.claims.intervals import Interval, judge_interval, share_interval, slope_interval
from orderparam.claims.registry import claim_test
from orderparam.claims.verdict import REFUTED, SUPPORTED, NotTestedError, Verdict

_FEWEST_LENGTHS = 3


@claim_test("critical.csv")
def critical_temperature_is_found(evidence: Evidence, *, system: str, tolerance: float) -> Verdict:
    """The critical temperature extrapolated from Binder crossings is within `tolerance` of the reference."""
    table = evidence.table("critical.csv")
    rows = table[(table["system"] == system) & (table["estimate"] == "extrapolated")]
    rows = rows.dropna(subset=["temperature", "error", "reference"])
    path = evidence.path("critical.csv")
    if rows.empty:
        raise NotTestedError(f"{path} has no extrapolated temperature of {system}")
    row = rows.iloc[0]
    reference = float(row["reference"])
    interval = Interval.normal(float(row["temperature"]) / reference - 1, float(row["error"]) / reference)
    note = f"{system}: {row['temperature']:.6g} against {reference:.6g}; {tolerance:.1%} allowed"
    statistic = "relative deviation of the critical temperature"
    return judge_interval(interval, statistic, path, note, -tolerance, tolerance)


@claim_test("critical.csv")
def no_critical_temperature(evidence: Evidence, *, system: str) -> Verdict:
    """No two Binder cumulants of a system, at sizes L and 2 L, cross at a temperature above zero."""
    table = evidence.table("critical.csv")
    pairs = table[(table["system"] == system) & (table["estimate"] == "crossing")]
    path = evidence.path("critical.csv")
    if pairs.empty:
        raise NotTestedError(f"{path} has no pairs of sizes of {system}")
    crossings = int(pairs["temperature"].notna().sum())
    note = f"{system}: {crossings} of {len(pairs)} pairs of sizes cross"
    interval = Interval.exact(float(crossings))
    return judge_interval(interval, "crossings of Binder cumulants", path, note, high=0.5)


@claim_test("validation_summary.csv")
def lattice_agrees_with_exact(evidence: Evidence, *, system: str) -> Verdict:
    """The share of values more than 3 errors off the exact ones is what chance gives, none beyond Bonferroni.

    The statistic is that share, of all observables of a system, with Clopper and Pearson's interval.
    """
    table = evidence.table("validation_summary.csv")
    rows = table[table["system"] == system]
    path = evidence.path("validation_summary.csv")
    if rows.empty:
        raise NotTestedError(f"{path} has no values of {system}")
    share = share_interval(int(rows["beyond_3"].sum()), int(rows["count"].sum()))
    agrees = rows["agrees"].astype(str).str.lower() == "true"
    wrong = ", ".join(rows["observable"][~agrees])
    note = f"{system}: {int(rows['count'].sum())} values" + (
        f"; {wrong} disagree" if wrong else "; all agree"
    )
    verdict = SUPPORTED if agrees.all() else REFUTED
    statistic = "share of |z| > 3, 0.27% by chance"
    return Verdict(verdict, statistic, share.value, share.lower, share.upper, path, note)


@claim_test("potts_phases.csv")
def phases_coexist(evidence: Evidence, *, states: int = 10) -> Verdict:
    """At its transition the energy of a Potts lattice has two peaks, and the valley between deepens with L.

    The statistic is the slope along the side length L of ln(valley / peak), both peaks of all lattices: at a
    transition of first order an interface costs free energy in proportion to L.
    """
    table = evidence.table("potts_phases.csv")
    rows = table[(table["states"] == states) & (table["valley_to_peak"] > 0)]
    path = evidence.path("potts_phases.csv")
    if rows["length"].nunique() < _FEWEST_LENGTHS:
        raise NotTestedError(f"{path} has fewer than {_FEWEST_LENGTHS} lattices of {states} states")
    interval = slope_interval(rows["length"], np.log(rows["valley_to_peak"]))
    lengths = ", ".join(str(length) for length in rows["length"].unique())
    note = f"L = {lengths}; down to {rows['valley_to_peak'].min():.2g}"
    return judge_interval(interval, "slope of ln(valley / peak) along L", path, note, high=0.0)


@claim_test("summary.csv")
def closed_form_is_met(evidence: Evidence, *, quantities: list[str], tolerance: float = 0.01) -> Verdict:
    """Quantities of the deep linear nets deviate from their closed forms by less than `tolerance`, each.

    The sweeps are deterministic; the grid of the weight decay sets the precision of points read off them.
    """
    table = evidence.table("summary.csv").set_index("quantity")
    path = evidence.path("summary.csv")
    lacking = [name for name in quantities if name not in table.index]
    if lacking:
        raise NotTestedError(f"{path} has no {lacking[0]}")
    deviations = table.loc[quantities, "relative_deviation"]
    if deviations.isna().any():
        raise NotTestedError(f"{path} has no deviation of {deviations.index[deviations.isna()][0]}")
    worst = quantities[int(deviations.to_numpy().argmax())]
    row = table.loc[worst]
    note = (
        f"{worst}: {row['measured']:.6g} against {row['reference']:.6g}; largest of {len(quantities)}; exact"
    )
    interval = Interval.exact(float(deviations.max()))
    return judge_interval(interval, "relative deviation", path, note, high=tolerance)


@claim_test("summary.csv")
def sweep_down_stays_at_zero(evidence: Evidence, *, down: str, up: str, spared: float = 0.05) -> Verdict:
    """A sweep `up` loses order at a finite weight decay, and the sweep `down` below it does not regain it.

    `down` and `up` begin the names of the largest s of the sweep down and of the point of collapse.
    """
    table = evidence.table("summary.csv")
    path = evidence.path("summary.csv")
    values = []
    for prefix in (down, up):
        rows = table[table["quantity"].str.startswith(prefix)]
        if rows.empty or not math.isfinite(float(rows["measured"].iloc[0])):
            raise NotTestedError(f"{path} has no {prefix}")
        values.append((str(rows["quantity"].iloc[0]), float(rows["measured"].iloc[0])))
    (name, largest), (_, collapse) = values
    note = f"{name}; the sweep up collapses at {collapse:.5g}; exact"
    return judge_interval(Interval.exact(largest), "largest s of the sweep down", path, note, high=spared)


@claim_test("false_positives.csv")
def detector_is_seldom_wrong(evidence: Evidence, *, at_most: float = 0.05) -> Verdict:
    """On every smooth curve the detector of slope changes answers at most so often that there is one."""
    table = evidence.table("false_positives.csv")
    interval, worst = _extreme_share(table, largest=True)
    statistic = "largest share of false positives of a smooth curve"
    path = evidence.path("false_positives.csv")
    return judge_interval(interval, statistic, path, f"{worst}, over all noises and lengths", high=at_most)


@claim_test("power.csv")
def detector_sees_planted_changes(
    evidence: Evidence, *, slope_change: float, at_least: float = 0.9
) -> Verdict:
    """The detector finds planted changes of slope of this size (nats per range), on every curve, so often."""
    table = evidence.table("power.csv")
    path = evidence.path("power.csv")
    planted = table[table["slope_change"] >= slope_change]
    if planted.empty:
        raise NotTestedError(f"{path} has no planted change of slope of {slope_change:g}")
    interval, worst = _extreme_share(planted[planted["slope_change"] == planted["slope_change"].min()], False)
    statistic = f"smallest share found of changes by {planted['slope_change'].min():g}"
    return judge_interval(interval, statistic, path, f"{worst}, over all noises and lengths", low=at_least)


@claim_test("capacity.csv")
def retrieval_breaks_down(evidence: Evidence, *, load: float, tolerance: float = 0.1) -> Verdict:
    """The load at which a Hopfield network ceases to retrieve, for many neurons, is `load` to `tolerance`."""
    table = evidence.table("capacity.csv")
    rows = table[table["estimate"] == "extrapolated"]
    path = evidence.path("capacity.csv")
    if rows.empty:
        raise NotTestedError(f"{path} has no extrapolated load")
    row = rows.iloc[0]
    interval = Interval(float(row["value"]), float(row["lower"]), float(row["upper"]))
    low, high = load * (1 - tolerance), load * (1 + tolerance)
    note = f"against {load:g}, {tolerance:.0%} allowed"
    return judge_interval(interval, "critical load", path, note, low, high)


def _extreme_share(table: pd.DataFrame, largest: bool) -> tuple[Interval, str]:
    """Share of detections of the curve for which it is largest or smallest, of all its settings together."""
    sums = table.groupby("curve")[["detected", "curves"]].sum()
    if sums.empty:
        raise NotTestedError("the table holds no curves")
    shares = sums["detected"] / sums["curves"]
    place = int(shares.argmax() if largest else shares.argmin())
    worst = sums.index[place]
    detected, curves = (int(sums[name].iloc[place]) for name in ("detected", "curves"))
    return share_interval(detected, curves), f"{worst}: {detected} of {curves}"
