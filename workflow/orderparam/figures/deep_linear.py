"""Deep linear nets: the order parameter against the weight decay, global minimum and sweeps."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from orderparam.figures.axes import require_rows
from orderparam.figures.layout import LegendGroup, start_figure
from orderparam.figures.style import GREY, PAGE_WIDTH, FigureContext, styled
from orderparam.known_systems.deep_linear.landscape import Task, closed_form

_TITLES = {1: "(a) one hidden layer", 2: "(b) two hidden layers"}
# Colour, marker and share of the points that are drawn filled.
_UP: dict[str, Any] = {"color": "#0072B2", "marker": "^", "markersize": 3.4}
_DOWN: list[dict[str, Any]] = [
    {"color": "#D55E00", "marker": "v", "markersize": 3.4, "markerfacecolor": "none"},
    {"color": "#009E73", "marker": "s", "markersize": 3.8, "markerfacecolor": "none"},
]
_CRITICAL: dict[str, Any] = {"color": GREY, "linewidth": 0.8, "linestyle": (0, (4, 2))}
_SPINODAL: dict[str, Any] = {"color": GREY, "linewidth": 0.8, "linestyle": (0, (1, 1.5))}


@styled
def draw(sweep: pd.DataFrame) -> Figure:
    """b against gamma for one and two hidden layers.

    `sweep` has D, direction (global_minimum, up, down), kick, gamma, b; inputs of unit variance and
    |E[x y]| = 1, at which the closed forms of the transition and the spinodal are marked. Raises
    RecordError where there is no row.
    """
    require_rows(sweep, "sweeps")
    kicks = sorted(sweep.loc[sweep["direction"] == "down", "kick"].unique())
    entries = [
        (Line2D([], [], color="black", linewidth=1.4), "global minimum"),
        (Line2D([], [], linewidth=0, **_UP), "sweep up"),
    ]
    for kick, look in zip(kicks, _DOWN, strict=False):
        entries.append((Line2D([], [], linewidth=0, **look), f"sweep down, kick {kick:g}"))
    entries.append((Line2D([], [], **_CRITICAL), r"transition $\gamma_c$"))
    entries.append((Line2D([], [], **_SPINODAL), "spinodal"))
    subtitle = (
        r"Loss $\langle(f-y)^2\rangle+\gamma\,\Sigma_l\|W_l\|_F^2$ with $\langle{}x^2\rangle=1$ "
        r"and $\|\langle{}xy\rangle\|=1$"
    )
    figure = start_figure(PAGE_WIDTH, 2.5, subtitle, FigureContext("deep_linear", ""), [LegendGroup(entries)])
    panels = figure.subplots(1, 2)
    for axes, depth in zip(panels, _TITLES, strict=True):
        _draw_depth(axes, depth, sweep[sweep["D"] == depth].sort_values("gamma"), kicks)
    panels[0].set_ylabel(r"order parameter $b = \|W_\mathrm{last}\|_F\,/\,d$")
    return figure


def _draw_depth(axes: Axes, depth: int, run: pd.DataFrame, kicks: list[float]) -> None:
    known = closed_form(Task(), depth)
    axes.set_title(_TITLES[depth])
    axes.axvline(known.gamma_c, zorder=0, **_CRITICAL)
    if known.spinodal != known.gamma_c:
        axes.axvline(known.spinodal, zorder=0, **_SPINODAL)
    # Thinned, since the grids are fine around the transitions.
    for kick, look in zip(kicks, _DOWN, strict=False):
        down = run[(run["direction"] == "down") & (run["kick"] == kick)]
        axes.plot(down["gamma"], down["b"], linewidth=0, markevery=2, gid=f"down-{kick:g}", **look)
    up = run[run["direction"] == "up"]
    axes.plot(up["gamma"], up["b"], linewidth=0, markevery=(1, 2), gid="up", **_UP)
    exact = run[run["direction"] == "global_minimum"]
    axes.plot(exact["gamma"], exact["b"], color="black", linewidth=1.2, zorder=3, gid="global_minimum")
    axes.set_xlabel(r"weight decay $\gamma$")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=-0.004)
