"""Steepness of the loss along log step and along the order parameter, with the plateau and the escape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from orderparam.figures.axes import STEP_LABEL, require_rows, set_order_parameter_axis
from orderparam.figures.layout import LegendGroup, legend_line, start_figure
from orderparam.figures.published import name_some
from orderparam.figures.style import (
    COLOURS,
    NAMES,
    PAGE_WIDTH,
    assign_styles,
    describe_seeds,
    literal,
    styled,
)

Look = dict[str, Any]
# Of the controls in groups: what each group has in common, and the names of its entries.
GROUPS = {
    "with something to look back at": ("whole", "order-2", "order-3"),
    "on another book": ("moby-dick",),
    "with nothing to look back at": ("context-1", "ablated", "order-1"),
}
_LINES = ("-", "--", ":")
# The controls' first plateau, at the frequencies of the characters, which all have, is left out. After it a
# fall speeds up again where it gains this much on its least before, in nats per e-fold of steps: the depth
# that a dip must have in config/claims.yaml.
_FIRST_STEP, _LEAST_RISE = 40, 0.05
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
    """-dL/dlog(step) against step and |dL/db| against b, a line and a band for each size.

    `loss_slope` has size, seed, step, order_parameter and the slopes with their errors; `transition` the
    quantities that are marked, where more than half of the seeds have them. The controls are drawn in the
    colours of GROUPS. Raises RecordError where there is no row.
    """
    sizes = list(dict.fromkeys(loss_slope["size"]))
    groups = _group(sizes)
    if groups:
        loss_slope = loss_slope[loss_slope["step"] >= _FIRST_STEP]
    require_rows(loss_slope, "local slopes")
    looks = _assign_looks(sizes, groups)
    # What few seeds show is no property of the mean curve.
    seeds = transition["size"].map(loss_slope.groupby("size")["seed"].nunique())
    common = transition[(2 * transition["seeds"] > seeds) & transition["value"].notna()]
    quantities = common.set_index(["size", "quantity"])["value"]
    entries = [
        *(legend_line(label, color="black", marker=marker, **_MARK) for marker, label in _MARKS.values()),
        legend_line("$L$ passes the bigram entropy $H_2$", color="black", **_PASSAGE),
    ]
    if groups:
        title = f"The fall of the loss slows down and speeds up again: {_count_rises(loss_slope, groups)}"
    else:
        dips = [size for size in sizes if (size, "log_step_plateau_step") in quantities]
        shown = name_some(dips, sizes)
        title = f"Near the bigram entropy the fall of the loss slows down and speeds up again in {shown}"
    named = [
        LegendGroup(
            [
                *([legend_line(f"{group}:", color="none")] if groups else []),
                *(legend_line(literal(NAMES.get(size, size)), **looks[size]) for size in names),
            ]
        )
        for group, names in (groups or {"": sizes}).items()
    ]
    legend = [*named, LegendGroup(entries)]
    figure = start_figure(PAGE_WIDTH, 2.7, describe_seeds(loss_slope["seed"]), legend, title=title)
    panels = figure.subplots(1, 2)
    panels[1].set_yscale("log")
    _draw_panel(panels[0], loss_slope, quantities, looks, "step", "dloss_dlogstep", "log_step_")
    _draw_panel(panels[1], loss_slope, quantities, looks, "order_parameter", "dloss_dorder", "")
    panels[0].set_title("(a) along log step")
    panels[1].set_title("(b) along the order parameter")
    panels[0].set_xscale("log")
    panels[0].set_xlabel(STEP_LABEL)
    panels[0].set_ylabel(r"fall of the loss, $-\mathrm{d}L/\mathrm{d}\ln(\mathrm{step})$ (nats)")
    set_order_parameter_axis(panels[1], loss_slope["order_parameter"].to_numpy())
    panels[1].set_ylabel(r"$|\mathrm{d}L/\mathrm{d}b|$ (nats per character)")
    return figure


def _group(sizes: Sequence[str]) -> dict[str, list[str]]:
    """The sizes by their group of GROUPS; no groups where a size is of none."""
    groups = {group: [name for name in names if name in sizes] for group, names in GROUPS.items()}
    complete = len(sizes) == sum(map(len, groups.values()))
    return {group: names for group, names in groups.items() if names} if complete else {}


def _assign_looks(sizes: Sequence[str], groups: Mapping[str, Sequence[str]]) -> dict[str, Look]:
    """Of each size the colour and kind of its line; in groups, a colour for each group."""
    if not groups:
        return {size: {"color": style.colour} for size, style in assign_styles(sizes).items()}
    return {
        size: {"color": COLOURS[list(GROUPS).index(group)], "linestyle": line}
        for group, names in groups.items()
        for size, line in zip(names, _LINES, strict=False)
    }


def _count_rises(loss_slope: pd.DataFrame, groups: Mapping[str, Sequence[str]]) -> str:
    """In how many entries of each group the fall of the loss speeds up again after it slowed down."""
    falls = -loss_slope.groupby(["size", "step"])["dloss_dlogstep"].mean()
    rise = falls.groupby("size").agg(lambda fall: (fall - fall.cummin()).max())
    counts = [
        f"{group} in {sum(rise.get(name, 0) > _LEAST_RISE for name in names)} of {len(names)}"
        for group, names in groups.items()
    ]
    return ", ".join(counts)


def _draw_panel(
    axes: Axes,
    table: pd.DataFrame,
    quantities: pd.Series,
    looks: Mapping[str, Look],
    clock: str,
    slope: str,
    prefix: str,
) -> None:
    for place, (size, look) in enumerate(looks.items()):
        of_size = table[(table["size"] == size) & table[slope].notna() & (table["step"] > 0)]
        if of_size.empty:
            continue
        colour = look["color"]
        x, steepness, error = _over_seeds(of_size, clock, slope)
        shown, floor = steepness, -np.inf
        if axes.get_yscale() == "log":
            # A steepness that its error does not tell from 0 has no place on it.
            shown = np.where(steepness > 0, steepness, np.nan)
            floor = np.nanmin(shown) / 3 if np.isfinite(shown).any() else 1e-3
        axes.plot(x, shown, gid=f"slope-{place}", **look)
        low, high = (np.maximum(steepness + side * _BAND * error, floor) for side in (-1, 1))
        axes.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
        passage = quantities.get((size, f"bigram_passage_{clock}"), np.nan)
        if np.isfinite(passage):
            axes.axvline(passage, color=colour, zorder=0, gid=f"passage-{place}", **_PASSAGE)
        for name, (marker, _) in _MARKS.items():
            at = quantities.get((size, f"{prefix}{name}_{clock}"), np.nan)
            if np.isfinite(at):
                y = np.interp(at, x, steepness)
                axes.plot(at, y, color=colour, marker=marker, zorder=4, gid=f"{name}-{place}", **_MARK)


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
