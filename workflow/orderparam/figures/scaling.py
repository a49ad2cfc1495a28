"""Final losses against the non-embedding parameter count, with descriptive power laws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from orderparam.figures.axes import require_rows
from orderparam.figures.layout import LegendGroup, legend_line, start_figure
from orderparam.figures.style import COLOURS, COLUMN_WIDTH, GREY, literal, styled

_LOOKS = {"train_loss": (COLOURS[0], "o", "training"), "val_loss": (COLOURS[1], "s", "validation")}
# Of near-converged models: Kaplan et al., arXiv 2001.08361.
_PUBLISHED = 0.076
_SLOPE: dict[str, Any] = {"color": GREY, "linestyle": ":", "linewidth": 1.2}


@styled
def draw(points: pd.DataFrame, scaling: pd.DataFrame) -> Figure:
    """Losses of each size against N, fitted lines, and the published exponent's slope for comparison.

    The tables are those of `orderparam.analysis.scaling`. Raises RecordError where there is no size.
    """
    require_rows(points, "sizes")
    fits = scaling.set_index("loss")
    entries = []
    for loss, (colour, marker, name) in _LOOKS.items():
        label = name
        if loss in fits.index:
            fit = fits.loc[loss]
            label += (
                rf", $\alpha=${fit['exponent']:.3f} (95%: {fit['lower']:.3f} to {fit['upper']:.3f})"
            ).replace("-", "\N{MINUS SIGN}")
        entries.append(legend_line(label, color=colour, marker=marker, linewidth=1))
    label = rf"$L\propto{{}}N^{{-\alpha}}$ with $\alpha={_PUBLISHED}$"
    entries.append(legend_line(label, **_SLOPE))
    remark = f"{len(points)} sizes far from convergence describe these runs; they do not test a scaling law"
    of_training = fits["exponent"].get("train_loss")
    title = (
        "Final losses by size"
        if of_training is None
        else (rf"The final training loss falls as $N^{{-{of_training:.2f}}}$")
    )
    groups = [LegendGroup([entry]) for entry in entries]
    figure = start_figure(COLUMN_WIDTH, 2.3, remark, groups, title=title)
    axes = figure.subplots()
    numbers = points["parameters"].to_numpy(dtype=float)
    span = np.geomspace(numbers.min(), numbers.max(), 2)
    for loss, (colour, marker, _) in _LOOKS.items():
        axes.plot(numbers, points[loss], color=colour, marker=marker, markersize=4.5, linewidth=0, gid=loss)
        if loss in fits.index:
            fit = fits.loc[loss]
            axes.plot(span, fit["coefficient"] * span ** -fit["exponent"], color=colour, linewidth=1)
    top = points["val_loss"].max() * 1.12
    axes.plot(span, top * (span / span[0]) ** -_PUBLISHED, **_SLOPE)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.margins(x=0.12)
    for place, size in zip(numbers, points["size"], strict=True):
        at_foot = axes.get_xaxis_transform()
        axes.text(place, 0.02, literal(str(size)), transform=at_foot, ha="center", va="bottom", color=GREY)
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 1.5, 2.0, 3.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    lowest = float(points[list(_LOOKS)].min().min())
    axes.set_ylim(bottom=lowest / 1.12)
    axes.set_xlabel("non-embedding parameters $N$")
    axes.set_ylabel("final loss (nats per character)")
    return figure
