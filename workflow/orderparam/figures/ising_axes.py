"""What the figures of the lattices share: names of systems, markers with errors, and the look of lengths."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import pandas as pd
from matplotlib.axes import Axes

from orderparam.figures.layout import LegendEntry, legend_line
from orderparam.figures.style import REFERENCE, SizeStyle, assign_styles
from orderparam.known_systems.ising.reference import TRANSITIONS

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
    look: dict[str, Any] = {
        "markersize": 2.6,
        "markeredgewidth": 0,
        "elinewidth": 0.7,
        "linewidth": linewidth,
    }
    for length, points in rows.groupby("length"):
        style = styles[int(str(length))]
        x, y, error = (points[column] for column in ("temperature", "value", "error"))
        container = axes.errorbar(x, y, yerr=error, label=str(length), **look, **style.look)
        container.lines[0].set_gid(f"{name}-{length}")


def name_lengths(axes: Axes, place: Literal["upper right", "lower left"], symbol: str = "L") -> None:
    """A legend within the axes of what `plot_points` drew."""
    columns = 2 if len(axes.get_legend_handles_labels()[1]) > 4 else 1
    axes.legend(title=f"${symbol}$", loc=place, ncols=columns)


def mark_transition(axes: Axes, system: str) -> None:
    """A dashed vertical line at the system's critical temperature, if it has one."""
    if system in TRANSITIONS:
        axes.axvline(TRANSITIONS[system].temperature, zorder=1, gid="critical-temperature", **REFERENCE)


def transition_entry() -> LegendEntry:
    """The legend's entry for the line of `mark_transition`."""
    return legend_line("critical temperature", **REFERENCE)
