"""Attention, order parameter and loss at the end of each stage of a sweep of weight decay, up and down."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from orderparam.figures.axes import require_rows
from orderparam.figures.layout import LegendGroup, legend_line, start_figure
from orderparam.figures.style import COLOURS, GREY, PAGE_WIDTH, REFERENCE, describe_seeds, styled

_PANEL_HEIGHT = 1.7
_ROWS = {
    "previous_token_mass": "attention mass on\nthe previous token",
    "order_parameter": r"order parameter $b$",
    "train_loss": "training loss\n(nats per character)",
}
# Title and label of the x axis of each regularizer.
_TITLES = {
    "decoupled": ("AdamW, decoupled decay", "weight decay"),
    "l2": (r"Adam, loss $+\,\gamma\,\|\theta\|^2$", r"penalty $\gamma$"),
}
_NAMES = {"decoupled": "AdamW", "l2": "L2"}
_LOOKS: dict[str, dict[str, Any]] = {
    "up": {"marker": "^", "linestyle": "-", "markersize": 4.5},
    "down": {"marker": "v", "linestyle": (0, (4, 2)), "markersize": 4.5, "markerfacecolor": "white"},
}


@styled
def draw(metrics: pd.DataFrame, runs: pd.DataFrame, entropies: pd.DataFrame, probes: pd.DataFrame) -> Figure:
    """A column for each regularizer: the attention mass on the previous token, b, and the training loss.

    Each at the last step of every stage; the mass is that of the head which has most.

    `metrics` has size, seed, step, order_parameter and train_loss (nats per character); `runs` has size,
    regularizer, weight_decay and start_from: a stage goes up if it starts from one with less decay, or
    from none. Markers are means over the seeds, bars their range. `entropies` gives H_1, the loss of a
    model whose head's weight is zero, and H_2.
    """
    require_rows(metrics, "metrics")
    run = ["size", "seed"]
    last = metrics[metrics["step"] == metrics.groupby(run, sort=False)["step"].transform("max")]
    mass = probes[(probes["quantity"] == "attention_mass") & (probes["order"] == 1)]
    mass = mass[mass["step"] == mass.groupby(run, sort=False)["step"].transform("max")]
    mass = mass.groupby(run)["value"].max().rename("previous_token_mass").reset_index()
    stages = (
        name_directions(runs)
        .merge(last[[*run, "order_parameter", "train_loss"]], on="size")
        .merge(mass, on=run, how="left")
    )
    regularizers = [name for name in _TITLES if (stages["regularizer"] == name).any()]
    entries = [
        legend_line("decay raised stage by stage", color="0.3", **_LOOKS["up"]),
        legend_line("decay lowered again", color="0.3", **_LOOKS["down"]),
    ]
    subtitle = describe_seeds(metrics["seed"])
    title = _finding(stages, regularizers)
    height = len(_ROWS) * _PANEL_HEIGHT
    figure = start_figure(PAGE_WIDTH, height, subtitle, [LegendGroup(entries)], title=title)
    grid = figure.subplots(len(_ROWS), len(regularizers), squeeze=False, sharex="col", sharey="row")
    levels = entropies.drop_duplicates("order").set_index("order")["train_entropy"]
    for column, regularizer in enumerate(regularizers):
        own = stages[stages["regularizer"] == regularizer]
        for row, quantity in enumerate(_ROWS):
            axes = grid[row, column]
            for direction in _LOOKS:
                of_direction = own[own["direction"] == direction]
                gid = f"{quantity}-{column}-{direction}"
                _draw_stages(axes, of_direction, quantity, color=COLOURS[row], gid=gid, **_LOOKS[direction])
            axes.set_xscale("log")
        title, label = _TITLES[regularizer]
        grid[0, column].set_title(title)
        axes.set_xlabel(label)
        for order in (1, 2):
            if order in levels.index:
                axes.axhline(levels[order], zorder=1, **REFERENCE)
                place = axes.get_yaxis_transform()
                axes.text(
                    0.99, levels[order], f"$H_{order}$", transform=place, va="bottom", ha="right", color=GREY
                )
    for row, label in enumerate(_ROWS.values()):
        grid[row, 0].set_ylabel(label)
        if row < 2:
            grid[row, 0].set_ylim(bottom=0)
    return figure


def _finding(stages: pd.DataFrame, regularizers: list[str]) -> str:
    """What the attention is at the least decay before it was raised, at the most, and once it is lowered."""
    told = []
    for name in regularizers:
        own = stages[stages["regularizer"] == name]
        mass = own.groupby(["direction", "weight_decay"])["previous_token_mass"].mean().sort_index()
        up = mass.loc["up"]
        back = f" and back to {mass.loc['down'].iloc[0]:.2f}" if "down" in mass else ""
        told.append(f"from {up.iloc[0]:.2f} to {up.iloc[-1]:.2f}{back} ({_NAMES[name]})")
    return f"Decay raised and lowered again takes attention on the previous token {', '.join(told)}"


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
