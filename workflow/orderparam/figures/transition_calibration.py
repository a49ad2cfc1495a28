"""What the detector of slope changes misses and invents, on simulated curves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from orderparam.figures.axes import require_rows
from orderparam.figures.layout import LegendGroup, start_figure
from orderparam.figures.style import GREY, PAGE_WIDTH, FigureContext, styled

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
_MARKERS = ("o", "s", "^", "D", "v", "P")
_LINES = ("-", (0, (3, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)))
_LEVEL: dict[str, Any] = {"color": GREY, "linewidth": 0.8, "linestyle": (0, (4, 2)), "zorder": 0}


@styled
def draw(false_positives: pd.DataFrame, power: pd.DataFrame) -> Figure:
    """Shares of false positives by smooth curve, and of detected planted changes against their size.

    Tables have the columns of the calibration; one colour for each number of points and noise. Raises
    RecordError where a table has no row.
    """
    require_rows(false_positives, "false positives")
    require_rows(power, "power")
    keys = list(
        dict.fromkeys(
            map(tuple, false_positives[["points", "noise", "autocorrelation"]].itertuples(index=False))
        )
    )
    looks = {key: (_COLOURS[i % 6], _MARKERS[i % 6]) for i, key in enumerate(keys)}
    legend = [
        (
            Line2D([], [], color=colour, marker=marker, markersize=3.5, linewidth=0),
            f"{points:g} points, noise {sd:g}" + (f", autocorrelation {rho:g}" if rho else ""),
        )
        for (points, sd, rho), (colour, marker) in looks.items()
    ]
    curves = list(dict.fromkeys(power["curve"]))
    styles = dict(zip(curves, _LINES, strict=False))
    bases = [
        (Line2D([], [], color="black", linewidth=1, linestyle=style), f"planted on: {curve}")
        for curve, style in styles.items()
    ]
    subtitle = (
        f"{int(false_positives['curves'].min())} simulated curves per point; noise in nats per character"
    )
    figure = start_figure(
        PAGE_WIDTH,
        2.9,
        subtitle,
        FigureContext("calibration", ""),
        [LegendGroup(legend, handle_length=1.0), LegendGroup(bases, handle_length=2.6)],
    )
    left, right = figure.subplots(1, 2)
    _draw_false_positives(left, false_positives, looks)
    _draw_power(right, power, looks, styles)
    return figure


def _draw_false_positives(axes: Axes, table: pd.DataFrame, looks: dict[Any, tuple[str, str]]) -> None:
    axes.set_title("(a) smooth curves called broken")
    names = list(dict.fromkeys(table["curve"]))
    rows = {name: len(names) - 1 - i for i, name in enumerate(names)}
    shifts = np.linspace(0.3, -0.3, len(looks))
    for (key, (colour, marker)), shift in zip(looks.items(), shifts, strict=True):
        chosen = table[(table[["points", "noise", "autocorrelation"]] == list(key)).all(axis=1)]
        places = [rows[name] + shift for name in chosen["curve"]]
        spread = [chosen["rate"] - chosen["lower"], chosen["upper"] - chosen["rate"]]
        axes.errorbar(
            100 * chosen["rate"],
            places,
            xerr=[100 * side for side in spread],
            color=colour,
            marker=marker,
            markersize=2.6,
            linestyle="",
            elinewidth=0.6,
        )
    axes.axvline(5, **_LEVEL)
    axes.set_yticks(list(rows.values()), list(rows))
    axes.set_xlim(left=-0.3)
    axes.set_xlabel("false positives (%)")


def _draw_power(
    axes: Axes, table: pd.DataFrame, looks: dict[Any, tuple[str, str]], styles: dict[str, Any]
) -> None:
    axes.set_title("(b) planted changes of slope detected")
    for key, (colour, marker) in looks.items():
        chosen = table[(table[["points", "noise", "autocorrelation"]] == list(key)).all(axis=1)]
        for curve, style in styles.items():
            run = chosen[chosen["curve"] == curve].sort_values("slope_change")
            spread = [100 * (run["rate"] - run["lower"]), 100 * (run["upper"] - run["rate"])]
            axes.errorbar(
                run["slope_change"],
                100 * run["rate"],
                yerr=spread,
                color=colour,
                marker=marker,
                markersize=2.6,
                linestyle=style,
                linewidth=0.8,
                elinewidth=0.6,
            )
    for level in (5, 90):
        axes.axhline(level, **_LEVEL)
    axes.set_xscale("log", base=2)
    sizes = sorted(table["slope_change"].unique())
    axes.set_xticks(sizes, [f"{size:g}" for size in sizes])
    axes.set_ylim(-3, 103)
    axes.set_xlabel("change of slope (nats per range of x)")
    axes.set_ylabel("detected (%)")
