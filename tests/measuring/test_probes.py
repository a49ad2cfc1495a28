from dataclasses import replace

import numpy as np
import pytest
import torch
from runs import CPU, VOCABULARY, build_model

from orderparam.measuring.attention import attention_weights, query_key_norm
from orderparam.measuring.probes import (
    OFFSETS,
    ProbeWindows,
    probe_checkpoints,
    probe_model,
    probe_products,
)
from orderparam.tables import PROBES
from orderparam.text.ngrams import NgramCounts
from orderparam.training.checkpoints import save_checkpoint


def build(attention="causal", context=8):
    return build_model(3, attention=attention, context=context, n_layer=2)


def choose(tokens, context=8, windows=20):
    return ProbeWindows.choose(tokens[:1800], tokens[1800:], VOCABULARY, context, windows)


def values(rows, quantity):
    return {
        (row["layer"], row["head"], row["order"]): row["value"] for row in rows if row["quantity"] == quantity
    }


def test_heads_without_preference_share_their_attention_evenly(tokens):
    model = build()
    with torch.no_grad():
        for block in model.blocks:
            block.attention.qkv.weight[:32] = 0  # queries and keys
    masses = values(probe_model(model, choose(tokens)), "attention_mass")
    assert set(masses) == {(layer, head, j) for layer in (0, 1) for head in (0, 1) for j in range(OFFSETS)}
    for (_, _, offset), mass in masses.items():
        assert mass == pytest.approx(np.mean([1 / (t + 1) for t in range(offset, 8)]), rel=1e-6)


def test_weights_are_those_that_the_model_attends_with(tokens):
    block = build().eval().blocks[0]
    x = torch.randn(3, 8, 16, generator=torch.Generator().manual_seed(1))
    weights = attention_weights(block.attention, x)
    assert torch.allclose(weights.sum(-1), torch.ones(()))
    value = block.attention.qkv(x)[..., 32:].view(3, 8, 2, 8).transpose(1, 2)
    heads = (weights @ value).transpose(1, 2).reshape(3, 8, 16)
    torch.testing.assert_close(block.attention.projection(heads), block.attention(x))


def test_a_model_of_the_unigrams_is_as_far_from_each_predictor_as_the_unigrams_are(tokens):
    counts = NgramCounts.count(tokens[:1800], VOCABULARY, 4)
    unigram = torch.from_numpy(counts.predictive_log_probabilities(tokens[:1], 1)[0])
    model = build()
    with torch.no_grad():
        model.head.weight[:] = 0
        model.head.bias[:] = unigram
    windows = choose(tokens)
    found = values(probe_model(model, windows), "ngram_divergence")
    assert found[None, None, 1] == pytest.approx(0, abs=1e-9)
    # By hand, from the probability of each token after each context that occurs in a window.
    for order in (2, 3):
        divergences = []
        for window in windows.inputs.numpy():
            for end in range(order - 1, len(window) + 1):
                log_p = counts.predictive_log_probabilities(window[end - order + 1 : end], order)[0]
                divergences.append(np.sum(np.exp(log_p) * (log_p - unigram.numpy())))
        assert found[None, None, order] == pytest.approx(np.mean(divergences), rel=1e-6)
        assert found[None, None, order] > 0.01


def test_predictions_are_of_the_token_that_the_model_predicts(tokens):
    windows = choose(tokens)
    counts = NgramCounts.count(tokens[:1800], VOCABULARY, 4)
    assert [table.shape[1] for table in windows.predictions] == [8, 8, 7, 6]
    for order, table in enumerate(windows.predictions, start=1):
        torch.testing.assert_close(table.exp().sum(-1), torch.ones(table.shape[:2], dtype=torch.float64))
        window = windows.inputs[4].numpy()
        for row, log_p in enumerate(table[4]):
            position = row + max(order - 2, 0)
            context = window[position - order + 2 : position + 1]
            expected = counts.predictive_log_probabilities(context, order)[0]
            np.testing.assert_allclose(log_p.numpy(), expected)


