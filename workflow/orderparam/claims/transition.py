"""Claims about whether the change of slope is a phase transition."""

from __future__ import annotations

from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from orderparam.analysis.escape import measure_escape, measure_passages, steepest_progress
from orderparam.claims.evidence import Evidence
from orderparam.claims.registry import claim_test
from orderparam.claims.sizes import judge_all
from orderparam.claims.verdict import (
    CONFIDENCE,
    INCONCLUSIVE,
    NOT_DETECTABLE,
    NOT_TESTED,
    REFUTED,
    SUPPORTED,
    Finding,
    Interval,
    NotTestedError,
)

_FEWEST_SIZES = 3
Values = dict[str, NDArray[np.float64]]


@claim_test("transition.csv")
def slope_change_is_sharp(
    evidence: Evidence,
    *,
    sizes: list[str],
    threshold: float,
    along: Literal["order_parameter", "step"] = "order_parameter",
) -> Finding:
    """Sharply broken curves describe the loss better than smooth ones, for every size.

    The statistic is the mean over seeds of the difference in BIC; the claim puts it above `threshold`. Below
    minus that, smooth curves are as much better, and it is refuted; between, the test cannot tell.
    """
    prefix = "log_step_kink" if along == "step" else "kink"
    statistic = f"BIC of smooth less sharp curves, loss along {along}"
    table = evidence.table("transition.csv")
    chosen, missing = evidence.sizes("transition.csv", sizes)
    intervals = {}
    for size in chosen:
        rows = table[(table["size"] == size) & (table["quantity"] == f"{prefix}_evidence")]
        if rows.empty:
            missing[size] = "too few measured steps"
            continue
        value, lower, upper, seeds = rows[["value", "lower", "upper", "seeds"]].iloc[0].astype(float)
        intervals[size] = Interval(value, lower, upper, max(seeds - 1, 1))
    finding = judge_all(intervals, missing, statistic, low=threshold)
    if finding.ruling != REFUTED or finding.interval.upper < -threshold:
        return finding
    note = f"{finding.note}; no better than smooth, but not worse by {threshold:g}"
    return Finding(statistic, finding.interval, note, ruling=NOT_DETECTABLE)


@claim_test("loss_slope.csv", "metrics.csv", "entropies.csv")
def passage_sharpens_with_width(
    evidence: Evidence,
    *,
    quantity: Literal["steepest_progress", "passage_efolds", "passage_rise"],
    sharpening: float,
    not_sharpening: float,
    near: float,
) -> Finding:
    """The passage from the bigram level sharpens as d_model grows, as at a transition it would.

    `quantity` is steepest_progress, max d phi / d ln(step), passage_efolds (of steps, from phi = 0 to 1/2) or
    passage_rise (of b, relative). The statistic is its exponent in d_model, the sign turned where it should
    fall, over all runs of the sizes of which most have it. Above `sharpening` it sharpens, below
    `not_sharpening` it does not. `near` is of `find_dip`.
    """
    values, missing = _per_seed(evidence, quantity, None, near)
    widths = {size: float(evidence.shapes[size]["d_model"]) for size in values}
    if len(set(widths.values())) < _FEWEST_SIZES:
        reasons = [f"{size}: {why}" for size, why in missing.items()]
        raise NotTestedError("; ".join([f"an exponent takes {_FEWEST_SIZES} widths", *reasons]))
    sign = 1.0 if quantity == "steepest_progress" else -1.0
    x = np.concatenate([np.full(sample.size, widths[size]) for size, sample in values.items()])
    exponent = Interval.of_slope(np.log(x), sign * np.log(np.concatenate(list(values.values()))))
    means = sorted(
        (widths[size], f"{sample.mean():.3g} at {widths[size]:g}") for size, sample in values.items()
    )
    note = ", ".join([text for _, text in means] + [f"{size}: {why}" for size, why in missing.items()])
    ruling = INCONCLUSIVE
    if exponent.lower > sharpening:
        ruling = SUPPORTED
    elif exponent.upper < not_sharpening:
        ruling = REFUTED
    low = sharpening if ruling == SUPPORTED else not_sharpening
    statistic = f"exponent of sharpening in d_model, by {quantity.replace('_', ' ')}"
    return Finding(statistic, exponent, f"{x.size} runs; {note}", low=low, ruling=ruling)


