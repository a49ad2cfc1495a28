"""The transition analysis of an experiment: its metrics in, tidy tables of quantities with intervals out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from orderparam.analysis.collapse import fit_collapse
from orderparam.analysis.escape import NEAR, SIGNIFICANCE, Levels, measure_escape, measure_passages
from orderparam.analysis.fluctuations import is_between, progress_of_seeds, share_of_timing
from orderparam.analysis.slope_change import MIN_POINTS, RESOLUTION, THRESHOLD, detect_slope_change
from orderparam.analysis.slopes import measure_loss_slopes, rising_rows
from orderparam.analysis.statistics import bootstrap_interval, share_interval
from orderparam.errors import RecordError
from orderparam.tables import LOSS_SLOPE, TRANSITION

Vector = NDArray[np.float64]
# A row of the table of quantities: size, quantity, value, lower, upper, seeds, method.
Row = tuple[str, str, float, float, float, int, str]

# Fewer seeds than these do not show the shape of their distribution.
SHAPE_SEEDS = 8
_COLLAPSE_SIZES = 4

_DETECTOR = (
    f"sharp against smooth models by BIC, detected above {THRESHOLD:g}; sharp means narrower than "
    f"{RESOLUTION:.0%} of the range"
)
_DIP = (
    f"local cubic fits; deepest dip of the slope where the loss is within {NEAR:g} nats of H2, "
    f"{SIGNIFICANCE:g} standard errors deep"
)
# How a quantity is found: that of the longest of these prefixes of its name.
METHODS = {
    "kink": f"loss along b: {_DETECTOR}",
    "log_step_kink": f"loss along log step: {_DETECTOR}",
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
# Why a quantity is missing, where no seed has it.
_MISSING = {
    "kink_detected": f"fewer than {MIN_POINTS} measured steps at which b rises",
    "bigram_passage_step": "no seed's loss passes the bigram entropy",
    "transition_step": "no seed's phi reaches 1/2",
    "plateau_step": "no seed shows a dip of |dL/db| near the bigram entropy",
    "log_step_plateau_step": "no seed shows a dip of |dL/dlog(step)| near the bigram entropy",
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
            slopes.append(measure_loss_slopes(ordered))
            found.append(_measure_run(ordered, slopes[-1], levels.get(name)))
        rows += _over_seeds(name, pd.DataFrame(found), name in levels)
        rows += _shape(name, fluctuations[fluctuations["size"] == name], of_size["seed"].nunique())
        rows += _timing(name, of_size, levels.get(name))
    rows += _collapse(fluctuations, widths)
    return TRANSITION.frame(rows), pd.concat(slopes, ignore_index=True)[list(LOSS_SLOPE.columns)]


def _measure_run(run: pd.DataFrame, slopes: pd.DataFrame, levels: Levels | None) -> dict[str, float]:
    """Quantities of one run by name; a quantity that the run does not have is missing."""
    steps, b, loss = (run[name].to_numpy(dtype=float) for name in ("step", "order_parameter", "train_loss"))
    rising, started = rising_rows(b), steps > 0
    found = _find_kink("kink", "order_parameter", b[rising], loss[rising])
    found |= _find_kink("log_step_kink", "step", np.log(steps[started]), loss[started])
    if "log_step_kink_step" in found:
        found["log_step_kink_step"] = float(np.exp(found["log_step_kink_step"]))
    if levels is not None:
        found |= measure_passages(run, levels) | measure_escape(slopes, levels)
    return found


def _find_kink(prefix: str, clock: str, x: Vector, y: Vector) -> dict[str, float]:
    if x.size < MIN_POINTS:
        return {}
    change = detect_slope_change(x, y)
    found = {
        f"{prefix}_detected": float(change.detected),
        f"{prefix}_evidence": change.evidence,
        f"{prefix}_noise": change.noise,
    }
    if change.detected:
        found[f"{prefix}_{clock}"] = change.place
        found[f"{prefix}_is_jump"] = float(change.kind == "jump")
    return found


def _method_of(quantity: str) -> str:
    prefixes = [prefix for prefix in METHODS if quantity == prefix or quantity.startswith(f"{prefix}_")]
    return METHODS[max(prefixes, key=len)]


def _missing(size: str, quantity: str, seeds: int, reason: str) -> Row:
    return size, quantity, np.nan, np.nan, np.nan, seeds, reason


def _over_seeds(size: str, found: pd.DataFrame, has_levels: bool) -> list[Row]:
    rows: list[Row] = []
    total = len(found)
    for quantity in found.columns:
        values = found[quantity].dropna().to_numpy()
        count, method = values.size, _method_of(quantity)
        if quantity.endswith("_detected"):
            detected = int(values.sum())
            rows.append((size, quantity, float(2 * detected > count), np.nan, np.nan, count, method))
            bounds = share_interval(detected, count) if count > 1 else (np.nan, np.nan)
            share = quantity.replace("_detected", "_share")
            rows.append((size, share, detected / count, *bounds, count, f"share of seeds; {method}"))
            continue
        lower, upper = (float(bound) for bound in bootstrap_interval(values, np.mean))
        if count < 3:
            method += f"; {count} of {total} seeds: no interval"
        rows.append((size, quantity, float(values.mean()), lower, upper, count, method))
    for quantity, reason in _MISSING.items():
        if quantity not in found.columns:
            of_levels = not quantity.startswith("kink")
            note = _NO_LEVELS if of_levels and not has_levels else reason
            rows.append(_missing(size, quantity, total, note))
    return rows


def _shape(size: str, table: pd.DataFrame, seeds: int) -> list[Row]:
    """Where phi varies most over seeds, and the Binder cumulant there; before and after aligning."""
    rows: list[Row] = []
    for aligned, suffix in ((0, ""), (1, "_aligned")):
        moments = table[table["aligned"] == aligned]
        between = moments[is_between(moments["mean"].to_numpy(dtype=float))]
        reason = "the mean phi is never between 0 and 1"
        if seeds < SHAPE_SEEDS:
            reason = f"{seeds} seeds; at least {SHAPE_SEEDS} are needed"
        elif moments.empty:
            reason = "no phi" if aligned == 0 else "fewer than 3 seeds reach phi = 1/2"
        if seeds < SHAPE_SEEDS or between.empty:
            rows.append(_missing(size, f"susceptibility_peak{suffix}", seeds, reason))
            continue
        peak = between.sort_values("variance").iloc[-1]
        scale = peak["susceptibility_width"] / peak["variance"] if peak["variance"] > 0 else np.nan
        bounds = [scale * peak["variance_lower"], scale * peak["variance_upper"]]
        binder = [peak["binder"], peak["binder_lower"], peak["binder_upper"]]
        method = "d_model times Var(phi) over seeds, largest where the mean phi is from 0 to 1"
        for quantity, (value, lower, upper), note in (
            ("susceptibility_peak", [peak["susceptibility_width"], *bounds], method),
            ("susceptibility_peak_step", [peak["step"], np.nan, np.nan], method),
            ("binder_at_peak", binder, "centred Binder cumulant of phi at that step"),
        ):
            numbers = float(value), float(lower), float(upper), int(peak["seeds"])
            rows.append((size, f"{quantity}{suffix}", *numbers, note))
    return rows


def _timing(size: str, of_size: pd.DataFrame, levels: Levels | None) -> list[Row]:
    """What part the seeds' own transition times have in Var(phi)."""
    name, seeds = "timing_variance_ratio", int(of_size["seed"].nunique())
    found = None
    if levels is not None and seeds >= SHAPE_SEEDS:
        found = share_of_timing(*progress_of_seeds(of_size, levels))
    if found is None:
        reason = f"takes {SHAPE_SEEDS} seeds, of which 3 reach phi = 1/2" if levels else _NO_LEVELS
        return [_missing(size, name, seeds, reason)]
    method = "largest Var(phi) over seeds where the mean phi is from 0 to 1, before over after aligning"
    return [(size, name, *found, seeds, method)]


