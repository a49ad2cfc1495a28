import math
import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from runs import make_run
from torch.nn import functional as F

from orderparam.model.gpt import Dropout, build_model_of_run, count_parameters
from orderparam.model.plain import PlainGPT, rename_to_plain

SIZES = {
    "10K": (32, 2, 1, 25_089),
    "0.1M": (64, 2, 2, 124_481),
    "1M": (128, 4, 4, 841_281),
    "10M": (384, 6, 6, 10_788_929),
}


def run_of(**overrides):
    return make_run(**{"d_model": 32, "n_layer": 2, "context": 32, "dropout": 0.0} | overrides)


def build(seed=1337, **overrides):
    return build_model_of_run(run_of(**overrides), seed, 65)


def build_plain(seed=1337, **overrides):
    torch.manual_seed(seed)
    return PlainGPT(run_of(**overrides), 65)


@pytest.mark.parametrize("size", SIZES)
def test_parameter_count_is_the_published_one(size):
    d_model, n_head, n_layer, count = SIZES[size]
    model = build(d_model=d_model, n_head=n_head, n_layer=n_layer, context=256)
    assert count_parameters(model) == count


@pytest.mark.parametrize("size", ["10K", "0.1M", "1M"])
def test_initial_weights_are_those_of_plain_construction(size):
    d_model, n_head, n_layer, _ = SIZES[size]
    shape = {"d_model": d_model, "n_head": n_head, "n_layer": n_layer, "context": 256}
    ours = rename_to_plain(build(**shape).state_dict(), n_head)
    plain = build_plain(**shape).state_dict()
    assert ours.keys() == plain.keys()
    for name, tensor in plain.items():
        assert torch.equal(ours[name], tensor), name


def test_building_leaves_the_default_generator_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    build()
    assert torch.equal(torch.rand(3), expected)


def paired_losses(dtype, training, **keys):
    model, plain = build(**keys), build_plain(**keys)
    plain.load_state_dict(rename_to_plain(model.state_dict(), 2))
    model, plain = model.to(dtype).train(training), plain.to(dtype)
    if training:
        for module in model.modules():
            if isinstance(module, Dropout):
                # Keeps every element, but sends attention down the chunked training path.
                module.p, module._dropped = 1e-9, 0
    tokens = torch.randint(65, (3, 33), generator=torch.Generator().manual_seed(0))
    for network in (model, plain):
        logits = network(tokens[:, :-1])
        F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten()).backward()
    return model, plain, tokens[:, :-1]


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"attention": "ablated"},
        {"attention": "uniform"},
        {"attention": "not_previous"},
        {"logit_factor": 3.0},
        {"norm_parameters": False},
    ],
    ids=str,
)
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
def test_logits_and_gradients_equal_the_oracles(dtype, tolerance, training, keys):
    model, plain, tokens = paired_losses(dtype, training, **keys)
    with torch.no_grad():
        ours, theirs = model(tokens), plain(tokens)
    assert torch.linalg.norm(ours - theirs) <= tolerance * torch.linalg.norm(theirs)
    gradients = rename_to_plain({n: p.grad for n, p in model.named_parameters()}, 2)
    for name, parameter in plain.named_parameters():
        error = torch.linalg.norm(gradients[name] - parameter.grad)
        assert error <= tolerance * torch.linalg.norm(parameter.grad), name


