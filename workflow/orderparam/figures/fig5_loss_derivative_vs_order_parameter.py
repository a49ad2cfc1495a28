"""Figure 5: slope of the training loss along the order parameter, all sizes and seeds."""

from __future__ import annotations

from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from orderparam.analysis.derivative import find_crossings
from orderparam.figures.axes import (
    name_sizes,
    plot_runs,
    require_rows,
    set_order_parameter_axis,
    set_symlog_axis,
)
from orderparam.figures.layout import POINTS_PER_INCH, LegendGroup, describe_origin, start_figure
from orderparam.figures.style import (
    COLUMN_WIDTH,
    GREY,
    FigureContext,
    SizeStyle,
    assign_styles,
    describe_seeds,
    styled,
)
from orderparam.tables import find_entropies

_SLOPE_LABELS = {
    "main": r"slope $\mathrm{d}L/\mathrm{d}b$ (nats per character)",
    "full": r"slope $\mathrm{d}L/\mathrm{d}b$" + "\n(nats per character)",
}
_TITLES = {"main": "(a) first interval of each run omitted", "full": "(b) all intervals, the first included"}
_MAIN_HEIGHT, _FULL_HEIGHT = 2.5, 1.7
# The part of a panel's height that its axes keep, beside title and labels.
_AXES_SHARE = 0.65
_CROSSING: dict[str, Any] = {"linewidth": 0.7, "linestyle": "-"}
_PUBLISHED: dict[str, Any] = {"linewidth": 0.9, "linestyle": (0, (3, 2))}
_OPEN: dict[str, Any] = {"markerfacecolor": "none", "markeredgecolor": "black", "markeredgewidth": 0.8}


@styled
def draw(
    metrics: pd.DataFrame,
    derivative: pd.DataFrame,
    ngram_entropies: pd.DataFrame,
    context: FigureContext,
    published: pd.DataFrame | None = None,
) -> Figure:
    """dL/db at each checkpoint: without each run's first interval above, with all intervals below.

    `derivative` has size, seed, step, order_parameter and dloss_dorder (nats per character, b being
    dimensionless; NaN leaves a gap). Thin vertical lines mark where each size's training loss falls
    below the bigram entropy: b interpolated in all measured steps of `metrics`, averaged over seeds,
    drawn where the panel shows that size. `published` (size, order_parameter, dloss_dorder) gives the
    published slope changes. Raises RecordError when a table lacks what is drawn.
    """
    require_rows(metrics, "metrics")
    styles = assign_styles(metrics["size"])
    comparable = metrics
    if context.entropy_sizes is not None:
        comparable = metrics[metrics["size"].isin(context.entropy_sizes)]
    crossings = find_crossings(comparable, find_entropies(ngram_entropies, (2,))[2])
    crossing_b = crossings.groupby("size", sort=False)["order_parameter"].mean()
    if published is not None:
        published = published[published["size"].isin(list(styles))]
    legend = [name_sizes(styles), *_legend(len(crossing_b) > 0, published is not None)]
    subtitle = describe_origin(context, describe_seeds(metrics["seed"]))
    height = _MAIN_HEIGHT + _FULL_HEIGHT
    figure = start_figure(COLUMN_WIDTH, height, subtitle, context, legend)
    main, full = figure.subplots(2, 1, height_ratios=(_MAIN_HEIGHT, _FULL_HEIGHT))
    by_size = derivative.groupby("size")["order_parameter"]
    first_step = derivative.groupby(["size", "seed"])["step"].transform("min")
    later = derivative[derivative["step"] > first_step]
    full_marks = _marks_within(crossing_b, metrics.groupby("size")["order_parameter"].min(), derivative)
    shown_b = [derivative["order_parameter"], pd.Series(full_marks, dtype=float)]
    if published is not None:
        shown_b.append(published["order_parameter"])
    for axes, name, panel_height, table, marks in (
        (main, "main", _MAIN_HEIGHT, later, _marks_within(crossing_b, by_size.min(), later)),
        (full, "full", _FULL_HEIGHT, derivative, full_marks),
    ):
        axes.set_title(_TITLES[name], pad=9)
        axes.set_ylabel(_SLOPE_LABELS[name])
        plot_runs(axes, table, "dloss_dorder", styles, name, linewidth=0.5)
        set_order_parameter_axis(axes, pd.concat(shown_b).to_numpy())
        _draw_crossings(axes, marks, styles)
        if published is not None:
            _draw_published(axes, published, styles)
        slopes = [table["dloss_dorder"], *([] if published is None else [published["dloss_dorder"]])]
        _set_slope_axis(axes, pd.concat(slopes).dropna().to_numpy(), panel_height * _AXES_SHARE)
    return figure


