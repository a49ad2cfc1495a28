import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from runs import CPU, SEEDS, VOCABULARY, advance, sequential, stacked
from torch.nn import functional as F

from orderparam.errors import CorpusError, RecordError, TrainingError
from orderparam.measuring.quantities import order_parameter
from orderparam.model.plain import PlainGPT
from orderparam.settings.experiment import Seeds
from orderparam.tables import STEPS, read_table
from orderparam.training import job
from orderparam.training.checkpoints import checkpoint_path, load_model
from orderparam.training.device import resolve_device
from orderparam.training.engine import BatchSampler
from orderparam.training.job import JobPaths, read_run, train_job
from orderparam.training.schedule import checkpoint_steps, log_spaced_steps, measured_steps


def test_schedule_is_the_union_of_regular_log_spaced_and_checkpoint_steps(make_run):
    run = make_run(steps=25, measure_every=10, checkpoint_every=8, log_spaced_per_decade=2)
    assert checkpoint_steps(run) == [0, 8, 16, 24, 25]
    assert log_spaced_steps(25, 2) == {1, 3, 10}
    assert measured_steps(run) == [0, 1, 3, 8, 10, 16, 20, 24, 25]
    usual = make_run(steps=50, measure_every=20, log_spaced_per_decade=0, checkpoint_every=50)
    dense = replace(usual, dense_steps=12, dense_every=5)
    assert measured_steps(dense) == [0, 5, 10, 20, 40, 50]
    paper = make_run(steps=20_000, measure_every=500, checkpoint_every=1000, log_spaced_per_decade=8)
    assert set(range(0, 20_001, 500)) <= set(measured_steps(paper))
    assert checkpoint_steps(paper) == list(range(0, 20_001, 1000))


@given(steps=st.integers(1, 30_000), per_decade=st.integers(1, 20))
def test_log_spaced_steps_lie_within_the_run(steps, per_decade):
    chosen = log_spaced_steps(steps, per_decade)
    assert min(chosen) == 1
    assert max(chosen) <= steps


def test_batches_are_windows_of_the_text_and_reach_both_ends(tokens):
    text = np.arange(20, dtype=np.uint8)
    sampler = BatchSampler(text, context=4, batch_size=500, seed=0)
    inputs, targets = sampler.draw()
    assert inputs.dtype == targets.dtype == torch.int64
    assert torch.equal(targets, inputs + 1)
    starts = inputs[:, 0]
    # Starts are uniform in [0, n - context): the last window's target is the last token.
    assert (starts.min(), starts.max()) == (0, 15)


def test_each_seed_moves_only_what_it_names(make_run, tokens):
    run = make_run()
    base = Seeds(0, weights=1, batches=2, dropout=3)

    def first_steps(seeds):
        engine = sequential(run, tokens, seeds)
        start = float(order_parameter(engine.model.head.weight))
        inputs, _ = BatchSampler(tokens[:1800], 8, 4, seeds.batches).draw()
        return start, inputs.tolist(), engine.update()

    start, inputs, loss = first_steps(base)
    assert first_steps(base) == (start, inputs, loss)
    other_start, same_inputs, _ = first_steps(replace(base, weights=9))
    assert other_start != start and same_inputs == inputs
    same_start, other_inputs, _ = first_steps(replace(base, batches=9))
    assert same_start == start and other_inputs != inputs
    same_start, same_inputs, other_loss = first_steps(replace(base, dropout=9))
    assert (same_start, same_inputs) == (start, inputs) and other_loss != loss


def losses_of_a_plain_loop(run, seeds, tokens):
    """Batch losses of the plain model, and its final weights."""
    torch.manual_seed(seeds.weights)
    plain = PlainGPT(run, VOCABULARY)
    optimizer = torch.optim.AdamW(plain.parameters(), lr=run.learning_rate)
    sampler = BatchSampler(tokens[:1800], run.context, run.batch_size, seeds.batches)
    losses = []
    for _ in range(run.steps):
        inputs, targets = sampler.draw()
        loss = F.cross_entropy(plain(inputs).flatten(0, 1), targets.flatten())
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses, plain


@pytest.mark.parametrize(
    ("build", "microbatch_tokens"), [(sequential, 4096), (sequential, 24), (sequential, 8), (stacked, 0)]
)
def test_without_dropout_an_engine_follows_a_plain_loop(
    make_run, tokens, monkeypatch, build, microbatch_tokens
):
    # 24 tokens split the batch of four windows of eight unevenly, into three and one.
    monkeypatch.setattr("orderparam.training.sequential.TOKENS_PER_MICROBATCH", microbatch_tokens)
    run = make_run(dropout=0.0, steps=10)
    engine = build(run, tokens)
    advance(engine, 10)
    for history, model in zip(engine.histories, engine.models(), strict=True):
        losses, plain = losses_of_a_plain_loop(run, history.seeds, tokens)
        np.testing.assert_allclose([loss for _, loss in history.steps], losses, rtol=1e-5)
        ours, theirs = (float(order_parameter(each.head.weight)) for each in (model, plain))
        assert ours == pytest.approx(theirs, rel=1e-5)


@pytest.mark.parametrize(("device", "count", "expected"), [("cuda", 1, 1), ("cuda", 3, 0), ("cpu", 3, 3)])
def test_several_seeds_are_stacked_on_cuda_and_one_seed_nowhere(
    make_run, corpus, tmp_path, monkeypatch, device, count, expected
):
    class Built(Exception):
        pass

    def build(name):
        def built(run, seeds, *others):
            raise Built(name, len(seeds))

        return built

    monkeypatch.setattr(job, "resolve_device", lambda _: torch.device(device))
    monkeypatch.setattr(job, "SequentialEngine", build("sequential"))
    monkeypatch.setattr(job, "StackedEngine", build("stacked"))
    with pytest.raises(Built) as caught:
        train_job(make_run(), SEEDS[:count], *corpus, JobPaths.below(tmp_path))
    assert caught.value.args == (("sequential", 1) if expected else ("stacked", 3))


