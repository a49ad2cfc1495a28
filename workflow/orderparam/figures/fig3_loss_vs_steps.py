"""Figure 3: training and validation loss against the training step, a panel for each size."""

from __future__ import annotations

from typing import Any, Literal

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from orderparam.figures.axes import require_rows
from orderparam.figures.layout import LegendEntry, LegendGroup, describe_origin, shorten, start_figure
from orderparam.figures.panels import set_step_axis
from orderparam.figures.style import (
    COLUMN_WIDTH,
    PAGE_WIDTH,
    FigureContext,
    SizeStyle,
    assign_styles,
    describe_seeds,
    literal,
    styled,
)

LOSSES = {"train_loss": "training", "val_loss": "validation"}
_DASHES: dict[str, Literal["-"] | tuple[float, tuple[float, float]]] = {
    "train_loss": "-",
    "val_loss": (0, (3, 1.2)),
}
_WIDTHS = {"train_loss": 1.6, "val_loss": 1.1}
_VALIDATION_COLOUR = "black"
_PANEL_HEIGHT = 1.75
_FEW_STEPS = 12
_STAR: dict[str, Any] = {
    "marker": "*",
    "markerfacecolor": "#F0E442",
    "markeredgecolor": "black",
    "markeredgewidth": 0.6,
    "linewidth": 0,
}


@styled
def draw(metrics: pd.DataFrame, context: FigureContext) -> Figure:
    """Thin lines for the seeds, thick ones for their mean, a star at the mean validation loss's minimum.

    `metrics` has a row per measured step with size, seed, step, train_loss and val_loss (nats per
    character). The step axis is logarithmic beyond the first measured step, so that step 0 has a place.
    Markers show the measured steps where no size has more than a few.
    One size gives a figure of column width, more give two panels a row at page width.
    """
    require_rows(metrics, "metrics")
    styles = assign_styles(metrics["size"])
    columns = min(len(styles), 2)
    rows = -(-len(styles) // columns)
    many_seeds = len(metrics["seed"].unique()) > 1
    width = COLUMN_WIDTH if columns == 1 else PAGE_WIDTH
    height = _PANEL_HEIGHT * rows + 0.3
    subtitle = describe_origin(context, describe_seeds(metrics["seed"]))
    figure = start_figure(width, height, subtitle, context, [LegendGroup(_legend(many_seeds))])
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    few_steps = bool(metrics.groupby("size")["step"].nunique().max() <= _FEW_STEPS)
    for i, (axes, (size, look)) in enumerate(zip(panels, styles.items(), strict=False)):
        minimum = _draw_size(axes, metrics[metrics["size"] == size], look, i, few_steps)
        room = width / columns - 0.7
        name = shorten(size, room - 1.75, 7.5)
        axes.set_title(literal(name), color=look.colour, weight="bold")
        axes.set_title(minimum, loc="right", size=7)
        set_step_axis(axes, metrics["step"], labelled=i + columns >= len(styles))
        if i % columns == 0:
            axes.set_ylabel("loss (nats per character)")
        axes.grid(axis="y", color="0.9", linewidth=0.5)
    for axes in panels[len(styles) :]:
        axes.set_axis_off()
    return figure


def _draw_size(axes: Axes, metrics: pd.DataFrame, look: SizeStyle, place: int, few_steps: bool) -> str:
    """Draw one panel; return what is to be said of the minimum of the validation loss."""
    title = ""
    for loss in LOSSES:
        colour = look.colour if loss == "train_loss" else _VALIDATION_COLOUR
        table = metrics.pivot_table(index="step", columns="seed", values=loss, sort=True)
        if table.shape[1] > 1:
            for seed in table.columns:
                line = axes.plot(table.index, table[seed], color=colour, linestyle=_DASHES[loss], alpha=0.45)[
                    0
                ]
                line.set(linewidth=0.4, gid=f"{loss}-{place}-{seed}")
        mean = table.dropna().mean(axis="columns")
        line = axes.plot(mean.index, mean, color=colour, linestyle=_DASHES[loss])[0]
        line.set(linewidth=_WIDTHS[loss], gid=f"{loss}-{place}-mean")
        # A line of one point cannot be seen without its marker.
        if few_steps or len(mean) == 1:
            line.set(marker=look.marker, markersize=2.4)
        if loss == "val_loss" and len(mean):
            step = int(mean.index[int(mean.argmin())])
            axes.plot(step, mean.min(), markersize=8, zorder=5, gid=f"minimum-{place}", **_STAR)
            title = f"min. validation {mean.min():.3f} at step {step:,}"
    return title


def _legend(many_seeds: bool) -> list[LegendEntry]:
    entries: list[LegendEntry] = []
    for loss, name in LOSSES.items():
        colour = "0.55" if loss == "train_loss" else _VALIDATION_COLOUR
        mean = Line2D([], [], color=colour, linestyle=_DASHES[loss], linewidth=_WIDTHS[loss])
        entries.append((mean, f"{name}, seed mean" if many_seeds else name))
        if many_seeds:
            thin = Line2D([], [], color=colour, linestyle=_DASHES[loss], linewidth=0.5, alpha=0.7)
            entries.append((thin, f"{name}, each seed"))
    star = Line2D([], [], markersize=7, **_STAR)
    entries.append((star, "minimum of the validation loss" + (" (seed mean)" if many_seeds else "")))
    return entries
