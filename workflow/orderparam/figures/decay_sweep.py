"""Order parameter and loss at the end of each stage of a sweep of weight decay, up and down."""

from __future__ import annotations

from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from orderparam.figures.axes import require_rows
from orderparam.figures.layout import LegendGroup, describe_origin, start_figure
from orderparam.figures.style import GREY, PAGE_WIDTH, FigureContext, describe_seeds, styled

_PANEL_HEIGHT = 1.9
_TITLES = {
    "decoupled": "AdamW, decoupled decay",
    "l2": r"Adam, loss $+\,\gamma\,\|\theta\|^2$",
}
_LABELS = {"decoupled": "weight decay", "l2": r"penalty $\gamma$"}
_LOOKS: dict[str, dict[str, Any]] = {
    "up": {"marker": "^", "linestyle": "-", "markersize": 4.5},
    "down": {"marker": "v", "linestyle": (0, (4, 2)), "markersize": 4.5, "markerfacecolor": "white"},
}


@styled
def draw(
    metrics: pd.DataFrame, runs: pd.DataFrame, entropies: pd.DataFrame, context: FigureContext
) -> Figure:
    """A column for each regularizer: b above, training loss below, at the last step of every stage.

    `metrics` has size, seed, step, order_parameter and train_loss (nats per character); `runs` has size,
    regularizer, weight_decay and start_from: a stage goes up if it starts from one with less decay, or
    from none. Markers are means over the seeds, bars their range. `entropies` gives H_1, the loss of a
    model whose head's weight is zero.
    """
    require_rows(metrics, "metrics")
    stages = name_directions(runs).merge(_last(metrics), on="size")
    regularizers = [name for name in _TITLES if (stages["regularizer"] == name).any()]
    colours = [f"#{c.lstrip('#')}" for c in matplotlib.rcParams["axes.prop_cycle"].by_key()["color"]]
    subtitle = describe_origin(context, describe_seeds(metrics["seed"]))
    legend = [
        LegendGroup(
            [
                (Line2D([], [], color="0.3", **_LOOKS["up"]), "decay raised stage by stage"),
                (Line2D([], [], color="0.3", **_LOOKS["down"]), "decay lowered again"),
            ]
        )
    ]
    figure = start_figure(PAGE_WIDTH, 2 * _PANEL_HEIGHT, subtitle, context, legend)
    grid = figure.subplots(2, len(regularizers), squeeze=False, sharex="col", sharey="row")
    unigram = entropies.loc[entropies["order"] == 1, "train_entropy"]
    for column, regularizer in enumerate(regularizers):
        own = stages[stages["regularizer"] == regularizer]
        for row, quantity in enumerate(("order_parameter", "train_loss")):
            axes = grid[row, column]
            for direction in _LOOKS:
                of_direction = own[own["direction"] == direction].sort_values("weight_decay")
                _draw_stages(axes, of_direction, quantity, colours[row], direction, f"{quantity}-{column}")
            axes.set_xscale("log")
        grid[0, column].set_title(_TITLES[regularizer])
        grid[1, column].set_xlabel(_LABELS[regularizer])
        if len(unigram):
            level = float(unigram.iloc[0])
            grid[1, column].axhline(level, color=GREY, linewidth=0.7, linestyle=(0, (4, 2)), zorder=1)
            grid[1, column].text(
                0.01, level, "$H_1$", transform=grid[1, column].get_yaxis_transform(), va="bottom", color=GREY
            )
    grid[0, 0].set_ylabel(r"order parameter $b$")
    grid[0, 0].set_ylim(bottom=0)
    grid[1, 0].set_ylabel("training loss\n(nats per character)")
    return figure


def name_directions(runs: pd.DataFrame) -> pd.DataFrame:
    """`runs` with a column direction: up, or down for a stage that starts from one with more decay."""
    decay = dict(zip(runs["size"], runs["weight_decay"], strict=True))
    before = runs["start_from"].map(decay)
    return runs.assign(direction=np.where(before > runs["weight_decay"], "down", "up"))


def _last(metrics: pd.DataFrame) -> pd.DataFrame:
    last = metrics.groupby(["size", "seed"], sort=False)["step"].transform("max")
    return metrics[metrics["step"] == last][["size", "seed", "order_parameter", "train_loss"]]


def _draw_stages(
    axes: Axes, stages: pd.DataFrame, quantity: str, colour: str, direction: str, name: str
) -> None:
    by_decay = stages.groupby("weight_decay")[quantity]
    mean, low, high = by_decay.mean(), by_decay.min(), by_decay.max()
    axes.errorbar(
        mean.index,
        mean,
        yerr=[mean - low, high - mean],
        color=colour,
        linewidth=1,
        elinewidth=0.8,
        capsize=1.5,
        gid=f"{name}-{direction}",
        **_LOOKS[direction],
    )
