"""Claims about scaling with size, and about the text that models write."""

from __future__ import annotations

from orderparam.claims.evidence import Evidence
from orderparam.claims.intervals import Interval, decide, judge_interval, mean_interval
from orderparam.claims.registry import claim_test
from orderparam.claims.verdict import NOT_TESTED, NotTestedError, Verdict

# Relative fall of the loss over the last fifth of a run above which the run is not near convergence.
_CONVERGED = 0.005


@claim_test("scaling.csv", "scaling_points.csv")
def loss_scales_with_exponent(
    evidence: Evidence, *, exponent: float, sizes: int = 4, tolerance: float = 0.2, loss: str = "val_loss"
) -> Verdict:
    """The loss falls with the non-embedding parameter count N as N^-exponent, to `tolerance` of it.

    A law of converged models: not tested where any size's training loss still falls by more than 0.5% over
    the last fifth of its steps, or for fewer than `sizes` sizes.
    """
    table, points = evidence.table("scaling.csv"), evidence.table("scaling_points.csv")
    path = evidence.path("scaling.csv")
    rows = table[table["loss"] == loss]
    if rows.empty:
        raise NotTestedError(f"{path} has no fit of {loss}")
    row = rows.iloc[0]
    interval = Interval(float(row["exponent"]), float(row["lower"]), float(row["upper"]))
    unsettled = points[points["late_fall"] > _CONVERGED]
    verdict = decide(interval, exponent * (1 - tolerance), exponent * (1 + tolerance))
    note = f"{row['sizes']} sizes; published {exponent:g}"
    if len(unsettled) or row["sizes"] < sizes:
        verdict = NOT_TESTED
        note += "; descriptive only"
    if len(unsettled):
        falls = ", ".join(f"{point['size']} {point['late_fall']:.1%}" for _, point in unsettled.iterrows())
        note += f": far from convergence, the loss falls over the last fifth by {falls}"
    statistic = f"exponent of {loss}"
    return Verdict(verdict, statistic, interval.value, interval.lower, interval.upper, path, note)


@claim_test("sample_quality.csv")
def overfit_sample_is_no_worse(
    evidence: Evidence, *, size: str, quantity: str, tolerance: float, overfit: float = 0.1
) -> Verdict:
    """Text from the last checkpoint is no worse, by `tolerance`, than from the one of least validation loss.

    `quantity` is words_in_corpus (a share, the higher the better) or cross_entropy (nats per character under
    an n-gram model of the validation text, the lower the better). Samples are the units of the
    interval, paired by the sampler's seed. Not tested where the last checkpoint's validation loss is not
    higher by `overfit` (nats).
    """
    table = evidence.table("sample_quality.csv")
    rows = table[(table["size"] == size) & (table["quantity"] == quantity)]
    path = evidence.path("sample_quality.csv")
    losses = table[(table["size"] == size) & (table["quantity"] == "val_loss")]
    by_checkpoint = losses.groupby("checkpoint")["value"].mean()
    if rows.empty or not {"last", "best"} <= set(by_checkpoint.index):
        raise NotTestedError(f"{path} has no {quantity} of {size}")
    excess = float(by_checkpoint["last"] - by_checkpoint["best"])
    if excess < overfit:
        raise NotTestedError(f"{size} is not overfit: its validation loss ends {excess:.3g} above its least")
    samples = rows.pivot_table(index=["seed", "sample"], columns="checkpoint", values="value").dropna()
    worse = samples["last"] - samples["best"]
    if quantity == "words_in_corpus":
        worse = -worse
    steps = rows.groupby("checkpoint")["step"].first()
    note = (
        f"{size}, {len(samples)} samples each from steps {steps['best']} and {steps['last']}; validation "
        f"loss higher by {excess:.3g}; {tolerance:g} allowed"
    )
    statistic = f"how much worse {quantity} is at the last checkpoint"
    return judge_interval(mean_interval(worse), statistic, path, note, high=tolerance)
