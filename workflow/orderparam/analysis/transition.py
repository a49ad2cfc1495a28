"""The transition analysis of an experiment: its metrics in, tidy tables of quantities with intervals out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from orderparam.analysis.collapse import fit_collapse
from orderparam.analysis.ensemble import bootstrap_interval
from orderparam.analysis.escape import Levels
from orderparam.analysis.fluctuations import progress_of_seeds, share_of_timing
from orderparam.analysis.levels import BETWEEN_LEVELS
from orderparam.analysis.run_quantities import LOCAL, fit_slopes, measure_run, tabulate_slopes
from orderparam.analysis.slope_change import MIN_POINTS, RESOLUTION, THRESHOLD
from orderparam.errors import RecordError
from orderparam.tables import LOSS_SLOPE, TRANSITION

Row = tuple[str, str, float, float, float, int, str]

# Seeds from which on the shape of their distribution is looked at.
SHAPE_SEEDS = 8
_COLLAPSE_SIZES = 4

_DETECTOR = (
    f"sharp against smooth models by BIC, detected above {THRESHOLD:g}; sharp means narrower than "
    f"{RESOLUTION:.0%} of the range"
)
_DIP = "local cubic fits; deepest dip of the slope within (H2 - H3) / 2 of H2, 3 standard errors deep"
METHODS = {
    "kink": f"loss along b: {_DETECTOR}",
    "log_step_kink": f"loss along log step: {_DETECTOR}",
    "kink_width": f"rounded hinge on a smooth curve, reported where it gains more than {LOCAL:g} in BIC",
    "kink_slope_change": "change of slope of that rounded hinge",
    "broken_stick": "broken stick with 0 to 2 breaks of lowest BIC; says nothing of smooth alternatives",
    "bigram_passage": "first passage of the training loss below H2, interpolated",
    "transition": "first passage of phi above 1/2, interpolated",
    "passage_efolds": "logarithm of the ratio of the steps at which phi passes 1/2 and 0",
    "passage_rise": "relative rise of b from where phi passes 0 to where it passes 1/2",
    "plateau": f"dL/db, {_DIP}",
    "escape": "steepest dL/db after that dip",
    "log_step_plateau": f"dL/dlog(step), {_DIP}",
    "log_step_escape": "steepest dL/dlog(step) after that dip",
}
_NO_LEVELS = "the corpus's bigram and trigram entropies do not differ"
# What a row says where no seed has the quantity.
_MISSING = {
    "kink_detected": f"fewer than {MIN_POINTS} measured steps at which b rises",
    "bigram_passage_step": "no seed's loss passes the bigram entropy",
    "transition_step": "no seed's phi reaches 1/2",
    "plateau_step": "no seed shows a dip of |dL/db| near the bigram entropy",
    "log_step_plateau_step": "no seed shows a dip of |dL/dlog(step)| near the bigram entropy",
    "kink_width": "no seed shows a local change of slope",
}


def analyse_transition(
    metrics: pd.DataFrame, levels: Mapping[str, Levels], fluctuations: pd.DataFrame, widths: Mapping[str, int]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Quantities with intervals over seeds, and the local slopes of each run.

    `metrics` has an experiment's rows (size, seed, step, order_parameter, train_loss); `levels` the
    n-gram levels of each size's corpus, where it has them; `fluctuations` is the table of
    `measure_fluctuations`, `widths` d_model by size. The first table is a tables.TRANSITION: means over
    the seeds that have the quantity, 95% intervals by bootstrap over seeds (exact binomial for shares;
    none for fewer than 3 seeds), and how it was found or why it is missing (value NaN). `<kink>_detected`
    is 1 where more than half of the seeds show it. Rows of size `all` hold the finite-size collapse. The
    second is a tables.LOSS_SLOPE. Raises RecordError, naming size and seed, for losses or b that are not
    finite.
    """
    rows: list[Row] = []
    slopes = []
    for size, of_size in metrics.groupby("size", sort=False):
        name = str(size)
        found = []
        for seed, run in of_size.groupby("seed", sort=False):
            ordered = run.sort_values("step", ignore_index=True)
            if not np.isfinite(ordered[["order_parameter", "train_loss"]].to_numpy(dtype=float)).all():
                raise RecordError(f"metrics of size {name}, seed {seed}: a value is not a finite number")
            fitted = fit_slopes(ordered)
            found.append(measure_run(ordered, fitted, levels.get(name)))
            slopes.append(tabulate_slopes(ordered, fitted))
        rows += _over_seeds(name, pd.DataFrame(found), name in levels)
        rows += _shape(name, fluctuations[fluctuations["size"] == name], of_size["seed"].nunique())
        rows += _timing(name, of_size, levels.get(name))
    rows += _collapse(fluctuations, widths)
    table = TRANSITION.frame(rows)
    return table, pd.concat(slopes, ignore_index=True)[list(LOSS_SLOPE.columns)]


