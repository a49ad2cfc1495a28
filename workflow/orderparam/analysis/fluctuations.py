"""Fluctuations of phi over the seeds of a size, at equal steps and at equal times since the transition."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from orderparam.analysis.escape import BETWEEN_LEVELS, Levels, transition_step
from orderparam.analysis.statistics import bootstrap_interval, centred_binder_cumulant
from orderparam.tables import SUSCEPTIBILITY

Vector = NDArray[np.float64]

MIN_SEEDS = 3


def measure_fluctuations(
    metrics: pd.DataFrame,
    levels: Mapping[str, Levels],
    widths: Mapping[str, int],
    parameters: Mapping[str, int],
) -> pd.DataFrame:
    """Moments of phi over seeds at each step, before (`aligned` 0) and after (1) aligning the seeds.

    `metrics` has size, seed, step, train_loss; `levels`, `widths` (d_model) and `parameters` (counts) are
    by size. Aligned, phi is taken at equal ratios of the step to the seed's own `transition_step`, linear
    in log step, and `step` is that ratio times the seeds' median. The susceptibilities are d_model and
    the parameter count times the variance. Intervals are 95% by bootstrap over seeds. Sizes with fewer
    than 3 seeds, or without levels, have no rows. As tables.SUSCEPTIBILITY.
    """
    tables = []
    for size, of_size in metrics.groupby("size", sort=False):
        name = str(size)
        if name not in levels:
            continue
        steps, progress = progress_of_seeds(of_size, levels[name])
        if len(progress) < MIN_SEEDS or steps.size == 0:
            continue
        tables.append(_moments(name, steps, progress, 0, widths[name], parameters[name]))
        aligned = align(steps, progress)
        if aligned is not None and aligned[0].size:
            times, _, values = aligned
            tables.append(_moments(name, times, values, 1, widths[name], parameters[name]))
    return pd.concat(tables, ignore_index=True) if tables else SUSCEPTIBILITY.frame([])


def progress_of_seeds(of_size: pd.DataFrame, levels: Levels) -> tuple[Vector, Vector]:
    """The steps at which all seeds of a size were measured, and phi (seeds, steps) there."""
    loss = of_size.pivot_table(index="step", columns="seed", values="train_loss").dropna()
    return loss.index.to_numpy(dtype=float), levels.progress(loss.to_numpy()).T


def share_of_timing(steps: Vector, progress: Vector) -> tuple[float, float, float] | None:
    """The factor by which aligning lowers the largest Var(phi) between the levels, with its 95% interval.

    `progress` (seeds, steps) as `progress_of_seeds` gives it. The interval is by bootstrap over the seeds
    that pass phi = 1/2, before and after aligning together. None where there are fewer than 3, or no
    measured step at which the mean is between the levels.
    """
    aligned = align(steps, progress)
    if aligned is None:
        return None
    _, usable, after = aligned
    pair = [progress[usable], after]
    before, after = (values[:, is_between(values.mean(axis=0))] for values in pair)
    if before.shape[1] == 0 or after.shape[1] == 0:
        return None
    count = before.shape[1]

    def ratio(values: Vector, axis: int) -> Vector:
        variance = _variance(values, axis)
        return np.asarray(variance[..., :count].max(axis=-1) / variance[..., count:].max(axis=-1))

    together = np.hstack([before, after])
    lower, upper = bootstrap_interval(together, ratio)
    return float(ratio(together, axis=0)), float(lower), float(upper)


def is_between(mean: Vector) -> NDArray[np.bool_]:
    """Where a mean phi lies between the levels, ends included."""
    return (mean >= BETWEEN_LEVELS[0]) & (mean <= BETWEEN_LEVELS[1])


def align(steps: Vector, progress: Vector) -> tuple[Vector, NDArray[np.int64], Vector] | None:
    """Times, which seeds pass phi = 1/2, and their phi (seeds, times) at equal ratios to the step of that.

    None where fewer than 3 seeds do. Times are the measured `steps` from 1 on, divided by the median
    transition step, where every seed was measured around its own.
    """
    times = [transition_step(steps, run) for run in progress]
    usable = [i for i, time in enumerate(times) if time is not None and time > 0]
    if len(usable) < MIN_SEEDS:
        return None
    own = np.array([times[i] for i in usable], dtype=float)
    positive = steps > 0
    measured, median = steps[positive], float(np.median(own))
    ratios = measured / median
    reached = (ratios * own.max() <= measured[-1]) & (ratios * own.min() >= measured[0])
    ratios = ratios[reached]
    values = [
        np.interp(np.log(ratios * time), np.log(measured), progress[i][positive])
        for i, time in zip(usable, own, strict=True)
    ]
    return ratios * median, np.array(usable, dtype=np.int64), np.array(values)


def _variance(values: Vector, axis: int) -> Vector:
    return np.asarray(np.var(values, axis=axis, ddof=1))


def _moments(
    size: str, steps: Vector, progress: Vector, aligned: int, width: int, parameters: int
) -> pd.DataFrame:
    variance = _variance(progress, axis=0)
    lower, upper = bootstrap_interval(progress, _variance)
    binder_lower, binder_upper = bootstrap_interval(progress, centred_binder_cumulant)
    columns = {
        "size": size,
        "step": steps,
        "aligned": aligned,
        "seeds": progress.shape[0],
        "mean": progress.mean(axis=0),
        "variance": variance,
        "variance_lower": lower,
        "variance_upper": upper,
        "susceptibility_width": width * variance,
        "susceptibility_parameters": parameters * variance,
        "binder": centred_binder_cumulant(progress, axis=0),
        "binder_lower": binder_lower,
        "binder_upper": binder_upper,
    }
    return SUSCEPTIBILITY.frame(columns)
