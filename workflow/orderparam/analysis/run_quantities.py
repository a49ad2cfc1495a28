"""All that the analysis reads off one training run: changes of slope, the plateau and the escape from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from orderparam.analysis.escape import (
    Levels,
    find_escape,
    first_passage,
    rising_rows,
    slope_along_log_step,
    slope_along_order_parameter,
)
from orderparam.analysis.fluctuations import transition_step
from orderparam.analysis.local_slope import LocalSlope
from orderparam.analysis.segmented import fit_broken_stick
from orderparam.analysis.slope_change import MAX_POINTS, MIN_POINTS, detect_slope_change, thin_out
from orderparam.analysis.width import fit_width
from orderparam.tables import LOSS_SLOPE

Vector = NDArray[np.float64]
Rows = NDArray[np.int64]

# Evidence above which a width is reported at all.
LOCAL = 10.0


@dataclass(frozen=True)
class RunSlopes:
    """Local slopes of a run's loss along b and along log step, each with its rows; None with too few rows."""

    order_parameter: tuple[Rows, LocalSlope] | None
    log_step: tuple[Rows, LocalSlope] | None


def fit_slopes(run: pd.DataFrame) -> RunSlopes:
    """The local slopes of a run that has step, order_parameter and train_loss, in the order of the steps."""
    steps, b, loss = _columns(run)
    return RunSlopes(slope_along_order_parameter(b, loss), slope_along_log_step(steps, loss))


def _columns(run: pd.DataFrame) -> tuple[Vector, Vector, Vector]:
    steps, b, loss = (run[name].to_numpy(dtype=float) for name in ("step", "order_parameter", "train_loss"))
    return steps, b, loss


def measure_run(run: pd.DataFrame, slopes: RunSlopes, levels: Levels | None) -> dict[str, float]:
    """Quantities of one run by name; a quantity that the run does not have is missing.

    `run` has step, order_parameter and train_loss, in the order of the steps. Names begin with what the
    slope is taken along: `kink` the loss along b, `log_step_kink` the loss along log step. Those of the
    n-gram levels are missing where `levels` is None.
    """
    steps, b, loss = _columns(run)
    rising = rising_rows(b)
    found = {
        **_kink("kink", "order_parameter", b[rising], loss[rising]),
        **_kink("log_step_kink", "step", np.log(steps[steps > 0]), loss[steps > 0]),
    }
    if "log_step_kink_step" in found:
        found["log_step_kink_step"] = float(np.exp(found["log_step_kink_step"]))
    found |= _broken_stick(b[rising], loss[rising])
    if levels is not None:
        found |= _passages(steps, b, loss, levels)
        for prefix, along in (("", slopes.order_parameter), ("log_step_", slopes.log_step)):
            if along is not None:
                found |= _escape(prefix, *along, steps, b, levels)
    return found


def _kink(prefix: str, clock: str, x: Vector, y: Vector) -> dict[str, float]:
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
    if prefix == "kink":
        thin_x, thin_y = thin_out(x, y, points=MAX_POINTS)
        width = fit_width(thin_x, thin_y)
        if width.evidence > LOCAL:
            found |= {
                f"{prefix}_width": width.width,
                f"{prefix}_width_lower": width.lower,
                f"{prefix}_width_upper": width.upper,
                f"{prefix}_width_{clock}": width.place,
                f"{prefix}_slope_change": width.change,
            }
    return found


def _broken_stick(b: Vector, loss: Vector) -> dict[str, float]:
    x, y = thin_out(b, loss, points=MAX_POINTS)
    if x.size < MIN_POINTS:
        return {}
    fits = [fit_broken_stick(x, y, breaks) for breaks in range(3)]
    best = min(fits, key=lambda fit: fit.bic)
    found = {"broken_stick_breaks": float(best.breaks.size)}
    for number, place in enumerate(best.breaks, start=1):
        found[f"broken_stick_break_{number}_order_parameter"] = float(place)
    return found


def _passages(steps: Vector, b: Vector, loss: Vector, levels: Levels) -> dict[str, float]:
    found = {}
    row = first_passage(loss, levels.bigram)
    if row is not None:
        rows = np.arange(steps.size)
        found["bigram_passage_step"] = float(np.interp(row, rows, steps))
        found["bigram_passage_order_parameter"] = float(np.interp(row, rows, b))
    step = transition_step(steps, levels.progress(loss))
    if step is not None:
        found["transition_step"] = step
        found["transition_order_parameter"] = float(np.interp(step, steps, b))
    if row is not None and step is not None:
        # The passage's own width, along both clocks: from phi = 0 to 1/2.
        found["passage_efolds"] = float(np.log(step / found["bigram_passage_step"]))
        ratio = found["transition_order_parameter"] / found["bigram_passage_order_parameter"]
        found["passage_rise"] = ratio - 1
    return found


def _escape(
    prefix: str, rows: NDArray[np.int64], slope: LocalSlope, steps: Vector, b: Vector, levels: Levels
) -> dict[str, float]:
    escape = find_escape(slope, levels)
    if escape is None:
        return {}
    found = {}
    for name, place in (("plateau", escape.plateau), ("escape", escape.escape)):
        found[f"{prefix}{name}_step"] = float(steps[rows[place]])
        found[f"{prefix}{name}_order_parameter"] = float(b[rows[place]])
        found[f"{prefix}{name}_phi"] = float(levels.progress(slope.value[place]))
        found[f"{prefix}{name}_slope"] = float(slope.slope[place])
    return found


def tabulate_slopes(run: pd.DataFrame, slopes: RunSlopes) -> pd.DataFrame:
    """The local slopes of the loss by b and by log step of one run, as tables.LOSS_SLOPE.

    Rows are those at which b rises; a slope that cannot be taken there is NaN. Errors are for noise
    that is independent between measured steps.
    """
    table = run[["size", "seed", "step", "order_parameter", "train_loss"]].assign(
        dloss_dorder=np.nan, dloss_dorder_error=np.nan, dloss_dlogstep=np.nan, dloss_dlogstep_error=np.nan
    )
    for name, found in (("dorder", slopes.order_parameter), ("dlogstep", slopes.log_step)):
        if found is None:
            continue
        rows, slope = found
        index = table.index[rows]
        table.loc[index, f"dloss_{name}"] = slope.slope
        table.loc[index, f"dloss_{name}_error"] = slope.standard_error
    kept = table.index[rising_rows(run["order_parameter"])]
    return table.loc[kept, list(LOSS_SLOPE.columns)]
