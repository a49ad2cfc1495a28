"""Phase diagram: attention, O V, progress and penalised losses against the penalty, swept up and down."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from orderparam.analysis.branches import FEWEST_POINTS, loop_width, loss_crossing, stage_ends
from orderparam.errors import RecordError
from orderparam.figures.layout import LegendGroup, legend_line, start_figure
from orderparam.figures.style import COLOURS, GREY, PAGE_WIDTH, REFERENCE, describe_seeds, styled
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
_WAYS: dict[str, dict[str, Any]] = {
    "up": {"linestyle": "-"},
    "down": {"linestyle": (0, (4, 2)), "markerfacecolor": "none"},
}


@dataclass(frozen=True)
class Dwell:
    """How long an entry's stages are, in those of 1x, how they are made, and how they are drawn.

    Stages that are `held` do not follow each other, so that no line joins them; only the enlargement shows
    those, and the `long` ones. Those at `one_rate` fluctuate at their ends.
    """

    name: str
    colour: str
    markers: str = "^v"
    size: float = 3.2
    held: bool = False
    long: bool = False
    one_rate: bool = False

    @property
    def enlarged_only(self) -> bool:
        """Its stages lie in the enlarged part, and would hide each other elsewhere."""
        return self.held or self.long

    def look(self, way: str) -> dict[str, Any]:
        """Arguments of `plot` for its branch `up` or `down`."""
        width = 0.0 if self.held else 1.6 if self.long else 0.7
        look = {"color": self.colour, "marker": self.markers[way == "down"], "markersize": self.size}
        return {**_WAYS[way], **look, "linewidth": width, "zorder": 3 if self.enlarged_only else 2}


ANNEALED = "-annealed"
# By the ending of an entry's name.
_DWELLS = {
    "": Dwell("1x", COLOURS[0]),
    "-4x": Dwell("4x", COLOURS[1]),
    "-16x": Dwell("16x", COLOURS[2]),
    "-fine": Dwell("2x, 6% apart", COLOURS[3]),
    "-held": Dwell("15x, each from the start", COLOURS[4], "ss", 4.6, held=True),
    "-constant": Dwell(
        "60x, each from the start, at one learning rate", COLOURS[5], "DD", 5, held=True, one_rate=True
    ),
    "-slow": Dwell("25x, at one learning rate", COLOURS[6], "^v", 5.5, long=True, one_rate=True),
    "-slow-256": Dwell(
        "25x, batches of 256, at one learning rate", "#b2182b", "^v", 5.5, long=True, one_rate=True
    ),
    ANNEALED: Dwell("20x, annealed from a third of the learning rate", COLOURS[2], "^v", 5.5, long=True),
    "-turned": Dwell(
        "20x, annealed, turned back where attention has halved", "#762a83", "^v", 5.5, long=True
    ),
}
_ENTRY = rf"^d(\d+)-(up|down)({'|'.join(filter(None, _DWELLS))})?(?:-low|-high)?$"
_THEORY: dict[str, Any] = {"color": GREY, "linewidth": 1.2, "linestyle": "-."}
# At one learning rate, over how many a stage's end is averaged.
_MEASUREMENTS = 10
# How much wider the enlarged part is than the stages for which it is drawn, and its panels than others.
_MARGIN, _ENLARGED = 1.08, 1.7


@styled
def draw(metrics: pd.DataFrame, probes: pd.DataFrame, entropies: pd.DataFrame) -> Figure:
    """A column for each width, of entries `d<width>-up`, `d<width>-down`, and those with a dwell.

    Each seed is a line through the ends of its stages, means of ten measurements where the learning rate does
    not fall. A second column enlarges the penalties of those that last longest. The vertical line is gamma_c,
    below which linear response makes O V = 0 unstable in a model trained without attention (`probes` of
    `d<width>-ablated`), its band the range over seeds. `entropies` gives H_2 and H_3 of progress phi.
    """
    ends, means = stage_ends(metrics), stage_ends(metrics, _MEASUREMENTS)
    named = ends["size"].str.extract(_ENTRY)
    named.columns = ["width", "direction", "dwell"]
    named = named.fillna({"dwell": ""})
    steady = named["dwell"].isin([ending for ending, dwell in _DWELLS.items() if dwell.one_rate])
    stages = pd.concat([means.where(steady, ends), named], axis="columns").dropna(subset="width")
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
    figure = start_figure(PAGE_WIDTH, height, seeds, _legend(stages, theory), title=finding)
    columns: list[tuple[str, tuple[float, float] | None]] = []
    for width in widths:
        part = _enlarged_part(stages[stages["width"] == width])
        columns += [(width, None), *([(width, part)] if part else [])]
    ratios = [_ENLARGED if part else 1 for _, part in columns]
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
        grid[0, column].set_title("the shaded part" if part else f"$d={width}$")
        grid[-1, column].set_xlabel(r"penalty $\gamma$")
        if part:
            for axes in grid[:, column - 1]:
                axes.axvspan(*part, color="0.9", lw=0, zorder=0)
    return figure


def _enlarged_part(own: pd.DataFrame) -> tuple[float, float] | None:
    """The penalties of a width's longest stages, and a little more; None where it has none."""
    longest = [ending for ending, dwell in _DWELLS.items() if dwell.enlarged_only]
    penalties = own.loc[own["dwell"].isin(longest), "weight_decay"]
    return (penalties.min() / _MARGIN, penalties.max() * _MARGIN) if len(penalties) else None


