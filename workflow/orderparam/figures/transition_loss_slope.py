"""Steepness of the loss along log step and along the order parameter, with the plateau and the escape."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from orderparam.figures.axes import STEP_LABEL, name_sizes, require_rows, set_order_parameter_axis
from orderparam.figures.layout import LegendGroup, legend_line, start_figure
from orderparam.figures.published import name_some
from orderparam.figures.style import PAGE_WIDTH, SizeStyle, assign_styles, describe_seeds, styled

_BAND = 2.0
_PASSAGE: dict[str, Any] = {"linewidth": 0.7, "linestyle": "-"}
_MARK: dict[str, Any] = {
    "markersize": 4.5,
    "markerfacecolor": "white",
    "markeredgewidth": 1.0,
    "linewidth": 0,
}
_MARKS = {"plateau": ("o", "dip"), "escape": ("D", "fastest escape")}


@styled
def draw(loss_slope: pd.DataFrame, transition: pd.DataFrame) -> Figure:
    """|dL/dlog(step)| against step and |dL/db| against b, a line and a band for each size.

    `loss_slope` has size, seed, step, order_parameter and the slopes with their errors; `transition` the
    quantities that are marked, where more than half of the seeds have them. Raises RecordError where
    there is no row.
    """
    require_rows(loss_slope, "local slopes")
    styles = assign_styles(loss_slope["size"])
    # What few seeds show is no property of the mean curve.
    seeds = transition["size"].map(loss_slope.groupby("size")["seed"].nunique())
    common = transition[(2 * transition["seeds"] > seeds) & transition["value"].notna()]
    quantities = common.set_index(["size", "quantity"])["value"]
    entries = [
        *(legend_line(label, color="black", marker=marker, **_MARK) for marker, label in _MARKS.values()),
        legend_line("$L$ passes the bigram entropy $H_2$", color="black", **_PASSAGE),
    ]
    legend = [name_sizes(styles, as_lines=True), LegendGroup(entries)]
    dips = [size for size in styles if (size, "log_step_plateau_step") in quantities]
    title = f"The fall of the loss slows down and speeds up again in {name_some(dips, list(styles))}"
    figure = start_figure(PAGE_WIDTH, 2.7, describe_seeds(loss_slope["seed"]), legend, title=title)
    panels = figure.subplots(1, 2)
    _draw_panel(panels[0], loss_slope, quantities, styles, "step", "dloss_dlogstep", "log_step_")
    _draw_panel(panels[1], loss_slope, quantities, styles, "order_parameter", "dloss_dorder", "")
    panels[0].set_title("(a) along log step")
    panels[1].set_title("(b) along the order parameter")
    panels[0].set_xscale("log")
    panels[0].set_xlabel(STEP_LABEL)
    panels[0].set_ylabel(r"$|\mathrm{d}L/\mathrm{d}\ln(\mathrm{step})|$ (nats per character)")
    set_order_parameter_axis(panels[1], loss_slope["order_parameter"].to_numpy())
    panels[1].set_ylabel(r"$|\mathrm{d}L/\mathrm{d}b|$ (nats per character)")
    return figure


def _draw_panel(
    axes: Axes,
    table: pd.DataFrame,
    quantities: pd.Series,
    styles: dict[str, SizeStyle],
    clock: str,
    slope: str,
    prefix: str,
) -> None:
    for place, (size, look) in enumerate(styles.items()):
        of_size = table[(table["size"] == size) & table[slope].notna() & (table["step"] > 0)]
        if of_size.empty:
            continue
        x, steepness, error = _over_seeds(of_size, clock, slope)
        # A steepness that its error does not tell from 0 has no place on a logarithmic axis.
        shown = np.where(steepness > 0, steepness, np.nan)
        floor = np.nanmin(shown) / 3 if np.isfinite(shown).any() else 1e-3
        axes.plot(x, shown, color=look.colour, gid=f"slope-{place}")
        low = np.maximum(steepness - _BAND * error, floor)
        high = np.maximum(steepness + _BAND * error, floor)
        axes.fill_between(x, low, high, color=look.colour, alpha=0.2, linewidth=0)
        passage = quantities.get((size, f"bigram_passage_{clock}"), np.nan)
        if np.isfinite(passage):
            axes.axvline(passage, color=look.colour, zorder=0, gid=f"passage-{place}", **_PASSAGE)
        for name, (marker, _) in _MARKS.items():
            at = quantities.get((size, f"{prefix}{name}_{clock}"), np.nan)
            if np.isfinite(at):
                y = np.interp(at, x, steepness)
                axes.plot(at, y, color=look.colour, marker=marker, zorder=4, gid=f"{name}-{place}", **_MARK)
    axes.set_yscale("log")


def _over_seeds(table: pd.DataFrame, clock: str, slope: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean place, mean steepness and its standard error at each step that all seeds have."""
    steps = table.groupby("step")
    complete = steps["seed"].transform("nunique") == table["seed"].nunique()
    steps = table[complete].groupby("step")
    count = table["seed"].nunique()
    own = np.sqrt((steps[f"{slope}_error"].mean() ** 2).to_numpy() / count)
    error = steps[slope].std().to_numpy() / np.sqrt(count) if count > 2 else own
    x = steps[clock].mean().to_numpy() if clock != "step" else np.array(list(steps.groups), dtype=float)
    order = np.argsort(x)
    return x[order], -steps[slope].mean().to_numpy()[order], np.nan_to_num(error)[order]
