import json
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from runs import SEEDS, files_of, finish, sequential, stacked

from orderparam.errors import TrainingError
from orderparam.training import job
from orderparam.training import stacked as stacked_engine
from orderparam.training.job import JobPaths, train_job
from orderparam.training.run import Durations
from orderparam.training.stop import deferred_signals

LIBRARY = Path(__file__).parents[2] / "workflow"


@pytest.fixture(params=[sequential, stacked], ids=["sequential", "stacked"])
def build(request, make_run, tokens, monkeypatch):
    """A function that builds an engine of a small run; the stacked one reads and draws often."""
    monkeypatch.setattr(stacked_engine, "STEPS_DRAWN_AHEAD", 12)
    monkeypatch.setattr(stacked_engine, "STEPS_PER_READING", 1)
    return lambda **overrides: request.param(make_run(**overrides), tokens)


def interrupt(engine, folder, step, in_measurement=False):
    """Train until a signal arrives while step `step` is made, or measured."""
    measuring = []
    measure = engine.measure

    def noted(between_batches):
        measuring.append(True)
        try:
            return measure(between_batches)
        finally:
            measuring.clear()

    def act_on_signals():
        if engine.step >= step and bool(measuring) == in_measurement:
            raise SystemExit(143)

    engine.measure = noted
    with pytest.raises(SystemExit):
        finish(engine, folder, act_on_signals=act_on_signals)


def same_run(one, other):
    ours, theirs = one.tensors(), other.tensors()
    same = ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)
    return same and one.histories == other.histories


@pytest.mark.parametrize("in_measurement", [False, True])
@pytest.mark.parametrize("step", [0, 1, 7, 10, 19])
def test_a_stopped_run_goes_on_bit_for_bit(build, tmp_path, step, in_measurement):
    whole = finish(build(), tmp_path / "whole")
    interrupt(build(), tmp_path / "parts", step, in_measurement)
    torch.manual_seed(99)
    assert same_run(finish(build(), tmp_path / "parts"), whole)
    assert files_of(tmp_path / "parts/checkpoints") == files_of(tmp_path / "whole/checkpoints")


def test_rows_are_handed_on_when_measured_and_when_restored(build, tmp_path):
    interrupt(build(), tmp_path, 12)
    handed, durations = [], Durations()
    engine = finish(build(), tmp_path, on_measured=handed.append, durations=durations)
    restored, *new = handed
    assert {row["step"] for row in restored} == {0, 1, 2, 5, 10}
    assert [{row["step"] for row in rows} for rows in new] == [{15}, {20}]
    for history in engine.histories:
        seed = history.seeds.seed
        assert [row for rows in handed for row in rows if row["seed"] == seed] == history.trajectory
    # What was done before is not done again, and a step of several seeds counts once.
    assert durations.steps == 8 and durations.training > 0 and durations.measuring > 0


@pytest.mark.parametrize("first_steps", [13, 10])
def test_a_finished_run_goes_on_with_more_steps(make_run, corpus, tmp_path, first_steps):
    for build in (False, True):
        parts, whole = tmp_path / f"parts-{build}", tmp_path / f"whole-{build}"
        for folder, steps in ((parts, first_steps), (parts, 20), (whole, 20)):
            train_job(make_run(steps=steps), SEEDS, *corpus, JobPaths.below(folder), stacked=build)
        assert files_of(parts) == files_of(whole)


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"measure_every": 4}, "step 4 was not measured"), ({"steps": 9}, "ends at step 9")],
)
def test_a_snapshot_that_another_schedule_cannot_use_is_refused(
    make_run, tokens, tmp_path, caplog, change, reason
):
    finish(sequential(make_run(), tokens), tmp_path / "parts")
    run = make_run(**change)
    again = finish(sequential(run, tokens), tmp_path / "parts")
    assert reason in caplog.text
    assert same_run(again, finish(sequential(run, tokens), tmp_path / "whole"))


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[-50] ^= 1
    path.write_bytes(content)


def change_key(path):
    description = path.with_suffix(".json")
    description.write_text(json.dumps(json.loads(description.read_text()) | {"key": "another"}))