@pytest.mark.parametrize("length", [1, 2, 3, 5, 31])
def test_chunked_attention_serves_lengths_that_chunks_do_not_divide(length):
    model = build().double()
    attention = model.blocks[0].attention.train()
    x = torch.randn(2, length, 32, dtype=torch.float64)
    expected = attention(x)
    attention.attention_dropout.p, attention.attention_dropout._dropped = 1e-9, 0
    torch.testing.assert_close(attention(x), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("dropout", [0.0, 0.2])
@pytest.mark.parametrize("attention", ["causal", "not_previous"])
def test_later_tokens_and_a_hidden_previous_one_are_not_seen(attention, dropout):
    # In training with dropout the chunks have a mask of their own.
    model = build(attention=attention, dropout=dropout, n_layer=2).train(dropout > 0)
    tokens = torch.randint(65, (1, 32))
    changed = tokens.clone()
    changed[0, 20] = (changed[0, 20] + 1) % 65
    logits = []
    for each in (tokens, changed):
        torch.manual_seed(3)
        logits.append(model(each)[0])
    differ = (logits[0] != logits[1]).any(-1)
    assert not differ[:20].any() and differ[20] and differ[22]
    assert differ[21] == (attention == "causal")


def test_initial_values_and_outputs_are_scaled_and_nothing_else():
    whole, scaled = build().state_dict(), build(value_output_scale=0.25).state_dict()
    for name, weight in whole.items():
        expected = weight.clone()
        if name.endswith("attention.projection.weight"):
            expected *= 0.25
        elif name.endswith("attention.qkv.weight"):
            expected[64:] *= 0.25
        assert torch.equal(scaled[name], expected), name


@pytest.mark.parametrize("kind", [build, build_plain])
@pytest.mark.parametrize("key", ["attention_dropout", "output_dropout"])
@pytest.mark.parametrize("on", [True, False])
def test_dropout_of_the_attention_is_where_it_is_configured(kind, key, on):
    others = {"attention_dropout": False, "output_dropout": False}
    model = kind(dropout=0.5, **(others | {key: on})).train()
    tokens = torch.randint(65, (2, 32), generator=torch.Generator().manual_seed(1))
    for name, module in model.named_modules():
        if re.fullmatch(r"blocks\.\d+\.(mlp\.)?dropout", name):
            module.p = 0.0
    # Nothing else is random now.
    assert torch.equal(model(tokens), model(tokens)) is not on
    torch.testing.assert_close(model.eval()(tokens), build()(tokens))


def test_ablated_attention_leaves_the_other_initial_weights_and_sees_one_token_only():
    whole, ablated = build(), build(attention="ablated")
    kept = {name: tensor for name, tensor in whole.state_dict().items() if ".attention" not in name}
    found = ablated.state_dict()
    assert found.keys() == kept.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in kept.items())
    tokens = torch.randint(65, (2, 32), generator=torch.Generator().manual_seed(1))
    tokens[1, 7] = tokens[0, 7]
    with torch.no_grad():
        seen, logits = whole(tokens), ablated(tokens)
    assert torch.equal(logits[0, 7], logits[1, 7])
    assert not torch.allclose(seen[0, 7], seen[1, 7])


def test_initial_loss_is_that_of_logits_with_the_variance_that_initialisation_gives():
    # After the final LayerNorm a position has squared norm d, so logits have variance 1/3 + 1/(3 d),
    # and E[log sum exp] exceeds ln V by half of that, to first order.
    model = build(d_model=64, context=256).eval()
    tokens = torch.randint(65, (16, 257), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        loss = F.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())
    assert loss.item() == pytest.approx(math.log(65) + 1 / 6, abs=0.1)


@settings(deadline=None, max_examples=20)
@given(p=st.floats(0.01, 0.9), count=st.integers(1, 4099), seed=st.integers(0, 2**31))
def test_dropout_zeroes_or_rescales_exactly(p, count, seed):
    torch.manual_seed(seed)
    output = Dropout(p)(torch.ones(count))
    kept_share = 1 - round(p * 2**16) / 2**16
    assert set(output.unique().tolist()) <= {0.0, torch.tensor(1 / kept_share).item()}


@pytest.mark.parametrize("p", [0.1, 0.2, 0.5])
def test_dropout_keeps_the_right_share_and_independently(p):
    torch.manual_seed(0)
    n = 4_000_000
    kept = (Dropout(p)(torch.ones(n)) > 0).double()
    sigma = math.sqrt(p * (1 - p) / n)
    assert abs(kept.mean().item() - (1 - p)) < 5 * sigma + 2**-17
    centred = kept - kept.mean()
    for lag in (1, 2, 3, 4, 5, 8):
        correlation = (centred[lag:] * centred[:-lag]).mean().item() / (p * (1 - p))
        assert abs(correlation) < 5 / math.sqrt(n), lag


def test_dropout_gradient_is_the_mask():
    torch.manual_seed(0)
    x = torch.randn(1000, requires_grad=True)
    output = Dropout(0.2)(x)
    output.sum().backward()
    torch.testing.assert_close(output, x * x.grad)


def test_evaluation_mode_drops_nothing():
    x = torch.randn(10)
    assert Dropout(0.5).eval()(x) is x
