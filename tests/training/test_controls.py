"""Frozen and penalised parts, stages of a sweep, the annealed rate, kicks: on real engines and runs."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from runs import SEEDS, advance, build_model, finish, sequential, stacked

from orderparam.errors import TrainingError
from orderparam.model.parts import parts_of, select_parts
from orderparam.settings.experiment import PARTS, Run
from orderparam.training.schedule import learning_rate_at, weight_decay_at

FROZEN = ("token_embedding", "position_embedding", "query")
MATRICES = ("query", "key", "value", "output")


def weights_of(engine):
    return {name: weight.detach().clone() for name, weight in engine.weights.items()}


def test_every_parameter_belongs_to_parts_and_every_part_has_parameters():
    weights = dict(build_model(n_layer=2).named_parameters())
    counts = {
        part: sum(weights[name][index].numel() for name, index in select_parts(weights, [part]))
        for part in PARTS
    }
    assert sum(counts.values()) == sum(weight.numel() for weight in weights.values())
    assert counts["query"] == counts["output"] == 2 * 16 * 16
    assert counts["norm"] == 5 * 2 * 16
    assert all(counts.values())
    assert parts_of("blocks.1.attention.qkv.weight") == ("query", "key", "value")


def test_frozen_parts_keep_their_values_and_the_others_do_not(make_run, tokens):
    engine = sequential(make_run(frozen=FROZEN, regularizer="l2", weight_decay=0.1), tokens)
    before = weights_of(engine)
    advance(engine, 5)
    after = weights_of(engine)
    for part in PARTS:
        for name, index in select_parts(before, [part]):
            same = torch.equal(before[name][index], after[name][index])
            assert same == (part in FROZEN), part


def test_a_penalty_of_all_parts_is_that_of_the_optimizer(make_run, tokens):
    run = make_run(regularizer="l2", weight_decay=0.1, dropout=0.0)
    usual, swept = sequential(run, tokens), sequential(replace(run, sweep=(0.1,), weight_decay=7.0), tokens)
    for engine in (usual, swept):
        advance(engine, 10)
    for name, weight in usual.weights.items():
        torch.testing.assert_close(weight, swept.weights[name], rtol=1e-4, atol=1e-6)


def test_only_penalised_parts_feel_the_penalty(make_run, tokens):
    # The first update, from the same gradients: Adam's sign shows in which parameters the penalty turned it.
    run = make_run(regularizer="l2", dropout=0.0, penalised=MATRICES)
    free, held = (sequential(replace(run, weight_decay=decay), tokens) for decay in (0.0, 1e6))
    start = weights_of(free)
    for engine in (free, held):
        advance(engine, 1)
    for part in PARTS:
        for name, index in select_parts(start, [part]):
            moved = held.weights[name][index] - start[name][index]
            if part in MATRICES:
                torch.testing.assert_close(
                    moved, -run.learning_rate * start[name][index].sign(), rtol=1e-2, atol=0
                )
            else:
                torch.testing.assert_close(
                    held.weights[name][index], free.weights[name][index], rtol=0, atol=0
                )


def test_stages_have_their_penalty_and_the_rate_falls_in_each(make_run, tokens):
    run = make_run(sweep=(0.3, 0.2), steps=20, regularizer="l2", anneal_to=0.1, learning_rate=1e-2)
    assert [weight_decay_at(run, step) for step in (0, 9, 10, 19, 20)] == [0.3, 0.3, 0.2, 0.2, 0.2]
    rates = [learning_rate_at(run, step) for step in (0, 5, 10, 15)]
    assert rates == pytest.approx([1e-2, 5.5e-3, 1e-2, 5.5e-3])
    engine = sequential(run, tokens)
    advance(engine, 6)
    assert engine.optimizer.param_groups[0]["lr"] == pytest.approx(5.5e-3)


def test_rows_have_the_penalty_of_their_stage_and_what_it_weighs(make_run, tokens, tmp_path):
    run = make_run(sweep=(0.3, 0.2), steps=20, regularizer="l2", penalised=("output", "head"))
    engine = finish(sequential(run, tokens), tmp_path)
    table = engine.histories[0].trajectory_table().set_index("step")
    assert table["weight_decay"].loc[[0, 10, 15, 20]].tolist() == [0.3, 0.3, 0.2, 0.2]
    (model,) = engine.models()
    penalised = (model.blocks[0].attention.projection.weight, model.head.weight, model.head.bias)
    expected = sum(weight.square().sum().item() for weight in penalised)
    assert table["squared_norm"].iloc[-1] == pytest.approx(expected, rel=1e-5)


def test_stages_may_each_begin_at_the_start(make_run, tokens, tmp_path):
    run = make_run(sweep=(0.1, 0.1), steps=20, regularizer="l2", stages_from="start", dropout=0.0)
    engine = sequential(run, tokens)
    batch = engine.samplers[0].draw()
    engine.samplers[0].draw = lambda: batch
    before = weights_of(engine)
    advance(engine, 10)
    first = weights_of(engine)
    advance(engine, 20)
    assert not torch.equal(first["head.weight"], before["head.weight"])
    for name, weight in engine.weights.items():
        torch.testing.assert_close(weight.detach(), first[name], rtol=0, atol=0)


@pytest.mark.parametrize("stages_from", ["before", "start"])
@pytest.mark.parametrize("stop", [7, 10, 13])
def test_a_sweep_goes_on_from_a_snapshot_to_the_same_weights(make_run, tokens, tmp_path, stages_from, stop):
    run = make_run(
        sweep=(0.1, 0.2),
        anneal_to=0.1,
        regularizer="l2",
        frozen=FROZEN,
        penalised=MATRICES,
        stages_from=stages_from,
    )
    whole = finish(sequential(run, tokens), tmp_path / "whole")
    other = advance(sequential(run, tokens), stop)
    step, (tensors, values) = other.step, other.state()
    resumed = sequential(run, tokens)
    resumed.restore(step, {name: tensor.clone() for name, tensor in tensors.items()}, values)
    advance(resumed, 20)
    for name, weight in whole.weights.items():
        assert torch.equal(weight, resumed.weights[name]), name


def test_several_seeds_at_once_refuse_what_only_one_at_a_time_can_do(make_run, tokens):
    for keys in ({"sweep": (0.1,)}, {"frozen": ("query",)}, {"penalised": ("head",)}, {"anneal_to": 0.5}):
        with pytest.raises(TrainingError, match="seeds_per_job to 1"):
            stacked(make_run(regularizer="l2", **keys), tokens)


def test_a_kick_adds_initial_noise_to_the_penalised_weights_where_a_stage_begins(make_run, tokens):
    parts = ("value", "output")
    run = make_run(
        sweep=(0.0, 0.0), steps=20, kick=0.5, penalised=parts, regularizer="l2", learning_rate=1e-9
    )
    engine = sequential(run, tokens)
    before = weights_of(engine)
    fused = "blocks.0.attention.qkv.weight"
    # Weights that were drawn are not kicked, those of a stage before are.
    advance(engine, 10)
    torch.testing.assert_close(engine.weights[fused].detach(), before[fused], rtol=0, atol=1e-6)
    advance(engine, 11)
    noise = engine.weights[fused].detach() - before[fused]
    # Initial weights are uniform within 1 / sqrt(16).
    assert not noise[:32].abs().gt(1e-6).any()
    assert noise[32:].abs().max() <= 0.5 / 4 + 1e-6
    assert noise[32:].std() == pytest.approx(0.5 / 4 / np.sqrt(3), rel=0.1)
    torch.testing.assert_close(
        engine.weights["head.weight"].detach(), before["head.weight"], rtol=0, atol=1e-6
    )


def test_kicks_differ_between_entries_seeds_and_stages(make_run, tokens):
    run = make_run(sweep=(0.0,) * 4, steps=20, kick=1.0, regularizer="l2", start_from="first")
    engines = [
        sequential(run, tokens, SEEDS[0]),
        sequential(run, tokens, SEEDS[2]),
        sequential(replace(run, size="other"), tokens, SEEDS[0]),
    ]
    draws = [engine.controls._draw(stage)["head.weight"] for engine in engines for stage in (0, 1)]
    assert len({round(float(draw.double().sum()), 6) for draw in draws}) == 6
    start = weights_of(engines[0])
    engines[0].controls.begin_stage(engines[0].optimizer, 0)
    torch.testing.assert_close(engines[0].weights["head.weight"].detach(), start["head.weight"] + draws[0])


def test_runs_of_before_these_keys_are_as_they_were(make_run):
    values = make_run().to_dict()
    for key in ("frozen", "penalised", "sweep", "stages_from", "anneal_to", "norm_parameters", "kick"):
        del values[key]
    assert Run.from_dict(values) == make_run()
