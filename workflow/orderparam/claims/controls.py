"""Claims about what remains without attention, and about weight decay."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from orderparam.claims.evidence import Evidence
from orderparam.claims.intervals import CONFIDENCE, decide, judge_interval, judge_sizes, mean_interval
from orderparam.claims.plateau import entropy_of
from orderparam.claims.registry import claim_test
from orderparam.claims.verdict import INCONCLUSIVE, REFUTED, SUPPORTED, NotTestedError, Verdict

# Share of a run, at its end, over which a loss or b counts as final.
_LAST = 0.1
_NAMES = {"order_parameter": "b", "train_loss": "training loss"}


@claim_test("metrics.csv", "entropies.csv")
def loss_floors_at_entropy(
    evidence: Evidence, *, sizes: list[str], order: int = 2, tolerance: float = 0.05
) -> Verdict:
    """The training loss ends within `tolerance` (nats) of the entropy of `order` of the size's text."""
    chosen, missing = evidence.sizes("metrics.csv", sizes)
    values = {
        size: final_values(evidence, size, "train_loss") - entropy_of(evidence, size, order)
        for size in chosen
    }
    note = f"mean over the last {_LAST:.0%} of the steps; {tolerance:g} nats allowed"
    return judge_sizes(
        values,
        missing,
        f"final training loss less H_{order} (nats)",
        evidence.path("metrics.csv"),
        note,
        low=-tolerance,
        high=tolerance,
    )


@claim_test("metrics.csv")
def weight_decay_has_zero_phase(evidence: Evidence, *, prefix: str, share: float = 0.05) -> Verdict:
    """At the strongest decay of the entries `prefix`..., b ends below `share` of its initial value.

    Steps of the learning rate's size keep Adam's weights from zero: 0.001 a weight is 1% of the initial b.
    """
    sweep = _sweep(evidence, prefix)
    strongest, first = max(sweep, key=lambda size: sweep[size]), next(iter(sweep))
    initial = evidence.table("metrics.csv").query("size == @first").sort_values("step")
    start = initial.groupby("seed")["order_parameter"].first()
    ratio = mean_interval(final_values(evidence, strongest, "order_parameter") / start.to_numpy())
    note = f"{strongest}, {len(start)} seeds, b over that of {first} at step 0; {_drift(evidence, strongest)}"
    return judge_interval(ratio, "final b over initial b", evidence.path("metrics.csv"), note, high=share)


@claim_test("metrics.csv", "entropies.csv")
def strongest_decay_leaves_unigrams(evidence: Evidence, *, prefix: str, tolerance: float = 0.05) -> Verdict:
    """At the strongest decay of the entries `prefix`..., the loss ends at H_1, within `tolerance` (nats).

    That is the loss of a head whose weights are zero and whose bias is free; one that is zero altogether
    has the logarithm of the number of characters.
    """
    sweep = _sweep(evidence, prefix)
    strongest = max(sweep, key=lambda size: sweep[size])
    losses = final_values(evidence, strongest, "train_loss")
    above = mean_interval(losses - entropy_of(evidence, strongest, 1))
    note = f"{strongest}, {losses.size} seeds; {tolerance:g} nats allowed"
    path = evidence.path("metrics.csv")
    return judge_interval(above, "final training loss less H_1 (nats)", path, note, -tolerance, tolerance)


@claim_test("metrics.csv")
def weight_decay_has_hysteresis(
    evidence: Evidence, *, prefix: str, quantity: str = "order_parameter", factor: float = 1.1
) -> Verdict:
    """At some weight decay, b at convergence differs by more than `factor` between the sweeps up and down.

    Or, with `quantity` train_loss, the training loss. Entries are named `<prefix>-up-<decay>` and
    `<prefix>-down-<decay>`. Seeds are paired; intervals are Student's, with Bonferroni's correction for
    the number of decays.
    """
    up, down = (_sweep(evidence, f"{prefix}-{way}-") for way in ("up", "down"))
    by_decay = {
        decay: (size, next((s for s in down if down[s] == decay), None)) for size, decay in up.items()
    }
    pairs = {decay: (one, two) for decay, (one, two) in by_decay.items() if two is not None}
    if not pairs:
        raise NotTestedError(f"no weight decay of {prefix} is swept both ways")
    level = 1 - (1 - CONFIDENCE) / len(pairs)
    ratios = {}
    for decay, (one, two) in pairs.items():
        first, second = (final_values(evidence, size, quantity) for size in (one, two))
        if first.size != second.size:
            raise NotTestedError(f"{one} and {two} have different numbers of seeds")
        ratios[decay] = mean_interval(np.abs(np.log(first / second)), level)
    verdicts = {decay: decide(ratio, low=math.log(factor)) for decay, ratio in ratios.items()}
    decay = max(ratios, key=lambda key: (verdicts[key] == SUPPORTED, ratios[key].value))
    # One decay with a difference is hysteresis; none is shown only where all of them show none.
    overall = INCONCLUSIVE
    if verdicts[decay] == SUPPORTED:
        overall = SUPPORTED
    elif all(verdict == REFUTED for verdict in verdicts.values()):
        overall = REFUTED
    ratio, (one, two) = ratios[decay], pairs[decay]
    note = (
        f"{one} and {two}, largest of {len(pairs)} decays; {_drift(evidence, one, quantity)}; "
        f"{_drift(evidence, two, quantity)}; "
        "what still drifts is not at convergence"
    )
    value, lower, upper = np.exp([ratio.value, ratio.lower, ratio.upper])
    path = evidence.path("metrics.csv")
    statistic = f"ratio of {_NAMES[quantity]} between the sweeps"
    return Verdict(overall, statistic, value, lower, upper, path, note)


def final_values(evidence: Evidence, size: str, column: str) -> np.ndarray:
    """Of each seed of a size, the mean of a column over the last tenth of the steps."""
    table = evidence.table("metrics.csv")
    of_size = table[table["size"] == size]
    late = of_size[of_size["step"] >= (1 - _LAST) * of_size["step"].max()]
    return np.asarray(late.groupby("seed")[column].mean(), dtype=np.float64)


def _sweep(evidence: Evidence, prefix: str) -> dict[str, float]:
    """The weight decay of each entry whose name begins with `prefix`, in the experiment's order."""
    sizes, _ = evidence.sizes("metrics.csv", None)
    sweep = {
        size: float(evidence.shapes[size]["weight_decay"])
        for size in sizes
        if size.startswith(prefix) and size in evidence.shapes
    }
    if not sweep:
        raise NotTestedError(f"no entry of this experiment begins with {prefix}")
    return sweep


def _drift(evidence: Evidence, size: str, quantity: str = "order_parameter") -> str:
    table = evidence.table("metrics.csv")
    mean: pd.Series = table[table["size"] == size].groupby("step")[quantity].mean()
    late = mean[mean.index >= (1 - 2 * _LAST) * mean.index.max()]
    change = late.iloc[-1] / late.iloc[0] - 1 if late.iloc[0] > 0 else 0.0
    return f"{_NAMES[quantity]} of {size} changes by {change:+.1%} over the last {2 * _LAST:.0%} of the steps"
