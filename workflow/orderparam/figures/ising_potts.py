"""Two phases at once: the energy of the Potts model at its transition of first order."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from orderparam.figures.axes import require_rows
from orderparam.figures.ising_axes import CONTEXT, style_lengths
from orderparam.figures.layout import LegendGroup, start_figure
from orderparam.figures.style import COLUMN_WIDTH, GREY, styled


@styled
def draw(histogram: pd.DataFrame) -> Figure:
    """Density of the energy per site for each length; raises RecordError when there is none."""
    require_rows(histogram, "the energies of the Potts model")
    styles = style_lengths(histogram["length"])
    legend = [
        (Line2D([], [], color=style.colour, linewidth=1), f"$L={length}$") for length, style in styles.items()
    ]
    exact = [
        (Line2D([], [], color=GREY, linewidth=0.8, linestyle=(0, (4, 2))), "exact energies of the phases")
    ]
    first = histogram.iloc[0]
    subtitle = (
        f"Square lattice Potts model of {first['states']:.0f} states at the "
        "temperature at which both phases of a finite lattice have equal weight."
    )
    groups = [LegendGroup(legend), LegendGroup(exact)]
    figure = start_figure(COLUMN_WIDTH, 2.3, subtitle, CONTEXT, groups)
    axes = figure.subplots()
    for phase in ("ordered", "disordered"):
        axes.axvline(first[f"{phase}_energy"], color=GREY, linewidth=0.8, linestyle=(0, (4, 2)), gid=phase)
    for length, style in styles.items():
        rows = histogram[histogram["length"] == length]
        axes.step(
            rows["energy"],
            rows["density"],
            where="mid",
            color=style.colour,
            linewidth=1,
            gid=f"density-{length}",
        )
    occupied = histogram.loc[histogram["density"] > 0, "energy"]
    axes.set_xlim(occupied.min() - 0.05, occupied.max() + 0.05)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("energy per site $e/J$")
    axes.set_ylabel("probability density")
    return figure
