from collections import Counter

import pytest
import torch
from runs import build_model

from orderparam.measuring.sampling import TextSampler, sample_tokens
from orderparam.training.checkpoints import save_checkpoint


@pytest.fixture
def model():
    return build_model(0, 5, context=4, d_model=8, dropout=0.5).eval()


def test_text_depends_on_seed_and_dropout_alone(model):
    state = torch.get_rng_state()
    texts = {}
    for seed, dropout in ((7, False), (8, False), (7, True)):
        first, again = (sample_tokens(model, 60, 1.0, seed, dropout=dropout) for _ in range(2))
        assert len(first) == 60 and first == again
        texts[seed, dropout] = tuple(first)
    assert len(set(texts.values())) == 3
    assert not model.training
    assert torch.equal(torch.get_rng_state(), state)


def test_tokens_follow_the_models_distribution_and_temperature(model):
    shares = torch.tensor([0.2, 0.5, 0.1, 0.1, 0.1])
    with torch.no_grad():
        model.head.weight.zero_()
        model.head.bias.copy_(shares.log())
    counts = Counter(sample_tokens(model, 1500, 1.0, 0, dropout=False))
    chi_square = sum((counts[i] - 1500 * p) ** 2 / (1500 * p) for i, p in enumerate(shares.tolist()))
    assert chi_square < 23.5  # four degrees of freedom, p = 1e-4
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
