from collections import Counter

import pytest
import torch
from runs import build_model

from orderparam.measuring.sampling import TextSampler, sample_tokens
from orderparam.training.checkpoints import save_checkpoint


@pytest.fixture
def model():
    return build_model(0, 5, context=4, d_model=8, dropout=0.5).eval()


def test_same_seed_same_text_and_another_seed_another(model):
    first = sample_tokens(model, 60, 1.0, 7, dropout=False)
    assert len(first) == 60
    assert sample_tokens(model, 60, 1.0, 7, dropout=False) == first
    assert sample_tokens(model, 60, 1.0, 8, dropout=False) != first


def test_dropout_changes_the_text_and_is_reproducible(model):
    dropped = sample_tokens(model, 60, 1.0, 7, dropout=True)
    assert dropped != sample_tokens(model, 60, 1.0, 7, dropout=False)
    assert dropped == sample_tokens(model, 60, 1.0, 7, dropout=True)
    assert not model.training


def test_sampling_leaves_the_default_generator_alone(model):
    state = torch.get_rng_state()
    sample_tokens(model, 5, 1.0, 7, dropout=True)
    assert torch.equal(torch.get_rng_state(), state)


def test_tokens_follow_the_models_distribution(model):
    with torch.no_grad():
        model.head.weight.zero_()
        model.head.bias.copy_(torch.tensor([0.5, 0.2, 0.1, 0.1, 0.1]).log())
    counts = Counter(sample_tokens(model, 4000, 1.0, 0, dropout=False))
    expected = {0: 0.5, 1: 0.2, 2: 0.1, 3: 0.1, 4: 0.1}
    chi_square = sum((counts[i] - 4000 * p) ** 2 / (4000 * p) for i, p in expected.items())
    assert chi_square < 23.5  # four degrees of freedom, p = 1e-4


def test_low_temperature_follows_the_largest_logit(model):
    with torch.no_grad():
        model.head.weight.zero_()
        model.head.bias.copy_(torch.tensor([0.0, 1.0, 0.0, 0.0, 0.0]))
    assert set(sample_tokens(model, 50, 0.01, 0, dropout=False)) == {1}


def test_context_is_cropped_to_the_models_own(model):
    # Position embeddings beyond the context do not exist, so an uncropped context would fail here.
    seen = []
    handle = model.token_embedding.register_forward_hook(
        lambda _, inputs, __: seen.append(inputs[0].shape[1])
    )
    sample_tokens(model, 7, 1.0, 1, dropout=False)
    handle.remove()
    assert seen == [1, 2, 3, 4, 4, 4, 4]


def test_text_of_a_checkpoint_is_that_of_its_model(tmp_path, corpus, make_run, seeds):
    run = make_run()
    model = build_model(3).eval()
    save_checkpoint(tmp_path / "checkpoints", model, run, seeds, {"step": 20})
    sampler = TextSampler.load(tmp_path / "checkpoints", seeds.seed, 20, corpus[1], "cpu")
    for dropout in (False, True):
        text, tokens = sampler.sample(40, 0.9, 7, dropout=dropout)
        assert tokens == sample_tokens(model, 40, 0.9, 7, dropout=dropout)
        assert text == "".join("abcdefghijk"[i] for i in tokens)
