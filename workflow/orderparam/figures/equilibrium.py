"""Phase diagram: attention, O V, progress and penalised losses against the penalty, swept up and down."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from orderparam.analysis.branches import FEWEST_POINTS, loop_width, stage_ends
from orderparam.errors import RecordError
from orderparam.figures.layout import LegendGroup, legend_line, start_figure
from orderparam.figures.style import COLOURS, PAGE_WIDTH, REFERENCE, describe_seeds, styled
from orderparam.tables import find_entropies

_PANEL_HEIGHT = 1.25
# What counts as attention on the previous token, and as O V, where a branch's end is named.
THRESHOLDS = {"attention_excess": 0.05, "value_output_norm": 0.1}
_ROWS = {
    "attention_excess": "attention on\nprevious token,\nless uniform's",
    "value_output_norm": r"$\|OV\|_F$",
    "progress": r"$\varphi=\frac{H_2-L}{H_2-H_3}$",
    "difference": "penalised loss,\nup less down\n(nats)",
}
_LOOKS: dict[str, dict[str, Any]] = {
    "up": {"marker": "^", "linestyle": "-", "markersize": 3.2},
    "down": {"marker": "v", "linestyle": (0, (4, 2)), "markersize": 3.2, "markerfacecolor": "white"},
}
# By the ending of an entry's name: how long its stages are, in those of 1x, and how they are made.
_DWELLS = {
    "": ("1x", ""),
    "-4x": ("4x", ""),
    "-16x": ("16x", ""),
    "-fine": ("2x", ", 6% apart"),
    "-held": ("15x", ", each from the start"),
    "-constant": ("60x", ", each from the start, at one learning rate"),
    "-slow": ("25x", ", 3% apart, at one learning rate"),
}
_ENTRY = rf"^d(\d+)-(up|down)({'|'.join(filter(None, _DWELLS))})?(?:-low|-high)?$"
_THEORY: dict[str, Any] = {"color": COLOURS[6], "linewidth": 1.0}


@styled
def draw(metrics: pd.DataFrame, probes: pd.DataFrame, entropies: pd.DataFrame) -> Figure:
    """A column for each width, of entries `d<width>-up`, `d<width>-down`, and those with a dwell.

    Each seed is a line through the ends of its stages. The vertical line is gamma_c, below which linear
    response makes O V = 0 unstable in a model trained without attention (`probes` of `d<width>-ablated`), its
    band the range over seeds. `entropies` gives H_2 and H_3 of progress phi.
    """
    ends = stage_ends(metrics)
    named = ends["size"].str.extract(_ENTRY)
    named.columns = ["width", "direction", "dwell"]
    stages = pd.concat([ends, named.fillna({"dwell": ""})], axis="columns").dropna(subset="width")
    if stages.empty:
        raise RecordError(
            "the experiment has no entries d<width>-up and d<width>-down; there is nothing to draw"
        )
    high, low = (find_entropies(entropies, (n,), stages["size"].iloc[0])[n] for n in (2, 3))
    stages = stages.assign(progress=(high - stages["train_loss"]) / (high - low))
    widths = sorted(stages["width"].unique(), key=int)
    theory = {width: _theory(probes, f"d{width}-ablated") for width in widths}
    seeds = f"{describe_seeds(stages['seed'])}, a line for each, at the ends of stages"
    height = _PANEL_HEIGHT * len(_ROWS) + 0.4
    finding = _finding(stages, theory)
    figure = start_figure(PAGE_WIDTH, height, seeds, [_legend(stages, theory)], title=finding)
    grid = figure.subplots(len(_ROWS), len(widths), squeeze=False, sharex=True, sharey="row")
    for column, width in enumerate(widths):
        own = stages[stages["width"] == width]
        for axes, quantity in zip(grid[:, column], _ROWS, strict=True):
            _draw_branches(axes, own, quantity, f"{quantity}-{width}")
            if len(theory[width]):
                axes.axvspan(
                    theory[width].min(), theory[width].max(), alpha=0.25, color=_THEORY["color"], lw=0
                )
                axes.axvline(theory[width].mean(), **_THEORY)
            axes.axhline(0, zorder=1, **REFERENCE)
            axes.set_xscale("log")
        grid[0, column].set_title(f"$d={width}$")
        grid[-1, column].set_xlabel(r"penalty $\gamma$")
    for axes, label in zip(grid[:, 0], _ROWS.values(), strict=True):
        axes.set_ylabel(label)
    return figure


def _draw_branches(axes: Axes, own: pd.DataFrame, quantity: str, gid: str) -> None:
    for place, dwell in enumerate(_DWELLS):
        of_dwell = own[own["dwell"] == dwell]
        for seed, run in of_dwell.groupby("seed"):
            branches = {
                direction: run[run["direction"] == direction]
                .sort_values("weight_decay")
                .set_index("weight_decay")
                for direction in _LOOKS
            }
            if quantity == "difference":
                losses = [branches[direction]["penalised_loss"] for direction in _LOOKS]
                values = (losses[0] - losses[1]).dropna()
                axes.plot(
                    values.index, values, color=COLOURS[place], lw=0.8, marker=".", gid=f"{gid}{dwell}-{seed}"
                )
                continue
            for direction, look in _LOOKS.items():
                values = _broken_at_gaps(branches[direction][quantity])
                line: dict[str, Any] = {
                    "color": COLOURS[place],
                    "lw": 0.8,
                    "gid": f"{gid}{dwell}-{direction}-{seed}",
                }
                axes.plot(values.index, values, **line, **look)


def _broken_at_gaps(branch: pd.Series) -> pd.Series:
    """With a NaN where the next penalty is more than 1.5 times the one before: a stage began elsewhere."""
    gammas = branch.index.to_numpy(dtype=float)
    gaps = gammas[:-1][gammas[1:] > 1.5 * gammas[:-1]] * 1.2
    broken: pd.Series = pd.concat([branch, pd.Series(np.nan, index=gaps)]).sort_index()
    return broken


def _theory(probes: pd.DataFrame, size: str) -> pd.Series:
    """gamma_c of each seed, by the last checkpoint of an entry."""
    rows = probes[(probes["size"] == size) & (probes["quantity"] == "critical_penalty_value_output")]
    return rows.sort_values("step").groupby("seed")["value"].last()


def _finding(stages: pd.DataFrame, theory: dict[str, pd.Series]) -> str:
    """How wide the loops are, by the length of the stages: ln of the ratio of the branches' ends, means."""
    parts = []
    for width, expected in theory.items():
        own = stages[stages["width"] == width]
        told = []
        for quantity, name in (("attention_excess", "attention"), ("value_output_norm", "$OV$")):
            if not (own[quantity] > THRESHOLDS[quantity]).any():
                told.append(f"no {name}")
                continue
            loops = {dwell: _mean_loop(own[own["dwell"] == dwell], quantity) for dwell in _DWELLS}
            wide = [f"{loop:.2f} ({_DWELLS[dwell][0]})" for dwell, loop in loops.items() if loop is not None]
            told.append(f"{name}'s {', '.join(wide)}" if wide else f"{name} ends on no branch")
        linear = f" (linear response: {expected.mean():.2g})" if len(expected) else ""
        parts.append(f"$d={width}$: {', '.join(told)}{linear}")
    return rf"Widths of loops in $\ln\,\gamma$ (length of stages), {'; '.join(parts)}"


