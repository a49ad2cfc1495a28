"""Figure 4: training loss against the order parameter, all sizes and seeds."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from orderparam.figures.axes import (
    NGRAM_NAMES,
    TRAIN_LOSS_LABEL,
    extend_to_levels,
    label_levels,
    name_sizes,
    plot_runs,
    require_rows,
    set_order_parameter_axis,
)
from orderparam.figures.layout import LegendGroup, legend_line, start_figure
from orderparam.figures.style import COLUMN_WIDTH, assign_styles, describe_seeds, styled
from orderparam.tables import find_entropies

_PANEL_HEIGHT = 2.5
_OPEN: dict[str, Any] = {
    "markerfacecolor": "none",
    "markeredgecolor": "black",
    "markeredgewidth": 0.7,
    "linewidth": 0,
}


@styled
def draw(
    metrics: pd.DataFrame, ngram_entropies: pd.DataFrame, published: pd.DataFrame | None = None
) -> Figure:
    """A marker per measured step, with the plug-in n-gram entropies (n = 1, 2, 3) as labelled lines.

    `metrics` has size, seed, step, order_parameter, train_loss (nats per character); `ngram_entropies`
    has order and train_entropy; `published` (size, order_parameter, train_loss) is drawn as open markers
    for the sizes that the experiment has. Raises RecordError when a table lacks what is drawn.
    """
    require_rows(metrics, "metrics")
    styles = assign_styles(metrics["size"])
    legend = [name_sizes(styles)]
    if published is not None:
        published = published[published["size"].isin(list(styles))]
        entry = legend_line("published, one run", marker="o", markersize=4.6, **_OPEN)
        legend.append(LegendGroup([entry], handle_length=0.8))
    figure = start_figure(COLUMN_WIDTH, _PANEL_HEIGHT, describe_seeds(metrics["seed"]), legend)
    axes = figure.subplots()
    plot_runs(axes, metrics, "train_loss", styles, "measured")
    shown = metrics["order_parameter"]
    if published is not None:
        shown = pd.concat([shown, published["order_parameter"]])
        for place, (size, style) in enumerate(styles.items()):
            points = published[published["size"] == size]
            look: dict[str, Any] = {"marker": style.marker, "markersize": 5, "zorder": 4, **_OPEN}
            axes.plot(points["order_parameter"], points["train_loss"], gid=f"published-{place}", **look)
    set_order_parameter_axis(axes, shown.to_numpy())
    axes.set_ylabel(TRAIN_LOSS_LABEL)
    entropies = find_entropies(ngram_entropies, tuple(NGRAM_NAMES))
    extend_to_levels(axes, list(entropies.values()))
    names = {order: f"{NGRAM_NAMES[order]} $H_{order}$" for order in entropies}
    levels = {f"level-{names[order]}": (names[order], value) for order, value in entropies.items()}
    label_levels(axes, levels, _PANEL_HEIGHT - 0.45)
    return figure
