"""Figure 5: slope of the training loss along the order parameter, all sizes and seeds."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from orderparam.analysis.derivative import find_crossings
from orderparam.figures.axes import (
    name_sizes,
    plot_runs,
    require_rows,
    set_order_parameter_axis,
    set_slope_axis,
)
from orderparam.figures.layout import LegendGroup, legend_line, start_figure
from orderparam.figures.style import (
    COLUMN_WIDTH,
    SizeStyle,
    assign_styles,
    current_context,
    describe_seeds,
    styled,
)
from orderparam.tables import find_entropies

_LABEL = r"slope $\mathrm{d}L/\mathrm{d}b$"
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
    crossings = _mean_crossings(metrics, find_entropies(ngram_entropies, (2,))[2])
    marked = pd.DataFrame(columns=["size", "order_parameter", "dloss_dorder"], dtype=float)
    legend = [name_sizes(styles)]
    if len(crossings):
        entry = legend_line("$L$ passes the bigram entropy $H_2$", color="black", **_CROSSING)
        legend.append(LegendGroup([entry]))
    if published is not None:
        marked = published[published["size"].isin(list(styles))]
        look: dict[str, Any] = {"color": "black", "marker": "o", "markersize": 5, **_PUBLISHED, **_OPEN}
        entry = legend_line("published slope change, one run", **look)
        legend.append(LegendGroup([entry], handle_length=2.8))
    height = _MAIN_HEIGHT + _FULL_HEIGHT
    figure = start_figure(COLUMN_WIDTH, height, describe_seeds(metrics["seed"]), legend)
    main, full = figure.subplots(2, 1, height_ratios=(_MAIN_HEIGHT, _FULL_HEIGHT))
    main.set_title("(a) first interval of each run omitted", pad=9)
    main.set_ylabel(f"{_LABEL} (nats per character)")
    full.set_title("(b) all intervals, the first included", pad=9)
    full.set_ylabel(f"{_LABEL}\n(nats per character)")

    first_step = derivative.groupby(["size", "seed"])["step"].transform("min")
    later = derivative[derivative["step"] > first_step]
    main_marks = _marks_within(crossings, derivative, later)
    full_marks = _marks_within(crossings, metrics, derivative)
    shown_b = pd.concat(
        [derivative["order_parameter"], pd.Series(full_marks, dtype=float), marked["order_parameter"]]
    )
    for axes, name, panel_height, table, marks in (
        (main, "main", _MAIN_HEIGHT, later, main_marks),
        (full, "full", _FULL_HEIGHT, derivative, full_marks),
    ):
        plot_runs(axes, table, "dloss_dorder", styles, name, linewidth=0.5)
        set_order_parameter_axis(axes, shown_b.to_numpy())
        _draw_crossings(axes, marks, styles)
        _draw_published(axes, marked, styles)
        slopes = pd.concat([table["dloss_dorder"], marked["dloss_dorder"]]).dropna()
        set_slope_axis(axes, slopes.to_numpy(), panel_height * _AXES_SHARE)
    return figure


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
        if labelled == 0 or b > labelled * (right / left) ** 0.06:
            axes.text(b, 1.01, "$H_2$", transform=axes.get_xaxis_transform(), color=colour, ha="center")
            labelled = b


def _draw_published(axes: Axes, published: pd.DataFrame, styles: dict[str, SizeStyle]) -> None:
    for place, (size, style) in enumerate(styles.items()):
        of_size = published.loc[published["size"] == size, ["order_parameter", "dloss_dorder"]]
        for b, slope in of_size.to_numpy(dtype=float):
            axes.axvline(b, color=style.colour, zorder=1, **_PUBLISHED)
            look: dict[str, Any] = {"marker": style.marker, "markersize": 6, "zorder": 5, **_OPEN}
            axes.plot(b, slope, gid=f"published-{place}", **look)