@claim_test("loss_slope.csv", "metrics.csv", "entropies.csv")
def critical_values_differ(
    evidence: Evidence,
    *,
    quantity: Literal["b", "b_over_initial", "norm", "phi"],
    equal: float,
    near: float,
    sizes: list[str] | None = None,
) -> Finding:
    """The sizes have no common value of a quantity at their fastest escape from the plateau.

    `quantity` is b, b_over_initial, norm (of W_head) or phi. The statistic is the largest difference between
    the means of two sizes, for all but phi of the logarithms, with Welch's interval, Bonferroni for the
    pairs. The claim puts it above 0; an interval within `equal` refutes it. Sizes of which most runs end
    before their escape is passed take no part.
    """
    name = "escape_phi" if quantity == "phi" else "escape_order_parameter"
    values, missing = _per_seed(evidence, name, sizes, near)
    reasons = [f"{size}: {why}" for size, why in missing.items()]
    for size in values:
        if quantity == "norm":
            values[size] = values[size] * float(evidence.shapes[size]["d_model"])
        elif quantity == "b_over_initial":
            initial = evidence.rows("metrics.csv", size=size, step=0)["order_parameter"].mean()
            values[size] = values[size] / float(initial)
    if len(values) < 2:
        raise NotTestedError("; ".join(["fewer than two sizes have an escape from the plateau", *reasons]))
    pairs = list(combinations(sorted(values, key=lambda size: values[size].mean()), 2))
    level = 1 - (1 - CONFIDENCE) / len(pairs)
    of = np.asarray if quantity == "phi" else np.log
    differences = {
        pair: Interval.of_difference(of(values[pair[1]]), of(values[pair[0]]), level) for pair in pairs
    }
    pair = max(pairs, key=lambda each: differences[each].value)
    difference = differences[pair]
    ruling = difference.decide(low=0.0)
    if ruling != SUPPORTED:
        # Equality can only be shown to within a margin.
        within = all(-equal < each.lower and each.upper < equal for each in differences.values())
        ruling = REFUTED if within else INCONCLUSIVE
        if missing and sizes is not None:
            ruling = NOT_TESTED
    told = ", ".join(f"{size} {values[size].mean():.4g} ({values[size].size} seeds)" for size in values)
    low, high = (0.0, np.inf) if ruling == SUPPORTED else (equal, np.inf)
    statistic = "largest difference of " + ("phi" if quantity == "phi" else f"ln {quantity}")
    return Finding(statistic, difference, "; ".join([told, *reasons]), low, high, ruling, len(pairs))


def _per_seed(
    evidence: Evidence, quantity: str, wanted: list[str] | None, near: float
) -> tuple[Values, dict[str, str]]:
    """A quantity of each run, by size, where more than half of the runs have it; and why sizes lack it."""
    sizes, missing = evidence.sizes("loss_slope.csv", wanted)
    values = {}
    for size in sizes:
        levels = evidence.levels(size)
        slopes, runs = evidence.runs("loss_slope.csv", size), evidence.runs("metrics.csv", size)
        found = []
        for seed, run in slopes.items():
            if quantity.startswith("passage"):
                value = measure_passages(runs[seed], levels).get(quantity)
            elif quantity == "steepest_progress":
                value = steepest_progress(run, levels, near)
            else:
                value = measure_escape(run, levels, near).get(quantity)
            found += [] if value is None else [value]
        if 2 * len(found) > len(slopes):
            values[size] = np.array(found, dtype=np.float64)
        else:
            missing[size] = f"{len(found)} of {len(slopes)} seeds have it"
    return values, missing
