"""What the figures of the lattices share: names of systems, markers with errors, and the look of lengths."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd
from matplotlib.axes import Axes

from orderparam.figures.style import GREY, FigureContext, SizeStyle, assign_styles

CONTEXT = FigureContext("ising", "")
NAMES = {
    "1d": "chain, $d=1$",
    "2d": "square lattice, $d=2$",
    "3d": "cubic lattice, $d=3$",
    "mean-field": "mean field",
}
TEMPERATURE_LABEL = r"temperature $k_\mathrm{B}T/J$"


def select(observables: pd.DataFrame, system: str, observable: str) -> pd.DataFrame:
    """The rows of one observable of one system without a field, by length and temperature.

    Of a point that was sampled twice it is the more precise row.
    """
    rows = observables[
        (observables["system"] == system)
        & (observables["observable"] == observable)
        & (observables["field"] == 0)
    ]
    best = rows.sort_values("error").drop_duplicates(["length", "temperature"])
    return best.sort_values(["length", "temperature"])


def style_lengths(lengths: Iterable[int]) -> dict[int, SizeStyle]:
    """A colour and a marker for each length, in ascending order."""
    ordered = sorted(set(lengths))
    return dict(zip(ordered, assign_styles(map(str, ordered)).values(), strict=True))


def plot_points(
    axes: Axes, rows: pd.DataFrame, styles: Mapping[int, SizeStyle], name: str, linewidth: float = 0
) -> None:
    """Markers with error bars against `temperature`, one series per length; gid `<name>-<length>`."""
    for length, points in rows.groupby("length"):
        look = styles[int(str(length))]
        container = axes.errorbar(
            points["temperature"],
            points["value"],
            yerr=points["error"],
            color=look.colour,
            marker=look.marker,
            markersize=2.6,
            markeredgewidth=0,
            linewidth=linewidth,
            elinewidth=0.7,
            label=str(length),
        )
        container.lines[0].set_gid(f"{name}-{length}")


def mark_transition(axes: Axes, temperature: float) -> None:
    """A dashed vertical line at the critical temperature."""
    axes.axvline(
        temperature, color=GREY, linewidth=0.7, linestyle=(0, (4, 2)), zorder=1, gid="critical-temperature"
    )
