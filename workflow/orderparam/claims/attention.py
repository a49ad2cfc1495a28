"""Claims about what attention looks at, and which n-gram predictor a model is closest to, at the escape."""

from __future__ import annotations

import pandas as pd

from orderparam.claims.evidence import Evidence
from orderparam.claims.intervals import judge_sizes
from orderparam.claims.plateau import entropy_of
from orderparam.claims.registry import claim_test
from orderparam.claims.verdict import Verdict

_FEWEST_PROBES = 4


@claim_test("probes.csv", "metrics.csv", "entropies.csv")
def previous_token_mass_rises_at_escape(evidence: Evidence, *, sizes: list[str] | None = None) -> Verdict:
    """The attention mass on the previous token, of the head that has most, is higher after the escape.

    Before is the last probed step at which the training loss is above H_2, after the first one below
    the middle of H_2 and H_3.
    """
    chosen, missing = evidence.sizes("probes.csv", sizes)
    values: dict[str, list[float]] = {}
    for size in chosen:
        high = entropy_of(evidence, size, 2)
        middle = (high + entropy_of(evidence, size, 3)) / 2
        rises = []
        for seed, loss in _losses(evidence, size).items():
            mass = _probe(evidence, size, seed, "attention_mass", 1).groupby("step")["value"].max()
            losses = loss.reindex(mass.index).dropna()
            before, after = losses.index[losses > high], losses.index[losses < middle]
            if len(mass) and len(before) and len(after):
                rises.append(float(mass[after.min()] - mass[before.max()]))
        if rises:
            values[size] = rises
        else:
            missing[size] = "no probed steps on both sides of the escape"
    statistic = "rise of the largest mass on the previous token"
    return judge_sizes(values, missing, statistic, evidence.path("probes.csv"), low=0.0)


@claim_test("probes.csv", "metrics.csv", "entropies.csv")
def divergence_is_least_at_passage(
    evidence: Evidence, *, sizes: list[str] | None = None, order: int = 2, window: float = 0.2
) -> Verdict:
    """The KL divergence from the n-gram predictor of `order` is least where the loss passes its entropy.

    The statistic is the training loss at the probed step of the least divergence, less the entropy; the claim
    puts it within `window` (nats).
    """
    chosen, missing = evidence.sizes("probes.csv", sizes)
    values: dict[str, list[float]] = {}
    for size in chosen:
        level = entropy_of(evidence, size, order)
        distances = []
        for seed, loss in _losses(evidence, size).items():
            rows = _probe(evidence, size, seed, "ngram_divergence", order)
            divergence = rows.set_index("step")["value"]
            shared = divergence.index.intersection(loss.index)
            if len(shared) >= _FEWEST_PROBES:
                distances.append(float(loss.loc[shared].to_numpy()[divergence.loc[shared].argmin()]) - level)
        if distances:
            values[size] = distances
        else:
            missing[size] = f"fewer than {_FEWEST_PROBES} probed steps"
    return judge_sizes(
        values,
        missing,
        f"loss where the divergence from order {order} is least, less H_{order} (nats)",
        evidence.path("probes.csv"),
        low=-window,
        high=window,
    )


def _losses(evidence: Evidence, size: str) -> dict[int, pd.Series]:
    table = evidence.table("metrics.csv")
    runs = table[table["size"] == size].groupby("seed", sort=False)
    return {int(run["seed"].iloc[0]): run.set_index("step")["train_loss"] for _, run in runs}


def _probe(evidence: Evidence, size: str, seed: int, quantity: str, order: int) -> pd.DataFrame:
    table = evidence.table("probes.csv")
    of_run = (table["size"] == size) & (table["seed"] == seed)
    return table[of_run & (table["quantity"] == quantity) & (table["order"] == order)]
