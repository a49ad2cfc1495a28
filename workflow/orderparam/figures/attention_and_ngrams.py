"""When models begin to look at the previous character, and when they leave bigrams for trigrams."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from orderparam.analysis.derivative import find_crossings
from orderparam.figures.axes import label_beside, require_rows
from orderparam.figures.layout import LegendGroup, legend_line, shorten, start_figure
from orderparam.figures.panels import set_step_axis
from orderparam.figures.published import name_some
from orderparam.figures.style import GREY, PAGE_WIDTH, assign_styles, describe_seeds, literal, styled
from orderparam.tables import find_entropies

_PANEL_HEIGHT = 1.7
# Of the axes, beside their labels; and of a size's name.
_AXES_HEIGHT, _NAME_WIDTH = 1.35, 1.1
# Of each row its quantity in the table of probes, the order of it, and the label of its axis.
_ROWS = (
    ("attention_mass", 1, "attention on\nprevious token"),
    ("ngram_divergence", 2, "divergence from\nbigrams (nats)"),
    ("ngram_divergence", 3, "divergence from\ntrigrams (nats)"),
)
_CROSSING = {"linewidth": 0.8, "linestyle": (0, (1, 1.5)), "zorder": 1}


@styled
def draw(probes: pd.DataFrame, metrics: pd.DataFrame, entropies: pd.DataFrame) -> Figure:
    """Three rows with a line for each size: attention on the previous token, distance from bigrams, trigrams.

    `probes` has size, seed, step, quantity, layer, head, order and value. Lines are means over seeds, of
    attention over heads too; a thin one is the head that looks back most in the end. Distances are mean
    Kullback-Leibler divergences of the model from the n-gram predictor, nats per character. `metrics` and
    `entropies` (size, order, train_entropy) give the step at which the training loss passes the bigram
    entropy of the size's own text, mean over the seeds, a dotted line.
    """
    require_rows(probes, "probes")
    styles = assign_styles(probes["size"])
    legend = [
        legend_line("mean over heads and seeds", color="0.3", linewidth=1.4),
        legend_line("head that looks back most", color="0.3", linewidth=0.5),
        legend_line("training loss passes the bigram entropy of its text", color="0.3", **_CROSSING),
    ]
    height = _PANEL_HEIGHT * len(_ROWS)
    finding = _finding(probes, list(styles))
    seeds = describe_seeds(probes["seed"])
    figure = start_figure(PAGE_WIDTH, height, seeds, [LegendGroup(legend)], title=finding)
    panels = figure.subplots(len(_ROWS), 1, sharex=True)
    names = {size: literal(shorten(size, _NAME_WIDTH, 7)) for size in styles}
    crossings = {
        size: _mean_crossing(metrics[metrics["size"] == size], entropies[entropies["size"] == size])
        for size in styles
    }
    for axes, (quantity, order, label) in zip(panels, _ROWS, strict=True):
        own = probes[(probes["quantity"] == quantity) & (probes["order"] == order)]
        ends = {}
        for place, (size, style) in enumerate(styles.items()):
            rows = own[own["size"] == size]
            if rows.empty:
                continue
            gid = f"{quantity}-{place}-{order}"
            end = _draw_size(axes, rows, style.colour, gid)
            ends[f"name-{gid}"] = (names[size], end, style.colour)
            crossing = crossings[size]
            if crossing is not None:
                axes.axvline(crossing, color=style.colour, gid=f"crossing-{place}", **_CROSSING)
        axes.set_ylabel(label)
        axes.set_ylim(bottom=0)
        label_beside(axes, ends, _AXES_HEIGHT)
        set_step_axis(axes, probes["step"], labelled=axes is panels[-1])
        lacking = [names[size] for size in styles if size not in set(own["size"])]
        if lacking:
            axes.set_title(f"none in {', '.join(lacking)}", loc="right", size=7, color=GREY)
        if not ends:
            axes.set_yticks([])
    return figure


def _finding(probes: pd.DataFrame, sizes: list[str]) -> str:
    """Which sizes are nearest, at their last step, to a predictor that sees more than one character."""
    last = probes[probes["step"] == probes.groupby("size")["step"].transform("max")]
    distances = last[last["quantity"] == "ngram_divergence"]
    nearest = distances.pivot_table("value", "size", "order").idxmin(axis="columns")
    beyond = [size for size in sizes if nearest.get(size, 0) > 2]
    return f"Nearer to trigrams or 4-grams than to bigrams at the end: {name_some(beyond, sizes)}"


def _draw_size(axes: Axes, rows: pd.DataFrame, colour: str, gid: str) -> float:
    """The mean of a size by step, and its strongest head where there are several; returns its last value."""
    mean = rows.groupby("step")["value"].mean()
    heads = rows.pivot_table("value", "step", ["layer", "head"])
    if heads.shape[1] > 1:
        strongest = heads.iloc[:, int(heads.iloc[-1].argmax())]
        axes.plot(strongest.index, strongest, color=colour, linewidth=0.5, gid=f"{gid}-head")
    axes.plot(mean.index, mean, color=colour, linewidth=1.4, gid=gid)
    return float(mean.iloc[-1])


def _mean_crossing(metrics: pd.DataFrame, entropies: pd.DataFrame) -> float | None:
    steps = find_crossings(metrics, find_entropies(entropies, (2,))[2])["step"]
    return float(steps.mean()) if len(steps) else None