def _method_of(quantity: str) -> str:
    prefixes = [prefix for prefix in METHODS if quantity == prefix or quantity.startswith(f"{prefix}_")]
    return METHODS[max(prefixes, key=len)]


def _over_seeds(size: str, found: pd.DataFrame, has_levels: bool) -> list[Row]:
    rows: list[Row] = []
    total = len(found)
    for quantity in found.columns:
        if quantity in ("kink_width_lower", "kink_width_upper"):
            continue
        values = found[quantity].dropna().to_numpy()
        method = _method_of(quantity)
        if quantity.endswith("_detected"):
            count = int(values.sum())
            rows.append((size, quantity, float(2 * count > values.size), np.nan, np.nan, values.size, method))
            share = count / values.size
            interval = binomtest(count, values.size).proportion_ci(0.95, method="exact")
            name = quantity.replace("_detected", "_share")
            bounds = (float(interval.low), float(interval.high)) if values.size > 1 else (np.nan, np.nan)
            rows.append((size, name, share, *bounds, values.size, f"share of seeds; {method}"))
            continue
        lower, upper = (float(bound) for bound in bootstrap_interval(values, np.mean))
        if quantity == "kink_width" and values.size == 1:
            lower, upper = (float(found[f"kink_width_{end}"].dropna().iloc[0]) for end in ("lower", "upper"))
            method += "; one seed: the interval is the fit's own"
        elif values.size < 3:
            method += f"; {values.size} of {total} seeds: no interval"
        rows.append((size, quantity, float(values.mean()), lower, upper, values.size, method))
    for quantity, reason in _MISSING.items():
        if quantity not in found.columns:
            of_levels = not quantity.startswith("kink")
            note = _NO_LEVELS if of_levels and not has_levels else reason
            rows.append((size, quantity, np.nan, np.nan, np.nan, total, note))
    return rows


