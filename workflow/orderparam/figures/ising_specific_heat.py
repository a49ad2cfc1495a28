"""Energy and specific heat of the square lattice against Onsager's and Kaufman's exact ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from orderparam.figures.axes import require_rows
from orderparam.figures.ising_axes import (
    TEMPERATURE_LABEL,
    mark_transition,
    plot_points,
    select,
    style_lengths,
    transition_entry,
)
from orderparam.figures.layout import LegendGroup, legend_line, start_figure
from orderparam.figures.style import PAGE_WIDTH, styled

LABELS = {"energy": "energy per site $e/J$", "specific_heat": r"specific heat per site $C/k_\mathrm{B}$"}


@styled
def draw(observables: pd.DataFrame, exact: pd.DataFrame) -> Figure:
    """Markers with errors on the exact lines of the same lengths; RecordError when there is no point."""
    measured = {name: select(observables, "2d", name) for name in LABELS}
    require_rows(measured["energy"], "observables of the square lattice")
    styles = style_lengths(measured["energy"]["length"])
    lengths = [legend_line(f"$L={n}$", markersize=3, **style.look) for n, style in styles.items()]
    lines = [legend_line("infinite lattice (Onsager)", color="black", linewidth=1), transition_entry()]
    subtitle = (
        "Square lattice without a field: Monte Carlo simulations (markers, with standard errors) on the "
        "exact lines of the same finite lattices (Kaufman) and of the infinite one."
    )
    groups = [LegendGroup(lengths, handle_length=1.5), LegendGroup(lines)]
    peaks = measured["specific_heat"].groupby("length")["value"].max()
    title = (
        f"The specific heat's peak grows with the length, from {peaks.iloc[0]:.2f} ($L={peaks.index[0]}$) to "
        f"{peaks.iloc[-1]:.2f} ($L={peaks.index[-1]}$)"
    )
    figure = start_figure(PAGE_WIDTH, 2.4, subtitle, groups, title=title)
    for axes, (name, label) in zip(figure.subplots(1, 2), LABELS.items(), strict=True):
        mark_transition(axes, "2d")
        known = exact[(exact["system"] == "2d") & (exact["observable"] == name)]
        for length, style in styles.items():
            finite = known[known["length"] == length]
            look: dict[str, Any] = {"color": style.colour, "linewidth": 0.8, "alpha": 0.7}
            axes.plot(finite["temperature"], finite["value"], gid=f"exact-{length}", **look)
        infinite = known[known["length"].isna()]
        values = np.where(np.isfinite(infinite["value"]), infinite["value"], np.nan)
        axes.plot(infinite["temperature"], values, color="black", linewidth=1, gid="exact")
        plot_points(axes, measured[name], styles, name)
        axes.set_xlabel(TEMPERATURE_LABEL)
        axes.set_ylabel(label)
    return figure
