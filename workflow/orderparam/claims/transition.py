"""Claims about whether the change of slope is a phase transition."""

from __future__ import annotations

import numpy as np

from orderparam.analysis.escape import BETWEEN_LEVELS
from orderparam.analysis.slope_change import THRESHOLD
from orderparam.claims.evidence import Evidence
from orderparam.claims.registry import claim_test
from orderparam.claims.sizes import judge_all
from orderparam.claims.verdict import (
    INCONCLUSIVE,
    NOT_TESTED,
    REFUTED,
    SUPPORTED,
    Finding,
    Interval,
    NotTestedError,
)

# Binder's centred cumulant of a uniform distribution; that of two sharp peaks is 2/3, of a Gaussian 0.
_UNIFORM_BINDER = 0.4
_FEWEST_SIZES = 3
# Relative difference below which values count as equal.
_EQUAL = 0.05


@claim_test("transition.csv")
def slope_change_is_sharp(evidence: Evidence, *, sizes: list[str], along: str = "order_parameter") -> Finding:
    """Sharply broken curves describe the loss better than smooth ones, for every size.

    The statistic is the mean over seeds of the difference in BIC, with its bootstrap interval from the
    table; the claim puts it above the detector's threshold.
    """
    prefix = "log_step_kink" if along == "step" else "kink"
    statistic = f"BIC of smooth less sharp curves, loss along {along}"
    return judge_all(*_quantity(evidence, f"{prefix}_evidence", sizes), statistic, low=THRESHOLD)


@claim_test("transition.csv")
def passage_shortens_with_width(
    evidence: Evidence, *, quantity: str, sizes: list[str] | None = None
) -> Finding:
    """The passage from bigram level to halfway to trigram level shortens as d_model grows.

    At a transition it would. `quantity` is passage_efolds (of steps) or passage_rise (of b, relative);
    the statistic is the exponent p of quantity ~ d_model^p over sizes.
    """
    intervals, _ = _quantity(evidence, quantity, sizes)
    lengths = {size: interval.value for size, interval in intervals.items()}
    interval, note = _exponent(evidence, lengths)
    return Finding(f"exponent of the {quantity.replace('_', ' ')} in d_model", interval, note, high=0.0)


@claim_test("susceptibility.csv")
def susceptibility_grows(
    evidence: Evidence, *, aligned: bool, number: str = "width", sizes: list[str] | None = None
) -> Finding:
    """The largest N Var(phi) over seeds grows with N, d_model or (`number`: parameters) the parameter count.

    The statistic is the exponent of its growth with d_model, before or after each seed is shifted to its
    own transition time; where the mean phi is from 0 to 1.
    """
    rows = evidence.rows("susceptibility.csv", aligned=int(aligned))
    rows = rows[rows["mean"].between(*BETWEEN_LEVELS) & (rows["variance"] > 0)]
    peaks = {}
    for size in evidence.sizes("susceptibility.csv", sizes)[0]:
        of_size = rows[rows["size"] == size]
        if len(of_size):
            peak = int(of_size["variance"].argmax())
            peaks[size] = float(of_size[f"susceptibility_{number}"].iloc[peak])
    interval, note = _exponent(evidence, peaks)
    when = "after aligning" if aligned else "before aligning"
    return Finding(
        f"exponent of the largest N Var(phi) in d_model, N the {number}, {when}", interval, note, low=0.0
    )


@claim_test("transition.csv")
def fluctuations_are_of_timing(evidence: Evidence, *, sizes: list[str] | None = None) -> Finding:
    """Aligning the seeds on their own transition time takes away most of Var(phi): by a factor above 2."""
    statistic = "largest Var(phi) before over after aligning"
    return judge_all(*_quantity(evidence, "timing_variance_ratio", sizes), statistic, low=2.0)


@claim_test("transition.csv")
def progress_is_bimodal(
    evidence: Evidence, *, sizes: list[str] | None = None, aligned: bool = False
) -> Finding:
    """At the step where phi varies most over seeds it has two peaks, as at a transition of first order.

    By the centred Binder cumulant: two peaks have more than the uniform distribution's 0.4, one has less.
    """
    quantity = f"binder_at_peak{'_aligned' if aligned else ''}"
    statistic = "centred Binder cumulant of phi over seeds"
    return judge_all(*_quantity(evidence, quantity, sizes), statistic, low=_UNIFORM_BINDER)


@claim_test("transition.csv", "metrics.csv")
def critical_values_differ(evidence: Evidence, *, quantity: str, sizes: list[str] | None = None) -> Finding:
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
    intervals, missing = _quantity(evidence, name, sizes)
    reasons = [f"{size}: {why}" for size, why in missing.items()]
    if len(intervals) < 2:
        raise NotTestedError("; ".join(["fewer than two sizes have an escape from the plateau", *reasons]))
    scaled = {size: interval.scaled(scales[quantity](size)) for size, interval in intervals.items()}
    low = min(scaled, key=lambda size: scaled[size].value)
    high = max(scaled, key=lambda size: scaled[size].value)
    one, other = scaled[low], scaled[high]
    if quantity == "phi":
        statistic = "largest difference of phi"
        difference = Interval(other.value - one.value, other.lower - one.upper, other.upper - one.lower)
    else:
        statistic = f"largest relative difference of {quantity}"
        ratios = other.value / one.value, other.lower / one.upper, other.upper / one.lower
        difference = Interval(*(ratio - 1 for ratio in ratios))
    ruling = difference.decide(low=0.0)
    if ruling != SUPPORTED:
        # Equality can only be shown to within a margin.
        ruling = REFUTED if difference.upper < _EQUAL else INCONCLUSIVE
        if missing and sizes is not None:
            ruling = NOT_TESTED
    note = f"{low} {one.value:.4g}, {high} {other.value:.4g}, of {len(scaled)} sizes"
    return Finding(statistic, difference, "; ".join([note, *reasons]), ruling=ruling)


def _quantity(
    evidence: Evidence, quantity: str, wanted: list[str] | None
) -> tuple[dict[str, Interval], dict[str, str]]:
    """A quantity of the analysis by size, and why sizes lack it."""
    sizes, missing = evidence.sizes("transition.csv", wanted)
    table = evidence.table("transition.csv")
    rows = table[(table["quantity"] == quantity) & table["value"].notna()]
    ends = rows[["value", "lower", "upper"]].to_numpy(dtype=float).tolist()
    found = {size: Interval(*numbers) for size, numbers in zip(rows["size"], ends, strict=True)}
    intervals = {size: found[size] for size in sizes if size in found}
    for size in sizes:
        if size != "all" and size not in found:
            missing[size] = f"no {quantity.replace('_', ' ')}"
    return intervals, missing


def _exponent(evidence: Evidence, by_size: dict[str, float]) -> tuple[Interval, str]:
    """The exponent of a power law in d_model, and the values that it is fitted to."""
    by_width = {float(evidence.shapes[size]["d_model"]): value for size, value in by_size.items()}
    if len(by_width) < _FEWEST_SIZES:
        raise NotTestedError(f"{len(by_width)} widths have the quantity; an exponent takes {_FEWEST_SIZES}")
    widths, heights = np.array(sorted(by_width.items())).T
    note = ", ".join(f"{height:.3g} at {width:g}" for width, height in zip(widths, heights, strict=True))
    return Interval.of_slope(np.log(widths), np.log(heights)), note


def _initial(evidence: Evidence, size: str) -> float:
    return float(evidence.rows("metrics.csv", size=size, step=0)["order_parameter"].mean())
