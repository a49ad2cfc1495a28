"""Runs that end before their time: a loss that is not finite, and signals."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pandas as pd
import pytest
from mlflow import MlflowClient
from project_copy import Finished, ProjectCopy, finish, held_training, wait_for

RUN = "nano/seeds-1-1"


def runs_of(project: ProjectCopy, experiment: str):
    """The experiment's runs in the store, oldest first: those of jobs, and those of invocations."""
    client = MlflowClient(tracking_uri=project.store)
    found = client.get_experiment_by_name(f"{experiment} · figures and jobs")
    runs = client.search_runs([found.experiment_id], order_by=["start_time"])
    invocations = [run for run in runs if "rule" not in run.data.tags]
    return [run for run in runs if run not in invocations], invocations


def trainings_of(project: ProjectCopy, experiment: str):
    """The runs of what was trained, oldest first."""
    client = MlflowClient(tracking_uri=project.store)
    return client.search_runs(
        [client.get_experiment_by_name(experiment).experiment_id], order_by=["start_time"]
    )


def stop_in_training(project: ProjectCopy, number: int, send: Callable[[int, int], None]) -> Finished:
    """Build the experiment `long`, and send a signal once its training has begun."""
    project.write_experiment("long", training={"steps": 1500}, measurement={"checkpoint_every": 500})
    process = project.start("--cores", "1", "results/long/metrics.csv")
    first = project.results / f"long/unfinished/{RUN}/checkpoints/seed-1/step-000000.json"
    try:
        wait_for(lambda: first.exists() or process.poll() is not None, "the first checkpoint")
    finally:
        training = first.exists()
        if training and process.poll() is None:
            # SIGKILL waits for nobody: it has arrived when Snakemake is gone.
            gone = (lambda: process.poll() is not None) if number == signal.SIGKILL else None
            with held_training(project, gone):
                send(process.pid, number)
        done = finish(process)
    assert training, done.output
    return done


def test_a_diverging_run_fails_and_keeps_what_it_measured(smoke_clone):
    project = smoke_clone
    before = {
        name: (project.results / "smoke" / name).read_bytes() for name in project.files("results/smoke")
    }
    project.write_experiment("wild", training={"learning_rate": 1e30})
    done = project.snakemake("--cores", "2", "results/wild/metrics.csv")
    assert done.status != 0
    assert done.jobs() == {}
    for words in ("wild nano seed 1: the", "is not finite", "results/wild/diverged/nano/seed-1", "1e+30"):
        assert words in done.output
    assert "Traceback (most recent" not in done.output

    kept = project.files("results/wild/diverged")
    assert kept == {
        f"nano/seed-1/{name}"
        for name in ("trajectory.parquet", "steps.parquet", "step-000000.safetensors", "step-000000.json")
    }
    trajectory = pd.read_parquet(project.results / "wild/diverged/nano/seed-1/trajectory.parquet")
    steps = pd.read_parquet(project.results / "wild/diverged/nano/seed-1/steps.parquet")
    assert trajectory["step"].iloc[0] == 0
    assert len(steps) >= 1
    made = {name.partition("/")[0] for name in project.files("results/wild")}
    assert made - {"unfinished"} == {"diverged", "jobs", "logs"}
    assert project.files("results/wild/unfinished") == {"nano/seeds-1-1/lock"}

    jobs, invocations = runs_of(project, "wild")
    assert [(run.data.tags["rule"], run.info.status) for run in jobs] == [("train_model", "FAILED")]
    assert "is not finite" in jobs[0].data.tags["error"]
    assert [run.info.status for run in invocations] == ["FAILED"]
    assert before == {name: (project.results / "smoke" / name).read_bytes() for name in before}


@pytest.mark.parametrize(
    ("number", "send"),
    [
        # As by Ctrl-C, and as by a batch system or `kill -- -PID`: all processes get it.
        (signal.SIGINT, os.killpg),
        (signal.SIGTERM, os.killpg),
        # Snakemake alone gets it, and passes it on, as a closed terminal's SIGHUP.
        (signal.SIGTERM, os.kill),
    ],
)
def test_a_signal_ends_the_runs_in_the_store_and_a_rerun_completes(smoke_clone, number, send):
    project = smoke_clone
    done = stop_in_training(project, number, send)
    assert done.status != 0
    assert "verify_checkpoints" not in done.jobs()
    assert done.last_line.startswith("Browse the tracked runs: make ui")
    assert not (project.results / f"long/runs/{RUN}/trajectory.parquet").exists()
    jobs, invocations = runs_of(project, "long")
    assert [(run.data.tags["rule"], run.info.status) for run in jobs] == [("train_model", "KILLED")]
    assert len(invocations) == 1
    assert invocations[0].info.status in ("FAILED", "KILLED")
    assert jobs[0].data.tags["mlflow.parentRunId"] == invocations[0].info.run_id
    assert [run.info.status for run in trainings_of(project, "long")] == ["KILLED"]

    again = project.build("--cores", "1", "results/long/metrics.csv")
    assert again.jobs()["train_model"] == 1
    assert "going on from the snapshot" in again.output
    assert project.files("results/long/unfinished") == set()
    rows = project.rows("results/long/metrics.csv")
    assert rows[-1]["step"] == "1500"
    jobs, invocations = runs_of(project, "long")
    # The resumed run has the whole curve too, not only what was measured since.
    trained = trainings_of(project, "long")[-1]
    history = MlflowClient(tracking_uri=project.store).get_metric_history(trained.info.run_id, "val_loss")
    assert sorted(point.step for point in history) == [int(row["step"]) for row in rows]
    assert {run.info.status for run in jobs[1:]} == {"FINISHED"}
    assert invocations[1].info.status == "FINISHED"


@pytest.mark.parametrize("send", [os.killpg, os.kill], ids=["all", "snakemake alone"])
def test_after_a_sigkill_the_same_command_goes_on(smoke_clone, send):
    project = smoke_clone
    stop_in_training(project, signal.SIGKILL, send)
    again = project.build("--cores", "1", "results/long/metrics.csv")
    assert "was killed: its lock is removed" in again.output
    # A training whose workflow is gone saves what it has, and lets the next one take over.
    assert ("going on from the snapshot" in again.output) == (send is os.kill)
    assert project.rows("results/long/metrics.csv")[-1]["step"] == "1500"
    jobs, invocations = runs_of(project, "long")
    assert "RUNNING" not in {run.info.status for run in (*jobs, *invocations)}
    assert "KILLED" in {run.info.status for run in invocations}
