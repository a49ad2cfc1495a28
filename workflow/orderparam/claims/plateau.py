"""Claims about the slope of the loss as it passes the bigram entropy: the dip, and the escape from it."""

from __future__ import annotations

import math
from typing import Literal

from orderparam.analysis.escape import SIGNIFICANCE, find_dip
from orderparam.claims.evidence import Evidence
from orderparam.claims.registry import claim_test
from orderparam.claims.sizes import judge_sizes
from orderparam.claims.verdict import Finding, NotTestedError

_NAMES = {"order_parameter": "|dL/db|", "step": "|dL/dlog step|"}
_FEWEST = 4


@claim_test("loss_slope.csv", "entropies.csv")
def slope_dips_at_entropy(
    evidence: Evidence,
    *,
    near: float,
    sizes: list[str] | None = None,
    along: Literal["order_parameter", "step"] = "order_parameter",
    tolerance: float = 0.0,
    expected: bool = True,
) -> Finding:
    """|dL/db| (or, `along` step, |dL/dlog step|) dips where the loss is near the bigram entropy of its text.

    The statistic is the depth of `analysis.escape.find_dip`, above `tolerance` iff there is a dip; `near`
    (nats) says how close to the entropy. Where none is `expected`, the claim is that there is none.
    """

    def measure(size: str) -> list[float]:
        level = evidence.entropy(size, 2)
        dips = [find_dip(run, along, level, near) for run in evidence.runs("loss_slope.csv", size).values()]
        depths = [dip.depth for dip in dips if dip is not None]
        if not depths:
            raise NotTestedError(f"no slope at a loss within {near:g} of the entropy {level:.3f}")
        return depths

    note = f"depth of the dip less {SIGNIFICANCE:g} standard errors; loss within {near:g} of H_2"
    if tolerance:
        note += f"; a dip is deeper than {tolerance:g}"
    low, high = (tolerance, math.inf) if expected else (-math.inf, tolerance)
    statistic = f"depth of the dip of {_NAMES[along]} (nats)"
    return judge_sizes(evidence, sizes, measure, statistic, note, low=low, high=high, table="loss_slope.csv")


@claim_test("loss_slope.csv", "derivative.csv", "entropies.csv")
def marked_point_is_escape(
    evidence: Evidence,
    *,
    near: float,
    sizes: list[str] | None = None,
    every: int = 1000,
    from_step: int = 2000,
) -> Finding:
    """The steepest backward difference from `from_step` on is where the escape from the plateau is fastest.

    The statistic is the difference of its step and that of the escape of `analysis.escape.find_dip`, along b,
    in grid spacings; a backward difference stands half a spacing late, so the claim puts it between -1/2 and
    3/2.
    """

    def measure(size: str) -> list[float]:
        level = evidence.entropy(size, 2)
        differences = evidence.runs("derivative.csv", size)
        distances = []
        for seed, run in evidence.runs("loss_slope.csv", size).items():
            dip = find_dip(run, "order_parameter", level, near)
            if seed not in differences or dip is None or dip.depth <= 0 or not dip.passed:
                continue
            marked = differences[seed].dropna(subset=["dloss_dorder"])
            marked = marked[marked["step"] >= from_step]
            if len(marked) >= _FEWEST:
                steepest = marked["step"].iloc[int(marked["dloss_dorder"].argmin())]
                distances.append(float(steepest - run["step"].loc[dip.escape]) / every)
        return distances

    statistic = f"marked step less step of the fastest escape (in {every} steps)"
    lacking = f"no seed with a dip and {_FEWEST} checkpoints from step {from_step} on"
    return judge_sizes(
        evidence, sizes, measure, statistic, lacking=lacking, low=-0.5, high=1.5, table="loss_slope.csv"
    )
