"""Two phases at once: the energy of the Potts model at its transition of first order."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from orderparam.figures.axes import require_rows
from orderparam.figures.ising_axes import style_lengths
from orderparam.figures.layout import LegendGroup, legend_line, start_figure
from orderparam.figures.style import COLUMN_WIDTH, REFERENCE, styled

_EXACT: dict[str, Any] = {**REFERENCE, "linewidth": 0.8}


@styled
def draw(histogram: pd.DataFrame) -> Figure:
    """Density of the energy per site for each length; raises RecordError when there is none."""
    require_rows(histogram, "the energies of the Potts model")
    styles = style_lengths(histogram["length"])
    lengths = [legend_line(f"$L={n}$", color=style.colour, linewidth=1) for n, style in styles.items()]
    exact = legend_line("exact energies of the phases", **_EXACT)
    first = histogram.iloc[0]
    subtitle = (
        f"Square lattice Potts model of {first['states']:.0f} states at the "
        "temperature at which both phases of a finite lattice have equal weight."
    )
    longest = histogram[histogram["length"] == histogram["length"].max()]
    between = longest["energy"].between(*sorted((first["ordered_energy"], first["disordered_energy"])))
    valley = longest.loc[between, "density"].min() / longest["density"].max()
    length = longest["length"].iloc[0]
    title = f"Two phases: between them the density falls to {valley:.1%} of the peak ($L={length}$)"
    groups = [LegendGroup(lengths), LegendGroup([exact])]
    figure = start_figure(COLUMN_WIDTH, 2.3, subtitle, groups, title=title)
    axes = figure.subplots()
    for phase in ("ordered", "disordered"):
        axes.axvline(first[f"{phase}_energy"], gid=phase, **_EXACT)
    for length, style in styles.items():
        rows = histogram[histogram["length"] == length]
        look: dict[str, Any] = {"color": style.colour, "linewidth": 1, "gid": f"density-{length}"}
        axes.step(rows["energy"], rows["density"], where="mid", **look)
    occupied = histogram.loc[histogram["density"] > 0, "energy"]
    axes.set_xlim(occupied.min() - 0.05, occupied.max() + 0.05)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("energy per site $e/J$")
    axes.set_ylabel("probability density")
    return figure
