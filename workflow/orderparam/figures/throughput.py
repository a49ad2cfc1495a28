"""The training engine against a plain model: seconds per step of each size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from orderparam.figures.axes import require_rows
from orderparam.figures.layout import LegendGroup, start_figure
from orderparam.figures.style import COLUMN_WIDTH, GREY, FigureContext, literal, styled

_LOOKS = {"plain": ("#D55E00", "s", -0.14), "engine": ("#0072B2", "o", 0.14)}
_LABELS = {"plain": "plain per-head model", "engine": "this engine"}


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
    floor = Line2D([], [], color=GREY, linestyle="--", linewidth=1.2)
    legend = [
        (Line2D([], [], color=colour, marker=marker, linewidth=1), _LABELS[name])
        for name, (colour, marker, _) in _LOOKS.items()
    ]
    groups = [LegendGroup(legend), LegendGroup([(floor, "floor: counted FLOPs at the measured peak")])]
    figure = start_figure(COLUMN_WIDTH, 2.3, subtitle, FigureContext("benchmark", ""), groups)
    axes = figure.subplots()
    for name, (colour, marker, offset) in _LOOKS.items():
        rows = steps[steps["implementation"] == name].set_index("size").loc[sizes]
        median = rows["median_seconds"]
        spread = [median - rows["lower_quartile_seconds"], rows["upper_quartile_seconds"] - median]
        places = [i + offset for i in range(len(sizes))]
        axes.errorbar(
            places, median, yerr=spread, color=colour, marker=marker, markersize=4, linestyle="", capsize=2
        )
    engine = steps[steps["implementation"] == "engine"].set_index("size").loc[sizes]
    plain = steps[steps["implementation"] == "plain"].set_index("size").loc[sizes]
    for i, size in enumerate(sizes):
        floor_height = [engine["compute_floor_seconds"][size]] * 2
        axes.plot([i - 0.3, i + 0.3], floor_height, color=GREY, linestyle="--", linewidth=1.2)
        axes.annotate(
            f"{engine['ratio_to_plain'][size]:.2f}\N{MULTIPLICATION SIGN}",
            (i, plain["upper_quartile_seconds"][size]),
            xytext=(0, 6),
            textcoords="offset points",
            ha="center",
            size=7,
        )
    axes.set_yscale("log")
    axes.set_xlim(-0.6, len(sizes) - 0.4)
    axes.margins(y=0.12)
    axes.set_xticks(range(len(sizes)), [literal(size) for size in sizes])
    axes.set_xlabel("model size")
    axes.set_ylabel("time per training step (s)")
    return figure
