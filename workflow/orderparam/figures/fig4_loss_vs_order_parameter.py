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
    plot_runs,
    set_order_parameter_axis,
)
from orderparam.figures.layout import LegendGroup, legend_line, start_figure
from orderparam.figures.placing import label_curves
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
from orderparam.figures.style import PAGE_WIDTH, assign_styles, styled
from orderparam.tables import find_entropies

_PANEL_HEIGHT = 3.3
# Of the axes, beside their labels.
_AXES = (5.5, 2.85)


@styled
def draw(
    ngram_entropies: pd.DataFrame,
    metrics: pd.DataFrame | None = None,
    published: pd.DataFrame | None = None,
) -> Figure:
    """A marker per measured step, with the plug-in n-gram entropies (n = 1, 2, 3) as labelled lines.

    `metrics` has size, seed, step, order_parameter, train_loss (nats per character) of our runs, if there are
    any; `published`, of the same columns, is drawn as open markers; `ngram_entropies` has order and
    train_entropy. Raises RecordError when a table lacks what is drawn.
    """
    sizes = all_sizes(metrics, published)
    styles = assign_styles(sizes)
    legend = []
    if metrics is not None:
        legend.append(legend_line("measured here", color="0.35", marker="o", markersize=2.6, linewidth=0))
    if published is not None:
        look: dict[str, Any] = {"color": "0.35", "marker": "o", "markersize": 5, **OPEN}
        legend.append(legend_line("published, one run a size", **look))
    groups = [LegendGroup(legend, handle_length=0.8)]
    figure = start_figure(
        PAGE_WIDTH, _PANEL_HEIGHT, describe_runs(metrics), groups, title=_finding(sizes, metrics, published)
    )
    axes = figure.subplots()
    if metrics is not None:
        plot_runs(axes, metrics, "train_loss", styles, "measured")
    for place, (size, style) in enumerate(styles.items()):
        rows = rows_of(published, size)
        if len(rows):
            look = {**style.look, "markersize": 5, "zorder": 4, **OPEN}
            axes.plot(rows["order_parameter"], rows["train_loss"], gid=f"published-{place}", **look)
    points = join(metrics, published)[["order_parameter", "train_loss"]].to_numpy(dtype=float)
    set_order_parameter_axis(axes, points[:, 0], _AXES[0])
    axes.set_ylabel(TRAIN_LOSS_LABEL)
    entropies = find_entropies(ngram_entropies, tuple(NGRAM_NAMES))
    extend_to_levels(axes, list(entropies.values()))
    labels = {}
    for size in sizes:
        start = (rows_of(metrics, size) if len(rows_of(metrics, size)) else rows_of(published, size)).iloc[0]
        text = name_curve(size, metrics)
        labels[size] = (text, float(start["order_parameter"]), float(start["train_loss"]))
    label_curves(axes, labels, styles, _AXES, points)
    names = {order: f"{NGRAM_NAMES[order]} $H_{order}$" for order in entropies}
    levels = {f"level-{names[order]}": (names[order], value) for order, value in entropies.items()}
    label_levels(axes, levels, _AXES[1])
    return figure


def _finding(sizes: list[str], metrics: pd.DataFrame | None, published: pd.DataFrame | None) -> str:
    """By how much b grew in those sizes whose loss fell as it did."""
    growth = {}
    for size in sizes:
        known = longest(metrics, published, size)
        if known["train_loss"].iloc[-1] < known["train_loss"].iloc[0]:
            growth[size] = known["order_parameter"].iloc[-1] / known["order_parameter"].iloc[0]
    grown = [size for size in growth if growth[size] > 1]
    if not grown:
        return "Training loss against the order parameter"
    low, high = min(growth[size] for size in grown), max(growth[size] for size in grown)
    factor = f"{low:.2g}" if f"{low:.2g}" == f"{high:.2g}" else f"{low:.2g}- to {high:.2g}"
    where = name_some(grown, sizes, metrics, published)
    return f"The training loss falls while $b$ grows {factor}-fold, in {where}"
