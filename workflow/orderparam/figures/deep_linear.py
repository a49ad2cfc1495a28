"""Deep linear nets: the order parameter against the weight decay, global minimum and sweeps."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from orderparam.figures.axes import require_rows
from orderparam.figures.layout import LegendGroup, legend_line, start_figure
from orderparam.figures.style import COLOURS, PAGE_WIDTH, REFERENCE, styled
from orderparam.known_systems.deep_linear.landscape import Task, closed_form

_TITLES = {1: "(a) one hidden layer", 2: "(b) two hidden layers"}
_UP: dict[str, Any] = {"color": COLOURS[0], "marker": "^", "markersize": 3.4, "linewidth": 0}
# Of the small and of the large kick.
_DOWN: tuple[dict[str, Any], ...] = (
    {"color": COLOURS[1], "marker": "v", "markersize": 3.4, "markerfacecolor": "none", "linewidth": 0},
    {"color": COLOURS[2], "marker": "s", "markersize": 3.8, "markerfacecolor": "none", "linewidth": 0},
)
_CRITICAL: dict[str, Any] = {**REFERENCE, "linewidth": 0.8}
_SPINODAL: dict[str, Any] = {**_CRITICAL, "linestyle": (0, (1, 1.5))}


@styled
def draw(sweep: pd.DataFrame) -> Figure:
    """b against gamma for one and two hidden layers.

    `sweep` has D, direction (global_minimum, up, down), kick, gamma, b; inputs of unit variance and
    |E[x y]| = 1, at which the closed forms of the transition and the spinodal are marked. Raises
    RecordError where there is no row.
    """
    require_rows(sweep, "sweeps")
    kicks = sorted(sweep.loc[sweep["direction"] == "down", "kick"].unique())
    looks = dict(zip(kicks, _DOWN, strict=False))
    entries = [
        legend_line("global minimum", color="black", linewidth=1.4),
        legend_line("sweep up", **_UP),
        *(legend_line(f"sweep down, kick {kick:g}", **look) for kick, look in looks.items()),
        legend_line(r"transition $\gamma_c$", **_CRITICAL),
        legend_line("spinodal", **_SPINODAL),
    ]
    subtitle = (
        r"Loss $\langle(f-y)^2\rangle+\gamma\,\Sigma_l\|W_l\|_F^2$ with $\langle{}x^2\rangle=1$ "
        r"and $\|\langle{}xy\rangle\|=1$"
    )
    falls = [
        f"{_largest_fall(sweep[sweep['D'] == depth]):.0%} with {_TITLES[depth][4:]}" for depth in _TITLES
    ]
    title = rf"$b$'s largest step between neighbouring $\gamma$ is of its range {', '.join(falls)}"
    figure = start_figure(PAGE_WIDTH, 2.5, subtitle, [LegendGroup(entries)], title=title)
    panels = figure.subplots(1, 2)
    for axes, depth in zip(panels, _TITLES, strict=True):
        _draw_depth(axes, depth, sweep[sweep["D"] == depth].sort_values("gamma"), looks)
    panels[0].set_ylabel(r"order parameter $b = \|W_\mathrm{last}\|_F\,/\,d$")
    return figure


def _largest_fall(run: pd.DataFrame) -> float:
    """Of b at the global minimum, as a share of its largest value; NaN without one."""
    minimum = run[run["direction"] == "global_minimum"].sort_values("gamma")["b"]
    return float(minimum.diff().abs().max() / minimum.max())


def _draw_depth(axes: Axes, depth: int, run: pd.DataFrame, looks: dict[float, dict[str, Any]]) -> None:
    known = closed_form(Task(), depth)
    axes.set_title(_TITLES[depth])
    axes.axvline(known.gamma_c, zorder=0, **_CRITICAL)
    if known.spinodal != known.gamma_c:
        axes.axvline(known.spinodal, zorder=0, **_SPINODAL)
    # Thinned, since the grids are fine around the transitions.
    for kick, look in looks.items():
        down = run[(run["direction"] == "down") & (run["kick"] == kick)]
        axes.plot(down["gamma"], down["b"], markevery=2, gid=f"down-{kick:g}", **look)
    up = run[run["direction"] == "up"]
    axes.plot(up["gamma"], up["b"], markevery=(1, 2), gid="up", **_UP)
    exact = run[run["direction"] == "global_minimum"]
    axes.plot(exact["gamma"], exact["b"], color="black", linewidth=1.2, zorder=3, gid="global_minimum")
    axes.set_xlabel(r"weight decay $\gamma$")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=-0.004)
