"""Where heads look, and which n-gram predictor a model is nearest to, against the training step."""

from __future__ import annotations

from typing import Any

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from orderparam.analysis.derivative import find_crossings
from orderparam.figures.axes import require_rows
from orderparam.figures.layout import LegendGroup, describe_origin, shorten, start_figure
from orderparam.figures.panels import set_step_axis
from orderparam.figures.style import GREY, PAGE_WIDTH, FigureContext, describe_seeds, literal, styled
from orderparam.tables import find_entropies

_PANEL_HEIGHT = 1.5
_OFFSETS = {0: "the token itself", 1: "1 back", 2: "2 back", 3: "3 back"}
_ORDER_NAMES = {1: "unigrams", 2: "bigrams", 3: "trigrams", 4: "4-grams"}
_DASHES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1.5, 1)), (0, (6, 1.5, 1.5, 1.5)))
_CROSSING: dict[str, Any] = {"color": "black", "linewidth": 0.8, "linestyle": (0, (1, 1.5))}


@styled
def draw(
    probes: pd.DataFrame, metrics: pd.DataFrame, entropies: pd.DataFrame, context: FigureContext
) -> Figure:
    """A row for each size: attention mass by offset on the left, divergence from n-grams on the right.

    `probes` has size, seed, step, quantity, layer, head, order and value; thin lines are single heads,
    means over seeds; thick ones the mean over all heads. `metrics` and `entropies` (size, order,
    train_entropy) give the step at which the training loss passes the bigram entropy of the size's own
    text, mean over the seeds, a dotted line.
    """
    require_rows(probes, "probes")
    sizes = list(dict.fromkeys(probes["size"]))
    colours = [f"#{c.lstrip('#')}" for c in matplotlib.rcParams["axes.prop_cycle"].by_key()["color"]]
    subtitle = describe_origin(context, describe_seeds(probes["seed"]))
    height = _PANEL_HEIGHT * len(sizes) + 0.3
    figure = start_figure(PAGE_WIDTH, height, subtitle, context, _legend(colours))
    grid = figure.subplots(len(sizes), 2, squeeze=False, sharex=True, sharey="col")
    for row, size in enumerate(sizes):
        own = probes[probes["size"] == size]
        _draw_attention(grid[row, 0], own[own["quantity"] == "attention_mass"], colours, row)
        _draw_divergence(grid[row, 1], own[own["quantity"] == "ngram_divergence"], colours, row)
        crossing = _mean_crossing(metrics[metrics["size"] == size], entropies[entropies["size"] == size])
        for axes in grid[row]:
            if crossing is not None:
                axes.axvline(crossing, zorder=1, gid=f"crossing-{row}", **_CROSSING)
            set_step_axis(axes, probes["step"], labelled=row == len(sizes) - 1)
        grid[row, 0].set_ylabel("attention mass")
        grid[row, 0].set_title(literal(shorten(size, PAGE_WIDTH / 2 - 1, 7.5)), weight="bold")
        grid[row, 1].set_ylabel(r"$D(n$-gram$\,\|\,$model$)$" + "\n(nats per character)")
    grid[0, 0].set_ylim(0, 1.02)
    grid[0, 1].set_ylim(bottom=0)
    return figure


def _draw_attention(axes: Axes, table: pd.DataFrame, colours: list[str], row: int) -> None:
    if table.empty:
        axes.text(0.5, 0.5, "no attention", transform=axes.transAxes, ha="center", color=GREY)
        return
    for place, offset in enumerate(_OFFSETS):
        of_offset = table[table["order"] == offset]
        if of_offset.empty:
            continue
        heads = of_offset.pivot_table(index="step", columns=["layer", "head"], values="value", aggfunc="mean")
        style: dict[str, Any] = {"color": colours[place], "linestyle": _DASHES[place]}
        if heads.shape[1] > 1:
            for place_of_head, values in enumerate(heads.to_numpy().T):
                gid = f"attention-{row}-{offset}-{place_of_head}"
                axes.plot(heads.index, values, linewidth=0.4, alpha=0.6, gid=gid, **style)
        mean = heads.mean(axis="columns")
        axes.plot(mean.index, mean, linewidth=1.4, gid=f"attention-{row}-{offset}-mean", **style)


def _draw_divergence(axes: Axes, table: pd.DataFrame, colours: list[str], row: int) -> None:
    for place, order in enumerate(_ORDER_NAMES):
        of_order = table[table["order"] == order]
        if len(of_order):
            mean = of_order.groupby("step")["value"].mean()
            style: dict[str, Any] = {"color": colours[place], "linestyle": _DASHES[place]}
            axes.plot(mean.index, mean, linewidth=1.2, gid=f"divergence-{row}-{order}", **style)


def _mean_crossing(metrics: pd.DataFrame, entropies: pd.DataFrame) -> float | None:
    steps = find_crossings(metrics, find_entropies(entropies, (2,))[2])["step"]
    return float(steps.mean()) if len(steps) else None


def _legend(colours: list[str]) -> list[LegendGroup]:
    def line(place: int) -> Line2D:
        return Line2D([], [], color=colours[place], linestyle=_DASHES[place], linewidth=1.3)

    attention = [(line(place), f"left: attention to {name}") for place, name in enumerate(_OFFSETS.values())]
    divergence = [(line(place), f"right: from {name}") for place, name in enumerate(_ORDER_NAMES.values())]
    crossing = Line2D([], [], **_CROSSING)
    return [
        LegendGroup(attention),
        LegendGroup(divergence),
        LegendGroup([(crossing, "training loss passes the bigram entropy of its text")]),
    ]
