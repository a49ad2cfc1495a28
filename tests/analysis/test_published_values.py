import numpy as np
import pandas as pd
import pytest

from orderparam.analysis.published_values import compare_with_published, prediction_interval
from orderparam.tables import COMPARISON


def test_interval_of_a_sample_by_hand():
    # t_{0.975, 2} = 4.302653, s = 1, n = 3.
    lower, upper = prediction_interval([1.0, 2.0, 3.0])
    assert (lower, upper) == pytest.approx((2 - 4.302653 * np.sqrt(4 / 3), 2 + 4.302653 * np.sqrt(4 / 3)))


@pytest.mark.parametrize("n", [2, 3, 8])
def test_interval_covers_a_further_draw_as_often_as_it_says(n):
    draws = np.random.default_rng(n).normal(5, 2, (4000, n + 1))
    covered = 0
    for sample in draws:
        lower, upper = prediction_interval(sample[:n])
        covered += lower <= sample[n] <= upper
    # Three standard errors of a share of 95% in 4,000 draws.
    assert covered / 4000 == pytest.approx(0.95, abs=0.0104)


def test_one_run_predicts_nothing():
    assert np.isnan(prediction_interval([3.0])).all()


def table(size, seed, step, b, loss):
    return {"size": size, "seed": seed, "step": step, "order_parameter": b, "train_loss": loss}


PUBLISHED = pd.DataFrame(
    [
        {"size": "10K", "step": 0, "order_parameter": 0.1457, "train_loss": 4.341},
        {"size": "10K", "step": 1000, "order_parameter": 0.2, "train_loss": 2.628},
        {"size": "1M", "step": 0, "order_parameter": 0.03616, "train_loss": 4.334},
    ]
)


def test_only_runs_from_the_published_initial_weights_count():
    metrics = pd.DataFrame(
        [
            table("10K", 1, 0, 0.14574, 4.34),
            table("10K", 2, 0, 0.14574, 4.34),
            table("10K", 9, 0, 0.15, 4.4),
            table("10K", 1, 1000, 0.201, 2.60),
            table("10K", 2, 1000, 0.199, 2.61),
            table("1M", 1, 0, 0.03616, 4.334),
        ]
    )
    found = compare_with_published(metrics, PUBLISHED, {"10K": [1, 2], "1M": [1]})
    assert tuple(found.columns) == COMPARISON.columns
    assert found[["size", "step", "quantity", "runs"]].to_numpy().tolist() == [
        ["10K", 0, "order_parameter", 2],
        ["10K", 0, "train_loss", 2],
        ["10K", 1000, "order_parameter", 2],
        ["10K", 1000, "train_loss", 2],
        ["1M", 0, "order_parameter", 1],
        ["1M", 0, "train_loss", 1],
    ]
    # No spread at step 0: b agrees to the digits printed, the loss does not.
    assert found["inside"].tolist()[:4] == [True, False, True, True]
    assert found["inside"].isna().tolist()[4:] == [True, True]


def test_a_value_beyond_the_interval_is_told():
    metrics = pd.DataFrame([table("10K", seed, 1000, 0.25 + seed * 1e-5, 2.628) for seed in range(8)])
    found = compare_with_published(metrics, PUBLISHED, {"10K": range(8)})
    assert found["inside"].tolist() == [False, True]
