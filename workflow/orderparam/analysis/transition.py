"""The transition analysis of an experiment: its metrics in, tidy tables of quantities with intervals out."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from orderparam.analysis.collapse import fit_collapse
from orderparam.analysis.escape import (
    NEAR,
    SIGNIFICANCE,
    Levels,
    measure_escape,
    measure_passages,
    steepest_progress,
)
from orderparam.analysis.slope_change import MIN_POINTS, RESOLUTION, THRESHOLD, detect_slope_change
from orderparam.analysis.slopes import measure_loss_slopes, rising_rows
from orderparam.analysis.statistics import share_interval, student_interval
from orderparam.errors import RecordError
from orderparam.tables import TRANSITION

Vector = NDArray[np.float64]
# A row of the table of quantities: size, quantity, value, lower, upper, seeds, method.
Row = tuple[str, str, float, float, float, int, str]

# Of a collapse: the fewest sizes, and the range of the mean phi in which curves are compared.
_COLLAPSE_SIZES = 3
_COMPARED = (0.0, 0.6)
# Standard errors by which one size's mean phi must lie above another's to be above it.
_SURELY = 3.0

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
    "escape": "steepest dL/db after that dip, where the loss surely flattens again",
    "escape_lower_bound": "phi at the steepest dL/db of runs that end before it is passed",
    "slope_change": "dL/db at the plateau less that at the steepest place after it, times the range of b",
    "steepest": "largest dphi/dln(step) from the dip on, of runs that pass phi = 1/2",
    "log_step_plateau": f"dL/dlog(step), {_DIP}",
    "log_step_escape": "steepest dL/dlog(step) after that dip, where the loss surely flattens again",
    "log_step_escape_lower_bound": "phi at the steepest dL/dlog(step) of runs that end before it is passed",
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
    metrics: pd.DataFrame, levels: Mapping[str, Levels], widths: Mapping[str, int]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Quantities with intervals over seeds, and the local slopes of each run.

    `metrics` has an experiment's rows (size, seed, step, order_parameter, train_loss); `levels` the
    n-gram levels of each size's measured windows, where it has them; `widths` is d_model by size. The first
    table is a tables.TRANSITION: means over the seeds that have the quantity, Student's 95% intervals (exact
    binomial for shares; none for fewer than 3 seeds), and how it was found or why it is missing (value NaN).
    `<kink>_detected` is 1 where more than half of the seeds show it. Rows of size `all` compare the widths.
    The second is a tables.LOSS_SLOPE. Raises RecordError, naming size and seed, for losses or b that are not
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
    rows += _compare_widths(metrics, levels, widths)
    return TRANSITION.frame(rows), pd.concat(slopes, ignore_index=True)


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
        steepest = steepest_progress(slopes, levels)
        found |= {} if steepest is None else {"steepest_progress": steepest}
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
        found[f"{prefix}_is_jump"] = float(change.is_jump)
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
        lower, upper = student_interval(values) if count > 2 else (np.nan, np.nan)
        if count < 3:
            method += f"; {count} of {total} seeds: no interval"
        rows.append((size, quantity, float(values.mean()), lower, upper, count, method))
    for quantity, reason in _MISSING.items():
        if quantity not in found.columns:
            of_levels = not quantity.startswith("kink")
            note = _NO_LEVELS if of_levels and not has_levels else reason
            rows.append(_missing(size, quantity, total, note))
    return rows


def _compare_widths(
    metrics: pd.DataFrame, levels: Mapping[str, Levels], widths: Mapping[str, int]
) -> list[Row]:
    """Do the curves of phi over log step cross, and do they collapse, the widest held out?

    Each width is taken from its own mean time of phi = 1/2: at one learning rate no time is common to all.
    """
    means: dict[float, tuple[Vector, Vector, Vector]] = {}
    seeds = 0
    for size, of_size in metrics.groupby("size", sort=False):
        if str(size) not in levels:
            continue
        loss = of_size.pivot_table(index="step", columns="seed", values="train_loss").dropna()
        loss = loss[loss.index > 0]
        phi = levels[str(size)].progress(loss.to_numpy())
        if phi.shape[1] > 2 and phi.mean(axis=1).max(initial=-1.0) > 1 / 2:
            error = phi.std(axis=1, ddof=1) / np.sqrt(phi.shape[1])
            log_step = np.log(loss.index.to_numpy(dtype=float))
            means[float(widths[str(size)])] = (log_step, phi.mean(axis=1), error)
            seeds = phi.shape[1]
    if len(means) < _COLLAPSE_SIZES:
        note = f"{len(means)} widths with 3 seeds whose mean phi passes 1/2; {_COLLAPSE_SIZES} are needed"
        return [_missing("all", "collapse_held_out", 0, note)]
    names = ", ".join(f"{width:g}" for width in sorted(means))
    pairs = list(pairwise(sorted(means)))
    crossing = sum(_cross(means[one], means[other]) for one, other in pairs)
    note = f"d_model {names}; mean phi of neighbouring widths, each above the other by {_SURELY:g} errors"
    rows: list[Row] = [("all", "pairs_that_cross", float(crossing), np.nan, np.nan, seeds, note)]
    curves = {}
    for width, (x, y, error) in means.items():
        own = float(np.interp(0.5, y, x))
        near = (y > _COMPARED[0]) & (y < _COMPARED[1]) & (error > 0)
        curves[width] = (x[near] - own, y[near], error[near])
    widest = max(curves)
    result = fit_collapse(
        {key: value for key, value in curves.items() if key != widest}, {widest: curves[widest]}
    )
    note = f"phi of log step from each width's own time, d_model {names}, {widest:g} held out; in errors"
    quantities = ("width_exponent", "value_exponent", "held_out", "unscaled")
    return rows + [
        ("all", f"collapse_{name}", getattr(result, name), np.nan, np.nan, seeds, note) for name in quantities
    ]


def _cross(one: tuple[Vector, Vector, Vector], other: tuple[Vector, Vector, Vector]) -> bool:
    """Whether each of two curves (x, y, standard error) is surely above the other somewhere past H_2."""
    x = one[0]
    y, error = (np.interp(x, other[0], values) for values in other[1:])
    between = (x >= other[0][0]) & (x <= other[0][-1]) & (np.maximum(one[1], y) > 0)
    score = ((one[1] - y) / np.hypot(one[2], error))[between]
    return bool(np.any(score > _SURELY) and np.any(score < -_SURELY))
