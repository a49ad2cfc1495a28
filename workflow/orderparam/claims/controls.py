"""Claims about what remains without attention, and about weight decay."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from orderparam.claims.evidence import Evidence
from orderparam.claims.registry import claim_test
from orderparam.claims.sizes import judge_sizes
from orderparam.claims.verdict import (
    CONFIDENCE,
    INCONCLUSIVE,
    REFUTED,
    SUPPORTED,
    Finding,
    Interval,
    NotTestedError,
)

# Share of a run, at its end, over which a loss or b counts as final.
_LAST = 0.1
_NAMES = {
    "order_parameter": "b",
    "train_loss": "training loss",
    "previous_token_mass": "the attention mass on the previous token",
}


@claim_test("metrics.csv", "entropies.csv")
def loss_floors_at_entropy(
    evidence: Evidence, *, sizes: list[str], tolerance: float, order: int = 2
) -> Finding:
    """The training loss ends within `tolerance` (nats) of the entropy of `order` of the size's text."""

    def measure(size: str) -> np.ndarray:
        return final_values(evidence, size, "train_loss") - evidence.entropy(size, order)

    statistic = f"final training loss less H_{order} (nats)"
    note = f"mean over the last {_LAST:.0%} of the steps; {tolerance:g} nats allowed"
    return judge_sizes(evidence, sizes, measure, statistic, note, low=-tolerance, high=tolerance)


@claim_test("metrics.csv")
def weight_decay_has_zero_phase(evidence: Evidence, *, prefix: str, share: float) -> Finding:
    """At the strongest decay of the entries `prefix`..., b ends below `share` of its initial value.

    Steps of the learning rate's size keep Adam's weights from zero: 0.001 a weight is 1% of the initial b.
    """
    sweep = _sweep(evidence, prefix)
    strongest, first = max(sweep, key=lambda size: sweep[size]), next(iter(sweep))
    runs = sorted(evidence.runs("metrics.csv", first).items())
    initial = [run["order_parameter"].iloc[0] for _, run in runs]
    ratio = Interval.of_mean(final_values(evidence, strongest, "order_parameter") / initial)
    note = (
        f"{strongest}, {len(initial)} seeds, b over that of {first} at step 0; {_drift(evidence, strongest)}"
    )
    return Finding("final b over initial b", ratio, note, high=share)


@claim_test("metrics.csv", "entropies.csv")
def strongest_decay_leaves_unigrams(evidence: Evidence, *, prefix: str, tolerance: float) -> Finding:
    """At the strongest decay of the entries `prefix`..., the loss ends at H_1, within `tolerance` (nats).

    That is the loss of a head whose weights are zero and whose bias is free; one that is zero altogether
    has the logarithm of the number of characters.
    """
    sweep = _sweep(evidence, prefix)
    strongest = max(sweep, key=lambda size: sweep[size])
    losses = final_values(evidence, strongest, "train_loss")
    above = Interval.of_mean(losses - evidence.entropy(strongest, 1))
    note = f"{strongest}, {losses.size} seeds; {tolerance:g} nats allowed"
    return Finding("final training loss less H_1 (nats)", above, note, -tolerance, tolerance)


@claim_test("metrics.csv")
def weight_decay_has_hysteresis(
    evidence: Evidence,
    *,
    prefix: str,
    factor: float,
    quantity: Literal["order_parameter", "train_loss"] = "order_parameter",
) -> Finding:
    """At some weight decay, b at convergence differs by more than `factor` between the sweeps up and down.

    Or, with `quantity` train_loss, the training loss. Entries are named `<prefix>-up-<decay>` and
    `<prefix>-down-<decay>`. Seeds are paired; intervals are Student's, with Bonferroni's correction for
    the number of decays.
    """
    return _compare_sweeps(evidence, prefix, factor, quantity)


@claim_test("probes.csv", "metrics.csv")
def attention_has_two_branches(evidence: Evidence, *, prefix: str, factor: float) -> Finding:
    """At some decay the attention mass on the previous token differs by more than `factor` up and down.

    At the end of each stage, of the head that has most. Otherwise as `weight_decay_has_hysteresis`.
    """
    return _compare_sweeps(evidence, prefix, factor, "previous_token_mass")


def _compare_sweeps(evidence: Evidence, prefix: str, factor: float, quantity: str) -> Finding:
    up, down = (_sweep(evidence, f"{prefix}-{way}-") for way in ("up", "down"))
    size_of = {decay: size for size, decay in reversed(down.items())}
    pairs = {decay: (size, size_of[decay]) for size, decay in up.items() if decay in size_of}
    if not pairs:
        raise NotTestedError(f"no weight decay of {prefix} is swept both ways")
    level = 1 - (1 - CONFIDENCE) / len(pairs)
    ratios = {}
    for decay, (one, two) in pairs.items():
        first, second = (final_values(evidence, size, quantity) for size in (one, two))
        if first.size != second.size:
            raise NotTestedError(f"{one} and {two} have different numbers of seeds")
        ratios[decay] = Interval.of_mean(np.abs(np.log(first / second)), level)
    verdicts = {decay: ratio.decide(low=math.log(factor)) for decay, ratio in ratios.items()}
    decay = max(ratios, key=lambda key: (verdicts[key] == SUPPORTED, ratios[key].value))
    # One decay with a difference shows hysteresis; its absence takes all of them.
    ruling = INCONCLUSIVE
    if verdicts[decay] == SUPPORTED:
        ruling = SUPPORTED
    elif all(verdict == REFUTED for verdict in verdicts.values()):
        ruling = REFUTED
    ratio, (one, two) = ratios[decay], pairs[decay]
    apart = [f"{each:g}" for each in sorted(verdicts) if verdicts[each] == SUPPORTED]
    ends = [float(final_values(evidence, size, quantity).mean()) for size in (one, two)]
    note = (
        f"{one} {ends[0]:.3g} and {two} {ends[1]:.3g}, largest of {len(pairs)} decays, apart at "
        f"{', '.join(apart) or 'none'}; {_drift(evidence, one)}; {_drift(evidence, two)}; what still drifts "
        "is not at convergence"
    )
    value, lower, upper = np.exp([ratio.value, ratio.lower, ratio.upper]).tolist()
    interval = Interval(value, lower, upper, ratio.freedom, level)
    statistic = f"ratio of {_NAMES[quantity]} between the sweeps"
    return Finding(statistic, interval, note, low=factor, ruling=ruling, looks=len(pairs))


def final_values(evidence: Evidence, size: str, column: str) -> np.ndarray:
    """Of each seed of a size, the mean of a column over the last tenth of the steps.

    `previous_token_mass` is the attention's at the last probed step, of the head that has most.
    """
    if column == "previous_token_mass":
        probes = evidence.rows("probes.csv", size=size, quantity="attention_mass", order=1)
        last = probes[probes["step"] == probes["step"].max()]
        return np.asarray(last.groupby("seed")["value"].max(), dtype=np.float64)
    table = evidence.rows("metrics.csv", size=size)
    late = table[table["step"] >= (1 - _LAST) * table["step"].max()]
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


def _drift(evidence: Evidence, size: str) -> str:
    mean = evidence.rows("metrics.csv", size=size).groupby("step")["order_parameter"].mean()
    late = mean[mean.index >= (1 - 2 * _LAST) * mean.index.max()]
    change = late.iloc[-1] / late.iloc[0] - 1 if late.iloc[0] > 0 else 0.0
    return f"b of {size} changes by {change:+.1%} over the last {2 * _LAST:.0%} of the steps"
