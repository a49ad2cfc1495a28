"""Claims about scaling with size, and about the text that models write."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np

from orderparam.analysis.escape import measure_passages
from orderparam.claims.evidence import Evidence
from orderparam.claims.registry import claim_test, column_of
from orderparam.claims.sizes import judge_sizes
from orderparam.claims.verdict import NOT_TESTED, Finding, Interval, NotTestedError
from orderparam.tables import VOCABULARY_STATISTICS

# Relative fall of the loss over the last fifth of a run above which the run is not near convergence.
_CONVERGED = 0.005


@claim_test("scaling.csv", "scaling_points.csv")
def loss_scales_with_exponent(
    evidence: Evidence,
    *,
    exponent: float,
    tolerance: float,
    sizes: int = 4,
    loss: Literal["train_loss", "val_loss"] = "val_loss",
) -> Finding:
    """The loss falls with the non-embedding parameter count N as N^-exponent, to `tolerance` of it.

    The law is one of converged models. So it is not tested where any size's training loss still falls by more
    than 0.5% over the last fifth of its steps, or for fewer than `sizes` sizes.
    """
    row = evidence.rows("scaling.csv", loss=loss).iloc[0]
    points = evidence.table("scaling_points.csv")
    unsettled = points[points["late_fall"] > _CONVERGED]
    note, ruling = f"{row['sizes']} sizes; published {exponent:g}", None
    if len(unsettled) or row["sizes"] < sizes:
        note, ruling = f"{note}; descriptive only", NOT_TESTED
    if len(unsettled):
        falls = ", ".join(f"{point['size']} {point['late_fall']:.1%}" for _, point in unsettled.iterrows())
        note += f": far from convergence, the loss falls over the last fifth by {falls}"
    interval = Interval(*(float(row[name]) for name in ("exponent", "lower", "upper")))
    low, high = exponent * (1 - tolerance), exponent * (1 + tolerance)
    return Finding(f"exponent of {loss}", interval, note, low, high, ruling)


@claim_test("sample_quality.csv")
def overfit_sample_is_no_worse(
    evidence: Evidence,
    *,
    size: str,
    quantity: Literal["words_in_corpus", "cross_entropy"],
    tolerance: float,
    overfit: float,
) -> Finding:
    """Text from the last checkpoint is no worse, by `tolerance`, than from the one of least validation loss.

    `quantity` is words_in_corpus (a share, the higher the better) or cross_entropy (nats per character under
    an n-gram model of the validation text, the lower the better). Samples are the units of the
    interval, paired by the sampler's seed. Not tested where the last checkpoint's validation loss is not
    higher by `overfit` (nats).
    """
    rows = evidence.rows("sample_quality.csv", size=size, quantity=quantity)
    losses = evidence.rows("sample_quality.csv", size=size, quantity="val_loss")
    by_checkpoint = losses.groupby("checkpoint")["value"].mean()
    if not {"last", "best"} <= set(by_checkpoint.index):
        raise NotTestedError(f"no validation loss of {size} at its best and its last checkpoint")
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
    return Finding(statistic, Interval.of_mean(worse), note, high=tolerance)


@claim_test("vocabulary_statistics.csv", "metrics.csv", "entropies.csv")
def words_change_at_passage(
    evidence: Evidence,
    *,
    share: float,
    quantity: Annotated[str, column_of(VOCABULARY_STATISTICS)] = "correct_share",
    sizes: list[str] | None = None,
) -> Finding:
    """Of what a statistic of sampled words changes until phi = 1/2, `share` falls into the passage.

    The statistic is the change from phi = 0 to 1/2 over that from the first checkpoint to 1/2, linear in
    log step between checkpoints.
    """

    def measure(size: str) -> list[float]:
        levels = evidence.levels(size)
        metrics, parts = evidence.runs("metrics.csv", size), []
        for seed, run in evidence.runs("vocabulary_statistics.csv", size).items():
            passed = measure_passages(metrics[seed], levels)
            if "passage_efolds" in passed:
                steps = np.log1p([passed["bigram_passage_step"], passed["transition_step"]])
                middle, end = np.interp(steps, np.log1p(run["step"]), run[quantity])
                parts.append(float((end - middle) / (end - run[quantity].iloc[0])))
        return parts

    statistic = f"part of the change of {quantity.replace('_', ' ')} that falls into the passage"
    lacking = "no seed passes phi = 1/2"
    return judge_sizes(
        evidence, sizes, measure, statistic, lacking=lacking, low=share, table="vocabulary_statistics.csv"
    )
