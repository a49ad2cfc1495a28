"""Claims about whether the change of slope is a phase transition."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from orderparam.analysis.escape import BETWEEN_LEVELS
from orderparam.claims.evidence import Evidence
from orderparam.claims.intervals import Interval, decide, judge_interval, slope_interval
from orderparam.claims.registry import claim_test
from orderparam.claims.verdict import INCONCLUSIVE, NOT_TESTED, REFUTED, SUPPORTED, NotTestedError, Verdict

# Difference of BIC from which a sharp change of slope counts as detected in the analysis of transitions.
_THRESHOLD = 10.0
# Binder's centred cumulant of a uniform distribution; that of two sharp peaks is 2/3, of a Gaussian 0.
_UNIFORM_BINDER = 0.4
_FEWEST_SIZES = 3


@claim_test("transition.csv")
def slope_change_is_sharp(evidence: Evidence, *, sizes: list[str], along: str = "order_parameter") -> Verdict:
    """Sharply broken curves describe the loss better than smooth ones, for every size.

    The statistic is the mean over seeds of the difference in BIC, with its bootstrap interval from the
    table; the detector's threshold is 10.
    """
    prefix = "log_step_kink" if along == "step" else "kink"
    intervals, missing = _rows_of(evidence, f"{prefix}_evidence", sizes)
    verdicts = {size: decide(interval, low=_THRESHOLD) for size, interval in intervals.items()}
    return _worst(
        evidence, intervals, verdicts, missing, f"BIC of smooth less sharp curves, loss along {along}"
    )


@claim_test("transition.csv")
def passage_shortens_with_width(
    evidence: Evidence, *, quantity: str, sizes: list[str] | None = None
) -> Verdict:
    """The passage from bigram level to halfway to trigram level shortens as d_model grows.

    That of a transition would. `quantity` is passage_efolds (of steps) or passage_rise (of b, relative);
    the statistic is the exponent p of quantity ~ d_model^p over sizes.
    """
    lengths = {d: interval.value for d, interval in _by_width(evidence, quantity, sizes).items()}
    name = quantity.replace("_", " ")
    return _exponent(evidence, lengths, f"exponent of the {name} in d_model", "transition.csv", high=0.0)


@claim_test("susceptibility.csv")
def susceptibility_grows(
    evidence: Evidence, *, aligned: bool, number: str = "width", sizes: list[str] | None = None
) -> Verdict:
    """The largest N Var(phi) over seeds grows with N, d_model or (`number`: parameters) the parameter count.

    The statistic is the exponent of its growth with d_model, before or after each seed is shifted to its
    own transition time; where the mean phi is from 0 to 1.
    """
    column = f"susceptibility_{number}"
    peaks = {}
    for size, peak in _peaks(evidence, aligned, sizes).items():
        peaks[float(evidence.shapes[size]["d_model"])] = float(peak[column])
    when = "after aligning" if aligned else "before aligning"
    statistic = f"exponent of the largest N Var(phi) in d_model, N the {number}, {when}"
    return _exponent(evidence, peaks, statistic, "susceptibility.csv", low=0.0)


@claim_test("transition.csv")
def fluctuations_are_of_timing(evidence: Evidence, *, sizes: list[str] | None = None) -> Verdict:
    """Aligning the seeds on their own transition time takes away most of Var(phi): by a factor above 2."""
    intervals, missing = _rows_of(evidence, "timing_variance_ratio", sizes)
    verdicts = {size: decide(interval, low=2.0) for size, interval in intervals.items()}
    return _worst(evidence, intervals, verdicts, missing, "largest Var(phi) before over after aligning")


@claim_test("transition.csv")
def progress_is_bimodal(
    evidence: Evidence, *, sizes: list[str] | None = None, aligned: bool = False
) -> Verdict:
    """At the step where phi varies most over seeds it has two peaks, as at a transition of first order.

    By the centred Binder cumulant: two peaks have more than the uniform distribution's 0.4, one has less.
    """
    name = f"binder_at_peak{'_aligned' if aligned else ''}"
    intervals, missing = _rows_of(evidence, name, sizes)
    verdicts = {size: decide(interval, low=_UNIFORM_BINDER) for size, interval in intervals.items()}
    return _worst(evidence, intervals, verdicts, missing, "centred Binder cumulant of phi over seeds")


@claim_test("transition.csv", "metrics.csv")
def critical_values_differ(evidence: Evidence, *, quantity: str, sizes: list[str] | None = None) -> Verdict:
    """The sizes have no common value of a quantity at their fastest escape from the plateau.

    `quantity` is b, b_over_initial, norm (of W_head) or phi. The statistic is the largest difference
    between two sizes' values, for all but phi relative to the smaller; the interval is that between the ends
    of their own. The claim puts it above 0; a difference below 5% refutes it.
    """
    scales = {
        "b": lambda size: 1.0,
        "b_over_initial": lambda size: 1 / _initial(evidence, size),
        "norm": lambda size: float(evidence.shapes[size]["d_model"]),
        "phi": lambda size: 1.0,
    }
    if quantity not in scales:
        raise NotTestedError(f"no quantity {quantity!r}; there are {', '.join(scales)}")
    name = "escape_phi" if quantity == "phi" else "escape_order_parameter"
    intervals, missing = _rows_of(evidence, name, sizes)
    if len(intervals) < 2:
        reason = "; ".join(f"{size}: {why}" for size, why in missing.items())
        raise NotTestedError(f"fewer than two sizes have an escape from the plateau; {reason}")
    scaled = {}
    for size, interval in intervals.items():
        scale = scales[quantity](size)
        scaled[size] = Interval(interval.value * scale, interval.lower * scale, interval.upper * scale)
    low = min(scaled, key=lambda size: scaled[size].value)
    high = max(scaled, key=lambda size: scaled[size].value)
    one, other = scaled[low], scaled[high]
    if quantity == "phi":
        difference = Interval(other.value - one.value, other.lower - one.upper, other.upper - one.lower)
    else:
        difference = Interval(
            other.value / one.value - 1, other.lower / one.upper - 1, other.upper / one.lower - 1
        )
    verdict = decide(difference, low=0.0)
    if verdict != SUPPORTED:
        # Equality can only be shown to within a margin.
        verdict = REFUTED if difference.upper < 0.05 else INCONCLUSIVE
    note = f"{low} {one.value:.4g}, {high} {other.value:.4g}, of {len(scaled)} sizes"
    if missing:
        note += "; " + "; ".join(f"{size}: {why}" for size, why in missing.items())
        if sizes is not None and verdict != SUPPORTED:
            verdict = NOT_TESTED
    statistic = f"largest {'difference' if quantity == 'phi' else 'relative difference'} of {quantity}"
    path = evidence.path("transition.csv")
    return Verdict(verdict, statistic, difference.value, difference.lower, difference.upper, path, note)


def _rows_of(
    evidence: Evidence, quantity: str, wanted: list[str] | None
) -> tuple[dict[str, Interval], dict[str, str]]:
    """A quantity of the analysis by size, and why sizes lack it."""
    sizes, missing = evidence.sizes("transition.csv", wanted)
    table = evidence.table("transition.csv")
    rows = table[table["quantity"] == quantity]
    ends = rows[["value", "lower", "upper"]].to_numpy(dtype=float)
    found = {str(size): Interval(*row) for size, row in zip(rows["size"], ends.tolist(), strict=True)}
    intervals = {}
    for size in sizes:
        if size == "all":
            continue
        if size in found and math.isfinite(found[size].value):
            intervals[size] = found[size]
        else:
            missing[size] = f"no {quantity.replace('_', ' ')}"
    return intervals, missing


def _by_width(evidence: Evidence, quantity: str, sizes: list[str] | None) -> dict[float, Interval]:
    intervals, _ = _rows_of(evidence, quantity, sizes)
    return {float(evidence.shapes[size]["d_model"]): interval for size, interval in intervals.items()}


def _peaks(evidence: Evidence, aligned: bool, wanted: list[str] | None) -> dict[str, pd.Series]:
    """Of each size, the row of largest variance among those at which the mean seed is between the levels."""
    sizes, _ = evidence.sizes("susceptibility.csv", wanted)
    table = evidence.table("susceptibility.csv")
    rows = table[(table["aligned"] == int(aligned)) & table["mean"].between(*BETWEEN_LEVELS)]
    by_size = {size: rows[(rows["size"] == size) & (rows["variance"] > 0)] for size in sizes}
    peaks = {
        size: of_size.iloc[int(of_size["variance"].argmax())]
        for size, of_size in by_size.items()
        if len(of_size)
    }
    if not peaks:
        path = evidence.path("susceptibility.csv")
        raise NotTestedError(f"{path} has no variance over seeds with phi between the levels")
    return peaks


def _exponent(
    evidence: Evidence,
    values: dict[float, float],
    statistic: str,
    name: str,
    low: float = -math.inf,
    high: float = math.inf,
) -> Verdict:
    if len(values) < _FEWEST_SIZES:
        raise NotTestedError(f"{len(values)} widths have the quantity; an exponent takes {_FEWEST_SIZES}")
    widths, heights = np.array(sorted(values.items())).T
    note = ", ".join(f"{height:.3g} at {width:g}" for width, height in zip(widths, heights, strict=True))
    interval = slope_interval(np.log(widths), np.log(heights))
    return judge_interval(interval, statistic, evidence.path(name), note, low, high)


def _worst(
    evidence: Evidence,
    intervals: dict[str, Interval],
    verdicts: dict[str, str],
    missing: dict[str, str],
    statistic: str,
    name: str = "transition.csv",
) -> Verdict:
    """The verdict of a claim on every size, from each size's own: one that refutes it refutes it."""
    if not intervals:
        raise NotTestedError("; ".join(f"{size}: {why}" for size, why in missing.items()) or "no size has it")
    order = [REFUTED, INCONCLUSIVE, SUPPORTED]
    size = min(intervals, key=lambda key: order.index(verdicts[key]))
    verdict = NOT_TESTED if missing and verdicts[size] != REFUTED else verdicts[size]
    interval = intervals[size]
    parts = [size if not math.isnan(interval.lower) else f"{size}, too few seeds for an interval"]
    parts += [f"{key} {intervals[key].value:.4g} ({verdicts[key]})" for key in intervals if key != size]
    parts += [f"{key}: {why}" for key, why in missing.items()]
    path = evidence.path(name)
    return Verdict(verdict, statistic, interval.value, interval.lower, interval.upper, path, "; ".join(parts))


def _initial(evidence: Evidence, size: str) -> float:
    table = evidence.table("metrics.csv")
    start = table[(table["size"] == size) & (table["step"] == 0)]["order_parameter"]
    if start.empty:
        raise NotTestedError(f"{evidence.path('metrics.csv')} has no step 0 of {size}")
    return float(start.mean())
