"""Claims that something rises or falls all along training, with a tolerance for its own noise."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pandas as pd

from orderparam.analysis.monotonicity import (
    estimate_noise,
    least_rise,
    rises_after_minimum,
    tolerance_along,
    tolerance_of,
)
from orderparam.claims.evidence import Evidence
from orderparam.claims.registry import claim_test
from orderparam.claims.sizes import judge_sizes
from orderparam.claims.verdict import INCONCLUSIVE, REFUTED, SUPPORTED, Finding, NotTestedError

_FEWEST_STEPS = 3
_TOLERANCE = (
    "plus a tolerance: the difference that noise alone exceeds in 5% of runs, noise by distances from the "
    "line through neighbours (along log step, or b), Bonferroni over pairs of steps"
)


@claim_test("metrics.csv")
def order_parameter_rises(
    evidence: Evidence,
    *,
    sizes: list[str] | None = None,
    every: int | None = None,
    from_step: int = 0,
) -> Finding:
    """b at each step exceeds b at all earlier ones, of every `every`-th step or of all measured ones.

    b is read off the weights and has no noise of measurement: one fall in one run refutes.
    """

    def margin(run: pd.DataFrame) -> float:
        return least_rise(run["order_parameter"])

    return _over_runs(evidence, sizes, every, from_step, margin, "least rise of b", allow_noise=False)


@claim_test("metrics.csv")
def loss_falls_with_order_parameter(
    evidence: Evidence,
    *,
    sizes: list[str] | None = None,
    every: int | None = None,
    from_step: int = 0,
    allow_noise: bool = False,
) -> Finding:
    """In the order of b, the training loss is at each step below that at all smaller b."""

    def margin(run: pd.DataFrame) -> float:
        ordered = run.drop_duplicates("order_parameter").sort_values("order_parameter")
        b, loss = ordered["order_parameter"], ordered["train_loss"]
        tolerance = tolerance_of(estimate_noise(b, loss), len(loss)) if allow_noise else 0.0
        return least_rise(-loss) + tolerance

    return _over_runs(evidence, sizes, every, from_step, margin, "least fall of L along b", allow_noise)


def _over_runs(
    evidence: Evidence,
    sizes: list[str] | None,
    every: int | None,
    from_step: int,
    margin: Callable[[pd.DataFrame], float],
    statistic: str,
    allow_noise: bool,
) -> Finding:
    def measure(size: str) -> list[float]:
        runs = evidence.runs("metrics.csv", size).values()
        chosen = [run[(run["step"] >= from_step) & (run["step"] % (every or 1) == 0)] for run in runs]
        return [margin(run) for run in chosen] if min(map(len, chosen)) >= _FEWEST_STEPS else []

    spacing = f" at multiples of {every}" if every else ""
    lacking = f"fewer than {_FEWEST_STEPS} measured steps{spacing} from {from_step} on"
    note = _TOLERANCE if allow_noise else "no tolerance"
    return judge_sizes(evidence, sizes, measure, statistic, note, lacking=lacking, low=0.0, universal=True)


@claim_test("derivative.csv")
def slope_has_no_extremum(
    evidence: Evidence, *, sizes: list[str] | None = None, from_step: int = 0, expected: bool = True
) -> Finding:
    """|dL/db|, by backward differences between checkpoints, falls all along from `from_step` on.

    Where it is not `expected`, the claim is that it rises somewhere. Its noise is allowed for.
    """
    fewest = 2 * _FEWEST_STEPS
    spans: set[float] = set()

    def measure(size: str) -> list[float]:
        runs = evidence.runs("derivative.csv", size).values()
        slopes = [run[run["step"] >= from_step].dropna(subset=["dloss_dorder"]) for run in runs]
        spans.update(*(slope["interval"].dropna() for slope in slopes))
        return [
            least_rise(slope["dloss_dorder"]) + tolerance_along(slope["step"], slope["dloss_dorder"])
            for slope in slopes
            if len(slope) >= fewest
        ]

    # That a slope only flattens is said of every run; that it steepens, of runs in the mean.
    low, high = (0.0, math.inf) if expected else (-math.inf, 0.0)
    statistic, lacking = (
        "least fall of |dL/db| (nats)",
        f"fewer than {fewest} slopes from step {from_step} on",
    )
    finding = judge_sizes(
        evidence,
        sizes,
        measure,
        statistic,
        _TOLERANCE,
        lacking=lacking,
        low=low,
        high=high,
        universal=expected,
        table="derivative.csv",
    )
    if len(spans) < 2:
        return finding
    # Means over wide intervals can show that the slope steepens somewhere, and never that it does so nowhere.
    ruling = INCONCLUSIVE if finding.verdict == (SUPPORTED if expected else REFUTED) else finding.ruling
    note = f"mean slopes over {min(spans):,.0f} to {max(spans):,.0f} steps, which hide what is shorter"
    return replace(finding, ruling=ruling, note=f"{note}; {finding.note}")


@claim_test("metrics.csv")
def validation_turns_up(evidence: Evidence, *, size: str, earliest: int, latest: int) -> Finding:
    """The validation loss is least between the two steps, rises then, and the training loss falls on."""
    runs = evidence.runs("metrics.csv", size).values()
    if not runs:
        raise NotTestedError(f"{size}: no such size in this experiment")
    rises, falls, turns = [], [], []
    for run in runs:
        if run["step"].iloc[-1] <= latest:
            raise NotTestedError(f"{size}: the runs end at step {run['step'].iloc[-1]}, before {latest}")
        lowest, excess = rises_after_minimum(run["step"], run["val_loss"])
        rises.append(excess)
        falls.append(float(run["train_loss"].iloc[lowest] - run["train_loss"].iloc[-1]))
        turns.append(float(run["step"].iloc[lowest]))
    rise, fall, turn = (evidence.mean(values) for values in (rises, falls, turns))
    ruling = INCONCLUSIVE
    if rise.upper <= 0 or fall.upper <= 0 or turn.upper < earliest or turn.lower > latest:
        ruling = REFUTED
    elif rise.lower > 0 and fall.lower > 0 and turn.lower >= earliest and turn.upper <= latest:
        ruling = SUPPORTED
    note = (
        f"{size}, {evidence.count(rises)}; "
        f"least at step {turn.value:.0f} ({turn.lower:.0f} to {turn.upper:.0f}); "
        f"training falls by {fall.value:.4g} ({fall.lower:.4g} to {fall.upper:.4g}) after it; "
        + _TOLERANCE.replace("plus", "less", 1)
    )
    return Finding("rise of the validation loss after its minimum (nats)", rise, note, ruling=ruling)
