"""Panels with the training step along the x axis: one for each size, and the seeds' curves in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from orderparam.figures.axes import STEP_LABEL, set_symlog_axis
from orderparam.figures.layout import LegendGroup, shorten, start_figure
from orderparam.figures.style import SizeStyle, assign_styles, describe_seeds, literal

Panel = tuple[Axes, pd.DataFrame, SizeStyle]


def start_size_panels(
    metrics: pd.DataFrame,
    columns: int,
    width: float,
    panel_height: float,
    title_width: float,
    ylabel: str,
    legend: Sequence[LegendGroup],
    subtitle: str | None = None,
    title: str = "",
) -> tuple[Figure, list[Panel]]:
    """A figure with a panel for each size, `columns` in a row, on common axes, the size's name as title.

    The last panel takes what is left of its row. Lengths in inches; names are cut to `title_width`. The
    `subtitle` is the seeds of `metrics`, if not given. Each panel comes with the metrics and the look of its
    size.
    """
    styles = assign_styles(metrics["size"])
    rows = -(-len(styles) // columns)
    subtitle = describe_seeds(metrics["seed"]) if subtitle is None else subtitle
    figure = start_figure(width, panel_height * rows + 0.3, subtitle, legend, title=title)
    grid = figure.add_gridspec(rows, columns)
    panels: list[Panel] = []
    for i, (size, look) in enumerate(styles.items()):
        row, column = divmod(i, columns)
        cell = grid[row, column:] if i + 1 == len(styles) else grid[row, column]
        first = panels[0][0] if panels else None
        axes = figure.add_subplot(cell, sharex=first, sharey=first)
        axes.set_title(literal(shorten(size, title_width, 7.5)), color=look.colour, weight="bold")
        set_step_axis(axes, metrics["step"], labelled=row + 1 == rows)
        axes.tick_params(labelleft=column == 0)
        if column == 0:
            axes.set_ylabel(ylabel)
        panels.append((axes, metrics[metrics["size"] == size], look))
    return figure, panels


def whole_runs(runs: pd.DataFrame) -> pd.DataFrame:
    """The rows of those seeds of a size that go to its last step, at the steps that all of them have.

    `runs` has seed and step. So runs that end early do not cut a mean short.
    """
    ends = runs.groupby("seed")["step"].transform("max")
    whole: pd.DataFrame = runs.loc[ends == runs["step"].max()]
    counts = whole.groupby("step")["seed"].transform("size")
    return whole.loc[counts == len(set(whole["seed"]))]


def plot_seeds(
    axes: Axes, metrics: pd.DataFrame, loss: str, gid: str, linewidth: float, **look: Any
) -> tuple[pd.Series, Line2D]:
    """Draw a size's column `loss`: a thin line for each of several seeds, a thick one for their mean.

    The mean is over `whole_runs`, at steps that none of these has over the others. Returns the mean by step,
    and its line. Lines bear the gids `<gid>-<seed>` and `<gid>-mean`.
    """
    table = metrics.pivot_table(index="step", columns="seed", values=loss, sort=True)
    if table.shape[1] > 1:
        for seed in table.columns:
            axes.plot(table.index, table[seed], linewidth=0.4, alpha=0.45, gid=f"{gid}-{seed}", **look)
    measured = metrics.dropna(subset=[loss])
    whole, all_runs = (runs.groupby("step")[loss].mean() for runs in (whole_runs(measured), measured))
    mean = whole.combine_first(all_runs)
    (line,) = axes.plot(mean.index, mean, linewidth=linewidth, gid=f"{gid}-mean", **look)
    return mean, line


def set_step_axis(axes: Axes, steps: pd.Series, labelled: bool) -> None:
    """Logarithmic steps beyond the first measured one, so that step 0 has a place."""
    positive = steps[steps > 0]
    first = float(positive.min()) if len(positive) else 1.0
    last = max(float(steps.max()), first)
    set_symlog_axis(axes, "x", steps.to_numpy(), threshold=first)
    axes.set_xlim(-0.12 * first, last * max((last / first) ** 0.03, 1.06))
    axes.tick_params(labelbottom=labelled)
    if labelled:
        axes.set_xlabel(STEP_LABEL)
