"""Training loss of each size against the step, with the n-gram entropies of the text that it learns."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from orderparam.figures.axes import label_levels, require_rows
from orderparam.figures.layout import LegendGroup, legend_line
from orderparam.figures.panels import plot_seeds, start_size_panels
from orderparam.figures.published import name_some
from orderparam.figures.style import PAGE_WIDTH, REFERENCE, styled
from orderparam.tables import find_entropies

_ORDERS = (1, 2, 3, 4)
_COLUMNS = 3
_PANEL_HEIGHT = 1.7
_LABEL_ROOM = 0.45
# What the levels are, and the second one: of the text's n-gram counts, and of counts within a window.
_COUNTED = (
    "entropy $H_n$ of a character given the $n-1$ before it, on the panel's own text",
    "bigram entropy of its text",
)
_IN_CONTEXT = (
    "loss $H_n$ of a predictor that counts nothing, letters or pairs ($n$ = 1, 2, 3) in the window",
    "level of letters counted in context",
)


@styled
def draw(metrics: pd.DataFrame, entropies: pd.DataFrame) -> Figure:
    """A panel for each size: thin lines for the seeds, a thick one for their mean, entropies as dashed lines.

    `metrics` has size, seed, step and train_loss (nats per character), `entropies` size, corpus, order and
    train_entropy, of the text that the size was trained on, or window_entropy alone where levels are counted
    in context. Raises RecordError when a size has none.
    """
    require_rows(metrics, "metrics")
    sizes = list(dict.fromkeys(metrics["size"]))
    columns = min(len(sizes), _COLUMNS)
    last = metrics[metrics["step"] == metrics.groupby("size")["step"].transform("max")]
    ends = last.groupby("size")["train_loss"].mean()
    below = [size for size in sizes if ends[size] < find_entropies(entropies, (2,), size)[2]]
    label, second = _IN_CONTEXT if entropies["train_entropy"].isna().all() else _COUNTED
    figure, panels = start_size_panels(
        metrics,
        columns,
        PAGE_WIDTH,
        _PANEL_HEIGHT,
        PAGE_WIDTH / columns - 0.8,
        "training loss\n(nats per character)",
        [LegendGroup([legend_line(label, **REFERENCE)])],
        title=f"Below the {second} at the end: {name_some(below, sizes)}",
    )
    low, high = metrics["train_loss"].min(), metrics["train_loss"].max()
    for place, (axes, of_size, look) in enumerate(panels):
        plot_seeds(axes, of_size, "train_loss", f"loss-{place}", 1.5, color=look.colour)
        axes.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))
        floors = find_entropies(entropies, _ORDERS, str(of_size["size"].iloc[0]))
        bottom, top = axes.get_ylim()
        inside = {
            f"floor-{order}": (f"$H_{order}$", value)
            for order, value in floors.items()
            if bottom <= value <= top
        }
        label_levels(axes, inside, _PANEL_HEIGHT - _LABEL_ROOM, x=1.01, spacing=1.2)
    return figure
