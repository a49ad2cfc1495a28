"""Claims that something rises or falls all along training."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from orderparam.claims.evidence import Evidence
from orderparam.claims.intervals import judge_sizes, mean_interval
from orderparam.claims.monotone import estimate_noise, least_rise, tolerance_of
from orderparam.claims.registry import claim_test
from orderparam.claims.verdict import INCONCLUSIVE, REFUTED, SUPPORTED, NotTestedError, Verdict

Vector = NDArray[np.float64]

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
    allow_noise: bool = False,
) -> Verdict:
    """b at each step exceeds b at all steps before it, at every `every`-th step or all that were measured."""

    def margin(run: pd.DataFrame) -> float:
        b = run["order_parameter"].to_numpy(dtype=float)
        return least_rise(b) + (_tolerance(run["step"], b) if allow_noise else 0.0)

    return _over_runs(evidence, sizes, every, from_step, margin, "least rise of b", allow_noise)


@claim_test("metrics.csv")
def loss_falls_with_order_parameter(
    evidence: Evidence,
    *,
    sizes: list[str] | None = None,
    every: int | None = None,
    from_step: int = 0,
    allow_noise: bool = False,
) -> Verdict:
    """In the order of b, the training loss is at each step below that at all smaller b."""

    def margin(run: pd.DataFrame) -> float:
        ordered = run.drop_duplicates("order_parameter").sort_values("order_parameter")
        b, loss = (ordered[name].to_numpy(dtype=float) for name in ("order_parameter", "train_loss"))
        tolerance = tolerance_of(estimate_noise(b, loss), loss.size) if allow_noise else 0.0
        return least_rise(-loss) + tolerance

    return _over_runs(evidence, sizes, every, from_step, margin, "least fall of L along b", allow_noise)


@claim_test("derivative.csv")
def slope_has_no_extremum(
    evidence: Evidence, *, sizes: list[str] | None = None, from_step: int = 0, expected: bool = True
) -> Verdict:
    """|dL/db|, by backward differences between checkpoints, falls all along from `from_step` on.

    Where it is not `expected`, the claim is that it rises somewhere. Its noise is allowed for.
    """
    table = evidence.table("derivative.csv")
    chosen, missing = evidence.sizes("derivative.csv", sizes)
    values: dict[str, list[float]] = {}
    for size in chosen:
        margins = []
        of_size = table[(table["size"] == size) & (table["step"] >= from_step)]
        for _, run in of_size.groupby("seed", sort=False):
            slope = run.dropna(subset=["dloss_dorder"])
            if len(slope) >= 2 * _FEWEST_STEPS:
                steepness = slope["dloss_dorder"].to_numpy(dtype=float)
                margins.append(least_rise(steepness) + _tolerance(slope["step"], steepness))
        if margins:
            values[size] = margins
        else:
            missing[size] = f"fewer than {2 * _FEWEST_STEPS} slopes from step {from_step} on"
    bounds = {"low": 0.0} if expected else {"high": 0.0}
    statistic = "least fall of |dL/db| (nats)"
    return judge_sizes(values, missing, statistic, evidence.path("derivative.csv"), _TOLERANCE, **bounds)


@claim_test("metrics.csv")
def validation_turns_up(evidence: Evidence, *, size: str, earliest: int, latest: int) -> Verdict:
    """The validation loss is least between the two steps, rises then, and the training loss falls on."""
    table = evidence.table("metrics.csv")
    chosen, missing = evidence.sizes("metrics.csv", [size])
    if not chosen:
        raise NotTestedError(f"{size}: {missing[size]}")
    rises, falls, turns = [], [], []
    for _, run in table[table["size"] == size].groupby("seed", sort=False):
        ordered = run.sort_values("step")
        if ordered["step"].iloc[-1] <= latest:
            raise NotTestedError(f"{size}: the runs end at step {ordered['step'].iloc[-1]}, before {latest}")
        losses = ordered["val_loss"].to_numpy(dtype=float)
        lowest = int(np.argmin(losses))
        rises.append(losses[-1] - losses[lowest] - _tolerance(ordered["step"], losses))
        falls.append(float(ordered["train_loss"].iloc[lowest] - ordered["train_loss"].iloc[-1]))
        turns.append(float(ordered["step"].iloc[lowest]))
    rise, fall, turn = (mean_interval(values) for values in (rises, falls, turns))
    verdict = INCONCLUSIVE
    if rise.upper <= 0 or fall.upper <= 0 or turn.upper < earliest or turn.lower > latest:
        verdict = REFUTED
    elif rise.lower > 0 and fall.lower > 0 and turn.lower >= earliest and turn.upper <= latest:
        verdict = SUPPORTED
    note = (
        f"{size}, {len(rises)} seeds; least at step {turn.value:.0f} ({turn.lower:.0f} to {turn.upper:.0f}); "
        f"training falls by {fall.value:.4g} ({fall.lower:.4g} to {fall.upper:.4g}) after it; "
        + _TOLERANCE.replace("plus", "less", 1)
    )
    return Verdict(
        verdict,
        "rise of the validation loss after its minimum (nats)",
        rise.value,
        rise.lower,
        rise.upper,
        evidence.path("metrics.csv"),
        note,
    )


def _over_runs(
    evidence: Evidence,
    sizes: list[str] | None,
    every: int | None,
    from_step: int,
    margin: Callable[[pd.DataFrame], float],
    statistic: str,
    allow_noise: bool,
) -> Verdict:
    table = evidence.table("metrics.csv")
    chosen, missing = evidence.sizes("metrics.csv", sizes)
    table = table[table["step"] >= from_step]
    grid = table if every is None else table[table["step"] % every == 0]
    values = {}
    for size in chosen:
        runs = [run.sort_values("step") for _, run in grid[grid["size"] == size].groupby("seed", sort=False)]
        if runs and min(map(len, runs)) >= _FEWEST_STEPS:
            values[size] = [margin(run) for run in runs]
        else:
            spacing = f" at multiples of {every}" if every else ""
            missing[size] = f"fewer than {_FEWEST_STEPS} measured steps{spacing} from {from_step} on"
    note = _TOLERANCE if allow_noise else "no tolerance"
    return judge_sizes(values, missing, statistic, evidence.path("metrics.csv"), note, low=0.0)


def _tolerance(steps: pd.Series, values: Vector) -> float:
    noise = estimate_noise(np.log1p(steps.to_numpy(dtype=float)), values)
    return tolerance_of(noise, values.size)
