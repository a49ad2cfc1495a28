"""Linear maps by oneDNN against PyTorch's own."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from orderparam.model.linear import Linear, LinearReLU, packed_weights

onednn = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="PyTorch without oneDNN")


def plain(layer, x):
    output = F.linear(x, layer.weight, layer.bias)
    return output.relu() if isinstance(layer, LinearReLU) else output


def check_against_plain(layer, x, found, expected):
    torch.testing.assert_close(found, expected)
    torch.manual_seed(2)
    incoming, inputs = torch.randn_like(found), (x, *layer.parameters())
    for ours, theirs in zip(
        *(torch.autograd.grad(y, inputs, incoming) for y in (found, expected)), strict=True
    ):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("kind", [Linear, LinearReLU])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(5,), (7, 5), (2, 3, 5), (2, 3, 4, 5)])
def test_output_and_gradients_are_those_of_a_linear_map(kind, bias, shape):
    torch.manual_seed(1)
    layer, x = kind(5, 9, bias), torch.randn(shape, requires_grad=True)
    check_against_plain(layer, x, layer(x), plain(layer, x))


def test_gradients_agree_with_finite_differences_where_onednn_is_not_used():
    layer, x = LinearReLU(3, 4).double(), torch.randn(6, 3, dtype=torch.float64, requires_grad=True)

    assert torch.autograd.gradcheck(layer, x)


def test_inputs_may_have_any_strides():
    torch.manual_seed(1)
    layer, x = LinearReLU(6, 4), torch.randn(6, 5, 3).permute(2, 1, 0).requires_grad_()
    check_against_plain(layer, x, layer(x).permute(1, 2, 0), plain(layer, x).permute(1, 2, 0))


def test_initial_weights_are_those_of_pytorch():
    torch.manual_seed(3)
    expected = nn.Linear(8, 5).state_dict()
    torch.manual_seed(3)

    found = LinearReLU(8, 5).state_dict()

    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


@onednn
def test_onednn_is_used_and_can_be_switched_off(monkeypatch):
    layer, x = Linear(4, 4), torch.randn(2, 4)

    assert "OneDnn" in layer(x).grad_fn.name()
    monkeypatch.setattr(torch.backends.mkldnn, "enabled", False)
    assert "OneDnn" not in layer(x).grad_fn.name()


@onednn
@pytest.mark.parametrize("rows", [64, 10])
def test_packed_weights_give_the_same_outputs(rows):
    torch.manual_seed(1)
    model, x = nn.Sequential(LinearReLU(32, 128), Linear(128, 65)), torch.randn(64, 32)
    with torch.no_grad(), packed_weights(model, 64):
        packed = model(x[:rows])

    torch.testing.assert_close(packed, model(x[:rows]))


@onednn
def test_weights_are_unpacked_after_an_error():
    layer, x = Linear(4, 4), torch.randn(2, 4)
    with pytest.raises(KeyboardInterrupt), packed_weights(layer, 2):
        raise KeyboardInterrupt
    with torch.no_grad():
        layer.weight.zero_()

    assert torch.equal(layer(x), layer.bias.expand(2, 4))
