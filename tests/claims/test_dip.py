"""From measured losses to the verdict: a flat noisy end has no dip, an escape from a plateau has one."""

import numpy as np
import pandas as pd
import pytest
from claim_tables import H2, H3, entropies, write_evidence

from orderparam.analysis.escape import Levels, find_dip, measure_escape
from orderparam.analysis.slopes import measure_loss_slopes
from orderparam.claims.all_tests import TESTS
from orderparam.tables import LOSS_SLOPE

STEPS = np.unique(np.r_[np.geomspace(1, 20, 9).astype(int), np.arange(20, 1601, 20)]).astype(float)
NOISE = 0.003


def measure_slopes(size, escape):
    """Slopes of losses that fall to H2 within hundreds of steps, and by 0.5 more around `escape`, if any."""
    loss = H2 + 1.9 / (1 + (STEPS / 40) ** 1.2)
    if escape:
        loss -= 0.5 / (1 + (STEPS / escape) ** -3.0)
    for seed in range(3):
        noise = np.random.default_rng((seed, int(escape))).normal(0, NOISE, STEPS.size)
        values = {
            "step": STEPS,
            "order_parameter": 0.07 * (1 + 0.02 * np.sqrt(STEPS)),
            "train_loss": loss + noise,
        }
        yield measure_loss_slopes(pd.DataFrame({"size": size, "seed": seed, **values}))


@pytest.fixture(scope="module")
def slopes():
    return {"flat": list(measure_slopes("flat", 0)), "escapes": list(measure_slopes("escapes", 600))}


@pytest.mark.parametrize(("size", "expected"), [("flat", False), ("escapes", True)])
def test_verdict_from_losses(tmp_path, slopes, size, expected):
    table = pd.concat(slopes[size])[list(LOSS_SLOPE.columns)]
    found = write_evidence(tmp_path, loss_slope=table, entropies=entropies(size))
    test = TESTS["slope_dips_at_entropy"].function
    arguments = {"sizes": [size], "along": "step", "tolerance": 0.05, "near": 0.15}
    assert test(found, **arguments, expected=expected).verdict == "supported"
    assert test(found, **arguments, expected=not expected).verdict == "refuted"


def test_claim_and_table_of_quantities_mean_one_dip(slopes):
    for run in slopes["escapes"]:
        quantities = measure_escape(run, Levels(H2, H3))
        for along, prefix in (("order_parameter", ""), ("step", "log_step_")):
            dip = find_dip(run, along, H2)
            assert dip.depth > 0
            assert run.loc[dip.plateau, "step"] == quantities[f"{prefix}plateau_step"]
            assert run.loc[dip.escape, "step"] == quantities[f"{prefix}escape_step"]


def run_of(steepness, loss=H2, error=0.1):
    values = {"step": np.arange(len(steepness)), "train_loss": loss}
    return pd.DataFrame(
        values | {"dloss_dorder": -np.array(steepness, dtype=float), "dloss_dorder_error": error}
    )


def test_a_dip_is_the_deepest_minimum_and_the_escape_surely_the_steepest_place_after_it():
    errors = np.full(9, 0.1)
    errors[6] = 2.0
    dip = find_dip(run_of([5, 3, 4, 1, 2, 4, 6, 3, 2], error=errors), "order_parameter", H2)
    assert (dip.plateau, dip.escape) == (3, 5)
    assert dip.passed
    assert not find_dip(run_of([5, 3, 1, 2, 4, 6]), "order_parameter", H2).passed
    # 4 - 1, less 3 standard errors of the difference: what comes after is lower than what came before.
    assert dip.depth == pytest.approx(3 - 0.3 * np.sqrt(2))


def test_what_is_no_dip():
    assert find_dip(run_of(range(9, 0, -1)), "order_parameter", H2).depth < 0
    assert find_dip(run_of([5, 1, 4]), "order_parameter", H2) is None
    assert find_dip(run_of([5, 3, 1, 3, 5], loss=H2 + 0.16), "order_parameter", H2) is None
    only_last_near = np.array([3, 3, 3, 3, H2])
    assert find_dip(run_of([5, 3, 1, 3, 5], only_last_near), "order_parameter", H2).depth == -5
