from dataclasses import replace

import pytest
import torch
from runs import CPU

from orderparam.errors import RecordError, TrainingError
from orderparam.measuring.verification import verify_job
from orderparam.settings.experiment import Seeds
from orderparam.text.vocabulary import load_tokens
from orderparam.training.checkpoints import checkpoint_path, load_starts, load_weights
from orderparam.training.job import JobPaths, train_job

SEEDS = [Seeds(1, 1, 2, 3), Seeds(2, 1, 8, 4)]


@pytest.fixture
def first(make_run, corpus, tmp_path):
    """A finished job of two seeds of the size `first`: its run and its checkpoints."""
    run = make_run(size="first", steps=10)
    train_job(run, SEEDS, *corpus, JobPaths.below(tmp_path / "first"))
    return run, tmp_path / "first/checkpoints"


@pytest.mark.parametrize("stacked", [False, True])
def test_a_run_begins_with_the_final_weights_of_the_same_seed(first, corpus, tmp_path, stacked):
    source, checkpoints = first
    run = replace(source, size="second", start_from="first", weight_decay=0.5, regularizer="l2")
    trajectory = train_job(
        run, SEEDS, *corpus, JobPaths.below(tmp_path / "second"), start_from=checkpoints, stacked=stacked
    )
    train, val = load_tokens(*corpus)
    for seeds in SEEDS:
        final, described = load_weights(checkpoint_path(checkpoints, seeds.seed, 10))
        begun, _ = load_weights(checkpoint_path(tmp_path / "second/checkpoints", seeds.seed, 0))
        assert all(torch.equal(begun[name], tensor) for name, tensor in final.items())
        rows = trajectory[trajectory["seed"] == seeds.seed]
        assert rows["step"].iloc[0] == 0
        assert rows["train_loss"].iloc[0] == pytest.approx(described["measured"]["train_loss"], rel=1e-6)
        folder = tmp_path / "second/checkpoints"
        (verified,) = verify_job(run, [seeds.seed], folder, rows, train, val, "all", CPU).itertuples()
        assert verified.verified_checkpoints == 2


def test_a_snapshot_of_other_initial_weights_is_refused(first, make_run, corpus, tmp_path, caplog):
    source, checkpoints = first
    run = replace(source, size="second", start_from="first")
    paths = JobPaths.below(tmp_path / "second")
    train_job(run, SEEDS, *corpus, paths, start_from=checkpoints)
    train_job(replace(source, learning_rate=1e-2), SEEDS, *corpus, JobPaths.below(tmp_path / "first"))
    train_job(run, SEEDS, *corpus, paths, start_from=checkpoints)
    assert "another configuration" in caplog.text


def test_weights_to_start_from_must_be_asked_for_and_given(first):
    source, checkpoints = first
    assert load_starts(source, SEEDS, 11, None) is None
    with pytest.raises(TrainingError, match="no start_from"):
        load_starts(source, SEEDS, 11, checkpoints)
    with pytest.raises(TrainingError, match="--start-from"):
        load_starts(replace(source, start_from="first"), SEEDS, 11, None)


def test_weights_that_do_not_fit_are_refused_with_the_reason(first, tmp_path):
    source, checkpoints = first
    run = replace(source, size="second", start_from="first")
    for change, seeds, size, message in (
        ({}, [Seeds(5, 5, 5, 5)], 11, "no checkpoint of seed 5"),
        ({}, SEEDS, 12, r"does not fit; (?s:.*)head.bias: .*\[11\].*\[12\]"),
        ({"n_layer": 2}, SEEDS, 11, r"does not fit; (?s:.*)Missing key.*blocks\.1\."),
        ({"start_from": "zeroth"}, SEEDS, 11, "those of first at step 10 of 10"),
    ):
        with pytest.raises(TrainingError, match=message):
            load_starts(replace(run, **change), seeds, size, checkpoints)
    path = checkpoint_path(checkpoints, 1, 10)
    path.unlink()
    with pytest.raises(TrainingError, match="those of first at step 0 of 10"):
        load_starts(run, SEEDS, 11, checkpoints)
    path.with_name("step-000000.safetensors").write_bytes(b"damaged")
    with pytest.raises(RecordError, match="sha256"):
        load_starts(run, SEEDS, 11, checkpoints)
