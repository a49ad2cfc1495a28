"""Magnetization against temperature in one, two and three dimensions and in the mean field."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from orderparam.figures.axes import require_rows
from orderparam.figures.ising_axes import (
    NAMES,
    TEMPERATURE_LABEL,
    mark_transition,
    name_lengths,
    plot_points,
    select,
    style_lengths,
    transition_entry,
)
from orderparam.figures.layout import LegendGroup, legend_line, start_figure
from orderparam.figures.style import PAGE_WIDTH, styled

SUBTITLE = (
    "Mean $|m|$ of Monte Carlo simulations without a field, with standard errors, and exact lines of "
    "infinite systems. Colours and markers: side length $L$, for the mean field the number of spins $N$."
)


@styled
def draw(observables: pd.DataFrame, exact: pd.DataFrame) -> Figure:
    """A panel per system, a marker per measured point; raises RecordError when there is none.

    `observables` and `exact` are the tables of orderparam.known_systems.ising with those columns.
    """
    require_rows(observables, "observables")
    systems = [system for system in NAMES if (observables["system"] == system).any()]
    legend = [legend_line("exact, infinite system", color="black", linewidth=1), transition_entry()]
    rows = (len(systems) + 1) // 2
    ends = _ends(observables)
    title = (
        f"The magnetization of the longest lattices falls from {ends[0]:.2f} or more to {ends[1]:.2f} or "
        "less as they are heated"
    )
    figure = start_figure(PAGE_WIDTH, 1.9 * rows, SUBTITLE, [LegendGroup(legend)], title=title)
    panels = figure.subplots(rows, 2, squeeze=False, sharey=True).ravel()
    for axes in panels[len(systems) :]:
        axes.remove()
    for place, (axes, system) in enumerate(zip(panels, systems, strict=False)):
        points = select(observables, system, "abs_magnetization")
        mark_transition(axes, system)
        line = exact[(exact["system"] == system) & (exact["observable"] == "abs_magnetization")]
        axes.plot(line["temperature"], line["value"], color="black", linewidth=1, zorder=1.5, gid="exact")
        plot_points(axes, points, style_lengths(points["length"]), "measured")
        axes.set_title(NAMES[system])
        mean_field = system == "mean-field"
        axes.set_xlabel(r"temperature $k_\mathrm{B}T/zJ$" if mean_field else TEMPERATURE_LABEL)
        if place % 2 == 0:
            axes.set_ylabel(r"magnetization $\langle|m|\rangle$")
        axes.set_ylim(-0.04, 1.04)
        name_lengths(axes, "upper right", "N" if mean_field else "L")
    return figure


def _ends(observables: pd.DataFrame) -> tuple[float, float]:
    """The least magnetization at a system's lowest temperature, the most at its highest, of longest ones."""
    own = observables[observables["observable"] == "abs_magnetization"]
    longest = own[own["length"] == own.groupby("system")["length"].transform("max")]
    of_system = longest.sort_values("temperature").groupby("system")["value"]
    return float(of_system.first().min()), float(of_system.last().max())
