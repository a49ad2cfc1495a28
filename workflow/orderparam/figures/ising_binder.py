"""Binder cumulants: their crossings, and their collapse onto one curve of the scaling variable."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
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
from orderparam.known_systems.ising.reference import TRANSITIONS

# Relative distance from T_c up to which the crossings are shown.
RANGE = 0.032
FEWEST_POINTS = 5
SYSTEMS = ("1d", "2d", "3d")
_CROSSING: dict[str, Any] = {"color": "black", "marker": "o", "markerfacecolor": "none", "markersize": 4}


@styled
def draw(observables: pd.DataFrame, critical: pd.DataFrame) -> Figure:
    """Left U against T with the crossings of L and 2 L, right U against the scaling variable, d = 1, 2, 3.

    The chain's variable is L over its correlation length -1 / ln tanh(J / T), the others' is
    (T - T_c) L^(1 / nu) / T_c. Raises RecordError when there is no cumulant.
    """
    require_rows(observables[observables["observable"] == "binder_cumulant"], "Binder cumulants")
    crossing = legend_line("crossing of $L$ and $2L$ with its standard error", linewidth=0.7, **_CROSSING)
    subtitle = (
        "Monte Carlo simulations without a field; cumulants with standard errors. The chain's curves do not "
        "cross; their variable is the length over the correlation length."
    )
    known = critical[(critical["estimate"] == "extrapolated") & critical["relative_deviation"].notna()]
    deviations = known["relative_deviation"].abs()
    off = [f"{value:.2%} ({name})" for name, value in zip(known["system"], deviations, strict=True)]
    title = "The cumulants of two lengths cross at the known temperature"
    title += f", to {', '.join(off)}" if off else ""
    groups = [LegendGroup([crossing, transition_entry()])]
    figure = start_figure(PAGE_WIDTH, 5.7, subtitle, groups, title=title)
    for (left, right), system in zip(figure.subplots(3, 2), SYSTEMS, strict=True):
        points = select(observables, system, "binder_cumulant")
        if system in TRANSITIONS:
            relative = points["temperature"] / TRANSITIONS[system].temperature - 1
            points = points[relative.abs() < RANGE]
        counts = points.groupby("length")["length"].transform("size")
        points = points[counts >= FEWEST_POINTS]
        styles = style_lengths(points["length"])
        plot_points(left, points, styles, "measured", linewidth=0.6)
        plot_points(right, _rescale(points, system), styles, "collapsed")
        left.set_title(NAMES[system])
        left.set_xlabel(TEMPERATURE_LABEL)
        mark_transition(left, system)
        if system in TRANSITIONS:
            name_lengths(left, "lower left")
            _mark_crossings(left, critical[critical["system"] == system])
            nu = 1 / TRANSITIONS[system].inverse_nu
            right.set_xlabel(rf"$(T-T_\mathrm{{c}})\,L^{{1/\nu}}/T_\mathrm{{c}}$ with $\nu={nu:.6g}$")
        else:
            name_lengths(left, "upper right")
            right.set_xlabel(r"length over correlation length $L/\xi$")
            right.set_xscale("log")
        for axes in (left, right):
            axes.set_ylabel(r"Binder cumulant $U$")
    return figure


def _rescale(points: pd.DataFrame, system: str) -> pd.DataFrame:
    """The points with the scaling variable in place of the temperature."""
    temperature, length = points["temperature"], points["length"]
    if system in TRANSITIONS:
        transition = TRANSITIONS[system]
        variable = (temperature / transition.temperature - 1) * length**transition.inverse_nu
    else:
        variable = -length * np.log(np.tanh(1 / temperature))
    return points.assign(temperature=variable)


def _mark_crossings(axes: Axes, critical: pd.DataFrame) -> None:
    found = critical[(critical["estimate"] == "crossing") & critical["temperature"].notna()]
    x, y, error = (found[column] for column in ("temperature", "binder_cumulant", "error"))
    look: dict[str, Any] = {**_CROSSING, "markeredgewidth": 0.7, "linewidth": 0, "elinewidth": 0.7}
    axes.errorbar(x, y, xerr=error, zorder=4, **look).lines[0].set_gid("crossings")