DAMAGES = {
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "flipped": flip_a_bit,
    "description cut": lambda path: path.with_suffix(".json").write_text('{"key": "ke'),
    "no description": lambda path: path.with_suffix(".json").unlink(),
    "another configuration": change_key,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_an_unusable_snapshot_is_refused_and_the_one_before_used(build, tmp_path, caplog, damage):
    whole = finish(build(), tmp_path / "whole")
    for step in (6, 12):
        interrupt(build(), tmp_path / "parts", step)
    snapshots = sorted((tmp_path / "parts/snapshots").glob("*.safetensors"))
    assert [path.stem for path in snapshots] == ["step-000006", "step-000012"]
    damage(snapshots[-1])
    with caplog.at_level(logging.INFO):
        resumed = finish(build(), tmp_path / "parts")
    assert "refused" in caplog.text and "step-000012" in caplog.text
    assert "going on from the snapshot of step 6" in caplog.text
    assert same_run(resumed, whole)


def test_without_a_usable_snapshot_the_run_starts_anew(build, tmp_path, caplog):
    whole = finish(build(), tmp_path / "whole", "another key")
    resumed = finish(build(), tmp_path / "whole", "key")
    assert "another configuration" in caplog.text
    assert same_run(resumed, whole)


def test_a_snapshot_whose_checkpoints_are_gone_is_refused(build, tmp_path, caplog):
    interrupt(build(), tmp_path, 15)
    shutil.rmtree(tmp_path / "checkpoints")
    finish(build(), tmp_path)
    assert "step-000000.safetensors is missing" in caplog.text
    assert len(list((tmp_path / "checkpoints/seed-1").glob("*.safetensors"))) == 3


@pytest.mark.parametrize("content", ["{", "{}", "null", None])
def test_a_damaged_checkpoint_of_an_unfinished_run_is_made_anew(build, tmp_path, caplog, content):
    whole = finish(build(), tmp_path / "whole")
    for step in (6, 12):
        interrupt(build(), tmp_path / "parts", step)
    path = tmp_path / "parts/checkpoints/seed-1/step-000010.safetensors"
    if content is None:
        flip_a_bit(path)
    else:
        path.with_suffix(".json").write_text(content)
    assert same_run(finish(build(), tmp_path / "parts"), whole)
    assert "checkpoint refused" in caplog.text and "step-000010" in caplog.text
    assert files_of(tmp_path / "parts/checkpoints") == files_of(tmp_path / "whole/checkpoints")


@pytest.mark.parametrize(
    "other", ["parts/checkpoints/seed-1/step-000000", "other/checkpoints/seed-1/step-000010"]
)
def test_a_checkpoint_in_the_wrong_place_is_made_anew(build, tmp_path, caplog, other):
    whole = finish(build(), tmp_path / "whole")
    interrupt(build(), tmp_path / "parts", 12)
    finish(build(learning_rate=1e-3), tmp_path / "other")
    checkpoints = tmp_path / "parts/checkpoints"
    for suffix in (".safetensors", ".json"):
        shutil.copy(tmp_path / f"{other}{suffix}", checkpoints / f"seed-1/step-000010{suffix}")
    assert same_run(finish(build(), tmp_path / "parts"), whole)
    assert "step-000010.safetensors is of another run" in caplog.text
    assert files_of(checkpoints) == files_of(tmp_path / "whole/checkpoints")


def test_job_of_several_seeds_goes_on_with_the_seed_that_was_stopped(make_run, corpus, tmp_path):
    run = make_run()
    train_job(run, SEEDS, *corpus, JobPaths.below(tmp_path / "whole"))
    train_job(run, SEEDS[:1], *corpus, JobPaths.below(tmp_path / "parts"))
    train_job(run, SEEDS, *corpus, JobPaths.below(tmp_path / "parts"))
    whole = files_of(tmp_path / "whole")
    assert len(whole) == 2 + 3 * 2 * 3
    assert files_of(tmp_path / "parts") == whole


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_are_noted_and_handlers_put_back(number):
    before = signal.getsignal(number)
    with deferred_signals() as act:
        act()
        os.kill(os.getpid(), number)
        with pytest.raises(SystemExit if number == signal.SIGTERM else KeyboardInterrupt):
            act()
    assert signal.getsignal(number) is before


class RealRun:
    """The command line on a run of some seconds, started and killed as a process."""

    def __init__(self, make_run, seeds, corpus, folder):
        run = make_run(steps=1200, measure_every=50, checkpoint_every=400, train_windows="all")
        self.folder = folder
        (folder / "run.json").write_text(json.dumps({"run": run.to_dict(), "seeds": [asdict(seeds)]}))
        self.corpus = str(corpus[0].parent)

    def start(self, out):
        command = [sys.executable, "-m", "orderparam", "train", "run.json", "--corpus", self.corpus]
        command += ["--out", out, "--snapshot-seconds", "0.2"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(command, cwd=self.folder, env=environment, stderr=subprocess.PIPE, text=True)

    def finish(self, out):
        process = self.start(out)
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
        return errors

    def kill(self, out, wait, number):
        """Kill a started run some seconds after its first snapshot; returns its exit status."""
        process = self.start(out)
        known = set(self.snapshots(out))
        deadline = time.monotonic() + 60
        while (
            process.poll() is None and time.monotonic() < deadline and known.issuperset(self.snapshots(out))
        ):
            time.sleep(0.01)
        time.sleep(wait)
        process.send_signal(number)
        process.communicate(timeout=60)
        return process.returncode

    def snapshots(self, out):
        return (self.folder / out).glob("unfinished/seed-*/step-*.json")


@pytest.mark.parametrize("kills", [2, pytest.param(24, marks=pytest.mark.slow)])
def test_real_runs_killed_at_random_moments_end_alike(make_run, seeds, corpus, tmp_path, kills):
    rng = random.Random(0 if kills == 2 else time.time())
    real = RealRun(make_run, seeds, corpus, tmp_path)
    real.finish("whole")
    killed, resumed = 0, 0
    for attempt in range(4 * kills):
        if killed >= kills:
            break
        out = f"parts-{attempt}"
        for number in [rng.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM]) for _ in range(2)]:
            status = real.kill(out, rng.uniform(0, 0.5), number)
            killed += status != 0
            assert status in (0, -signal.SIGKILL, 128 + signal.SIGTERM)
        resumed += "going on from the snapshot" in real.finish(out)
        assert files_of(tmp_path / out) == files_of(tmp_path / "whole")
    assert killed >= kills and resumed >= 1


def test_two_processes_never_train_in_one_folder(make_run, corpus, tmp_path, monkeypatch):
    paths = JobPaths.below(tmp_path / "job")
    paths.unfinished.mkdir(parents=True)
    monkeypatch.setattr(job, "LOCK_SECONDS", 0.2)
    with (
        FileLock(paths.unfinished / "lock"),
        pytest.raises(TrainingError, match="unfinished: another process trains there"),
    ):
        train_job(make_run(), SEEDS[:1], *corpus, paths)
    train_job(make_run(), SEEDS[:1], *corpus, paths)
