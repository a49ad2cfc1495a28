"""The finding in one picture: the loss pauses, and falls anew, only where one can look back."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from orderparam.figures.axes import STEP_LABEL, require_rows
from orderparam.figures.layout import start_figure
from orderparam.figures.style import COLOURS, NAMES, PAGE_WIDTH, describe_seeds, styled

# Of each group its colour, its heading, and the names of its entries.
GROUPS = (
    (
        COLOURS[0],
        "something to look back at:\nthe fall pauses, then resumes",
        ("whole", "order-2", "order-3", "moby-dick"),
    ),
    (
        COLOURS[1],
        "nothing to look back at:\nit only flattens",
        ("context-1", "ablated", "order-1"),
    ),
)
_LINES = ("-", "--", ":", "-.")
_FIRST_STEP = 40
# Nats per e-fold of steps; the depth that a dip must have, as in config/claims.yaml.
_LEAST_RISE = 0.05


@styled
def draw(loss_slope: pd.DataFrame) -> Figure:
    """How fast the loss falls, per e-fold of steps, a panel for each group; `loss_slope` is a LOSS_SLOPE.

    Lines are means over seeds. Raises RecordError where no entry of the groups has a row.
    """
    known = [name for _, _, names in GROUPS for name in names]
    table = loss_slope[loss_slope["size"].isin(known) & (loss_slope["step"] >= _FIRST_STEP)]
    require_rows(table, "local slopes of the controls")
    means = -table.groupby(["size", "step"])["dloss_dlogstep"].mean()
    figure = start_figure(PAGE_WIDTH, 2.5, describe_seeds(table["seed"]), title=_finding(means))
    panels = figure.subplots(1, 2, sharey=True)
    for axes, (colour, heading, names) in zip(panels, GROUPS, strict=True):
        for name, line in zip(names, _LINES, strict=False):
            if name not in means:
                continue
            curve = means[name]
            axes.plot(
                curve.index, curve.to_numpy(), color=colour, linestyle=line, label=NAMES[name], gid=name
            )
        axes.set_xscale("log")
        axes.set_xlabel(STEP_LABEL)
        axes.set_title(heading, color=colour, weight="bold")
        axes.legend(loc="upper right", handlelength=2.6)
        # Room for the legend above the second rise.
        axes.set_ylim(min(0, float(np.nanmin(means))), 1.2 * float(np.nanmax(means)))
    panels[0].set_ylabel(r"fall of the loss, $-\mathrm{d}L/\mathrm{d}\ln(\mathrm{step})$ (nats)")
    return figure


def _finding(means: pd.Series) -> str:
    """In how many entries of each group the fall of the loss speeds up again after it slowed down."""
    counts = []
    for _, _, names in GROUPS:
        shown = [means[name].dropna().to_numpy() for name in names if name in means]
        # The most that the fall gains on the least that it was before.
        rises = [(fall - np.minimum.accumulate(fall)).max() for fall in shown]
        counts.append(f"{sum(rise > _LEAST_RISE for rise in rises)} of {len(rises)}")
    return (
        f"The fall of the loss slows down and speeds up again in {counts[0]} where there is something to "
        f"look back at, in {counts[1]} where there is nothing"
    )
