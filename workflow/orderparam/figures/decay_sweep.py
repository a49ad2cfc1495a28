"""Order parameter and loss at the end of each stage of a sweep of weight decay, up and down."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from orderparam.figures.axes import require_rows
from orderparam.figures.layout import LegendGroup, legend_line, start_figure
from orderparam.figures.style import COLOURS, GREY, PAGE_WIDTH, REFERENCE, describe_seeds, styled

_PANEL_HEIGHT = 1.9
# Title and label of the x axis of each regularizer.
_TITLES = {
    "decoupled": ("AdamW, decoupled decay", "weight decay"),
    "l2": (r"Adam, loss $+\,\gamma\,\|\theta\|^2$", r"penalty $\gamma$"),
}
_LOOKS: dict[str, dict[str, Any]] = {
    "up": {"marker": "^", "linestyle": "-", "markersize": 4.5},
    "down": {"marker": "v", "linestyle": (0, (4, 2)), "markersize": 4.5, "markerfacecolor": "white"},
}


@styled
def draw(metrics: pd.DataFrame, runs: pd.DataFrame, entropies: pd.DataFrame) -> Figure:
    """A column for each regularizer: b above, training loss below, at the last step of every stage.

    `metrics` has size, seed, step, order_parameter and train_loss (nats per character); `runs` has size,
    regularizer, weight_decay and start_from: a stage goes up if it starts from one with less decay, or
    from none. Markers are means over the seeds, bars their range. `entropies` gives H_1, the loss of a
    model whose head's weight is zero.
    """
    require_rows(metrics, "metrics")
    last_step = metrics.groupby(["size", "seed"], sort=False)["step"].transform("max")
    stages = name_directions(runs).merge(metrics[metrics["step"] == last_step], on="size")
    regularizers = [name for name in _TITLES if (stages["regularizer"] == name).any()]
    entries = [
        legend_line("decay raised stage by stage", color="0.3", **_LOOKS["up"]),
        legend_line("decay lowered again", color="0.3", **_LOOKS["down"]),
    ]
    subtitle = describe_seeds(metrics["seed"])
    figure = start_figure(PAGE_WIDTH, 2 * _PANEL_HEIGHT, subtitle, [LegendGroup(entries)])
    grid = figure.subplots(2, len(regularizers), squeeze=False, sharex="col", sharey="row")
    unigram = entropies.loc[entropies["order"] == 1, "train_entropy"]
    for column, regularizer in enumerate(regularizers):
        own = stages[stages["regularizer"] == regularizer]
        for row, quantity in enumerate(("order_parameter", "train_loss")):
            axes = grid[row, column]
            for direction in _LOOKS:
                of_direction = own[own["direction"] == direction]
                gid = f"{quantity}-{column}-{direction}"
                _draw_stages(axes, of_direction, quantity, color=COLOURS[row], gid=gid, **_LOOKS[direction])
            axes.set_xscale("log")
        title, label = _TITLES[regularizer]
        grid[0, column].set_title(title)
        axes.set_xlabel(label)
        if len(unigram):
            level = float(unigram.iloc[0])
            axes.axhline(level, zorder=1, **REFERENCE)
            place = axes.get_yaxis_transform()
            axes.text(0.01, level, "$H_1$", transform=place, va="bottom", color=GREY)
    grid[0, 0].set_ylabel(r"order parameter $b$")
    grid[0, 0].set_ylim(bottom=0)
    grid[1, 0].set_ylabel("training loss\n(nats per character)")
    return figure


def name_directions(runs: pd.DataFrame) -> pd.DataFrame:
    """`runs` with a column direction: up, or down for a stage that starts from one with more decay."""
    decay = dict(zip(runs["size"], runs["weight_decay"], strict=True))
    before = runs["start_from"].map(decay)
    return runs.assign(direction=np.where(before > runs["weight_decay"], "down", "up"))


def _draw_stages(axes: Axes, stages: pd.DataFrame, quantity: str, **look: Any) -> None:
    by_decay = stages.groupby("weight_decay")[quantity]
    mean, low, high = by_decay.mean(), by_decay.min(), by_decay.max()
    spread = [mean - low, high - mean]
    axes.errorbar(mean.index, mean, yerr=spread, linewidth=1, elinewidth=0.8, capsize=1.5, **look)
