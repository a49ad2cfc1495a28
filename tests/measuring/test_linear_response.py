"""Linear response against finite differences, and gamma_c against a linear net with a known answer."""

import numpy as np
import pytest
import torch
from runs import build_model
from torch.nn import functional as F

from orderparam.known_systems.deep_linear.landscape import Task, closed_form
from orderparam.measuring.linear_response import critical_penalty, product_gradients

WIDTH = 6


@pytest.fixture
def windows(tokens):
    return torch.from_numpy(tokens[: 40 * 9].astype("int64")).view(40, 9)


@pytest.fixture
def model():
    return build_model(3, dropout=0.0, norm_parameters=False).double()


def loss_of(model, windows):
    with torch.no_grad():
        return float(F.cross_entropy(model.eval()(windows[:, :-1]).flatten(0, 1), windows[:, 1:].flatten()))


def test_the_loss_responds_to_a_small_product_of_output_and_value(model, windows):
    gradient, _ = product_gradients(model, windows)
    generator = torch.Generator().manual_seed(0)
    output, value = torch.randn(2, 16, 16, generator=generator, dtype=torch.float64)
    attention = model.blocks[0].attention
    losses = []
    for sign in (1, -1):
        with torch.no_grad():
            attention.qkv.weight[:32] = 0
            attention.qkv.weight[32:] = 1e-3 * value
            attention.projection.weight[:] = sign * 1e-3 * output
        losses.append(loss_of(model, windows))
    expected = float((gradient * (output @ value)).sum())
    assert (losses[0] - losses[1]) / 2e-6 == pytest.approx(expected, rel=1e-3)


def test_the_loss_responds_to_a_small_product_of_query_and_key(model, windows):
    attention = model.blocks[0].attention
    _, gradients = product_gradients(model, windows)
    query, key = torch.randn(2, 8, 16, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    losses = []
    for sign in (1, -1):
        with torch.no_grad():
            attention.qkv.weight[:32] = 0
            attention.qkv.weight[8:16] = sign * 1e-3 * query
            attention.qkv.weight[24:32] = 1e-3 * key
        losses.append(loss_of(model, windows))
    expected = float((gradients[1] * (query.T @ key)).sum())
    assert (losses[0] - losses[1]) / 2e-6 == pytest.approx(expected, rel=1e-3)


def test_without_attention_there_are_no_heads_and_more_layers_are_refused(windows):
    product, forms = product_gradients(build_model(attention="ablated", norm_parameters=False), windows)
    assert product.shape == (16, 16)
    assert len(forms) == 0
    with pytest.raises(ValueError, match="not for 2"):
        product_gradients(build_model(n_layer=2), windows)


def descend(response, gamma, steps=4000, rate=0.02):
    """The product of output and value that gradient descent ends at from small weights, on a linear net.

    The loss is E|y - O V u|^2 + gamma (|O|^2 + |V|^2), with E[u u^T] = 1 and E[y u^T] = `response`.
    """
    output, value = 1e-3 * np.random.default_rng(1).standard_normal((2, WIDTH, WIDTH))
    for _ in range(steps):
        error = 2 * (output @ value - response)
        by_output, by_value = error @ value.T + 2 * gamma * output, output.T @ error + 2 * gamma * value
        output, value = output - rate * by_output, value - rate * by_value
    return output @ value


def test_a_linear_net_loses_its_product_where_linear_response_says():
    response = np.random.default_rng(0).standard_normal((WIDTH, WIDTH))
    critical = critical_penalty(torch.from_numpy(-2 * response))
    c = np.linalg.norm(response, 2)
    assert critical == pytest.approx(c)
    assert critical == pytest.approx(closed_form(Task(1.0, c), 1).gamma_c)
    assert np.linalg.norm(descend(response, 1.02 * critical)) < 1e-6
    # Continuously, with exponent 1 of the product: soft thresholding of the singular values.
    for share in (0.98, 0.9):
        expected = np.maximum(np.linalg.svd(response)[1] - share * c, 0)
        found = np.linalg.svd(descend(response, share * critical))[1]
        np.testing.assert_allclose(found, expected, atol=2e-3 * c)
