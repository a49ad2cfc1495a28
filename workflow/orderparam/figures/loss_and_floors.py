"""Training loss of each size against the step, with the n-gram entropies of the text that it learns."""

from __future__ import annotations

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from orderparam.figures.axes import require_rows
from orderparam.figures.layout import LegendGroup, describe_origin, shorten, start_figure
from orderparam.figures.panels import set_step_axis
from orderparam.figures.style import (
    GREY,
    PAGE_WIDTH,
    FigureContext,
    SizeStyle,
    assign_styles,
    describe_seeds,
    literal,
    styled,
)
from orderparam.tables import find_entropies

_ORDERS = (1, 2, 3, 4)
_COLUMNS = 3
_PANEL_HEIGHT = 1.7
_LABEL_ROOM = 0.45


@styled
def draw(metrics: pd.DataFrame, entropies: pd.DataFrame, context: FigureContext) -> Figure:
    """A panel for each size: thin lines for the seeds, a thick one for their mean, entropies as dashed lines.

    `metrics` has size, seed, step and train_loss (nats per character), `entropies` size, corpus, order and
    train_entropy, of the text that the size was trained on. Raises RecordError when a size has none.
    """
    require_rows(metrics, "metrics")
    styles = assign_styles(metrics["size"])
    columns = min(len(styles), _COLUMNS)
    rows = -(-len(styles) // columns)
    line = Line2D([], [], color=GREY, linewidth=0.7, linestyle=(0, (4, 2)))
    label = "entropy $H_n$ of a character given the $n-1$ before it, on the panel's own text"
    subtitle = describe_origin(context, describe_seeds(metrics["seed"]))
    figure = start_figure(
        PAGE_WIDTH, _PANEL_HEIGHT * rows + 0.3, subtitle, context, [LegendGroup([(line, label)])]
    )
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    for i, (axes, (size, look)) in enumerate(zip(panels, styles.items(), strict=False)):
        _draw_size(axes, metrics[metrics["size"] == size], look, i)
        axes.set_title(
            literal(shorten(size, PAGE_WIDTH / columns - 0.8, 7.5)), color=look.colour, weight="bold"
        )
        set_step_axis(axes, metrics["step"], labelled=i + columns >= len(styles))
        if i % columns == 0:
            axes.set_ylabel("training loss\n(nats per character)")
    low, high = metrics["train_loss"].min(), metrics["train_loss"].max()
    panels[0].set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))
    for axes, size in zip(panels, styles, strict=False):
        _draw_floors(axes, find_entropies(entropies, _ORDERS, size))
    for axes in panels[len(styles) :]:
        axes.set_axis_off()
    return figure


def _draw_size(axes: Axes, metrics: pd.DataFrame, look: SizeStyle, place: int) -> None:
    table = metrics.pivot_table(index="step", columns="seed", values="train_loss", sort=True)
    if table.shape[1] > 1:
        for seed in table.columns:
            axes.plot(
                table.index,
                table[seed],
                color=look.colour,
                linewidth=0.4,
                alpha=0.45,
                gid=f"loss-{place}-{seed}",
            )
    mean = table.dropna().mean(axis="columns")
    axes.plot(mean.index, mean, color=look.colour, linewidth=1.5, gid=f"loss-{place}-mean")


def _draw_floors(axes: Axes, floors: dict[int, float]) -> None:
    low, high = axes.get_ylim()
    size = matplotlib.rcParams["font.size"]
    apart = 1.2 * size / 72 / (_PANEL_HEIGHT - _LABEL_ROOM) * (high - low)
    previous = -np.inf
    for order, value in sorted(floors.items(), key=lambda floor: floor[1]):
        if not low <= value <= high:
            continue
        axes.axhline(value, color=GREY, linewidth=0.7, linestyle=(0, (4, 2)), zorder=1, gid=f"floor-{order}")
        # Where two entropies coincide, one label above the other would name neither.
        previous = max(value, previous + apart)
        axes.text(
            1.01, previous, f"$H_{order}$", transform=axes.get_yaxis_transform(), va="center", color=GREY
        )
