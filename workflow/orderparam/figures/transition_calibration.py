"""What the detector of slope changes misses and invents, on simulated curves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from orderparam.figures.axes import require_rows
from orderparam.figures.layout import LegendGroup, legend_line, start_figure
from orderparam.figures.style import PAGE_WIDTH, REFERENCE, assign_styles, styled

_DASHES = ("-", (0, (3, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)))
_SETTING = ["points", "noise", "autocorrelation"]
_LEVEL: dict[str, Any] = {**REFERENCE, "linewidth": 0.8, "zorder": 0}
_MARKER: dict[str, Any] = {"markersize": 2.6, "elinewidth": 0.6}
Setting = tuple[float, float, float]
Look = dict[str, Any]


@styled
def draw(false_positives: pd.DataFrame, power: pd.DataFrame) -> Figure:
    """Shares of false positives by smooth curve, and of detected planted changes against their size.

    Tables have the columns of the calibration; one colour for each number of points and noise. Raises
    RecordError where a table has no row.
    """
    require_rows(false_positives, "false positives")
    require_rows(power, "power")
    settings = dict.fromkeys(false_positives[_SETTING].itertuples(index=False, name=None))
    looks = dict(
        zip(settings, (style.look for style in assign_styles(map(str, settings)).values()), strict=True)
    )
    curves = dict(zip(dict.fromkeys(power["curve"]), _DASHES, strict=False))
    legend = [
        legend_line(
            f"{points:g} points, noise {sd:g}" + (f", autocorrelation {rho:g}" if rho else ""),
            markersize=3.5,
            linewidth=0,
            **look,
        )
        for (points, sd, rho), look in looks.items()
    ]
    bases = [
        legend_line(f"planted on: {curve}", color="black", linewidth=1, linestyle=dashes)
        for curve, dashes in curves.items()
    ]
    subtitle = (
        f"{int(false_positives['curves'].min())} simulated curves per point; noise in nats per character"
    )
    groups = [LegendGroup(legend, handle_length=1.0), LegendGroup(bases, handle_length=2.6)]
    largest = power[power["slope_change"] == power["slope_change"].max()]
    title = (
        f"Smooth curves are taken for sharp at most {false_positives['rate'].max():.0%} of the time, the "
        f"largest planted changes at least {largest['rate'].min():.0%}"
    )
    figure = start_figure(PAGE_WIDTH, 2.9, subtitle, groups, title=title)
    left, right = figure.subplots(1, 2)
    _draw_false_positives(left, false_positives, looks)
    _draw_power(right, power, looks, curves)
    return figure


def _rates(table: pd.DataFrame, setting: Setting) -> pd.DataFrame:
    """The rows of one number of points and noise, with rates and the lengths of their bars in per cent."""
    chosen = table[(table[_SETTING] == list(setting)).all(axis=1)]
    rate, below, above = chosen["rate"], chosen["rate"] - chosen["lower"], chosen["upper"] - chosen["rate"]
    return chosen.assign(rate=100 * rate, below=100 * below, above=100 * above)


def _draw_false_positives(axes: Axes, table: pd.DataFrame, looks: dict[Setting, Look]) -> None:
    axes.set_title("(a) smooth curves called broken")
    names = list(dict.fromkeys(table["curve"]))
    rows = {name: len(names) - 1 - i for i, name in enumerate(names)}
    shifts = np.linspace(0.3, -0.3, len(looks))
    for (setting, look), shift in zip(looks.items(), shifts, strict=True):
        rates = _rates(table, setting)
        places = [rows[name] + shift for name in rates["curve"]]
        spread = [rates["below"], rates["above"]]
        axes.errorbar(rates["rate"], places, xerr=spread, linestyle="", **_MARKER, **look)
    axes.axvline(5, **_LEVEL)
    axes.set_yticks(list(rows.values()), list(rows))
    axes.set_xlim(left=-0.3)
    axes.set_xlabel("false positives (%)")


def _draw_power(axes: Axes, table: pd.DataFrame, looks: dict[Setting, Look], curves: dict[str, Any]) -> None:
    axes.set_title("(b) planted changes of slope detected")
    for setting, look in looks.items():
        rates = _rates(table, setting)
        for curve, dashes in curves.items():
            run = rates[rates["curve"] == curve].sort_values("slope_change")
            spread = [run["below"], run["above"]]
            style: Look = {"linestyle": dashes, "linewidth": 0.8, **_MARKER, **look}
            axes.errorbar(run["slope_change"], run["rate"], yerr=spread, **style)
    for level in (5, 90):
        axes.axhline(level, **_LEVEL)
    axes.set_xscale("log", base=2)
    sizes = sorted(table["slope_change"].unique())
    axes.set_xticks(sizes, [f"{size:g}" for size in sizes])
    axes.set_ylim(-3, 103)
    axes.set_xlabel("change of slope (nats per range of x)")
    axes.set_ylabel("detected (%)")