def _marks_within(crossing_b: pd.Series, beginning: pd.Series, table: pd.DataFrame) -> dict[str, float]:
    """The crossings that lie between a panel's first and last b of their size."""
    first, last = beginning.to_dict(), table.groupby("size")["order_parameter"].max().to_dict()
    return {
        str(size): float(b)
        for size, b in crossing_b.items()
        if size in last and first[size] <= b <= last[size]
    }


def _draw_crossings(axes: Axes, marks: dict[str, float], styles: dict[str, SizeStyle]) -> None:
    left, right = axes.get_xlim()
    labelled = 0.0
    for size, b in sorted(marks.items(), key=lambda mark: mark[1]):
        colour = styles[size].colour
        line = axes.axvline(b, color=colour, zorder=1, gid=f"crossing-{list(styles).index(size)}")
        line.set(**_CROSSING)
        # One label serves lines too close to be labelled apart.
        if labelled == 0 or b > labelled * (right / left) ** 0.06:
            axes.text(b, 1.01, "$H_2$", transform=axes.get_xaxis_transform(), color=colour, ha="center")
            labelled = b


def _draw_published(axes: Axes, published: pd.DataFrame, styles: dict[str, SizeStyle]) -> None:
    for place, (size, look) in enumerate(styles.items()):
        of_size = published.loc[published["size"] == size, ["order_parameter", "dloss_dorder"]]
        for b, slope in of_size.to_numpy(dtype=float):
            axes.axvline(b, color=look.colour, zorder=1, **_PUBLISHED)
            axes.plot(b, slope, marker=look.marker, markersize=6, zorder=5, gid=f"published-{place}", **_OPEN)


def _set_slope_axis(axes: Axes, slopes: np.ndarray, axes_height: float) -> None:
    """Symmetric log scale: the slopes of the sizes differ by orders of magnitude and may change sign."""
    if slopes.size == 0:
        axes.text(0.5, 0.5, "no interval to draw", transform=axes.transAxes, ha="center", color=GREY)
        axes.set_yticks([])
        return
    magnitudes = np.abs(slopes[slopes != 0])
    threshold = 10.0 ** np.floor(np.log10(np.quantile(magnitudes, 0.05))) if magnitudes.size else 1.0
    apart = 1.15 * matplotlib.rcParams["ytick.labelsize"] / POINTS_PER_INCH / axes_height
    set_symlog_axis(axes, "y", slopes, threshold, apart)
    if slopes.max() > -threshold:
        axes.axhline(0, color=GREY, linewidth=0.5, zorder=0)


def _legend(with_crossings: bool, with_published: bool) -> list[LegendGroup]:
    groups: list[LegendGroup] = []
    if with_crossings:
        line = Line2D([], [], color="black", **_CROSSING)
        groups.append(LegendGroup([(line, "$L$ passes the bigram entropy $H_2$")]))
    if with_published:
        line = Line2D([], [], color="black", marker="o", markersize=5, **_PUBLISHED, **_OPEN)
        groups.append(LegendGroup([(line, "published slope change, one run")], handle_length=2.8))
    return groups
