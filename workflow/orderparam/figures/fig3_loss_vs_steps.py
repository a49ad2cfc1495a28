"""Figure 3: training and validation loss against the training step, a panel for each size."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from orderparam.figures.axes import require_rows
from orderparam.figures.layout import LegendEntry, LegendGroup, legend_line
from orderparam.figures.panels import plot_seeds, start_size_panels
from orderparam.figures.style import COLUMN_WIDTH, PAGE_WIDTH, styled

LOSSES = {"train_loss": "training", "val_loss": "validation"}
_DASHES: dict[str, Any] = {"train_loss": "-", "val_loss": (0, (3, 1.2))}
_WIDTHS = {"train_loss": 1.6, "val_loss": 1.1}
_VALIDATION_COLOUR = "black"
_PANEL_HEIGHT = 1.75
_FEW_STEPS = 12
_STAR: dict[str, Any] = {
    "marker": "*",
    "markerfacecolor": "#F0E442",
    "markeredgecolor": "black",
    "markeredgewidth": 0.6,
    "linewidth": 0,
}


@styled
def draw(metrics: pd.DataFrame) -> Figure:
    """Thin lines for the seeds, thick ones for their mean, a star at the mean validation loss's minimum.

    `metrics` has a row per measured step with size, seed, step, train_loss and val_loss (nats per
    character). The step axis is logarithmic beyond the first measured step, so that step 0 has a place.
    Markers show the measured steps where no size has more than a few.
    One size gives a figure of column width, more give two panels a row at page width.
    """
    require_rows(metrics, "metrics")
    columns = min(metrics["size"].nunique(), 2)
    width = COLUMN_WIDTH if columns == 1 else PAGE_WIDTH
    legend = [LegendGroup(_legend(many_seeds=len(set(metrics["seed"])) > 1))]
    title_width = width / columns - 0.7 - 1.75
    figure, panels = start_size_panels(
        metrics, columns, width, _PANEL_HEIGHT, title_width, "loss (nats per character)", legend
    )
    few_steps = bool(metrics.groupby("size")["step"].nunique().max() <= _FEW_STEPS)
    for place, (axes, of_size, look) in enumerate(panels):
        for loss in LOSSES:
            colour = look.colour if loss == "train_loss" else _VALIDATION_COLOUR
            style = {"color": colour, "linestyle": _DASHES[loss]}
            mean, line = plot_seeds(axes, of_size, loss, f"{loss}-{place}", _WIDTHS[loss], **style)
            # A line of one point cannot be seen without its marker.
            if few_steps or len(mean) == 1:
                line.set(marker=look.marker, markersize=2.4)
            if loss == "val_loss" and len(mean):
                step = int(mean.index[int(mean.argmin())])
                axes.plot(step, mean.min(), markersize=8, zorder=5, gid=f"minimum-{place}", **_STAR)
                title = f"min. validation {mean.min():.3f} at step {step:,}"
                axes.set_title(title, loc="right", size=7)
        axes.grid(axis="y", color="0.9", linewidth=0.5)
    return figure


def _legend(many_seeds: bool) -> list[LegendEntry]:
    entries = []
    for loss, name in LOSSES.items():
        colour = "0.55" if loss == "train_loss" else _VALIDATION_COLOUR
        look = {"color": colour, "linestyle": _DASHES[loss]}
        label = f"{name}, seed mean" if many_seeds else name
        entries.append(legend_line(label, linewidth=_WIDTHS[loss], **look))
        if many_seeds:
            entries.append(legend_line(f"{name}, each seed", linewidth=0.5, alpha=0.7, **look))
    label = "minimum of the validation loss" + (" (seed mean)" if many_seeds else "")
    return [*entries, legend_line(label, markersize=7, **_STAR)]
