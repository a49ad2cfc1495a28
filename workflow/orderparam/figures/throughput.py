"""The training engine against a plain model: seconds per step of each size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from orderparam.figures.axes import require_rows
from orderparam.figures.layout import LegendGroup, legend_line, start_figure
from orderparam.figures.style import COLOURS, COLUMN_WIDTH, GREY, literal, styled

# Colour, marker and offset along the x axis.
_LOOKS = {"plain": (COLOURS[1], "s", -0.14), "engine": (COLOURS[0], "o", 0.14)}
_LABELS = {"plain": "plain per-head model", "engine": "this engine"}
_FLOOR: dict[str, Any] = {"color": GREY, "linestyle": "--", "linewidth": 1.2}


@styled
def draw(throughput: pd.DataFrame, machine: Mapping[str, Any]) -> Figure:
    """Median seconds per step with quartiles, on a logarithmic axis, and the floor of the matrix products.

    `throughput` is the benchmark's table, of which the rows of quantity `step` are drawn; the number
    above a size is the engine's ratio to the plain model. Raises RecordError when there is no row.
    """
    steps = throughput[throughput["quantity"] == "step"]
    require_rows(steps, "throughput")
    sizes = list(dict.fromkeys(steps["size"]))
    subtitle = (
        f"One thread of {literal(str(machine['processor']))}, PyTorch {machine['torch']}; "
        f"measured matrix-product peak {machine['matmul_gflops']:.0f} GFLOP/s"
    )
    models = [
        legend_line(_LABELS[name], color=colour, marker=marker, linewidth=1)
        for name, (colour, marker, _) in _LOOKS.items()
    ]
    floor = legend_line("floor: counted FLOPs at the measured peak", **_FLOOR)
    ratios = steps[steps["implementation"] == "engine"]["ratio_to_plain"]
    title = f"The engine is {ratios.min():.2g} to {ratios.max():.2g} times as fast as a plain model"
    groups = [LegendGroup(models), LegendGroup([floor])]
    figure = start_figure(COLUMN_WIDTH, 2.3, subtitle, groups, title=title)
    axes = figure.subplots()
    tables = {name: steps[steps["implementation"] == name].set_index("size").loc[sizes] for name in _LOOKS}
    for name, (colour, marker, offset) in _LOOKS.items():
        median = tables[name]["median_seconds"]
        spread = [
            median - tables[name]["lower_quartile_seconds"],
            tables[name]["upper_quartile_seconds"] - median,
        ]
        places = [i + offset for i in range(len(sizes))]
        look: dict[str, Any] = {"color": colour, "marker": marker, "markersize": 4, "linestyle": ""}
        axes.errorbar(places, median, yerr=spread, capsize=2, **look)
    for i, size in enumerate(sizes):
        axes.plot([i - 0.3, i + 0.3], [tables["engine"]["compute_floor_seconds"][size]] * 2, **_FLOOR)
        ratio = f"{tables['engine']['ratio_to_plain'][size]:.2f}\N{MULTIPLICATION SIGN}"
        top = tables["plain"]["upper_quartile_seconds"][size]
        axes.annotate(ratio, (i, top), (0, 6), textcoords="offset points", ha="center", size=7)
    axes.set_yscale("log")
    axes.set_xlim(-0.6, len(sizes) - 0.4)
    axes.margins(y=0.12)
    axes.set_xticks(range(len(sizes)), [literal(size) for size in sizes])
    axes.set_xlabel("model size")
    axes.set_ylabel("time per training step (s)")
    return figure
