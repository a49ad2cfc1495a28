"""Claims about what attention looks at, and which n-gram predictor a model is closest to, at the escape."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd

from orderparam.claims.evidence import Evidence
from orderparam.claims.registry import MetricsColumn, claim_test
from orderparam.claims.sizes import judge_sizes
from orderparam.claims.verdict import Finding

_FEWEST_PROBES = 4


@claim_test("probes.csv", "metrics.csv", "entropies.csv")
def previous_token_mass_rises_at_escape(evidence: Evidence, *, sizes: list[str] | None = None) -> Finding:
    """The attention mass on the previous token, of the head that has most, is higher after the escape.

    Before is the last probed step at which the training loss is above H_2, after the first one below
    the middle of H_2 and H_3.
    """

    def measure(size: str) -> list[float]:
        high = evidence.entropy(size, 2)
        middle = (high + evidence.entropy(size, 3)) / 2
        rises = []
        for loss, probes in _probed_runs(evidence, size, "attention_mass", 1):
            mass = probes.groupby("step")["value"].max()
            losses = loss.reindex(mass.index).dropna()
            before, after = losses.index[losses > high], losses.index[losses < middle]
            if len(before) and len(after):
                rises.append(float(mass[after.min()] - mass[before.max()]))
        return rises

    statistic = "rise of the largest mass on the previous token"
    lacking = "no probed steps on both sides of the escape"
    return judge_sizes(evidence, sizes, measure, statistic, lacking=lacking, low=0.0, table="probes.csv")


@claim_test("metrics.csv")
def grows_before(
    evidence: Evidence,
    *,
    first: MetricsColumn,
    second: MetricsColumn,
    growth: float,
    sizes: list[str] | None = None,
) -> Finding:
    """The column `first` of a run exceeds `growth` times its initial value before `second` does.

    A column that never does counts from the run's last step.
    """

    def measure(size: str) -> list[float]:
        ratios = []
        for run in evidence.runs("metrics.csv", size).values():
            table = run.dropna(subset=[first, second]).set_index("step")
            if len(table):
                times = [_time_of_growth(table[column], growth) for column in (first, second)]
                ratios.append(math.log(times[0] / times[1]))
        return ratios

    statistic = f"ln of the step at which {first} has grown by {growth:g}, over that of {second}"
    lacking = "neither was measured"
    return judge_sizes(evidence, sizes, measure, statistic, lacking=lacking, high=0.0)


def _time_of_growth(values: pd.Series, growth: float) -> int:
    grown = values.index[values > growth * values.iloc[0]]
    return max(int(grown[0] if len(grown) else values.index[-1]), 1)


@claim_test("probes.csv", "metrics.csv", "entropies.csv")
def divergence_is_least_at_passage(
    evidence: Evidence, *, window: float, sizes: list[str] | None = None, order: int = 2
) -> Finding:
    """The KL divergence from the n-gram predictor of `order` is least where the loss passes its entropy.

    The statistic is the training loss at the probed step of the least divergence, less the entropy; the claim
    puts it within `window` (nats).
    """

    def measure(size: str) -> list[float]:
        level = evidence.entropy(size, order)
        distances = []
        for loss, probes in _probed_runs(evidence, size, "ngram_divergence", order):
            divergence = probes.set_index("step")["value"]
            shared = divergence.index.intersection(loss.index)
            if len(shared) >= _FEWEST_PROBES:
                distances.append(float(loss.loc[shared].to_numpy()[divergence.loc[shared].argmin()]) - level)
        return distances

    statistic = f"loss where the divergence from order {order} is least, less H_{order} (nats)"
    lacking = f"fewer than {_FEWEST_PROBES} probed steps"
    return judge_sizes(
        evidence, sizes, measure, statistic, lacking=lacking, low=-window, high=window, table="probes.csv"
    )


def _probed_runs(
    evidence: Evidence, size: str, quantity: str, order: int
) -> Iterator[tuple[pd.Series, pd.DataFrame]]:
    """Of each seed of a size, the training loss by step, and the rows of one probe."""
    probes = evidence.table("probes.csv")
    of_size = probes[(probes["size"] == size) & (probes["quantity"] == quantity) & (probes["order"] == order)]
    for seed, run in evidence.runs("metrics.csv", size).items():
        yield run.set_index("step")["train_loss"], of_size[of_size["seed"] == seed]
