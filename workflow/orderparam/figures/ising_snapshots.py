"""States of the square lattice below, at and above its critical temperature."""

from __future__ import annotations

import pandas as pd
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from orderparam.figures.axes import require_rows
from orderparam.figures.layout import LegendGroup, start_figure
from orderparam.figures.style import PAGE_WIDTH, styled

COLOURS = {-1: "#F5EFE0", 1: "#0B3C5D"}


@styled
def draw(snapshots: pd.DataFrame) -> Figure:
    """A panel per temperature, a pixel per site; raises RecordError when there is no site."""
    require_rows(snapshots, "snapshots")
    temperatures = list(dict.fromkeys(snapshots["temperature"]))
    side = int(snapshots["row"].max()) + 1
    subtitle = rf"Square lattice of {side} $\times$ {side} sites without a field, periodic, in equilibrium."
    legend = [
        (Patch(facecolor=COLOURS[spin], edgecolor="black", linewidth=0.4), f"spin {sign}1")
        for spin, sign in ((1, "+"), (-1, "\N{MINUS SIGN}"))
    ]
    width = PAGE_WIDTH / len(temperatures)
    magnetized = snapshots.groupby("temperature", sort=False)["spin"].mean().abs()
    states = ", ".join(f"{value:.2f} at {at:.4g}" for at, value in magnetized.items())
    title = rf"The lattice loses its order as it is heated: $|m|$ is {states} $T_\mathrm{{c}}$"
    figure = start_figure(PAGE_WIDTH, width + 0.25, subtitle, [LegendGroup(legend)], title=title)
    colours = ListedColormap([COLOURS[-1], COLOURS[1]])
    panels = figure.subplots(1, len(temperatures), squeeze=False)[0]
    for axes, temperature in zip(panels, temperatures, strict=True):
        state = snapshots[snapshots["temperature"] == temperature]
        spins = state.pivot_table(index="row", columns="column", values="spin").to_numpy()
        axes.imshow(spins, cmap=colours, vmin=-1, vmax=1, interpolation="nearest", gid=f"state-{temperature}")
        axes.set_title(rf"$T={temperature:.4g}\,T_\mathrm{{c}}$, $m={spins.mean():.2f}$")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(True)
    return figure