def test_step_table_pairs_b_with_the_loss_of_the_same_weights(make_run, seeds, tokens):
    engine = sequential(make_run(), tokens)
    initial = float(order_parameter(engine.model.head.weight))
    for _ in range(3):
        engine.update()
    table = engine.histories[0].step_table()
    assert list(table.columns) == list(STEPS.columns)
    assert table["step"].tolist() == [0, 1, 2]
    assert table["order_parameter"][0] == initial
    assert table["batch_loss"][0] == pytest.approx(np.log(11), abs=0.5)


def test_training_lowers_the_loss_and_keeps_the_measured_weights(make_run, seeds, corpus, tmp_path):
    run = make_run(steps=150, learning_rate=1e-2, dropout=0.0)
    trajectory = train_job(run, [seeds], *corpus, JobPaths.below(tmp_path / "run"))
    losses = trajectory.set_index("step")["train_loss"]
    assert losses[150] < np.log(4) < np.log(11) - 0.3 < losses[0]
    assert read_table(tmp_path / "run/trajectory.parquet").equals(trajectory)
    path = checkpoint_path(tmp_path / "run/checkpoints", seeds.seed, 150)
    description = json.loads(path.with_suffix(".json").read_text())
    assert description["seeds"] == asdict(seeds)
    assert description["measured"] == trajectory.iloc[-1].to_dict()
    assert float(order_parameter(load_model(path).head.weight)) == trajectory["order_parameter"].iloc[-1]


def test_divergence_stops_the_run_and_keeps_what_was_measured(make_run, seeds, corpus, tmp_path):
    run = make_run(steps=50, learning_rate=1e30)
    with pytest.raises(TrainingError, match="not finite") as caught:
        train_job(run, [seeds], *corpus, JobPaths.below(tmp_path / "run"))
    folder = tmp_path / "run/diverged/seed-1"
    assert str(folder) in str(caught.value)
    assert not (tmp_path / "run/trajectory.parquet").exists()
    trajectory = pd.read_parquet(folder / "trajectory.parquet")
    steps = pd.read_parquet(folder / "steps.parquet")
    assert np.isfinite(trajectory["train_loss"].iloc[0])
    assert len(steps) >= 1
    assert not np.isfinite([steps["batch_loss"].iloc[-1], trajectory["train_loss"].iloc[-1]]).all()
    assert checkpoint_path(folder.parent, 1, 0).exists()


def test_split_shorter_than_a_window_is_refused_before_training(make_run, seeds, corpus, tmp_path):
    with pytest.raises(CorpusError, match=r"made_up.txt.*validation"):
        train_job(make_run(context=200), [seeds], *corpus, JobPaths.below(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_a_device_that_is_not_there_is_an_error_with_the_choices():
    assert resolve_device("cpu") == CPU
    with pytest.raises(TrainingError, match=r"cuda:99.*cpu"):
        resolve_device("cuda:99")


def test_command_line_trains_without_workflow_or_mlflow(make_run, seeds, corpus, tmp_path):
    missing = ("mlflow", "snakemake", "pydantic", "ruamel", "jsonschema", "psutil")
    blocked = f"import sys\nfor name in {missing}: sys.modules[name] = None\n"
    call = "import runpy\nrunpy.run_module('orderparam', run_name='__main__')"
    library = Path(__file__).parents[2] / "workflow"

    def train(steps, *options):
        described = {"run": make_run(steps=steps).to_dict(), "seeds": [asdict(seeds)], "commit": "abc"}
        (tmp_path / "run.json").write_text(json.dumps(described))
        command = [sys.executable, "-c", blocked + call, "train", "run.json"]
        command += ["--corpus", ".", "--out", "out", *options]
        environment = {"PYTHONPATH": str(library), "PATH": ""}
        result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        assert len(pd.read_parquet(tmp_path / "out/steps.parquet")) == steps
        return result.stderr, json.loads((tmp_path / "out/environment.json").read_text())

    log, environment = train(5, "--keep-snapshot")
    assert "with seed 1 for 5 steps" in log
    known = {"device_name", "cpu", "platform", "python", "torch", "numpy", "pandas", "command", "started"}
    assert all(environment[key] for key in known)
    assert environment["git_commit"] == "abc" and environment["dirty"] is None  # PATH has no git
    assert (environment["precision"], environment["steps"], environment["cuda"]) == ("float32", 5, None)
    assert (
        environment["seconds"] > environment["training_seconds"] > 5 * 0.9 * environment["seconds_per_step"]
    )
    assert environment["command"].startswith("orderparam train run.json")
    log, environment = train(8)
    assert "going on from the snapshot of step 5" in log and environment["steps"] == 3
    assert not (tmp_path / "out/unfinished").exists()


def test_without_pydantic_a_run_that_cannot_be_sampled_is_told(make_run, tmp_path, monkeypatch):
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"run": make_run().to_dict(), "seeds": [asdict(SEEDS[0])]}))
    monkeypatch.setitem(sys.modules, "orderparam.settings.run_file", None)
    assert read_run(path)[1] == [SEEDS[0]]
    with pytest.raises(RecordError, match=r"not a run .*sampling.*`orderparam run` prints one"):
        read_run(path, sampled=True)
