"""Fluctuations over seeds: susceptibility and Binder cumulant against time, before and after aligning."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from orderparam.analysis.escape import BETWEEN_LEVELS
from orderparam.figures.axes import STEP_LABEL, name_sizes, note_empty
from orderparam.figures.layout import start_figure
from orderparam.figures.style import PAGE_WIDTH, REFERENCE, SizeStyle, assign_styles, styled

MIN_SEEDS = 8
_ROWS = (
    ("susceptibility_width", "variance", r"$d_\mathrm{model}\,\mathrm{Var}(\varphi)$"),
    ("binder", "binder", "Binder cumulant"),
)
_TITLES = (
    ("(a) at equal steps", "(b) aligned on each seed's transition"),
    ("(c) at equal steps", "(d) aligned on each seed's transition"),
)


@styled
def draw(susceptibility: pd.DataFrame) -> Figure:
    """Four panels, each size in its colour with a 95% band; sizes with fewer than 8 seeds are not drawn.

    `susceptibility` is the table of the transition analysis. Where no size has enough seeds the panels
    say so.
    """
    styles = assign_styles(susceptibility["size"])
    enough = susceptibility[susceptibility["seeds"] >= MIN_SEEDS]
    shown = {size: look for size, look in styles.items() if size in set(enough["size"])}
    counts = sorted({int(count) for count in enough["seeds"]})
    remark = "no ensemble"
    if counts:
        remark = f"{counts[0]}{f' to {counts[-1]}' if len(counts) > 1 else ''} seeds a size"
    legend = [name_sizes(shown)] if shown else []
    figure = start_figure(PAGE_WIDTH, 4.2, remark, legend)
    panels = figure.subplots(2, 2, sharex="col", sharey="row")
    for row, (quantity, bounds, label) in enumerate(_ROWS):
        for aligned in (0, 1):
            axes = panels[row, aligned]
            axes.set_title(_TITLES[row][aligned])
            _draw_panel(axes, enough[enough["aligned"] == aligned], shown, quantity, bounds)
            if row == 1:
                axes.set_xlabel(STEP_LABEL if not aligned else "step, scaled to the median transition")
        panels[row, 0].set_ylabel(label)
    # Aligned seeds do not vary at all where they are aligned.
    unaligned = enough[(enough["aligned"] == 0) & (enough["step"] > 0)]["susceptibility_width"]
    if (unaligned > 0).any():
        panels[0, 0].set_ylim(bottom=unaligned[unaligned > 0].min() / 4)
    return figure


def _draw_panel(
    axes: Axes, table: pd.DataFrame, styles: dict[str, SizeStyle], quantity: str, bounds: str
) -> None:
    table = table[table["step"] > 0]
    if table.empty:
        note_empty(axes, f"no size with {MIN_SEEDS} seeds or more")
        axes.set_xticks([])
        axes.set_yticks([])
        return
    for size, look in styles.items():
        run = table[table["size"] == size].sort_values("step")
        scale = run[quantity] / run[bounds]
        axes.plot(run["step"], run[quantity], color=look.colour, linewidth=0.6, gid=f"{quantity}-{size}")
        between = run[run["mean"].between(*BETWEEN_LEVELS)]
        axes.plot(between["step"], between[quantity], color=look.colour, linewidth=1.8, gid=f"between-{size}")
        axes.fill_between(
            run["step"],
            (scale * run[f"{bounds}_lower"]).to_numpy(),
            (scale * run[f"{bounds}_upper"]).to_numpy(),
            color=look.colour,
            alpha=0.06 if quantity == "binder" else 0.2,
            linewidth=0,
        )
    axes.set_xscale("log")
    if quantity == "binder":
        for level in (0.0, 2 / 3):
            axes.axhline(level, zorder=0, **REFERENCE)
        # One outlying seed among many can drive the cumulant far below; what matters lies between.
        axes.set_ylim(-1.0, 0.8)
    else:
        axes.set_yscale("log")
