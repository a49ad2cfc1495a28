"""Claims of the article that are judged against its own numbers."""

from __future__ import annotations

import math

from orderparam.analysis.published_values import FEWEST_RUNS, prediction_interval
from orderparam.analysis.scaling import count_parameters
from orderparam.claims.evidence import MACHINE, Evidence
from orderparam.claims.registry import claim_test
from orderparam.claims.verdict import (
    INCONCLUSIVE,
    NOT_TESTED,
    REFUTED,
    SUPPORTED,
    Finding,
    Interval,
    NotTestedError,
)


@claim_test("comparison.csv")
def published_values_are_predicted(
    evidence: Evidence, *, quantity: str, sizes: list[str], expected: float = 0.95, least: float = 0.8
) -> Finding:
    """The published values lie inside the runs' prediction intervals as often as these promise.

    Supported if the exact interval of the share inside lies above `least`, refuted if below `expected`.
    Values without an interval, of fewer than three runs, do not count; nor does step 0.
    Values of one run at successive steps are not independent; the interval takes them so.
    """
    known = evidence.rows("comparison.csv", quantity=quantity).dropna(subset=["inside"])
    lacking = [size for size in sizes if size not in set(known["size"])]
    known = known[known["size"].isin(sizes)]
    if known.empty:
        raise NotTestedError(f"no prediction interval of {quantity}; it takes {FEWEST_RUNS} runs of a size")
    inside = known["inside"].astype(str).str.lower() == "true"
    share = Interval.of_share(int(inside.sum()), len(inside))
    note = f"{int(inside.sum())} of {len(inside)} inside, sizes {', '.join(known['size'].unique())}"
    ruling = INCONCLUSIVE
    if share.upper < expected:
        ruling = REFUTED
    elif share.lower > least:
        ruling = SUPPORTED
    if lacking:
        note += f"; fewer than {FEWEST_RUNS} runs of {', '.join(lacking)}"
        ruling = REFUTED if ruling == REFUTED else NOT_TESTED
    statistic = f"share of published values of {quantity} inside 95% prediction intervals"
    return Finding(statistic, share, note, ruling=ruling)


@claim_test("derivative.csv")
def slope_extremum_is_predicted(
    evidence: Evidence, *, size: str, order_parameter: float, from_step: int = 2000, precision: float = 0.1
) -> Finding:
    """The published b of the steepest dL/db is what the runs predict.

    Of each seed, b at the checkpoint with the steepest backward difference from `from_step` on. Supported
    if the published value lies inside the seeds' 95% prediction interval and that is narrower than
    `precision` of the value to each side, refuted if it lies outside.
    """
    runs = evidence.runs("derivative.csv", size).values()
    marked = [run[run["step"] >= from_step].dropna(subset=["dloss_dorder"]) for run in runs]
    steepest = [run.iloc[int(run["dloss_dorder"].argmin())] for run in marked if len(run) > 1]
    places = [float(row["order_parameter"]) for row in steepest]
    if not places:
        raise NotTestedError(f"{size}: no checkpoints from step {from_step} on")
    interval = Interval(sum(places) / len(places), *prediction_interval(places))
    ruling = INCONCLUSIVE
    if not interval.lower <= order_parameter <= interval.upper:
        ruling = INCONCLUSIVE if math.isnan(interval.lower) else REFUTED
    elif (interval.upper - interval.lower) / 2 < precision * order_parameter:
        ruling = SUPPORTED
    seeds = f"{len(places)} seed{'' if len(places) == 1 else 's'}"
    if len(places) < FEWEST_RUNS:
        seeds += f", and an interval takes {FEWEST_RUNS}"
    note = f"{size}, {seeds}; published {order_parameter:g}; the interval is for one further run"
    return Finding("b of the steepest dL/db", interval, note, ruling=ruling)


@claim_test()
def sizes_span_orders_of_magnitude(
    evidence: Evidence, *, sizes: list[str], stated: float, characters: int
) -> Finding:
    """The parameter counts of the sizes span as many orders of magnitude as stated, to within a half.

    Counted from the shapes of the models and the number of `characters` of the text; no run is needed.
    """
    missing = [size for size in sizes if size not in evidence.shapes]
    if missing:
        raise NotTestedError(f"no such size in this experiment: {', '.join(missing)}")
    counts = [count_parameters(evidence.shapes[size], characters) for size in sizes]
    span = Interval.exact(math.log10(max(counts) / min(counts)))
    note = f"{min(counts):,} to {max(counts):,} parameters; stated {stated:g}; exact, by arithmetic"
    return Finding("orders of magnitude of the parameter counts", span, note, stated - 0.5, stated + 0.5)


@claim_test("throughput.csv", MACHINE)
def training_takes_minutes(evidence: Evidence, *, size: str, steps: int, minutes: float) -> Finding:
    """`steps` updates of a size take about `minutes` on a GPU: at most twice as many.

    Judged by the engine's measured quartiles of seconds per step, if they were measured on a GPU.
    """
    machine = evidence.manifest(MACHINE)
    row = evidence.rows("throughput.csv", size=size, implementation="engine", quantity="step").iloc[0]
    names = ("median_seconds", "lower_quartile_seconds", "upper_quartile_seconds")
    interval = Interval(*(float(row[name]) * steps / 60 for name in names))
    where = machine.get("gpu") or f"one thread of a CPU ({machine.get('processor')}), not on a GPU"
    note = f"{steps:,} steps of {size} on {where}; seconds per step and their quartiles"
    ruling = None if "gpu" in machine else NOT_TESTED
    return Finding("minutes of training", interval, note, high=2 * minutes, ruling=ruling)
