"""How far runs are from the article's published values: this experiment's and those of the pushed code."""

from __future__ import annotations

from typing import Any

import pandas as pd
import scipy
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from orderparam.analysis.published_values import QUANTITIES
from orderparam.figures.axes import require_rows
from orderparam.figures.layout import LegendGroup, legend_line, start_figure
from orderparam.figures.style import COLOURS, GREY, PAGE_WIDTH, REFERENCE, literal, styled

_LOOKS: dict[str, dict[str, Any]] = {
    "here": {"color": COLOURS[0], "marker": "o"},
    "pushed": {"color": COLOURS[1], "marker": "D"},
}
_NAMES = {"here": "runs of this experiment", "pushed": "runs of the pushed code's protocol"}
# Steps are published far enough apart for two bars side by side.
_APART = 130


@styled
def draw(comparison: pd.DataFrame, pushed: pd.DataFrame) -> Figure:
    """Measured / published - 1 against the step, a row for each quantity and a column for each size.

    Both tables are a tables.COMPARISON, `pushed` that of the protocol of the article's pushed code. Bars are
    95% prediction intervals, as far as there are three runs; the grey band is the published value's own noise
    at 95%. Raises RecordError if nothing was compared.
    """
    require_rows(comparison, "published values")
    tables = {"here": comparison, "pushed": pushed}
    inside = [table["inside"].astype("boolean") for table in tables.values()]
    here, there = (f"{column.sum()} of {column.count()}" for column in inside)
    title = (
        f"{here} published values lie inside the intervals of these runs, {there} inside those of the pushed "
        "code's protocol"
    )
    entries = [legend_line(_NAMES[name], markersize=3, **look) for name, look in _LOOKS.items()]
    entries.append(legend_line("published", **REFERENCE))
    sizes = list(dict.fromkeys(comparison["size"]))
    height = 1.15 * len(QUANTITIES) + 0.3
    told = "measured against published; bars: 95% prediction intervals"
    figure = start_figure(PAGE_WIDTH, height, told, [LegendGroup(entries)], title=title)
    grid = figure.subplots(len(QUANTITIES), len(sizes), sharex=True, sharey="row", squeeze=False)
    for row, (quantity, label) in enumerate(QUANTITIES.items()):
        for column, size in enumerate(sizes):
            axes = grid[row, column]
            axes.axhline(0, zorder=0, **REFERENCE)
            for place, (name, table) in enumerate(tables.items()):
                rows = table[(table["size"] == size) & (table["quantity"] == quantity)]
                if name == "here":
                    noise = scipy.stats.norm.ppf(0.975) * rows["noise"] / rows["published"]
                    axes.fill_between(
                        rows["step"], -noise, noise, color=GREY, alpha=0.12, linewidth=0, zorder=0
                    )
                _plot(axes, rows, _APART * (2 * place - 1), f"{name}-{row}-{column}", _LOOKS[name])
            if row == 0:
                axes.set_title(literal(str(size)), weight="bold")
        grid[row, 0].set_ylabel({"b": "$b$", "mean |h|": "mean $|h|$"}.get(label, label))
        grid[row, 0].yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
        grid[row, 0].yaxis.set_major_formatter(FuncFormatter(_per_cent))
    for axes in grid[-1]:
        axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 5, 10]))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / 1000:g}"))
        axes.set_xlabel("thousand training steps")
    figure.align_ylabels(grid[:, 0])
    return figure


def _plot(axes: Axes, rows: pd.DataFrame, aside: float, gid: str, look: dict[str, Any]) -> None:
    """One protocol's points in a panel, `aside` steps from their own, with bars where there are intervals."""
    published = rows["published"].to_numpy(dtype=float)
    steps = rows["step"].to_numpy(dtype=float)
    low, high = (rows[end].to_numpy(dtype=float) / published - 1 for end in ("lower", "upper"))
    axes.vlines(steps + aside, low, high, color=look["color"], linewidth=1)
    deviation = rows["mean"].to_numpy(dtype=float) / published - 1
    axes.plot(steps + aside, deviation, gid=gid, linewidth=0, markersize=2.8, markeredgewidth=0, **look)


def _per_cent(value: float, _: int) -> str:
    return f"{100 * value:+.3g}%".replace("-", "\N{MINUS SIGN}").replace("+0%", "0")
