"""Phase diagram: attention, O V, progress and penalised losses against the penalty, swept up and down."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from orderparam.analysis.branches import loss_crossing
from orderparam.figures.layout import LegendGroup, legend_line, start_figure
from orderparam.figures.stages import (
    ANNEALED,
    DWELLS,
    THRESHOLDS,
    TURNED,
    branches_of,
    find_loops,
    read_stages,
)
from orderparam.figures.style import COLOURS, GREY, PAGE_WIDTH, REFERENCE, describe_seeds, styled
from orderparam.tables import find_entropies

_PANEL_HEIGHT = 1.25
_ROWS = {
    "attention_excess": "attention on\nprevious token,\nless uniform's",
    "value_output_norm": r"$\|OV\|_F$",
    "progress": r"$\varphi=\frac{H_2-L}{H_2-H_3}$",
    "difference": "penalised loss,\nup less down\n(nats)",
}
_WAYS: dict[str, dict[str, Any]] = {
    "up": {"linestyle": "-"},
    "down": {"linestyle": (0, (4, 2)), "markerfacecolor": "none"},
}
_MARKERS = {"up": "^", "down": "v"}
_SWEPT: dict[str, Any] = {"markersize": 3.2, "linewidth": 0.7}
_AT_REST: dict[str, Any] = {"markersize": 4.5, "linewidth": 1.2}
# By the ending of an entry's name, what is drawn at all penalties, and in the enlarged part; others are in
# figures/loop_width.py alone.
_OVERVIEW = {
    "": {**_SWEPT, "color": COLOURS[0]},
    "-4x": {**_SWEPT, "color": COLOURS[1]},
    "-16x": {**_SWEPT, "color": COLOURS[3]},
}
_ENLARGED = {ANNEALED: {**_AT_REST, "color": COLOURS[2]}, TURNED: {**_AT_REST, "color": "#762a83"}}
_THEORY: dict[str, Any] = {"color": GREY, "linewidth": 1.2, "linestyle": "-."}
# How much wider the enlarged part is than the stages for which it is drawn, and its panels than others.
_MARGIN, _WIDER = 1.08, 1.7


@styled
def draw(metrics: pd.DataFrame, probes: pd.DataFrame, entropies: pd.DataFrame) -> Figure:
    """A column for each width, of entries `d<width>-up`, `d<width>-down`, and those of 4x and 16x.

    Each seed is a line through the ends of its stages. A second column, where a width has annealed stages,
    shows these alone: they are at rest. The vertical line is gamma_c, below which linear response makes
    O V = 0 unstable in a model trained without attention (`probes` of `d<width>-ablated`), its band the range
    over seeds. `entropies` gives H_2 and H_3 of progress phi.
    """
    stages = read_stages(metrics, [*_OVERVIEW, *_ENLARGED])
    high, low = (find_entropies(entropies, (n,), stages["size"].iloc[0])[n] for n in (2, 3))
    stages = stages.assign(progress=(high - stages["train_loss"]) / (high - low))
    widths = sorted(stages["width"].unique(), key=int)
    theory = {width: _theory(probes, f"d{width}-ablated") for width in widths}
    seeds = f"{describe_seeds(stages['seed'])}, a line for each, at the ends of stages"
    height = _PANEL_HEIGHT * len(_ROWS) + 0.4
    finding = _finding(stages, theory)
    figure = start_figure(PAGE_WIDTH, height, seeds, _legend(stages, theory), title=finding)
    columns: list[tuple[str, tuple[float, float] | None]] = []
    for width in widths:
        part = _enlarged_part(stages[stages["width"] == width])
        columns += [(width, None), *([(width, part)] if part else [])]
    ratios = [_WIDER if part else 1 for _, part in columns]
    grid = figure.subplots(len(_ROWS), len(columns), squeeze=False, sharex="col", width_ratios=ratios)
    overviews = [column for column, (_, part) in enumerate(columns) if part is None]
    for row, (quantity, label) in enumerate(_ROWS.items()):
        for column, (width, part) in enumerate(columns):
            axes = grid[row, column]
            if column in overviews[1:]:
                axes.sharey(grid[row, 0])
                axes.tick_params(labelleft=False)
            _draw_panel(axes, stages[stages["width"] == width], quantity, part, theory[width])
        grid[row, 0].set_ylabel(label)
    for column, (width, part) in enumerate(columns):
        grid[0, column].set_title("at rest" if part else f"$d={width}$")
        grid[-1, column].set_xlabel(r"$\gamma$ / $10^{-3}$" if part else r"penalty $\gamma$")
        if part:
            for axes in grid[:, column - 1]:
                axes.axvspan(*part, color="0.9", lw=0, zorder=0)
    return figure


def _enlarged_part(own: pd.DataFrame) -> tuple[float, float] | None:
    """The penalties of a width's annealed stages, and a little more; None where it has none."""
    penalties = own.loc[own["dwell"].isin(list(_ENLARGED)), "weight_decay"]
    return (penalties.min() / _MARGIN, penalties.max() * _MARGIN) if len(penalties) else None


