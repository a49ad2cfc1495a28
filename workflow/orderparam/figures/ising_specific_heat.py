"""Energy and specific heat of the square lattice against Onsager's and Kaufman's exact ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from orderparam.figures.axes import require_rows
from orderparam.figures.ising_axes import (
    CONTEXT,
    TEMPERATURE_LABEL,
    mark_transition,
    plot_points,
    select,
    style_lengths,
)
from orderparam.figures.layout import LegendGroup, start_figure
from orderparam.figures.style import GREY, PAGE_WIDTH, styled
from orderparam.known_systems.ising.transitions import TRANSITIONS

LABELS = {"energy": "energy per site $e/J$", "specific_heat": r"specific heat per site $C/k_\mathrm{B}$"}


@styled
def draw(observables: pd.DataFrame, exact: pd.DataFrame) -> Figure:
    """Markers with errors on the exact lines of the same lengths; RecordError when there is no point."""
    measured = {name: select(observables, "2d", name) for name in LABELS}
    require_rows(measured["energy"], "observables of the square lattice")
    styles = style_lengths(measured["energy"]["length"])
    legend = [
        (Line2D([], [], color=style.colour, marker=style.marker, markersize=3), f"$L={length}$")
        for length, style in styles.items()
    ]
    exactly = [
        (Line2D([], [], color="black", linewidth=1), "infinite lattice (Onsager)"),
        (Line2D([], [], color=GREY, linewidth=0.7, linestyle=(0, (4, 2))), "critical temperature"),
    ]
    subtitle = (
        "Square lattice without a field: Monte Carlo simulations (markers, with standard errors) on the "
        "exact lines of the same finite lattices (Kaufman) and of the infinite one."
    )
    groups = [LegendGroup(legend, handle_length=1.5), LegendGroup(exactly)]
    figure = start_figure(PAGE_WIDTH, 2.4, subtitle, CONTEXT, groups)
    for axes, (name, label) in zip(figure.subplots(1, 2), LABELS.items(), strict=True):
        mark_transition(axes, TRANSITIONS["2d"].temperature)
        lines = exact[(exact["system"] == "2d") & (exact["observable"] == name)]
        for length, style in styles.items():
            line = lines[lines["length"] == length]
            axes.plot(
                line["temperature"],
                line["value"],
                color=style.colour,
                linewidth=0.8,
                alpha=0.7,
                gid=f"exact-{length}",
            )
        line = lines[lines["length"].isna()]
        axes.plot(
            line["temperature"],
            np.where(np.isfinite(line["value"]), line["value"], np.nan),
            color="black",
            linewidth=1,
            gid="exact",
        )
        plot_points(axes, measured[name], styles, name)
        axes.set_xlabel(TEMPERATURE_LABEL)
        axes.set_ylabel(label)
    return figure
