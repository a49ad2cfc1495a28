"""How wide the loop between the branches of a swept penalty is, against the length of its stages."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from orderparam.errors import RecordError
from orderparam.figures.layout import LegendGroup, legend_line, start_figure
from orderparam.figures.stages import DWELLS, find_loops, read_stages
from orderparam.figures.style import PAGE_WIDTH, REFERENCE, SizeStyle, assign_styles, describe_seeds, styled

_PANEL_HEIGHT = 2.6
_PANELS = {"attention_excess": "attention", "value_output_norm": "$OV$"}
_LENGTHS = (1, 2, 4, 8, 15, 25, 60)
_FACTORS = (0.8, 1.0, 1.2, 1.5, 2.0, 3.0, 4.0, 6.0)
_GREY: dict[str, Any] = {"color": "0.3", "markersize": 4, "linewidth": 0}
# In logarithms of the length: how far apart widths, and seeds, stand, so that points do not hide each other.
_APART, _SEEDS_APART = 0.12, 0.03
# The title tells no more of factors that all differ from 1 by less.
_CLOSED = 0.1


@styled
def draw(metrics: pd.DataFrame) -> Figure:
    """A panel each for attention and O V: a point for each width, dwell and seed.

    The penalty up to which it is there when raised, over that when lowered, against the length of the stages.
    Lines join the means of stages that are swept, filled points; open ones begin each from the same weights.
    Raises RecordError where no branch ends both ways.
    """
    stages = read_stages(metrics)
    loops = {quantity: find_loops(stages, quantity) for quantity in _PANELS}
    if all(found.empty for found in loops.values()):
        raise RecordError("no branch of the experiment ends both ways; there is no loop to draw")
    styles = assign_styles(sorted(stages["width"].unique(), key=int))
    legend = [
        LegendGroup(
            [
                legend_line(f"$d={width}$", linewidth=0.8, markersize=4, **style.look)
                for width, style in styles.items()
            ]
        ),
        LegendGroup(
            [
                legend_line("each stage from the one before", marker="o", **_GREY),
                legend_line("each from the same weights", marker="o", markerfacecolor="none", **_GREY),
            ]
        ),
    ]
    seeds = f"{describe_seeds(stages['seed'])}, a point for each; lines through means"
    figure = start_figure(PAGE_WIDTH, _PANEL_HEIGHT, seeds, legend, title=_finding(loops))
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    for axes, (quantity, name) in zip(panels, _PANELS.items(), strict=True):
        _draw_panel(axes, loops[quantity], styles, quantity)
        axes.set_title(name)
        axes.set_xlabel("length of stages, over 1x")
    figure.axes[0].set_ylabel("penalty at which it is lost\nover that at which it comes back")
    return figure


def _draw_panel(axes: Axes, loops: pd.DataFrame, styles: dict[str, SizeStyle], gid: str) -> None:
    dwells = [DWELLS[ending] for ending in loops["dwell"]]
    lengths = np.array([dwell.length for dwell in dwells], dtype=np.float64)
    held = np.array([dwell.held for dwell in dwells], dtype=bool)
    loops = loops.assign(length=lengths, held=held, factor=np.exp(loops["loop"]))
    for place, (width, style) in enumerate(styles.items()):
        own = loops[loops["width"] == width]
        shift = math.exp(_APART * (place - (len(styles) - 1) / 2))
        for ending, of_dwell in own.groupby("dwell"):
            filled = {"markerfacecolor": "none"} if of_dwell["held"].all() else {}
            look = {**style.look, "linewidth": 0, "markersize": 4, **filled}
            beside = np.exp(_SEEDS_APART * (np.arange(len(of_dwell)) - (len(of_dwell) - 1) / 2))
            places = shift * beside * of_dwell["length"]
            axes.plot(places, of_dwell["factor"], gid=f"{gid}-{width}{ending}", **look)
        swept = own[~own["held"]]
        means = np.exp(swept.groupby("length")["loop"].mean())
        axes.plot(shift * means.index, means, color=style.colour, linewidth=0.8, gid=f"{gid}-{width}-mean")
    axes.axhline(1, zorder=1, **REFERENCE)
    axes.set_xscale("log")
    axes.set_yscale("log")
    plain = FuncFormatter(lambda value, _: f"{value:g}")
    for axis, ticks in ((axes.xaxis, _LENGTHS), (axes.yaxis, _FACTORS)):
        axis.set_major_locator(FixedLocator(ticks))
        axis.set_major_formatter(plain)
        axis.set_minor_locator(NullLocator())
    axes.margins(0.08)


def _finding(loops: dict[str, pd.DataFrame]) -> str:
    """The factors of each width, by the length of the stages."""
    parts = []
    for quantity, name in _PANELS.items():
        mean = np.exp(loops[quantity].groupby(["width", "dwell"])["loop"].mean())
        if mean.empty:
            continue
        range_ = f"{mean.min():.2f} to {mean.max():.2f}"
        if np.abs(np.log(mean)).max() < _CLOSED:
            parts.append(f"{name} comes back at the penalty at which it is lost (factors of {range_})")
            continue
        told = []
        for width in sorted(mean.index.unique("width"), key=int):
            own = mean[width]
            factors = [f"{own[each]:.2f} ({dwell.length}x)" for each, dwell in DWELLS.items() if each in own]
            told.append(f"{', '.join(factors)} at $d={width}$")
        parts.append(f"{name} is lost at a multiple of the penalty at which it comes back: {'; '.join(told)}")
    title = ". ".join(parts)
    return title[0].upper() + title[1:]
