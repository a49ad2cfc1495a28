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
    label, second = _IN_CONTEXT if entropies["train_entropy"].isna().all() else _COUNTED
    figure, panels = start_size_panels(
        metrics,
        columns,
        PAGE_WIDTH,
        _PANEL_HEIGHT,
        PAGE_WIDTH / columns - 0.8,
        "training loss\n(nats per character)",
        [LegendGroup([legend_line(label, **REFERENCE)])],
        title=_finding(metrics, entropies, sizes, second),
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


def _finding(metrics: pd.DataFrame, entropies: pd.DataFrame, sizes: list[str], second: str) -> str:
    """Which sizes pass the second level, and at which step: the first with a mean over seeds below it."""
    passed = {}
    for size, own in metrics.groupby("size"):
        means = own.groupby("step")["train_loss"].mean()
        below = means.index[means < find_entropies(entropies, (2,), str(size))[2]]
        if len(below):
            passed[str(size)] = int(below[0])
    if not passed:
        return f"No loss falls below the {second}"
    first, last = min(passed.values()), max(passed.values())
    when = f"step {first:,}" if first == last else f"steps {first:,} to {last:,}"
    return f"The loss passes the {second} at {when}: {name_some([s for s in sizes if s in passed], sizes)}"
