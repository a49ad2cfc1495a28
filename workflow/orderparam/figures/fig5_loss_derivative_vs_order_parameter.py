"""Figure 5: slope of the training loss along the order parameter, all sizes and seeds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from orderparam.analysis.derivative import find_crossings
from orderparam.analysis.monotonicity import least_rise, tolerance_along
from orderparam.figures.axes import plot_runs, set_order_parameter_axis, set_slope_axis
from orderparam.figures.layout import LegendGroup, legend_line, start_figure
from orderparam.figures.placing import free_corner, label_curves
from orderparam.figures.published import (
    OPEN,
    all_sizes,
    describe_runs,
    join,
    longest,
    name_curve,
    name_some,
    rows_of,
)
from orderparam.figures.style import PAGE_WIDTH, SizeStyle, assign_styles, current_context, styled
from orderparam.tables import find_entropies

_SLOPE = r"$\mathrm{d}L/\mathrm{d}b$"
_LABEL = f"slope {_SLOPE} (nats per character)"
_PANEL_HEIGHT = 3.4
# Of the axes, beside their labels; of the inset with its labels, and of its axes, as shares of them.
_AXES = (6.2, 2.9)
_INSET = (0.36, 0.44)
_INSET_AXES = (0.065, 0.1, 0.28, 0.27)
_CROSSING: dict[str, Any] = {"linewidth": 0.7, "linestyle": "-"}
_CHANGE: dict[str, Any] = {"linewidth": 0.9, "linestyle": (0, (3, 2))}
# Fewer slopes than these do not show whether they steepen.
_FEWEST_SLOPES = 6


@styled
def draw(
    ngram_entropies: pd.DataFrame,
    metrics: pd.DataFrame | None = None,
    derivative: pd.DataFrame | None = None,
    published: pd.DataFrame | None = None,
) -> Figure:
    """dL/db at each checkpoint without each run's first interval; an inset has all intervals.

    `derivative` and `published` have size, seed, step, order_parameter, dloss_dorder (nats per character, b
    being dimensionless; NaN leaves a gap) and interval, of our runs, if there are any, and of the author's.
    Published slopes are open markers; where the interval is wider than the author's own, since not all of his
    checkpoints are published, they are bars without a marker, drawn beyond our runs. Dashed lines mark the
    published slope changes: the steepest published slope of a size whose slope steepens again. Thin vertical
    lines mark where each size's training loss falls below the bigram entropy: b interpolated in all measured
    steps of `metrics`, averaged over seeds, drawn where the panel shows that size. Raises RecordError when a
    table lacks what is drawn.
    """
    sizes = all_sizes(metrics, published)
    styles = assign_styles(sizes)
    later = None if derivative is None else _without_first(derivative)
    if published is not None:
        before = published.groupby("size")["order_parameter"].shift()
        published = published.assign(order_parameter_before=before)
    later_published = None if published is None else _without_first(published)
    marks: dict[str, float] = {}
    if metrics is not None and derivative is not None and later is not None:
        crossings = _mean_crossings(metrics, find_entropies(ngram_entropies, (2,))[2])
        marks = _marks_within(crossings, derivative, later)
    figure = start_figure(
        PAGE_WIDTH,
        _PANEL_HEIGHT,
        describe_runs(metrics),
        _legend(metrics, published, bool(marks)),
        title=_finding(sizes, later, later_published),
    )
    axes = figure.subplots()
    _plot(axes, later, later_published, styles, "main", _AXES)
    axes.set_ylabel(_LABEL)
    _draw_crossings(axes, marks, styles)
    if later_published is not None:
        _draw_slope_changes(axes, later_published, styles)
    labels = {}
    for size in sizes:
        ours = rows_of(later, size).dropna()
        rows = ours if len(ours) else rows_of(later_published, size).dropna()
        if len(rows):
            first = rows.sort_values("step").iloc[0]
            place = float(first["order_parameter"]), float(first["dloss_dorder"])
            labels[size] = (name_curve(size, metrics), *place)
    points = np.concatenate([_along_lines(table) for table in (later, later_published) if table is not None])
    label_curves(axes, labels, styles, _AXES, points, below=True)
    left, bottom = free_corner(axes, points, _INSET)
    slopes = join(later, later_published)["dloss_dorder"].dropna().to_numpy()
    set_slope_axis(axes, slopes, _AXES[1], axes.get_ylim())
    box = (left + _INSET_AXES[0], bottom + _INSET_AXES[1], *_INSET_AXES[2:])
    room = Rectangle((left + 0.003, bottom + 0.003), *_INSET, transform=axes.transAxes)
    room.set(facecolor="white", edgecolor="none", zorder=5.5)
    axes.add_patch(room)
    inset = axes.inset_axes(box, zorder=6)
    # Its labels are small, so that ticks may be closer.
    shape = (_AXES[0] * box[2] * 1.2, _AXES[1] * box[3])
    _plot(inset, derivative, published, styles, "full", shape)
    inset.set_xlabel("")
    inset.tick_params(labelsize=6)
    inset.set_title("with each run's first interval", size=6.5, pad=3)
    return figure


def _without_first(derivative: pd.DataFrame) -> pd.DataFrame:
    first = derivative.groupby(["size", "seed"])["step"].transform("min")
    return derivative[derivative["step"] > first]


def _along_lines(table: pd.DataFrame) -> np.ndarray:
    """Points (n, 2) of b and slope, on the markers and on the lines between them."""
    found = [np.empty((0, 2))]
    for _, run in table.groupby(["size", "seed"], sort=False):
        ordered = run.sort_values("step")[["order_parameter", "dloss_dorder"]].dropna().to_numpy(dtype=float)
        if not len(ordered):
            continue
        places = np.linspace(0, len(ordered) - 1, 8 * len(ordered))
        found.append(
            np.column_stack([np.interp(places, np.arange(len(ordered)), values) for values in ordered.T])
        )
    return np.concatenate(found)


def _plot(
    axes: Axes,
    runs: pd.DataFrame | None,
    published: pd.DataFrame | None,
    styles: dict[str, SizeStyle],
    name: str,
    size_inches: tuple[float, float],
) -> None:
    if runs is not None:
        plot_runs(axes, runs, "dloss_dorder", styles, name, linewidth=0.5)
    for place, (size, style) in enumerate(styles.items()):
        rows = rows_of(published, size)
        if published is None or rows.empty:
            continue
        wide = rows["interval"] > published["interval"].min()
        beyond = wide & ~(rows["step"] <= rows_of(runs, size)["step"].max())
        look: dict[str, Any] = {**style.look, "markersize": 4.5, "zorder": 5, **OPEN}
        gid = f"published-{name}-{place}"
        axes.plot(rows["order_parameter"][~wide], rows["dloss_dorder"][~wide], gid=gid, **look)
        axes.hlines(
            rows["dloss_dorder"][beyond],
            rows["order_parameter_before"][beyond],
            rows["order_parameter"][beyond],
            colors=style.colour,
            linewidth=0.9,
        )
    shown = join(runs, published)
    set_order_parameter_axis(axes, shown["order_parameter"].to_numpy(), size_inches[0])
    set_slope_axis(axes, shown["dloss_dorder"].dropna().to_numpy(), size_inches[1])


def _legend(
    metrics: pd.DataFrame | None, published: pd.DataFrame | None, has_crossing: bool
) -> list[LegendGroup]:
    groups = []
    if metrics is not None:
        entry = legend_line("$L$ passes the bigram entropy $H_2$", color="black", **_CROSSING)
        ours = legend_line("measured here", color="0.35", marker="o", markersize=2.6, linewidth=0.5)
        groups.append(LegendGroup([ours, entry] if has_crossing else [ours]))
    if published is not None:
        every = f"{published['interval'].min():,.0f}"
        look: dict[str, Any] = {"color": "0.35", "marker": "o", "markersize": 4.5, **OPEN}
        entry = legend_line(f"published, over {every} steps", **look)
        bar = legend_line("published, mean between published steps", color="0.35")
        change = legend_line("published slope change", color="0.35", **_CHANGE)
        groups.append(LegendGroup([entry, bar, change]))
    return groups


def _steepens(slopes: pd.Series) -> bool | None:
    """Whether |dL/db|, by step, rises again after it fell, beyond its noise; None if that cannot be told."""
    if len(slopes) < _FEWEST_SLOPES:
        return None
    return least_rise(slopes) + tolerance_along(slopes.index, slopes) < 0


def _finding(sizes: list[str], runs: pd.DataFrame | None, published: pd.DataFrame | None) -> str:
    """In which sizes the slope, once it has flattened, steepens again."""
    told: dict[bool | None, list[str]] = {True: [], False: [], None: []}
    for size in sizes:
        if len(rows_of(runs, size)) or len(rows_of(published, size)):
            told[_steepens(longest(runs, published, size)["dloss_dorder"].dropna())].append(size)
    steeper, others = (name_some(told[found], sizes, runs, published) for found in (True, False))
    if told[True]:
        rest = f", but not beyond its noise in {others}" if told[False] else ""
        return f"{_SLOPE} steepens again in {steeper}{rest}"
    if told[False]:
        return f"{_SLOPE} does not steepen again beyond its noise in {others}"
    return f"{_SLOPE} along $b$"


def _draw_slope_changes(axes: Axes, published: pd.DataFrame, styles: dict[str, SizeStyle]) -> None:
    for place, (size, style) in enumerate(styles.items()):
        rows = rows_of(published, size).dropna(subset=["dloss_dorder"])
        if len(rows) and _steepens(rows.set_index("step")["dloss_dorder"]):
            narrow = rows[rows["interval"] == published["interval"].min()]
            b = narrow.loc[narrow["dloss_dorder"].idxmin(), "order_parameter"]
            axes.axvline(b, color=style.colour, zorder=1, gid=f"change-{place}", **_CHANGE)


def _mean_crossings(metrics: pd.DataFrame, level: float) -> pd.Series:
    """b at which each size's loss falls below `level`, for sizes that learn the text with that entropy."""
    context = current_context()
    if context and context.entropy_sizes is not None:
        metrics = metrics[metrics["size"].isin(context.entropy_sizes)]
    return find_crossings(metrics, level).groupby("size", sort=False)["order_parameter"].mean()


def _marks_within(crossings: pd.Series, beginning: pd.DataFrame, end: pd.DataFrame) -> dict[str, float]:
    """The crossings that lie between the first b in one table and the last in the other, by size."""
    first, last = (
        table.groupby("size")["order_parameter"].agg(which).to_dict()
        for table, which in ((beginning, "min"), (end, "max"))
    )
    return {str(size): b for size, b in crossings.items() if size in last and first[size] <= b <= last[size]}


def _draw_crossings(axes: Axes, marks: dict[str, float], styles: dict[str, SizeStyle]) -> None:
    left, right = axes.get_xlim()
    labelled = 0.0
    for size, b in sorted(marks.items(), key=lambda mark: mark[1]):
        colour = styles[size].colour
        gid = f"crossing-{list(styles).index(size)}"
        axes.axvline(b, color=colour, zorder=1, gid=gid, **_CROSSING)
        # One label serves lines too close to be labelled apart.
        if labelled == 0 or b > labelled * (right / left) ** 0.04:
            axes.text(b, 1.01, "$H_2$", transform=axes.get_xaxis_transform(), color=colour, ha="center")
            labelled = b