def _draw_panel(
    axes: Axes, own: pd.DataFrame, quantity: str, part: tuple[float, float] | None, theory: pd.Series
) -> None:
    """A quantity of a width, at all penalties or, enlarged, in a part of them."""
    if part:
        axes.set_xlim(*part)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.xaxis.set_major_formatter(lambda gamma, _: f"{1000 * gamma:.3g}")
    else:
        axes.set_xscale("log")
    _draw_branches(axes, own, quantity, f"{quantity}-{own['width'].iloc[0]}", bool(part))
    if len(theory) and (part is None or part[0] < theory.mean() < part[1]):
        axes.axvspan(theory.min(), theory.max(), alpha=0.25, color=_THEORY["color"], lw=0)
        axes.axvline(theory.mean(), **_THEORY)
    axes.axhline(0, zorder=1, **REFERENCE)


def _draw_branches(axes: Axes, own: pd.DataFrame, quantity: str, gid: str, enlarged: bool) -> None:
    gid = f"{gid}-enlarged" if enlarged else gid
    for ending, look in (_ENLARGED if enlarged else _OVERVIEW).items():
        for seed, run in own[own["dwell"] == ending].groupby("seed"):
            branches = branches_of(run)
            if quantity == "difference":
                losses = [branches[way]["penalised_loss"] for way in _WAYS]
                values = (losses[0] - losses[1]).dropna()
                axes.plot(values.index, values, gid=f"{gid}{ending}-{seed}", marker="o", **look)
                continue
            for way, of_way in _WAYS.items():
                values = _broken_at_gaps(branches[way][quantity])
                drawn = {**look, **of_way, "marker": _MARKERS[way]}
                axes.plot(values.index, values, gid=f"{gid}{ending}-{way}-{seed}", **drawn)


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
    """Where two states cost the same, or else what comes back of attention and O V; and linear response."""
    crossings = {width: _mean_crossing(stages[stages["width"] == width]) for width in theory}
    pairs = [f"{place:.2g} ($d={width}$)" for width, place in crossings.items() if place]
    if pairs:
        return (
            f"Two states at rest, with attention and with less or none, cost the same at $\\gamma$ = "
            f"{', '.join(pairs)}: a jump from one to the other"
        )
    parts = []
    for width, expected in reversed(theory.items()):
        own = stages[stages["width"] == width]
        told = [
            f"{name} {_outcome(own, quantity)}"
            for quantity, name in (("attention_excess", "attention"), ("value_output_norm", "$OV$"))
        ]
        linear = f" (linear response: {expected.mean():.2g})" if len(expected) else ""
        parts.append(f"$d={width}$: {', '.join(told)}{linear}")
    return f"The penalty is raised and lowered again. {'. '.join(parts)}"


def _outcome(own: pd.DataFrame, quantity: str) -> str:
    """What became of a quantity of one width, when the penalty was raised and lowered."""
    present = own[quantity] > THRESHOLDS[quantity]
    loops = find_loops(own, quantity)
    if not present.any():
        return "is never there"
    if len(loops):
        factor = math.exp(loops.loc[loops["dwell"] == loops["dwell"].iloc[0], "loop"].mean())
        return f"is lost at {factor:.2f} times the penalty at which it comes back"
    down = present[own["direction"] == "down"]
    return "ends on no branch" if down.empty or down.any() else "does not come back"


def _mean_crossing(stages: pd.DataFrame) -> float | None:
    """Where the penalised losses of two annealed states cross, mean over seeds; None where they do not.

    Where attention differs by no more than what counts as attention, both ways have come to one state.
    """
    places = []
    for _, run in stages[stages["dwell"] == ANNEALED].groupby("seed"):
        both = run.pivot_table(["penalised_loss", "attention_excess"], "weight_decay", "direction")
        if both.shape[1] == 2 * len(_WAYS):
            attention, losses = both["attention_excess"], both["penalised_loss"]
            two = (attention["up"] - attention["down"]).abs() > THRESHOLDS["attention_excess"]
            places.append(loss_crossing(losses["up"][two], losses["down"][two]))
    places = [place for place in places if math.isfinite(place)]
    return sum(places) / len(places) if places else None


def _legend(stages: pd.DataFrame, theory: dict[str, pd.Series]) -> list[LegendGroup]:
    grey: dict[str, Any] = {"color": "0.3", "markersize": 3.2}
    ways = [
        legend_line("penalty raised, or begun with attention", marker="^", **grey, **_WAYS["up"]),
        legend_line("lowered, or begun without", marker="v", **grey, **_WAYS["down"]),
    ]
    if stages["dwell"].isin(list(_ENLARGED)).any():
        ways.append((Patch(color="0.9"), "the part that is shown at rest on its right"))
    if any(len(values) for values in theory.values()):
        ways.append(legend_line(r"$\gamma_c$ of $OV$ by linear response", **_THEORY))
    dwells = [
        legend_line(f"stages of {DWELLS[ending].name}", marker="o", **look)
        for ending, look in {**_OVERVIEW, **_ENLARGED}.items()
        if (stages["dwell"] == ending).any()
    ]
    return [LegendGroup(ways), LegendGroup(dwells)]
