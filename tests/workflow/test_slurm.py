"""The workflow on a real Slurm of one node: to its end, and after jobs that Slurm ended."""

from __future__ import annotations

import re
import sqlite3
import subprocess
from collections import Counter
from contextlib import closing

import one_node_slurm
import pytest
from project_copy import SMOKE, finish, wait_for

pytestmark = pytest.mark.slow
# As the page says of a Slurm without accounting; and asking for states more often than a cluster would like.
PROFILE = (
    *("--profile", "profiles/slurm", "--slurm-status-command", "squeue"),
    *("--slurm-init-seconds-before-status-checks", "5", "--latency-wait", "5"),
)
LONG = {
    "sizes": {"nano": {"d_model": 16, "n_head": 2, "n_layer": 1}},
    "training": {"steps": 500_000, "device": "auto"},
    # Little is trained in two minutes on a machine that is busy, and a checkpoint must be due by then.
    "measurement": {"measure_every": 250, "checkpoint_every": 250},
}
TRAINED = "results/long/runs/nano/seeds-1-1/trajectory.parquet"


@pytest.fixture
def slurm(tmp_path_factory, monkeypatch):
    """A function that asks Slurm, as in a shell."""
    if reason := one_node_slurm.missing():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("slurm")
    for name, value in one_node_slurm.start(folder).items():
        monkeypatch.setenv(name, value)
    yield (
        lambda command: (
            subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60, check=True).stdout
        )
    )
    one_node_slurm.stop(folder)


def log_of(project) -> str:
    path = project.root / "results/long/logs/train_model/nano.seeds-1-1.log"
    return path.read_text() if path.is_file() else ""


def gone_on_from(project) -> int:
    """The step of the snapshot that the training's last attempt took up; 0 of none."""
    steps = re.findall(r"going on from the snapshot of step ([\d,]+)", log_of(project))
    return int(steps[-1].replace(",", "")) if steps else 0


def test_smoke_runs_to_its_end_and_is_tracked(project, slurm):
    done = project.build(*PROFILE, *SMOKE, timeout=900)
    assert done.jobs() == done.planned()
    # Two jobs of the corpus, and one of each training with all that reads its checkpoints.
    assert len(re.findall(r"submitted with SLURM jobid (\d+)", done.output)) == 2 + 4
    with closing(sqlite3.connect(project.results / "mlflow.db")) as store:
        found = Counter(status for (status,) in store.execute("SELECT status FROM runs"))
    # An invocation, its 26 jobs but the one without a script, and four trainings.
    assert found == {"FINISHED": 1 + 25 + 4}


def test_what_slurm_ended_goes_on_from_its_snapshot(project, slurm):
    project.write_experiment("long", **LONG)
    process = project.start(*PROFILE, "--retries", "0", TRAINED)
    snapshots = project.results / "long/unfinished"
    wait_for(lambda: any(snapshots.rglob("step-*.safetensors")), "a snapshot", 300)
    # This machine has no GPU, and its Slurm a made-up one.
    assert "TresPerJob=gres:gpu:1" in slurm("scontrol show job")
    slurm("scancel --user=root")
    cancelled = finish(process, 300)
    assert cancelled.status != 0 and "CANCELLED" in cancelled.told
    # The same command again; each of its two attempts has two minutes, which are not enough.
    limit = ("--set-resources", "train_model:runtime=2", "--retries", "1")
    process = project.start(*PROFILE, *limit, TRAINED)
    wait_for(lambda: gone_on_from(project) > 0, "the cancelled training to go on", 300)
    cancelled_at = gone_on_from(project)
    timed_out = finish(process, 900)
    assert timed_out.status != 0 and "DUE TO TIME LIMIT" in timed_out.told
    assert gone_on_from(project) > cancelled_at
    # And once more, now that little is left.
    (newest,) = {int(path.stem[5:]) for path in sorted(snapshots.rglob("step-*.safetensors"))[-1:]}
    LONG["training"]["steps"] = newest + 500
    project.write_experiment("long", **LONG)
    project.build(*PROFILE, TRAINED, timeout=600)
    assert gone_on_from(project) == newest
