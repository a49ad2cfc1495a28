"""The claims on how entries pass from the bigram level, on logistic passages of known place and length."""

from functools import partial

import numpy as np
import pytest
from claim_tables import H2, H3, entropies, judge, metrics, write_evidence

from orderparam.claims.verdict import NOT_TESTED, REFUTED, SUPPORTED

# phi = 1.2 s - 0.1, s logistic in the step with a scale of 100; alpha shifts its place by 500 ln(1 / alpha).
PLACES = {"large": 2_000.0, "small": 2_000.0 + 500 * np.log(100), "never": 1e6}


def loss_of(place):
    def loss(step):
        return H2 - (H2 - H3) * (1.2 / (1 + np.exp(-np.clip((step - place) / 100, -50, 50))) - 0.1)

    return loss


@pytest.fixture
def verdict(tmp_path):
    curves = {size: (lambda step: 0.1, loss_of(place), loss_of(place)) for size, place in PLACES.items()}
    table = metrics(curves, steps=range(0, 8001, 20))
    found = write_evidence(tmp_path, metrics=table, entropies=entropies(*PLACES))

    return partial(judge, found=found)


def test_a_shifted_passage_is_later_and_a_smaller_share(verdict):
    arguments = {"sizes": ["small"], "other": "large"}
    later = verdict("passage_compares", quantity="half", low=1.5, **arguments)
    # Both are halfway where the logistic function is 1/2.
    assert later["verdict"] == SUPPORTED
    assert later["value"] == pytest.approx(PLACES["small"] / PLACES["large"], rel=1e-3)
    assert verdict("passage_compares", quantity="share", high=0.9, **arguments)["verdict"] == SUPPORTED
    assert verdict("passage_compares", quantity="begin", high=1.1, **arguments)["verdict"] == REFUTED


def test_a_run_that_does_not_pass_has_no_passage_but_an_end(verdict):
    row = verdict("passage_compares", sizes=["never"], other="large", quantity="half", low=1.0)
    assert row["verdict"] == NOT_TESTED
    assert "no seed passes in both" in row["note"]
    assert verdict("progress_ends_between", sizes=["never"], high=0.5)["verdict"] == SUPPORTED
    assert verdict("progress_ends_between", sizes=["large"], low=0.0, high=1.0)["verdict"] == REFUTED


def test_a_passage_by_itself_has_a_share_and_a_steepness(tmp_path):
    """After a first fall phi rises linearly in ln(step), by 2 an e-fold from step 2,000 on; b falls."""

    def loss(step):
        rise = 2 * np.clip(np.log(np.maximum(step, 1) / 2_000), 0, None)
        return H2 - (H2 - H3) * rise + 2 * np.exp(-step / 50)

    table = metrics({"chains": (lambda step: 0.1 - 1e-6 * step, loss, loss)}, steps=range(0, 8001, 20))
    found = write_evidence(tmp_path, metrics=table, entropies=entropies("chains"))
    share = judge("passage_compares", found, sizes=["chains"], quantity="share", high=0.25)
    assert share["verdict"] == SUPPORTED
    assert share["value"] == pytest.approx(1 - np.exp(-0.2), rel=1e-3)
    steepness = judge("passage_is_steep", found, sizes=["chains"], low=1.5)
    assert steepness["verdict"] == SUPPORTED
    assert steepness["value"] == pytest.approx(2.0, rel=0.05)