def test_spectrum_of_a_known_head(tokens):
    model = build()
    with torch.no_grad():
        model.head.weight[:] = 0
        model.head.weight[0, 0], model.head.weight[1, 1], model.head.weight[2, 2] = 2.0, 1.0, 1.0
    rows = probe_model(model, choose(tokens, windows=2))
    assert values(rows, "head_spectral_norm") == {(None, None, None): pytest.approx(2)}
    assert values(rows, "head_stable_rank") == {(None, None, None): pytest.approx(1.5)}


def test_without_attention_or_with_one_token_there_is_less_to_measure(tokens):
    assert not values(probe_model(build("ablated"), choose(tokens)), "attention_mass")
    rows = probe_model(build(context=1), choose(tokens, context=1))
    assert {order for _, _, order in values(rows, "ngram_divergence")} == {1, 2}
    masses = values(rows, "attention_mass")
    assert {order for _, _, order in masses} == {0}
    assert set(masses.values()) == {1.0}


def test_singular_values_of_known_products(tokens):
    model = build()
    attention = model.blocks[1].attention
    width, size = attention.projection.weight.shape[0], attention.projection.weight.shape[0] // 2
    with torch.no_grad():
        attention.projection.weight.zero_()
        attention.qkv.weight.zero_()
        # The second head's O V has 3 * 2 and 1 * 2 along two directions; the first head's Q^T K one of 4 * 1.
        for direction, strength in enumerate((3.0, 1.0)):
            attention.projection.weight[direction, size + direction] = strength
            attention.qkv.weight[2 * width + size + direction, -1 - direction] = 2.0
        attention.qkv.weight[0, 0], attention.qkv.weight[width, 1] = 4.0, 1.0
    rows = [row for row in probe_products(model) if row["layer"] == 1]
    of = {head: [0.0] * size for head in (0, 1)}
    expected = {"value_output": of | {1: [6.0, 2.0] + [0.0] * (size - 2)}, "query_key": of.copy()}
    expected["query_key"][0] = [4 / width**0.5] + [0.0] * (size - 1)
    for product, heads in expected.items():
        found = values(rows, f"{product}_singular_value")
        for head, singular_values in heads.items():
            ordered = [found[1, head, order] for order in range(1, size + 1)]
            assert ordered == pytest.approx(singular_values)
    assert query_key_norm(model) >= 4 / width**0.5


def test_squares_of_singular_values_add_up_to_the_norm():
    model = build()
    rows = probe_products(model)
    found = values(rows, "query_key_singular_value")
    heads = {(layer, head) for layer, head, _ in found}
    sums = {key: sum(v**2 for (*of, _), v in found.items() if tuple(of) == key) for key in heads}
    assert max(sums.values()) ** 0.5 == pytest.approx(query_key_norm(model))
    assert not probe_products(build("ablated"))


@pytest.mark.parametrize(
    ("changes", "controlled"),
    [({"n_layer": 1, "frozen": ("token_embedding",)}, True), ({"n_layer": 1}, False)],
)
def test_products_are_probed_where_a_penalty_acts_on_them(
    tokens, make_run, seeds, tmp_path, changes, controlled
):
    run = make_run(**changes)
    model = build_model(3, context=8, n_layer=1)
    save_checkpoint(tmp_path, model, run, seeds, {"step": 0})
    windows = choose(tokens, windows=3)
    table = probe_checkpoints(replace(run, steps=0), [seeds.seed], tmp_path, windows, CPU)
    names = {"value_output_singular_value", "query_key_singular_value", "critical_penalty_value_output"}
    assert names <= set(table["quantity"]) if controlled else not names & set(table["quantity"])


def test_every_checkpoint_of_every_seed_is_probed(tokens, make_run, seeds, tmp_path):
    run = make_run(n_layer=2)
    for step in (0, 10, 20):
        save_checkpoint(tmp_path, build(), run, seeds, {"step": step})
    table = probe_checkpoints(run, [seeds.seed], tmp_path, choose(tokens, windows=3), CPU)
    assert tuple(table.columns) == PROBES.columns
    assert not table.duplicated(list(PROBES.key)).any()
    assert set(table["step"]) == {0, 10, 20}
    assert table.groupby("step").size().nunique() == 1
