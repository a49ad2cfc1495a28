import logging
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from runs import CPU, SEEDS, advance, files_of, finish, sequential, stacked, windows_of
from torch.nn import functional as F

from orderparam.errors import TrainingError
from orderparam.measuring.losses import TOKENS_PER_BATCH, measure_split, window_starts
from orderparam.measuring.quantities import order_parameter
from orderparam.model.gpt import Dropout, build_model_of_run
from orderparam.training import stacked as stacked_engine
from orderparam.training import stacked_model
from orderparam.training.checkpoints import checkpoint_path, load_model
from orderparam.training.device import resolve_precision
from orderparam.training.job import JobPaths, train_job
from orderparam.training.stacked import dropout_seed
from orderparam.training.stacked_model import StackedGPT, measure_stack


def models_of(run, seeds=SEEDS):
    return [build_model_of_run(run, each.weights, 11).eval() for each in seeds]


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"attention": "uniform"},
        {"attention": "not_previous"},
        {"attention": "ablated"},
        {"norm_parameters": False},
    ],
    ids=str,
)
@pytest.mark.parametrize("seeds", [SEEDS[:1], SEEDS])
def test_each_seed_computes_what_its_own_model_does(make_run, tokens, seeds, keys):
    run = make_run(n_layer=2, dropout=0.0, **keys)
    models = models_of(run, seeds)
    windows = windows_of(tokens, len(seeds), 3)
    stack = StackedGPT(run, models)
    losses, residual = stack.losses(windows)
    losses.mean(1).sum().backward()
    for seed, model in enumerate(models):
        inputs, targets = windows[seed, :, :-1], windows[seed, :, 1:]
        expected = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten(), reduction="none")
        torch.testing.assert_close(losses[seed], expected, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(residual[seed].view(3, 8, 16), model.residual_stream(inputs))
        expected.mean().backward()
        for name, parameter in model.named_parameters():
            error = torch.linalg.norm(stack.weights[name].grad[seed] - parameter.grad)
            assert error <= 1e-5 * torch.linalg.norm(parameter.grad), name


@pytest.mark.parametrize("output_dropout", [True, False])
def test_dropout_follows_the_maps_that_it_follows_in_the_model(make_run, tokens, monkeypatch, output_dropout):
    run = make_run(n_layer=2, dropout=0.5, output_dropout=output_dropout)
    windows = windows_of(tokens, 3, 3)
    stack = StackedGPT(run, models_of(run))
    dropped = []
    monkeypatch.setattr(stack, "_dropout", lambda x: dropped.append(x.shape) or x)
    stack.losses(windows)
    in_model = [
        module
        for name, module in models_of(run)[0].named_modules()
        if isinstance(module, Dropout) and module.p and not name.endswith("attention_dropout")
    ]
    assert len(dropped) == len(in_model) == (4 if output_dropout else 2)


def test_attention_in_parts_is_that_of_all_windows(make_run, tokens, monkeypatch):
    model = StackedGPT(make_run(n_layer=2, dropout=0.0), models_of(make_run(n_layer=2)))
    windows = windows_of(tokens, 3, 5)

    def gradients():
        model.weights["token_embedding.weight"].grad = None
        model.losses(windows)[0].sum().backward()
        return model.weights["token_embedding.weight"].grad

    expected = gradients()
    monkeypatch.setattr(stacked_model, "ATTENDED_AT_ONCE", 4)
    torch.testing.assert_close(gradients(), expected)


def test_a_model_that_the_stack_does_not_know_is_refused(make_run):
    run = make_run()
    models = models_of(run)
    models[1].blocks[0].attention.scale *= 2
    with pytest.raises(TrainingError, match="does not compute this model"):
        StackedGPT(run, models)


def test_dropout_acts_in_training_and_keeps_the_right_share(make_run, tokens):
    run = make_run(dropout=0.2)
    stack = StackedGPT(run, models_of(run))
    x = torch.ones(3, 4000, 16)
    torch.manual_seed(0)
    dropped = stack._dropout(x)
    assert set(dropped.unique().tolist()) == {0.0, 1.25}
    assert (dropped > 0).double().mean().item() == pytest.approx(0.8, abs=0.005)
    windows = windows_of(tokens, 3, 1)
    with torch.no_grad():
        first, second = stack.losses(windows)[0], stack.losses(windows)[0]
    assert not torch.equal(first, second)
    stack.training = False
    with torch.no_grad():
        assert torch.equal(stack.losses(windows)[0], stack.losses(windows)[0])


@pytest.mark.parametrize("at_once", [TOKENS_PER_BATCH["cpu"], 7 * 8 * 3])
def test_measurements_are_those_of_the_models_one_by_one(make_run, tokens, monkeypatch, at_once):
    run = make_run(n_layer=2, train_windows="all")
    models = models_of(run)
    stack = StackedGPT(run, models)
    starts = window_starts(len(tokens), run.context, "all")
    expected = [measure_split(model, tokens, starts) for model in models]
    monkeypatch.setitem(TOKENS_PER_BATCH, "cpu", at_once)
    found = measure_stack(stack, torch.from_numpy(tokens), torch.from_numpy(starts))
    assert stack.training
    for measured, alone in zip(found, expected, strict=True):
        assert measured.loss == pytest.approx(alone.loss, rel=1e-6)
        assert measured.hidden_magnetization == pytest.approx(alone.hidden_magnetization, rel=1e-6)


@pytest.mark.parametrize("regularizer", ["decoupled", "l2"])
def test_without_dropout_stacked_runs_are_the_sequential_ones(make_run, tokens, regularizer):
    run = make_run(dropout=0.0, n_layer=2, steps=20, regularizer=regularizer)
    stack = advance(stacked(run, tokens), 20, at_once=7)
    rows = stack.measure()
    for seeds, history, model, row in zip(SEEDS, stack.histories, stack.models(), rows, strict=True):
        alone = sequential(run, tokens, seeds)
        for _ in range(20):
            alone.update()
        np.testing.assert_allclose(history.steps, alone.histories[0].steps, rtol=1e-5)
        (expected,) = alone.measure()
        assert row.keys() == expected.keys()
        for name, value in expected.items():
            assert row[name] == (pytest.approx(value, rel=1e-5) if isinstance(value, float) else value)
        assert row["order_parameter"] == float(order_parameter(model.head.weight))


def test_how_far_batches_are_drawn_ahead_does_not_matter(make_run, tokens, monkeypatch):
    run = make_run(steps=12)
    whole = advance(stacked(run, tokens), 12)
    monkeypatch.setattr(stacked_engine, "STEPS_DRAWN_AHEAD", 5)
    monkeypatch.setattr(stacked_engine, "STEPS_PER_READING", 3)
    parts = advance(stacked(run, tokens), 12)
    assert [h.steps for h in parts.histories] == [h.steps for h in whole.histories]


def test_the_steps_that_warm_a_graph_up_leave_no_trace(make_run, tokens):
    run = make_run()
    plain, warmed = stacked(run, tokens), stacked(run, tokens)
    warmed.advance(until=2)
    before = {name: tensor.clone() for name, tensor in warmed.state()[0].items()}
    with warmed._undisturbed():
        for _ in range(3):
            warmed._update()
        assert not torch.equal(warmed.model.weights["head.weight"], before["model.head.weight"])
    for name, tensor in warmed.state()[0].items():
        assert torch.equal(tensor, before[name]), name
    warmed.advance(until=6)
    torch.manual_seed(dropout_seed(SEEDS))
    plain.advance(until=6)
    assert [h.steps for h in warmed.histories] == [h.steps for h in plain.histories]


def test_masks_come_from_all_dropout_seeds(make_run, tokens):
    run = make_run()
    other = [*SEEDS[:2], replace(SEEDS[2], dropout=9)]
    assert dropout_seed(SEEDS) != dropout_seed(other)
    losses = []
    for seeds in (SEEDS, SEEDS, other):
        stack = advance(stacked(run, tokens, seeds), 3)
        losses.append([loss for _, loss in stack.histories[0].steps])
    assert losses[0] == losses[1] != losses[2]


def test_a_stacked_job_writes_what_a_sequential_one_does(make_run, corpus, tmp_path):
    run = make_run(dropout=0.0)
    tables, steps, names = [], [], []
    for kind in (False, True):
        folder = tmp_path / str(kind)
        tables.append(train_job(run, SEEDS, *corpus, JobPaths.below(folder), stacked=kind))
        steps.append(pd.read_parquet(folder / "steps.parquet"))
        names.append(set(files_of(folder)))
    pd.testing.assert_frame_equal(tables[1], tables[0], rtol=1e-5)
    pd.testing.assert_frame_equal(steps[1], steps[0], rtol=1e-5)
    assert names[0] == names[1]
    model = load_model(checkpoint_path(tmp_path / "True/checkpoints", 7, 20))
    row = tables[1].query("seed == 7 and step == 20").iloc[0]
    assert float(order_parameter(model.head.weight)) == row["order_parameter"]


def test_a_diverging_seed_is_named_and_all_that_was_measured_kept(make_run, tokens, tmp_path):
    run = make_run(steps=50)
    stack = stacked(run, tokens)
    stack.advance(until=3)
    with torch.no_grad():
        stack.model.weights["head.weight"][1] = 1e38
    with pytest.raises(TrainingError, match=r"seed 2: the batch loss of step 3 is not finite") as caught:
        finish(stack, tmp_path)
    assert str(tmp_path / "diverged/seed-2") in str(caught.value)
    for seed in (1, 2, 7):
        steps = pd.read_parquet(tmp_path / f"diverged/seed-{seed}/steps.parquet")
        assert len(steps) == 4
        assert np.isfinite(steps["batch_loss"].iloc[-1]) == (seed != 2)


def test_precision_is_for_cuda(make_run, caplog):
    cuda = torch.device("cuda")
    assert resolve_precision(make_run(precision="tf32"), cuda) == "tf32"
    assert resolve_precision(make_run(), CPU) == "float32"
    with pytest.raises(TrainingError, match=r"'bf16'.*for CUDA only.*device is 'cpu'"):
        resolve_precision(make_run(precision="bf16"), CPU)
    with caplog.at_level(logging.WARNING):
        assert resolve_precision(make_run(precision="tf32", device="auto"), CPU) == "float32"
    assert "float32" in caplog.text
