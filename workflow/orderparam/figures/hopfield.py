"""Hopfield networks: retrieval against load, and the load at which it breaks down against network size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from orderparam.figures.axes import require_rows
from orderparam.figures.layout import LegendGroup, legend_line, start_figure
from orderparam.figures.style import PAGE_WIDTH, REFERENCE, SizeStyle, assign_styles, styled

# Amit, Gutfreund and Sompolinsky, Ann. Phys. 173, 30 (1987).
_CRITICAL_LOAD = 0.138
_THEORY: dict[str, Any] = {**REFERENCE, "linewidth": 0.8}


@styled
def draw(retrieval: pd.DataFrame, capacity: pd.DataFrame) -> Figure:
    """Overlap with the stored pattern against load, and the load of half retrieval against 1/N.

    The tables are those of `orderparam.known_systems.hopfield`. Raises RecordError where there is no row.
    """
    require_rows(retrieval, "retrieval")
    require_rows(capacity, "capacities")
    styles = assign_styles(str(size) for size in sorted(retrieval["neurons"].unique()))
    entries = [
        *(legend_line(f"$N={size}$", **style.look) for size, style in styles.items()),
        legend_line(r"theory, $\alpha_c=0.138$", **_THEORY),
    ]
    subtitle = (
        "Hebbian couplings, zero temperature, asynchronous updates from a stored pattern to a fixed point"
    )
    limit = capacity[capacity["estimate"] == "extrapolated"]["value"]
    found = f"{limit.iloc[0]:.3f}" if len(limit) else "no load"
    title = f"Patterns are kept up to {found} per neuron, extrapolated to many; theory: {_CRITICAL_LOAD}"
    figure = start_figure(PAGE_WIDTH, 2.5, subtitle, [LegendGroup(entries)], title=title)
    left, right = figure.subplots(1, 2)
    look: dict[str, Any] = {"markersize": 3.4, "linewidth": 0.9, "capsize": 1.5}
    for size, style in styles.items():
        rows = retrieval[retrieval["neurons"] == int(size)].sort_values("load")
        left.errorbar(rows["load"], rows["overlap"], yerr=rows["overlap_error"], **look, **style.look)
    left.axvline(_CRITICAL_LOAD, zorder=0, **_THEORY)
    left.set_title("(a) retrieval")
    left.set_xlabel(r"load $\alpha = P/N$ (patterns per neuron)")
    left.set_ylabel("mean overlap with the pattern")
    left.set_ylim(0, 1.03)
    _draw_capacity(right, capacity, styles)
    return figure


def _draw_capacity(axes: Axes, capacity: pd.DataFrame, styles: dict[str, SizeStyle]) -> None:
    for row in capacity[capacity["estimate"] == "half"].sort_values("neurons").to_dict("records"):
        _draw_interval(axes, 1 / int(row["neurons"]), row, **styles[str(int(row["neurons"]))].look)
    limit = capacity[capacity["estimate"] == "extrapolated"].iloc[0].to_dict()
    _draw_interval(axes, 0.0, limit, color="black", marker="x")
    axes.annotate("extrapolated", (0, limit["value"]), (6, -9), textcoords="offset points", color="black")
    axes.axhline(_CRITICAL_LOAD, zorder=0, **_THEORY)
    axes.set_ylim(bottom=0.13)
    axes.set_title("(b) load at which half of the networks retrieve")
    axes.set_xlabel("$1000\\,/\\,N$ (neurons)")
    axes.set_ylabel(r"load $\alpha$ (patterns per neuron)")
    ticks = np.linspace(0, 4, 5)
    axes.set_xticks(ticks / 1000, [f"{tick:g}" for tick in ticks])


def _draw_interval(axes: Axes, x: float, row: Mapping[Any, Any], **look: Any) -> None:
    spread = [[row["value"] - row["lower"]], [row["upper"] - row["value"]]]
    axes.errorbar(x, row["value"], yerr=spread, markersize=4.5, capsize=2, **look)