def _shape(size: str, table: pd.DataFrame, seeds: int) -> list[Row]:
    """Where phi varies most over seeds, and whether it has two peaks there; before and after aligning."""
    rows: list[Row] = []
    for aligned, suffix in ((0, ""), (1, "_aligned")):
        moments = table[table["aligned"] == aligned]
        if seeds < SHAPE_SEEDS or moments.empty:
            reason = f"{seeds} seeds; at least {SHAPE_SEEDS} are needed"
            if seeds >= SHAPE_SEEDS:
                reason = "no phi" if aligned == 0 else "fewer than 3 seeds reach phi = 1/2"
            rows.append((size, f"susceptibility_peak{suffix}", np.nan, np.nan, np.nan, seeds, reason))
            continue
        between = moments[moments["mean"].between(*BETWEEN_LEVELS)]
        if between.empty:
            note = "the mean phi is never between 0 and 1"
            rows.append((size, f"susceptibility_peak{suffix}", np.nan, np.nan, np.nan, seeds, note))
            continue
        peak = between.sort_values("variance").iloc[-1]
        count = int(peak["seeds"])
        scale = peak["susceptibility_width"] / peak["variance"] if peak["variance"] > 0 else np.nan
        method = "d_model times Var(phi) over seeds, largest where the mean phi is from 0 to 1"
        entries: list[tuple[str, float, float, float, str]] = [
            (
                "susceptibility_peak",
                peak["susceptibility_width"],
                scale * peak["variance_lower"],
                scale * peak["variance_upper"],
                method,
            ),
            ("susceptibility_peak_step", peak["step"], np.nan, np.nan, method),
            (
                "binder_at_peak",
                peak["binder"],
                peak["binder_lower"],
                peak["binder_upper"],
                "centred Binder cumulant of phi at that step",
            ),
            (
                "bimodality_at_peak",
                peak["bimodality"],
                np.nan,
                np.nan,
                "Sarle's coefficient at that step; above 5/9 suggests two modes",
            ),
            (
                "two_peak_evidence_at_peak",
                peak["two_peak_evidence"],
                np.nan,
                np.nan,
                "BIC of one Gaussian less that of two, at that step",
            ),
        ]
        rows += [
            (size, f"{quantity}{suffix}", float(value), float(lower), float(upper), count, note)
            for quantity, value, lower, upper, note in entries
        ]
    return rows


def _timing(size: str, of_size: pd.DataFrame, levels: Levels | None) -> list[Row]:
    """What part the seeds' own transition times have in Var(phi)."""
    name, seeds = "timing_variance_ratio", int(of_size["seed"].nunique())
    found = None
    if levels is not None and seeds >= SHAPE_SEEDS:
        found = share_of_timing(*progress_of_seeds(of_size, levels))
    if found is None:
        reason = f"takes {SHAPE_SEEDS} seeds, of which 3 reach phi = 1/2" if levels else _NO_LEVELS
        return [(size, name, np.nan, np.nan, np.nan, seeds, reason)]
    method = "largest Var(phi) over seeds where the mean phi is from 0 to 1, before over after aligning"
    return [(size, name, *found, seeds, method)]


def _collapse(fluctuations: pd.DataFrame, widths: Mapping[str, int]) -> list[Row]:
    """phi against log step of all sizes on one curve, the widest size held out."""
    curves = {}
    for size, table in fluctuations[fluctuations["aligned"] == 0].groupby("size", sort=False):
        near = table[table["mean"].between(*BETWEEN_LEVELS) & (table["step"] > 0) & (table["variance"] > 0)]
        if len(near) >= 8:
            error = np.sqrt(near["variance"].to_numpy() / near["seeds"].to_numpy())
            curves[float(widths[str(size)])] = (
                np.log(near["step"].to_numpy(dtype=float)),
                near["mean"].to_numpy(),
                error,
            )
    if len(curves) < _COLLAPSE_SIZES:
        note = f"{len(curves)} widths with at least 3 seeds between phi 0 and 1; {_COLLAPSE_SIZES} are needed"
        return [("all", "collapse_held_out", np.nan, np.nan, np.nan, 0, note)]
    widest = max(curves)
    fitted = {width: curve for width, curve in curves.items() if width != widest}
    start = float(np.mean([np.interp(0.5, y, x) for x, y, _ in fitted.values()]))
    result = fit_collapse(fitted, {widest: curves[widest]}, (start, 0.0, 0.0))
    note = f"phi of log step scaled with d_model, {widest:g} held out; mean square in standard errors"
    seeds = int(fluctuations["seeds"].min())
    return [
        ("all", f"collapse_{quantity}", value, np.nan, np.nan, seeds, note)
        for quantity, value in (
            ("width_exponent", result.width_exponent),
            ("value_exponent", result.value_exponent),
            ("quality", result.quality),
            ("held_out", result.held_out),
            ("unscaled", result.unscaled),
        )
    ]
