import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from runs import build_model
from torch.nn import functional as F

from orderparam.measuring.losses import gather_windows, measure_split, window_starts
from orderparam.measuring.quantities import order_parameter


@pytest.mark.parametrize(
    ("weight", "expected"),
    [
        (torch.tensor([[3.0, 0.0], [0.0, 4.0]]), 2.5),
        # A constant matrix has its entry times sqrt(V / d).
        (torch.full((65, 32), 0.25), 0.25 * math.sqrt(65 / 32)),
    ],
)
def test_order_parameter_of_a_known_matrix(weight, expected):
    assert float(order_parameter(weight)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("d_model", "published"), [(32, 0.1457), (64, 0.07181), (128, 0.03616), (384, 0.01212)]
)
def test_initial_order_parameter_is_the_published_one_and_near_its_expectation(d_model, published):
    n_head, n_layer = {32: (2, 1), 64: (2, 2), 128: (4, 4), 384: (6, 6)}[d_model]
    model = build_model(1337, 65, context=256, d_model=d_model, n_head=n_head, n_layer=n_layer)
    b = float(order_parameter(model.head.weight))
    assert float(f"{b:.4g}") == published
    assert b == pytest.approx(math.sqrt(65 / 3) / d_model, rel=0.03)


@settings(max_examples=50)
@given(count=st.integers(2, 5000), context=st.integers(1, 300), windows=st.integers(1, 40) | st.just("all"))
def test_windows_do_not_overlap_and_have_their_targets(count, context, windows):
    starts = window_starts(count, context, windows)
    available = (count - 1) // context
    assert len(starts) == (available if windows == "all" else min(windows, available))
    assert (np.diff(starts) >= context).all()
    assert (starts >= 0).all()
    assert (starts + context < count).all()


@pytest.mark.parametrize("at_once", [4096, 56])
def test_exact_loss_is_the_mean_over_every_position_however_batched(tokens, monkeypatch, at_once):
    model = build_model().eval()
    starts = window_starts(len(tokens), 8, "all")
    windows = gather_windows(tokens, starts, 8)
    with torch.no_grad():
        logits = model(windows[:, :-1])
        expected = F.cross_entropy(logits.double().flatten(0, 1), windows[:, 1:].flatten())
        hidden = model.residual_stream(windows[:, :-1]).double().abs().mean()
    monkeypatch.setattr("orderparam.measuring.losses.TOKENS_PER_BATCH", {"cpu": at_once})
    measured = measure_split(model, tokens, starts)
    assert measured.loss == pytest.approx(expected.item(), rel=1e-6)
    assert measured.hidden_magnetization == pytest.approx(hidden.item(), rel=1e-6)


def test_measuring_draws_nothing(tokens):
    model = build_model().train()
    state = torch.get_rng_state()
    first = measure_split(model, tokens, np.array([0, 8]))
    assert torch.equal(torch.get_rng_state(), state)
    assert measure_split(model, tokens, np.array([0, 8])) == first


def test_a_head_of_zeros_has_the_loss_of_its_bias(tokens):
    model = build_model()
    frequencies = np.bincount(tokens, minlength=11) / len(tokens)
    with torch.no_grad():
        model.head.weight.zero_()
        model.head.bias.copy_(torch.from_numpy(np.log(frequencies)))
    starts = window_starts(len(tokens), 8, "all")
    targets = gather_windows(tokens, starts, 8)[:, 1:].flatten().numpy()
    measured = measure_split(model, tokens, starts)
    assert measured.loss == pytest.approx(-np.log(frequencies[targets]).mean(), rel=1e-6)
    assert float(order_parameter(model.head.weight)) == 0
