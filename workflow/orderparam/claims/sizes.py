"""Claims on every size of an experiment: what holds of each, and what of all of them together."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from orderparam.claims.evidence import Evidence
from orderparam.claims.verdict import (
    CONFIDENCE,
    INCONCLUSIVE,
    NOT_TESTED,
    REFUTED,
    SUPPORTED,
    Finding,
    Interval,
    NotTestedError,
)

FEWEST_SEEDS = 3
_MOST_SEEDS = 1000


def judge_sizes(
    evidence: Evidence,
    sizes: Sequence[str] | None,
    measure: Callable[[str], ArrayLike],
    statistic: str,
    note: str = "",
    *,
    table: str = "metrics.csv",
    lacking: str = "",
    low: float = -math.inf,
    high: float = math.inf,
    universal: bool = False,
) -> Finding:
    """What is found of a claim that puts a statistic between `low` and `high` for every size.

    `measure` gives a size's statistic, one number a seed. Where it gives none the size is missing, for the
    reason `lacking` or that of the NotTestedError which it raises. `sizes` are those of `table` if None.
    Intervals are Student's, with Bonferroni's correction for the number of sizes. Of sizes with the same
    verdict the one closest to a bound gives the numbers. A `universal` claim is about every run and not about
    their mean: one run whose statistic lies below `low` refutes it, three that do not support it.
    """
    chosen, missing = evidence.sizes(table, sizes)
    values = {}
    for size in chosen:
        try:
            sample = np.asarray(measure(size), dtype=np.float64)
        except NotTestedError as error:
            missing[size] = str(error)
            continue
        if sample.size:
            values[size] = sample
        else:
            missing[size] = lacking
    level = 1 - (1 - CONFIDENCE) / max(len(values), 1)
    intervals, names = {}, {}
    for size, sample in values.items():
        seeds = f"{size}, {evidence.count(sample)}"
        if universal:
            least = float(sample.min())
            known = least <= low or sample.size >= FEWEST_SEEDS or evidence.published
            intervals[size] = Interval.exact(least) if known else Interval(least)
            against = int(np.sum(sample <= low))
            names[size] = f"{seeds}, {against} against" if against else seeds
            needed = 0 if known else FEWEST_SEEDS
        else:
            intervals[size] = evidence.mean(sample, level)
            names[size], needed = seeds, 0
            if intervals[size].decide(low, high) == INCONCLUSIVE:
                needed = seeds_needed(sample, low, high, level)
        if needed:
            names[size] += f", needs {needed}" if needed < _MOST_SEEDS else ", more would hardly tell"

    def distance(size: str) -> float:
        """How far a size lies inside the bounds."""
        interval = intervals[size]
        ends = (interval.value,) if math.isnan(interval.lower) else (interval.lower, interval.upper)
        return min(min(end - low, high - end) for end in ends)

    ranking = sorted(values, key=distance)
    return judge_all(intervals, missing, statistic, note, low=low, high=high, names=names, ranking=ranking)


def judge_all(
    intervals: Mapping[str, Interval],
    missing: Mapping[str, str],
    statistic: str,
    note: str = "",
    *,
    low: float = -math.inf,
    high: float = math.inf,
    names: Mapping[str, str] | None = None,
    ranking: Sequence[str] | None = None,
) -> Finding:
    """What follows for all sizes from the interval of each; `missing` says why the others lack one.

    One size that refutes the claim refutes it for all. Else it is untested if a size is missing, and
    inconclusive if a size is. The numbers are those of the size that decides, the first such in `ranking`
    (the order of `intervals`, if None); the note has its name from `names`.
    """
    reasons = [f"{size}: {reason}" for size, reason in missing.items()]
    if not intervals:
        return Finding(statistic, note=_join(*reasons, note), ruling=NOT_TESTED)
    verdicts = {size: interval.decide(low, high) for size, interval in intervals.items()}
    order = [REFUTED, INCONCLUSIVE, SUPPORTED]
    chosen = min(ranking or intervals, key=lambda size: order.index(verdicts[size]))
    ruling = NOT_TESTED if missing and verdicts[chosen] != REFUTED else verdicts[chosen]
    few = ", too few seeds for an interval" if math.isnan(intervals[chosen].lower) else ""
    name = names[chosen] if names else f"{chosen}{few}"
    others = [f"{size} {intervals[size].value:.4g} ({verdicts[size]})" for size in verdicts if size != chosen]
    told = _join(name, *others, *reasons, note)
    return Finding(statistic, intervals[chosen], told, low, high, ruling, looks=len(intervals))


def seeds_needed(sample: NDArray[np.float64], low: float, high: float, confidence: float) -> int:
    """How many seeds would decide, if their mean and spread stay as they are; at least 3 for a single one."""
    if sample.size < 2:
        return FEWEST_SEEDS
    gap = min(abs(float(sample.mean()) - bound) for bound in (low, high) if math.isfinite(bound))
    for count in range(sample.size, _MOST_SEEDS):
        quantile = scipy.stats.t.ppf((1 + confidence) / 2, count - 1)
        if quantile * sample.std(ddof=1) / math.sqrt(count) < gap:
            return max(count, FEWEST_SEEDS)
    return _MOST_SEEDS


def _join(*parts: str) -> str:
    return "; ".join(part for part in parts if part)