def _draw_panel(
    axes: Axes, own: pd.DataFrame, quantity: str, part: tuple[float, float] | None, theory: pd.Series
) -> None:
    """A quantity of a width, at all penalties or, enlarged, in a part of them."""
    if part:
        own = own[own["weight_decay"].between(*part)]
        axes.set_xlim(*part)
        axes.xaxis.set_major_locator(MaxNLocator(3))
        axes.xaxis.set_major_formatter("{x:.4g}")
    else:
        axes.set_xscale("log")
    _draw_branches(axes, own, quantity, f"{quantity}-{own['width'].iloc[0]}", bool(part))
    if len(theory) and (part is None or part[0] < theory.mean() < part[1]):
        axes.axvspan(theory.min(), theory.max(), alpha=0.25, color=_THEORY["color"], lw=0)
        axes.axvline(theory.mean(), **_THEORY)
    axes.axhline(0, zorder=1, **REFERENCE)


def _draw_branches(axes: Axes, own: pd.DataFrame, quantity: str, gid: str, enlarged: bool) -> None:
    gid = f"{gid}-enlarged" if enlarged else gid
    for ending, dwell in _DWELLS.items():
        if dwell.enlarged_only and not enlarged:
            continue
        for seed, run in own[own["dwell"] == ending].groupby("seed"):
            branches = {
                way: run[run["direction"] == way].sort_values("weight_decay").set_index("weight_decay")
                for way in _WAYS
            }
            if quantity == "difference":
                losses = [branches[way]["penalised_loss"] for way in _WAYS]
                values = (losses[0] - losses[1]).dropna()
                look = {**dwell.look("up"), "marker": dwell.markers[0] if dwell.held else "o"}
                look["markersize"] = 0.8 * dwell.size
                axes.plot(values.index, values, gid=f"{gid}{ending}-{seed}", **look)
                continue
            for way in _WAYS:
                values = _broken_at_gaps(branches[way][quantity])
                axes.plot(values.index, values, gid=f"{gid}{ending}-{way}-{seed}", **dwell.look(way))


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
    """At how much larger penalties attention and O V are lost than come back, by the length of the stages."""
    parts, any_loop = [], False
    for width, expected in reversed(theory.items()):
        own = stages[stages["width"] == width]
        told = []
        for quantity, name in (("attention_excess", "attention"), ("value_output_norm", "$OV$")):
            if not (own[quantity] > THRESHOLDS[quantity]).any():
                told.append(f"no {name}")
                continue
            loops = {ending: _mean_loop(own[own["dwell"] == ending], quantity) for ending in _DWELLS}
            factors = [
                f"{math.exp(loop):.2f} ({_DWELLS[ending].name.split(',')[0]})"
                for ending, loop in loops.items()
                if loop is not None
            ]
            down = own.loc[own["direction"] == "down", quantity]
            back = down.empty or (down > THRESHOLDS[quantity]).any()
            lost = "ends on no branch" if back else "does not come back"
            told.append(f"{name} {', '.join(factors) or lost}")
            any_loop |= bool(factors)
        linear = f" (linear response: {expected.mean():.2g})" if len(expected) else ""
        parts.append(f"$d={width}$: {', '.join(told)}{linear}")
    crossings = {width: _mean_crossing(stages[stages["width"] == width]) for width in theory}
    pairs = [f"{place:.2g} ($d={width}$)" for width, place in crossings.items() if place]
    same = f"Two states of attention cost the same at $\\gamma$ = {', '.join(pairs)}. " if pairs else ""
    meaning = (
        "Attention and $OV$ are lost at a multiple of the penalty at which they come back (length of stages)"
        if any_loop
        else "The penalty is raised and lowered again"
    )
    return f"{same}{meaning}. {'. '.join(parts)}"


def _mean_crossing(stages: pd.DataFrame) -> float | None:
    """Where the penalised losses of annealed stages cross, mean over seeds; None where they do not."""
    places = []
    for _, run in stages[stages["dwell"] == ANNEALED].groupby("seed"):
        losses = run.pivot_table("penalised_loss", "weight_decay", "direction")
        if losses.shape[1] == len(_WAYS):
            places.append(loss_crossing(losses["up"], losses["down"]))
    places = [place for place in places if math.isfinite(place)]
    return sum(places) / len(places) if places else None


def _mean_loop(stages: pd.DataFrame, quantity: str) -> float | None:
    """Mean over seeds; None where the branches share few penalties, or do not end between them."""
    widths, threshold = [], THRESHOLDS[quantity]
    for _, run in stages.groupby("seed"):
        up, down = (
            run[run["direction"] == direction].sort_values("weight_decay").set_index("weight_decay")[quantity]
            for direction in _WAYS
        )
        ended = all((branch > threshold).any() and branch.iloc[-1] <= threshold for branch in (up, down))
        if ended and len(up.index.intersection(down.index)) >= FEWEST_POINTS:
            widths.append(loop_width(up, down, threshold))
    return sum(widths) / len(widths) if widths else None


def _legend(stages: pd.DataFrame, theory: dict[str, pd.Series]) -> list[LegendGroup]:
    grey: dict[str, Any] = {"color": "0.3", "markersize": 3.2}
    ways = [
        legend_line("penalty raised, or begun with attention", marker="^", **grey, **_WAYS["up"]),
        legend_line("lowered, or begun without", marker="v", **grey, **_WAYS["down"]),
    ]
    if any(len(values) for values in theory.values()):
        ways.append(legend_line(r"$\gamma_c$ of $OV$ by linear response", **_THEORY))
    dwells = [
        legend_line(f"stages of {dwell.name}", **dwell.look("up"))
        for ending, dwell in _DWELLS.items()
        if (stages["dwell"] == ending).any()
    ]
    return [LegendGroup(ways), LegendGroup(dwells)]
