"""Claims of the write-up that are judged against its own numbers."""

from __future__ import annotations

import math

from orderparam.analysis.published_values import prediction_interval
from orderparam.claims.evidence import MACHINE, Evidence
from orderparam.claims.intervals import Interval, decide, judge_interval, share_interval
from orderparam.claims.registry import claim_test
from orderparam.claims.verdict import INCONCLUSIVE, NOT_TESTED, REFUTED, SUPPORTED, NotTestedError, Verdict


@claim_test("comparison.csv")
def published_values_are_predicted(
    evidence: Evidence,
    *,
    quantity: str,
    sizes: list[str],
    expected: float = 0.95,
    least: float = 0.8,
) -> Verdict:
    """The published values lie inside the prediction intervals of the runs as often as these say.

    Supported if the exact interval of the share inside lies above `least`, refuted if below `expected`.
    Values of one run at successive steps are not independent; the interval takes them so.
    """
    table = evidence.table("comparison.csv")
    known = table[(table["quantity"] == quantity) & table["inside"].notna()]
    lacking = [size for size in sizes if size not in set(known["size"])]
    known = known[known["size"].isin(sizes)]
    path = evidence.path("comparison.csv")
    if known.empty:
        raise NotTestedError(f"{path} has no prediction interval of {quantity}; it takes two runs of a size")
    inside = known["inside"].astype(str).str.lower() == "true"
    interval = share_interval(int(inside.sum()), len(inside))
    verdict = INCONCLUSIVE
    if interval.upper < expected:
        verdict = REFUTED
    elif interval.lower > least:
        verdict = SUPPORTED
    if lacking and verdict != REFUTED:
        verdict = NOT_TESTED
    note = f"{int(inside.sum())} of {len(inside)} inside, sizes {', '.join(known['size'].unique())}"
    if lacking:
        note += f"; no two runs of {', '.join(lacking)}"
    return Verdict(
        verdict,
        f"share of published values of {quantity} inside 95% prediction intervals",
        interval.value,
        interval.lower,
        interval.upper,
        path,
        note,
    )


@claim_test("derivative.csv")
def slope_extremum_is_predicted(
    evidence: Evidence, *, size: str, order_parameter: float, from_step: int = 2000, precision: float = 0.1
) -> Verdict:
    """The published b of the steepest dL/db is what the runs predict.

    Of each seed, b at the checkpoint with the steepest backward difference from `from_step` on. Supported
    if the published value lies inside the seeds' 95% prediction interval and that is narrower than
    `precision` of the value to each side, refuted if it lies outside.
    """
    table = evidence.table("derivative.csv")
    chosen, missing = evidence.sizes("derivative.csv", [size])
    if not chosen:
        raise NotTestedError(f"{size}: {missing[size]}")
    rows = table[(table["size"] == size) & (table["step"] >= from_step)].dropna(subset=["dloss_dorder"])
    places = [
        float(run["order_parameter"].iloc[int(run["dloss_dorder"].argmin())])
        for _, run in rows.groupby("seed", sort=False)
        if len(run) > 1
    ]
    if not places:
        raise NotTestedError(f"{size}: no checkpoints from step {from_step} on")
    lower, upper = prediction_interval(places)
    verdict = INCONCLUSIVE
    if not math.isnan(lower):
        inside = lower <= order_parameter <= upper
        narrow = (upper - lower) / 2 < precision * order_parameter
        verdict = REFUTED if not inside else SUPPORTED if narrow else INCONCLUSIVE
    seeds = "1 seed gives no interval" if len(places) == 1 else f"{len(places)} seeds"
    return Verdict(
        verdict,
        "b of the steepest dL/db",
        sum(places) / len(places),
        lower,
        upper,
        evidence.path("derivative.csv"),
        f"{size}, {seeds}; published {order_parameter:g}; the interval is for one further run",
    )


@claim_test("verification.csv")
def sizes_span_orders_of_magnitude(evidence: Evidence, *, sizes: list[str], stated: float) -> Verdict:
    """The parameter counts of the sizes span as many orders of magnitude as stated, to half a one."""
    chosen, missing = evidence.sizes("verification.csv", sizes)
    if missing:
        raise NotTestedError(f"no such size in this experiment: {', '.join(missing)}")
    table = evidence.table("verification.csv")
    counts = table[table["size"].isin(chosen)]["parameters"]
    note = f"{counts.min():,} to {counts.max():,} parameters; stated {stated:g}; exact"
    return judge_interval(
        Interval.exact(math.log10(counts.max() / counts.min())),
        "orders of magnitude of the parameter counts",
        evidence.path("verification.csv"),
        note,
        stated - 0.5,
        stated + 0.5,
    )


@claim_test("throughput.csv", MACHINE)
def training_takes_minutes(evidence: Evidence, *, size: str, steps: int, minutes: float) -> Verdict:
    """So many updates of a size take about `minutes` (half to twice as many, or fewer) on a GPU.

    Judged by the engine's measured quartiles of seconds per step, if they were measured on a GPU.
    """
    table, machine = evidence.table("throughput.csv"), evidence.manifest(MACHINE)
    rows = table[
        (table["size"] == size) & (table["implementation"] == "engine") & (table["quantity"] == "step")
    ]
    path = evidence.path("throughput.csv")
    if rows.empty:
        raise NotTestedError(f"{path} has no seconds per step of {size}")
    names = ("median_seconds", "lower_quartile_seconds", "upper_quartile_seconds")
    median, lower, upper = (float(rows[name].iloc[0]) * steps / 60 for name in names)
    on_gpu = "gpu" in machine
    verdict = decide(Interval(median, lower, upper), high=2 * minutes) if on_gpu else NOT_TESTED
    where = machine.get("gpu") or f"one thread of a CPU ({machine.get('processor')}), not on a GPU"
    note = f"{steps:,} steps of {size} on {where}; seconds per step and their quartiles"
    return Verdict(verdict, "minutes of training", median, lower, upper, path, note)
