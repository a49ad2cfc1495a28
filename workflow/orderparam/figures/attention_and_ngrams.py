"""Where heads look, and which n-gram predictor a model is nearest to, against the training step."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from orderparam.analysis.derivative import find_crossings
from orderparam.figures.axes import note_empty, require_rows
from orderparam.figures.layout import LegendGroup, legend_line, shorten, start_figure
from orderparam.figures.panels import set_step_axis
from orderparam.figures.published import name_some
from orderparam.figures.style import COLOURS, PAGE_WIDTH, describe_seeds, literal, styled
from orderparam.tables import find_entropies

_PANEL_HEIGHT = 1.5
_OFFSETS = {0: "the token itself", 1: "1 back", 2: "2 back", 3: "3 back"}
_ORDER_NAMES = {1: "unigrams", 2: "bigrams", 3: "trigrams", 4: "4-grams"}
_DASHES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1.5, 1)), (0, (6, 1.5, 1.5, 1.5)))
# Looks of the offsets, and of the orders, in their order.
_LOOKS: tuple[dict[str, Any], ...] = tuple(
    {"color": colour, "linestyle": dashes} for colour, dashes in zip(COLOURS, _DASHES, strict=False)
)
_CROSSING: dict[str, Any] = {"color": "black", "linewidth": 0.8, "linestyle": (0, (1, 1.5))}


@styled
def draw(probes: pd.DataFrame, metrics: pd.DataFrame, entropies: pd.DataFrame) -> Figure:
    """A row for each size: attention mass by offset on the left, divergence from n-grams on the right.

    `probes` has size, seed, step, quantity, layer, head, order and value; thin lines are single heads,
    means over seeds; thick ones the mean over all heads. `metrics` and `entropies` (size, order,
    train_entropy) give the step at which the training loss passes the bigram entropy of the size's own
    text, mean over the seeds, a dotted line.
    """
    require_rows(probes, "probes")
    sizes = list(dict.fromkeys(probes["size"]))
    height = _PANEL_HEIGHT * len(sizes) + 0.3
    figure = start_figure(
        PAGE_WIDTH, height, describe_seeds(probes["seed"]), _legend(), title=_finding(probes, sizes)
    )
    grid = figure.subplots(len(sizes), 2, squeeze=False, sharex=True, sharey="col")
    for row, size in enumerate(sizes):
        own = probes[probes["size"] == size]
        _draw_attention(grid[row, 0], own[own["quantity"] == "attention_mass"], row)
        _draw_divergence(grid[row, 1], own[own["quantity"] == "ngram_divergence"], row)
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


def _finding(probes: pd.DataFrame, sizes: list[str]) -> str:
    """Which sizes are nearest, at their last step, to a predictor that sees more than one character."""
    last = probes[probes["step"] == probes.groupby("size")["step"].transform("max")]
    distances = last[last["quantity"] == "ngram_divergence"]
    nearest = distances.pivot_table("value", "size", "order").idxmin(axis="columns")
    beyond = [size for size in sizes if nearest.get(size, 0) > 2]
    return f"Nearer to trigrams or 4-grams than to bigrams at the end: {name_some(beyond, sizes)}"


def _draw_attention(axes: Axes, table: pd.DataFrame, row: int) -> None:
    if table.empty:
        note_empty(axes, "no attention")
        return
    for offset, look in zip(_OFFSETS, _LOOKS, strict=True):
        of_offset = table[table["order"] == offset]
        if of_offset.empty:
            continue
        heads = of_offset.pivot_table(index="step", columns=["layer", "head"], values="value", aggfunc="mean")
        gid = f"attention-{row}-{offset}"
        if heads.shape[1] > 1:
            for head, values in enumerate(heads.to_numpy().T):
                axes.plot(heads.index, values, linewidth=0.4, alpha=0.6, gid=f"{gid}-{head}", **look)
        mean = heads.mean(axis="columns")
        axes.plot(mean.index, mean, linewidth=1.4, gid=f"{gid}-mean", **look)


def _draw_divergence(axes: Axes, table: pd.DataFrame, row: int) -> None:
    for order, look in zip(_ORDER_NAMES, _LOOKS, strict=True):
        of_order = table[table["order"] == order]
        if len(of_order):
            mean = of_order.groupby("step")["value"].mean()
            axes.plot(mean.index, mean, linewidth=1.2, gid=f"divergence-{row}-{order}", **look)


def _mean_crossing(metrics: pd.DataFrame, entropies: pd.DataFrame) -> float | None:
    steps = find_crossings(metrics, find_entropies(entropies, (2,))[2])["step"]
    return float(steps.mean()) if len(steps) else None


def _legend() -> list[LegendGroup]:
    labels = (
        [f"left: attention to {name}" for name in _OFFSETS.values()],
        [f"right: from {name}" for name in _ORDER_NAMES.values()],
    )
    groups = [
        LegendGroup(
            [legend_line(label, linewidth=1.3, **look) for label, look in zip(row, _LOOKS, strict=True)]
        )
        for row in labels
    ]
    crossing = legend_line("training loss passes the bigram entropy of its text", **_CROSSING)
    return [*groups, LegendGroup([crossing])]