def _collapse(fluctuations: pd.DataFrame, widths: Mapping[str, int]) -> list[Row]:
    """phi against log step of all sizes on one curve, the widest size held out."""
    curves = {}
    plain = fluctuations[(fluctuations["aligned"] == 0) & (fluctuations["step"] > 0)]
    for size, table in plain.groupby("size", sort=False):
        mean, variance = table["mean"].to_numpy(dtype=float), table["variance"].to_numpy(dtype=float)
        near = is_between(mean) & (variance > 0)
        if near.sum() >= 8:
            error = np.sqrt(variance[near] / table["seeds"].to_numpy()[near])
            log_step = np.log(table["step"].to_numpy(dtype=float)[near])
            curves[float(widths[str(size)])] = (log_step, mean[near], error)
    if len(curves) < _COLLAPSE_SIZES:
        note = f"{len(curves)} widths with at least 3 seeds between phi 0 and 1; {_COLLAPSE_SIZES} are needed"
        return [_missing("all", "collapse_held_out", 0, note)]
    widest = max(curves)
    fitted = {width: curve for width, curve in curves.items() if width != widest}
    start = float(np.mean([np.interp(0.5, y, x) for x, y, _ in fitted.values()]))
    result = fit_collapse(fitted, {widest: curves[widest]}, (start, 0.0, 0.0))
    note = f"phi of log step scaled with d_model, {widest:g} held out; mean square in standard errors"
    seeds = int(fluctuations["seeds"].min())
    quantities = ("width_exponent", "value_exponent", "quality", "held_out", "unscaled")
    return [
        ("all", f"collapse_{name}", getattr(result, name), np.nan, np.nan, seeds, note) for name in quantities
    ]
