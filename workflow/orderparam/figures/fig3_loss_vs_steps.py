"""Figure 3: training and validation loss against the training step, a panel for each size."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from orderparam.analysis.monotonicity import rises_after_minimum
from orderparam.figures.axes import label_levels
from orderparam.figures.layout import LegendEntry, LegendGroup, legend_line
from orderparam.figures.panels import plot_seeds, start_size_panels
from orderparam.figures.published import (
    OPEN,
    PUBLISHED_ONLY,
    all_sizes,
    describe_runs,
    join,
    longest,
    name_some,
    rows_of,
)
from orderparam.figures.style import COLUMN_WIDTH, GREY, PAGE_WIDTH, current_context, styled
from orderparam.tables import find_entropies

LOSSES = {"train_loss": "training", "val_loss": "validation"}
_DASHES: dict[str, Any] = {"train_loss": "-", "val_loss": (0, (3, 1.2))}
_WIDTHS = {"train_loss": 1.6, "val_loss": 1.1}
_VALIDATION_COLOUR = "black"
_PANEL_HEIGHT, _LABEL_ROOM = 1.75, 0.45
_FEW_STEPS = 12
_MINIMUM_WIDTH = 1.3
_STAR: dict[str, Any] = {
    "marker": "*",
    "markerfacecolor": "#F0E442",
    "markeredgecolor": "black",
    "markeredgewidth": 0.6,
    "linewidth": 0,
}


@styled
def draw(
    ngram_entropies: pd.DataFrame,
    metrics: pd.DataFrame | None = None,
    published: pd.DataFrame | None = None,
) -> Figure:
    """Thin lines for the seeds, thick ones for their mean, and a star where the validation loss turns up.

    `metrics` has a row per measured step of our runs, if there are any, with size, seed, step, train_loss and
    val_loss (nats per character); `published`, of the same columns, is drawn as open markers. There is a
    star where the last value exceeds the least by more than its noise. `ngram_entropies` (order,
    train_entropy) gives H_2 to the sizes that learn the text with it. The step axis is logarithmic beyond the
    first measured step, so that step 0 has a place. Markers show the measured steps where no size has more
    than a few. One size gives a figure of column width, more give panels at page width.
    """
    sizes = all_sizes(metrics, published)
    columns = len(sizes) if len(sizes) in (1, 3) else 2
    width = COLUMN_WIDTH if columns == 1 else PAGE_WIDTH
    minima = _find_minima(sizes, metrics, published)
    figure, panels = start_size_panels(
        join(published, metrics),
        columns,
        width,
        _PANEL_HEIGHT,
        width / columns - 0.6 - _MINIMUM_WIDTH,
        "loss (nats per character)",
        [LegendGroup(_legend(metrics, published, bool(minima)))],
        subtitle=describe_runs(metrics),
        title=_finding(sizes, minima, metrics, published),
    )
    few_steps = metrics is not None and metrics.groupby("size")["step"].nunique().max() <= _FEW_STEPS
    context = current_context()
    on_text = context.entropy_sizes if context else None
    entropy = find_entropies(ngram_entropies, (2,))[2]
    for place, (size, (axes, _, look)) in enumerate(zip(sizes, panels, strict=True)):
        for loss in LOSSES:
            colour = look.colour if loss == "train_loss" else _VALIDATION_COLOUR
            run, points = rows_of(metrics, size), rows_of(published, size)
            if len(run):
                style = {"color": colour, "linestyle": _DASHES[loss]}
                mean, line = plot_seeds(axes, run, loss, f"{loss}-{place}", _WIDTHS[loss], **style)
                # A line of one point cannot be seen without its marker.
                if few_steps or len(mean) == 1:
                    line.set(marker=look.marker, markersize=2.4)
            if len(points):
                marker = {"color": colour, "marker": look.marker, "markersize": 4, **OPEN}
                axes.plot(points["step"], points[loss], gid=f"published-{loss}-{place}", **marker)
        if metrics is not None and not len(run):
            axes.text(0.98, 0.95, PUBLISHED_ONLY, transform=axes.transAxes, ha="right", va="top", color=GREY)
        if size in minima:
            step, value = minima[size]
            axes.plot(step, value, markersize=8, zorder=5, gid=f"minimum-{place}", **_STAR)
            axes.set_title(f"min. {value:.3f} at step {step:,}", loc="right", size=7)
        axes.grid(axis="y", color="0.9", linewidth=0.5)
        if on_text is None or size in on_text or not len(run):
            label_levels(axes, {f"level-{place}": ("$H_2$", entropy)}, _PANEL_HEIGHT - _LABEL_ROOM, x=1.01)
    return figure


def _find_minima(
    sizes: list[str], metrics: pd.DataFrame | None, published: pd.DataFrame | None
) -> dict[str, tuple[int, float]]:
    """Step and value of the least validation loss of each size in which it then rises, beyond its noise."""
    minima = {}
    for size in sizes:
        losses = longest(metrics, published, size)["val_loss"].dropna()
        if len(losses):
            lowest, rise = rises_after_minimum(losses.index, losses)
            if rise > 0:
                minima[size] = int(losses.index[lowest]), float(losses.iloc[lowest])
    return minima


def _finding(
    sizes: list[str],
    minima: dict[str, tuple[int, float]],
    metrics: pd.DataFrame | None,
    published: pd.DataFrame | None,
) -> str:
    turned = [size for size in sizes if size in minima]
    if not turned:
        return f"The validation loss turns up in none of {len(sizes)} sizes"
    steps = " and ".join(f"{minima[size][0]:,}" for size in turned) if len(turned) < 3 else ""
    when = f" after step {steps}" if steps else ""
    others = [size for size in sizes if size not in minima]
    upward, rest = (name_some(some, sizes, metrics, published) for some in (turned, others))
    return f"The validation loss turns up in {upward}{when}" + (f", but not in {rest}" if others else "")


def _legend(
    metrics: pd.DataFrame | None, published: pd.DataFrame | None, has_minimum: bool
) -> list[LegendEntry]:
    entries = []
    many_seeds = metrics is not None and len(set(metrics["seed"])) > 1
    for loss, name in LOSSES.items():
        colour = "0.55" if loss == "train_loss" else _VALIDATION_COLOUR
        look = {"color": colour, "linestyle": _DASHES[loss]}
        if metrics is not None:
            label = f"{name}, seed mean" if many_seeds else name
            entries.append(legend_line(label, linewidth=_WIDTHS[loss], **look))
        if many_seeds:
            entries.append(legend_line(f"{name}, each seed", linewidth=0.5, alpha=0.7, **look))
    for loss, name in LOSSES.items() if published is not None else ():
        colour = "0.55" if loss == "train_loss" else _VALIDATION_COLOUR
        marker = {"color": colour, "marker": "o", "markersize": 4, **OPEN}
        entries.append(legend_line(f"{name}, published", **marker))
    if has_minimum:
        entries.append(legend_line("least validation loss", markersize=7, **_STAR))
    return entries
