"""Claims on how an experiment's entries pass from the bigram to the trigram level, one against another."""

from __future__ import annotations

from typing import Literal

import numpy as np

from orderparam.analysis.escape import steepest_progress, transition_step
from orderparam.analysis.slopes import measure_loss_slopes
from orderparam.claims.evidence import Evidence
from orderparam.claims.registry import claim_test
from orderparam.claims.sizes import judge_sizes
from orderparam.claims.verdict import Finding

_BEGIN, _HALF = 0.1, 0.5


@claim_test("metrics.csv", "entropies.csv")
def passage_compares(
    evidence: Evidence,
    *,
    sizes: list[str],
    quantity: Literal["begin", "half", "share"],
    other: str | None = None,
    low: float = 0.0,
    high: float = np.inf,
) -> Finding:
    """A quantity of the passage of each size, over that of the entry `other` with the same seed, if any.

    `quantity` is begin, the step at which phi first exceeds 0.1, half, that at which it first exceeds 0.5, or
    share, (half - begin) / half. Runs that do not get there have none.
    """

    def measured(size: str) -> dict[int, float]:
        levels = evidence.levels(size)
        found = {}
        for seed, run in evidence.runs("metrics.csv", size).items():
            steps, progress = run["step"].to_numpy(dtype=float), levels.progress(run["train_loss"])
            passed = (transition_step(steps, progress, level) for level in (_BEGIN, _HALF))
            begin, half = (np.nan if step is None else step for step in passed)
            values = {"begin": begin, "half": half, "share": (half - begin) / half}
            if np.isfinite(values[quantity]):
                found[seed] = values[quantity]
        return found

    def measure(size: str) -> list[float]:
        own = measured(size)
        if other is None:
            return list(own.values())
        others = measured(other)
        return [own[seed] / others[seed] for seed in sorted(own.keys() & others.keys())]

    statistic = f"{quantity} of the passage" + (f", over that of {other}" if other else "")
    lacking = "no seed passes" + (" in both" if other else "")
    return judge_sizes(evidence, sizes, measure, statistic, lacking=lacking, low=low, high=high)


@claim_test("metrics.csv", "entropies.csv")
def passage_is_steep(evidence: Evidence, *, sizes: list[str], low: float) -> Finding:
    """The steepest progress of each size, max d phi / d ln(step) from the plateau on, exceeds `low`."""

    def measure(size: str) -> list[float]:
        levels = evidence.levels(size)
        # The fits by the step need no b, which may fall here: steps in its place keep all rows.
        runs = evidence.runs("metrics.csv", size).values()
        slopes = (measure_loss_slopes(run.assign(order_parameter=run["step"])) for run in runs)
        found = (steepest_progress(each, levels) for each in slopes)
        return [value for value in found if value is not None]

    lacking = "no seed has a plateau and passes phi = 1/2"
    return judge_sizes(evidence, sizes, measure, "largest d phi / d ln(step)", lacking=lacking, low=low)


@claim_test("metrics.csv", "entropies.csv")
def progress_ends_between(
    evidence: Evidence, *, sizes: list[str], low: float = -np.inf, high: float = np.inf
) -> Finding:
    """phi at the last measured step, 0 at the bigram and 1 at the trigram level, is between two bounds."""

    def measure(size: str) -> list[float]:
        levels = evidence.levels(size)
        runs = evidence.runs("metrics.csv", size).values()
        return [float(levels.progress(run["train_loss"].iloc[-1])) for run in runs]

    return judge_sizes(evidence, sizes, measure, "phi at the end", low=low, high=high)