def _mean_loop(stages: pd.DataFrame, quantity: str) -> float | None:
    """Mean over seeds; None where the branches share few penalties, or do not end between them."""
    widths, threshold = [], THRESHOLDS[quantity]
    for _, run in stages.groupby("seed"):
        up, down = (
            run[run["direction"] == direction].sort_values("weight_decay").set_index("weight_decay")[quantity]
            for direction in _LOOKS
        )
        ended = all((branch > threshold).any() and branch.iloc[-1] <= threshold for branch in (up, down))
        if ended and len(up.index.intersection(down.index)) >= FEWEST_POINTS:
            widths.append(loop_width(up, down, threshold))
    return sum(widths) / len(widths) if widths else None


def _legend(stages: pd.DataFrame, theory: dict[str, pd.Series]) -> LegendGroup:
    entries = [
        legend_line("penalty raised", color="0.3", **_LOOKS["up"]),
        legend_line("lowered again", color="0.3", **_LOOKS["down"]),
    ]
    for place, (dwell, (length, manner)) in enumerate(_DWELLS.items()):
        if (stages["dwell"] == dwell).any():
            entries.append(legend_line(f"stages of {length}{manner}", color=COLOURS[place]))
    if any(len(values) for values in theory.values()):
        entries.append(legend_line(r"$\gamma_c$ of $OV$ by linear response", **_THEORY))
    return LegendGroup(entries)
