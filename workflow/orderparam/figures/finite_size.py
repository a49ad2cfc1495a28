"""What the analysis sees of known transitions in finite systems: the detector, and growing extrema."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from orderparam.figures.axes import require_rows
from orderparam.figures.layout import LegendGroup, legend_line, start_figure
from orderparam.figures.style import PAGE_WIDTH, REFERENCE, SizeStyle, assign_styles, styled


@styled
def draw(finite_size: pd.DataFrame) -> Figure:
    """Share of noisy curves in which the detector finds a sharp change, and growth of the curvature, by size.

    `finite_size` is a tables.FINITE_SIZE; infinite sizes stand at the right of the first panel. Raises
    RecordError where there is no row.
    """
    require_rows(finite_size, "systems")
    styles = assign_styles(finite_size["system"])
    entries = [legend_line(system, markersize=4, **look.look) for system, look in styles.items()]
    entries.append(legend_line(r"size$^{\,0.2}$", **REFERENCE))
    noise, points = finite_size["noise"].iloc[0], int(finite_size["points"].iloc[0])
    subtitle = (
        f"{int(finite_size['curves'].min())} curves of {points} points, noise {noise:.1%} of their range"
    )
    finite = finite_size[np.isfinite(finite_size["extent"])]
    smallest = finite.loc[finite.groupby("system")["extent"].idxmin()]
    infinite = finite_size[~np.isfinite(finite_size["extent"])]
    title = (
        f"A sharp change is found in {_span(smallest['rate'])} of the curves of the smallest systems, in "
        f"{_span(infinite['rate'])} of infinite ones"
    )
    figure = start_figure(PAGE_WIDTH, 2.6, subtitle, [LegendGroup(entries)], own_results=False, title=title)
    left, right = figure.subplots(1, 2)
    beyond = 8 * finite["extent"].max()
    for system, look in styles.items():
        _draw_rates(left, finite_size[finite_size["system"] == system], look, beyond)
        _draw_growth(right, finite[finite["system"] == system], look)
    left.axvline(beyond / 3, zorder=0, **REFERENCE)
    left.set_xscale("log")
    ticks = [10.0**power for power in range(1, 5)]
    left.set_xticks([*ticks, beyond], ["10", "100", "$10^3$", "$10^4$", r"$\infty$"])
    left.set_title("(a) a sharp change is detected")
    left.set_xlabel("side length, or number of spins")
    left.set_ylabel("detected (%)")
    left.set_ylim(-4, 104)
    right.plot([1, 100], [1, 100**0.2], zorder=0, **REFERENCE)
    right.set_xscale("log")
    right.set_yscale("log")
    right.set_title("(b) the largest curvature grows")
    right.set_xlabel("size over the smallest")
    right.set_ylabel("curvature over the smallest size's")
    return figure


def _span(rates: pd.Series) -> str:
    return f"{rates.min():.0%}" if rates.nunique() < 2 else f"{rates.min():.0%} to {rates.max():.0%}"


def _draw_rates(axes: Axes, rows: pd.DataFrame, look: SizeStyle, beyond: float) -> None:
    rows = rows.sort_values("extent")
    known = rows[np.isfinite(rows["extent"])]
    for part, x in ((known, known["extent"]), (rows.drop(known.index), beyond)):
        if len(part):
            rate = 100 * part["rate"]
            spread = [rate - 100 * part["lower"], 100 * part["upper"] - rate]
            x = np.broadcast_to(x, len(part))
            axes.errorbar(x, rate, yerr=spread, markersize=4, linewidth=0.9, elinewidth=0.7, **look.look)


def _draw_growth(axes: Axes, rows: pd.DataFrame, look: SizeStyle) -> None:
    if len(rows) > 1:
        rows = rows.sort_values("extent")
        x, y = rows["extent"] / rows["extent"].iloc[0], rows["bend"] / rows["bend"].iloc[0]
        axes.plot(x, y, markersize=4, linewidth=0.9, **look.look)
