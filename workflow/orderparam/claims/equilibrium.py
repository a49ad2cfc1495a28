"""Claims about attention under a penalty that is raised stage by stage and lowered again.

Sizes are entries `<width>-down...`; the upward branch is the entry of the same name with `up`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Literal

import numpy as np
import pandas as pd

from orderparam.analysis.branches import (
    branch_end,
    critical_exponent,
    crossing_in_loop,
    largest_fall,
    loop_width,
    stage_ends,
    steepest_slope,
)
from orderparam.claims.evidence import Evidence
from orderparam.claims.registry import claim_test, column_of
from orderparam.claims.sizes import judge_sizes
from orderparam.claims.verdict import Finding, Interval, NotTestedError
from orderparam.tables import METRICS

Branch = Callable[[str], pd.Series]
Product = Literal["value_output", "query_key"]
BranchColumn = Annotated[str, column_of(METRICS, "penalised_loss")]


@claim_test("metrics.csv", "probes.csv")
def attention_returns_at_linear_response(
    evidence: Evidence, *, sizes: list[str], threshold: float, factor: float
) -> Finding:
    """O V leaves zero on the way down within `factor` of gamma_c, by linear response without attention.

    It has left zero where its norm is above `threshold`. gamma_c is that of the last checkpoint of the entry
    `<width>-ablated`, of the same seed.
    """

    def measure(size: str) -> list[float]:
        ablated = f"{size.split('-')[0]}-ablated"
        probes = evidence.rows("probes.csv", size=ablated, quantity="critical_penalty_value_output")
        expected = probes.sort_values("step").groupby("seed")["value"].last()
        found = _branches(evidence, size)
        ends = {seed: branch_end(branch("value_output_norm"), threshold) for seed, branch in found.items()}
        return [math.log(end / expected[seed]) for seed, end in ends.items() if seed in expected]

    statistic = "ln(gamma where |O V| arises / gamma_c of linear response)"
    high = math.log(factor)
    lacking = "no seed has both"
    return judge_sizes(evidence, sizes, measure, statistic, lacking=lacking, low=-high, high=high)


@claim_test("metrics.csv", "probes.csv")
def zero_is_left_by_linear_response(
    evidence: Evidence,
    *,
    sizes: list[str],
    product: Product,
    threshold: float,
    factor: float,
) -> Finding:
    """On the way down a product leaves zero where linear response on the model's own weights says so.

    `product` is value_output or query_key. It has left zero where its norm is above `threshold`. Linear
    response is `critical_penalty_<product>` (of the head where it is largest) at the end of the last stage
    before, since the rest follows a product that has grown. The two penalties are to lie within `factor`.
    """

    def measure(size: str) -> list[float]:
        found = []
        for seed, branch in _branches(evidence, size).items():
            end = branch_end(branch(f"{product}_norm"), threshold)
            found.append(math.log(end / _critical_penalty(evidence, size, seed, branch, product, threshold)))
        return [ratio for ratio in found if math.isfinite(ratio)]

    statistic = f"ln(gamma where {product}_norm leaves zero / gamma where linear response lets it)"
    high = math.log(factor)
    lacking = "it is zero at no stage"
    return judge_sizes(evidence, sizes, measure, statistic, lacking=lacking, low=-high, high=high)


@claim_test("metrics.csv", "probes.csv")
def branch_ends_with_exponent(
    evidence: Evidence,
    *,
    sizes: list[str],
    column: BranchColumn,
    threshold: float,
    low: float,
    high: float,
    product: Product | None = None,
) -> Finding:
    """An observable vanishes as (gamma_c - gamma)^beta, with beta between `low` and `high`.

    gamma_c is fitted, or that of `zero_is_left_by_linear_response` for a `product`.
    """

    def measure(size: str) -> list[float]:
        found = []
        for seed, branch in _branches(evidence, size).items():
            end = product and _critical_penalty(evidence, size, seed, branch, product, threshold)
            found.append(critical_exponent(branch(column), threshold, end)[1])
        return [beta for beta in found if math.isfinite(beta)]

    lacking = "fewer than four stages, or no end, above the threshold"
    return judge_sizes(evidence, sizes, measure, f"beta of {column}", lacking=lacking, low=low, high=high)


@claim_test("metrics.csv")
def branches_part(
    evidence: Evidence,
    *,
    sizes: list[str],
    column: BranchColumn,
    threshold: float,
    low: float = -math.inf,
    high: float = math.inf,
) -> Finding:
    """The upward branch is above `threshold` up to a larger penalty than the downward one.

    The statistic, ln of the ratio of these penalties, lies between `low` and `high`.
    """

    def measure(size: str) -> list[float]:
        return list(_widths(evidence, size, column, threshold).values())

    statistic = f"width of the loop of {column} in ln gamma"
    return judge_sizes(evidence, sizes, measure, statistic, low=low, high=high)


@claim_test("metrics.csv")
def loop_persists(
    evidence: Evidence, *, sizes: list[str], dwell: str, column: BranchColumn, threshold: float, share: float
) -> Finding:
    """With longer stages, entries `<size><dwell>`, the loop keeps more than `share` of its width."""

    def measure(size: str) -> list[float]:
        short, long = (_widths(evidence, name, column, threshold) for name in (size, size + dwell))
        shared = sorted(short.keys() & long.keys())
        if not all(short[seed] > 0 for seed in shared):
            raise NotTestedError("no loop at the shorter stages")
        return [long[seed] / short[seed] for seed in shared]

    statistic = f"width of the loop at {dwell.strip('-')} over that at 1x"
    lacking = "no seed has both"
    return judge_sizes(evidence, sizes, measure, statistic, lacking=lacking, low=share)


@claim_test("metrics.csv")
def fall_survives_finer_stages(
    evidence: Evidence, *, sizes: list[str], finer: str, column: BranchColumn, share: float
) -> Finding:
    """With stages closer together, entries `<size><finer>`, an observable still falls as much in one step.

    More than `share` of the most that it falls at once between the same penalties: a jump falls as much, a
    continuous law less and less.
    """

    def measure(size: str) -> list[float]:
        falls = []
        for coarse, fine in _pairs(evidence, size, size + finer).values():
            wide, narrow = coarse(column), fine(column)
            ends = narrow.index[0], narrow.index[-1]
            if (at_once := largest_fall(wide, *ends)) > 0:
                falls.append(largest_fall(narrow, *ends) / at_once)
        return falls

    statistic = f"largest fall of {column} in a step, at finer stages over that at 1x"
    lacking = "no seed has both, and a fall between the same penalties"
    return judge_sizes(evidence, sizes, measure, statistic, lacking=lacking, low=share)


@claim_test("metrics.csv")
def branches_agree(
    evidence: Evidence, *, sizes: list[str], column: BranchColumn, within: float, rows: int = 1
) -> Finding:
    """The two branches of an observable differ nowhere by more than `within`, as in equilibrium.

    Each stage counts with its mean over its last `rows`.
    """

    def measure(size: str) -> list[float]:
        pairs = _pairs(evidence, _up(size), size, rows).values()
        most = [float((up(column) - down(column)).abs().max()) for up, down in pairs]
        return [difference for difference in most if math.isfinite(difference)]

    statistic = f"largest difference of {column} between the branches"
    lacking = "no seed has both branches at one penalty"
    return judge_sizes(evidence, sizes, measure, statistic, lacking=lacking, high=within)


@claim_test("metrics.csv")
def penalised_losses_cross_in_loop(
    evidence: Evidence, *, sizes: list[str], column: BranchColumn, threshold: float
) -> Finding:
    """The penalised losses of the branches cross between the penalties where the branches end."""

    def measure(size: str) -> list[float]:
        places = []
        for up, down in _pairs(evidence, _up(size), size).values():
            ends = branch_end(down(column), threshold), branch_end(up(column), threshold)
            places.append(crossing_in_loop(up("penalised_loss"), down("penalised_loss"), ends))
        return [place for place in places if math.isfinite(place)]

    statistic = "place of the crossing, from 0 at the loop's lower end to 1 at its upper"
    lacking = "no stage lies in a loop"
    return judge_sizes(evidence, sizes, measure, statistic, lacking=lacking, low=0.0, high=1.0)


@claim_test("metrics.csv", "probes.csv")
def directions_go_one_by_one(
    evidence: Evidence, *, sizes: list[str], product: Product, threshold: float, share: float
) -> Finding:
    """No stage of the way up takes more than `share` of the directions that a product has at its start.

    Directions are singular values above `threshold` of the head that has most of them, at the start and at
    the ends of stages. A seed counts if the last stage leaves at most one.
    """

    def measure(size: str) -> list[float]:
        rows = evidence.rows("probes.csv", size=size, quantity=f"{product}_singular_value")
        above = rows.assign(above=rows["value"] > threshold)
        counts = above.groupby(["seed", "step", "head"])["above"].sum().groupby(["seed", "step"]).max()
        falls = []
        for seed, branch in _branches(evidence, size).items():
            if seed not in counts.index:
                continue
            left = counts[seed].reindex([0, *branch("step")]).dropna().to_numpy()
            if left[-1] <= 1 < left[0]:
                falls.append(-np.diff(left).min() / left[0])
        return falls

    statistic = f"most directions of {product} that a stage takes, over those at the start"
    lacking = "no seed has been probed and loses its directions"
    return judge_sizes(evidence, sizes, measure, statistic, lacking=lacking, high=share)


@claim_test("metrics.csv")
def slope_grows_with_width(
    evidence: Evidence, *, sizes: list[str], column: BranchColumn, low: float, relative: bool = False
) -> Finding:
    """The steepest slope of an observable by ln gamma on the way up grows as width^x, with x above `low`.

    Where `relative`, the slope over what the observable is at the smallest penalty.
    """
    logs = []
    for size in sizes:
        up = _up(size)
        for branch in _branches(evidence, up).values():
            values = branch(column)
            slope = steepest_slope(values / values.iloc[0] if relative else values)
            logs.append((math.log(evidence.shapes[up]["d_model"]), math.log(slope)))
    if len({width for width, _ in logs}) < 2:
        raise NotTestedError("an exponent over widths takes runs of two widths at least")
    interval = Interval.of_slope(*np.array(logs).T)
    note = f"{len(logs)} runs of {len(sizes)} widths"
    of = f"{column} over its value at the smallest penalty" if relative else column
    return Finding(f"exponent of the steepest slope of {of} over widths", interval, note, low=low)


def _widths(evidence: Evidence, size: str, column: BranchColumn, threshold: float) -> dict[int, float]:
    """Of each seed that has both branches, the width of its loop."""
    pairs = _pairs(evidence, _up(size), size)
    return {seed: loop_width(up(column), down(column), threshold) for seed, (up, down) in pairs.items()}


def _critical_penalty(
    evidence: Evidence, size: str, seed: int, branch: Branch, product: Product, threshold: float
) -> float:
    """`critical_penalty_<product>` where it was last zero on the way down; NaN where at no stage."""
    probes = evidence.rows("probes.csv", size=size, seed=seed, quantity=f"critical_penalty_{product}")
    by_step = probes.groupby("step")["value"].max()
    still_zero = branch("step")[branch("weight_decay") > branch_end(branch(f"{product}_norm"), threshold)]
    return float(by_step[still_zero.iloc[0]]) if len(still_zero) else math.nan


def _up(size: str) -> str:
    return size.replace("-down", "-up")


def _pairs(evidence: Evidence, one: str, other: str, rows: int = 1) -> dict[int, tuple[Branch, Branch]]:
    """The branches of two entries, of each seed that has both."""
    first, second = _branches(evidence, one, rows), _branches(evidence, other, rows)
    return {seed: (first[seed], second[seed]) for seed in sorted(first.keys() & second.keys())}


def _branches(evidence: Evidence, size: str, rows: int = 1) -> dict[int, Branch]:
    """Of each seed of an entry, its branch of a column."""
    ends = stage_ends(evidence.rows("metrics.csv", size=size), rows)

    def branch_of(seed: int) -> Branch:
        own = ends[ends["seed"] == seed].sort_values("weight_decay").set_index("weight_decay", drop=False)
        return lambda column: own[column]

    return {int(seed): branch_of(int(seed)) for seed in sorted(ends["seed"].unique())}
