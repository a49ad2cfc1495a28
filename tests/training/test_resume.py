import json
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace

import pytest
import torch

from orderparam.training.job import JobPaths, train_job
from orderparam.training.run import RunFolders, train_run
from orderparam.training.sequential import Trainer
from orderparam.training.snapshots import SnapshotStore
from orderparam.training.stop import stop_request

CPU = torch.device("cpu")


def files_of(folder):
    """Content of every file that a finished job leaves, by its path, but for that which tells times."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "unfinished" not in path.parts and path.name != "environment.json"
    }


def job_paths(folder):
    names = ("trajectory.parquet", "steps.parquet", "checkpoints", "unfinished", "diverged")
    return JobPaths(*(folder / name for name in names))


class StopAt:
    """Stands for a signal that arrives while step `step` is made, or measured."""

    def __init__(self, step, in_measurement):
        self.step, self.in_measurement, self.trainer, self.measuring = step, in_measurement, None, False

    def raise_if_received(self):
        if self.trainer.step >= self.step and self.measuring == self.in_measurement:
            raise SystemExit(143)


def interrupt(run, seeds, tokens, folder, key, stop):
    trainer = Trainer(run, seeds, 11, tokens[:1800], tokens[1800:], CPU, stop)
    stop.trainer = trainer
    measure = trainer.measure

    def measuring():
        stop.measuring = True
        try:
            return measure()
        finally:
            stop.measuring = False

    trainer.measure = measuring
    folders = RunFolders(folder / "checkpoints", folder / "diverged")
    with pytest.raises(SystemExit):
        train_run(trainer, SnapshotStore(folder / "snapshots", key), folders)


def finish(run, seeds, tokens, folder, key):
    trainer = Trainer(run, seeds, 11, tokens[:1800], tokens[1800:], CPU)
    folders = RunFolders(folder / "checkpoints", folder / "diverged")
    train_run(trainer, SnapshotStore(folder / "snapshots", key), folders)
    return trainer


def same_run(one, other):
    same_weights = all(
        torch.equal(a, b)
        for a, b in zip(one.model.state_dict().values(), other.model.state_dict().values(), strict=True)
    )
    return same_weights and one.history == other.history


@pytest.mark.parametrize("in_measurement", [False, True])
@pytest.mark.parametrize("step", [0, 1, 7, 10, 19])
def test_a_stopped_run_goes_on_bit_for_bit(make_run, seeds, tokens, tmp_path, step, in_measurement):
    run = make_run()
    whole = finish(run, seeds, tokens, tmp_path / "whole", "key")
    interrupt(run, seeds, tokens, tmp_path / "parts", "key", StopAt(step, in_measurement))
    torch.manual_seed(99)
    assert same_run(finish(run, seeds, tokens, tmp_path / "parts", "key"), whole)
    assert files_of(tmp_path / "parts/checkpoints") == files_of(tmp_path / "whole/checkpoints")


def test_a_resumed_run_does_not_repeat_what_was_done(make_run, seeds, tokens, tmp_path, monkeypatch):
    run = make_run()
    interrupt(run, seeds, tokens, tmp_path, "key", StopAt(15, False))
    updates = []
    update = Trainer.update

    def counted(self):
        updates.append(self.step)
        return update(self)

    monkeypatch.setattr(Trainer, "update", counted)
    finish(run, seeds, tokens, tmp_path, "key")
    assert updates == [15, 16, 17, 18, 19]


def damage_truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


def damage_flip(path):
    content = bytearray(path.read_bytes())
    content[-50] ^= 1
    path.write_bytes(content)


def damage_description(path):
    path.with_suffix(".json").write_text('{"key": "ke')


def damage_no_description(path):
    path.with_suffix(".json").unlink()


def damage_other_key(path):
    description = path.with_suffix(".json")
    values = json.loads(description.read_text())
    description.write_text(json.dumps({**values, "key": "of another configuration"}))


DAMAGES = [damage_truncate, damage_flip, damage_description, damage_no_description, damage_other_key]


@pytest.mark.parametrize("damage", DAMAGES)
def test_an_unusable_snapshot_is_refused_and_the_one_before_used(
    make_run, seeds, tokens, tmp_path, caplog, damage
):
    run = make_run()
    whole = finish(run, seeds, tokens, tmp_path / "whole", "key")
    for step in (6, 12):
        interrupt(run, seeds, tokens, tmp_path / "parts", "key", StopAt(step, False))
    snapshots = sorted((tmp_path / "parts/snapshots").glob("*.safetensors"))
    assert [path.stem for path in snapshots] == ["step-000006", "step-000012"]
    damage(snapshots[-1])
    with caplog.at_level(logging.INFO):
        resumed = finish(run, seeds, tokens, tmp_path / "parts", "key")
    assert "refused" in caplog.text and "step-000012" in caplog.text
    assert "going on from the snapshot of step 6" in caplog.text
    assert same_run(resumed, whole)


def test_without_a_usable_snapshot_the_run_starts_anew(make_run, seeds, tokens, tmp_path, caplog):
    run = make_run()
    whole = finish(run, seeds, tokens, tmp_path / "whole", "key")
    interrupt(run, seeds, tokens, tmp_path / "parts", "another key", StopAt(12, False))
    resumed = finish(run, seeds, tokens, tmp_path / "parts", "key")
    assert "another configuration" in caplog.text
    assert same_run(resumed, whole)


def test_a_snapshot_whose_checkpoints_are_gone_is_refused(make_run, seeds, tokens, tmp_path, caplog):
    run = make_run()
    interrupt(run, seeds, tokens, tmp_path, "key", StopAt(15, False))
    shutil.rmtree(tmp_path / "checkpoints")
    finish(run, seeds, tokens, tmp_path, "key")
    assert "step-000000.safetensors is missing" in caplog.text
    assert len(list((tmp_path / "checkpoints").rglob("*.safetensors"))) == 3


def test_job_of_several_seeds_goes_on_with_the_seed_that_was_stopped(make_run, seeds, corpus, tmp_path):
    run = make_run()
    both = [seeds, replace(seeds, seed=2, batches=8)]
    train_job(run, both, *corpus, job_paths(tmp_path / "whole"))
    train_job(run, both[:1], *corpus, job_paths(tmp_path / "parts"))
    train_job(run, both, *corpus, job_paths(tmp_path / "parts"))
    assert files_of(tmp_path / "parts") == files_of(tmp_path / "whole")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_are_noted_and_handlers_put_back(number):
    before = signal.getsignal(number)
    with stop_request() as stop:
        stop.raise_if_received()
        os.kill(os.getpid(), number)
        with pytest.raises(SystemExit if number == signal.SIGTERM else KeyboardInterrupt):
            stop.raise_if_received()
    assert signal.getsignal(number) is before


class RealRun:
    """The command line on a run of some seconds, started and killed as a process."""

    def __init__(self, make_run, seeds, corpus, folder):
        run = make_run(steps=1200, measure_every=50, checkpoint_every=400, train_windows="all")
        self.folder = folder
        (folder / "run.json").write_text(json.dumps({"run": run.to_dict(), "seeds": [asdict(seeds)]}))
        self.corpus = corpus[0].parent

    def start(self, out):
        command = [sys.executable, "-m", "orderparam", "train", "run.json", "--corpus", str(self.corpus)]
        command += ["--out", out, "--snapshot-seconds", "0.2"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(command, cwd=self.folder, env=environment, stderr=subprocess.PIPE, text=True)

    def finish(self, out):
        process = self.start(out)
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
        return errors

    def kill(self, out, rng, number):
        """Kill a started run at a random moment after its first snapshot; returns its exit status."""
        process = self.start(out)
        pattern = "unfinished/seed-*/step-*.json"
        known = set((self.folder / out).glob(pattern))
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            if set((self.folder / out).glob(pattern)) - known:
                break
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.5))
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
        return process.returncode, errors


def check_kills(make_run, seeds, corpus, tmp_path, kills, seed):
    rng = random.Random(seed)
    real = RealRun(make_run, seeds, corpus, tmp_path)
    real.finish("whole")
    killed, resumed = 0, 0
    for attempt in range(4 * kills):
        if killed >= kills:
            break
        out = f"parts-{attempt}"
        numbers = [rng.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM]) for _ in range(2)]
        for number in numbers:
            status, _ = real.kill(out, rng, number)
            killed += status != 0
            assert status in (0, -signal.SIGKILL, 128 + signal.SIGTERM)
        resumed += "going on from the snapshot" in real.finish(out)
        assert files_of(tmp_path / out) == files_of(tmp_path / "whole")
    assert killed >= kills
    assert resumed >= 1


def test_real_runs_killed_at_random_moments_end_alike(make_run, seeds, corpus, tmp_path):
    check_kills(make_run, seeds, corpus, tmp_path, kills=3, seed=0)


@pytest.mark.slow
def test_real_runs_killed_at_many_random_moments_end_alike(make_run, seeds, corpus, tmp_path):
    check_kills(make_run, seeds, corpus, tmp_path, kills=24, seed=int(time.time()))
