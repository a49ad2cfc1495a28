"""The MLflow store after a real run, and the way back from a run to its figure."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import time
from pathlib import Path

import pytest
from mlflow import MlflowClient
from project_copy import FIGURES, ProjectCopy, finish, wait_for

from orderparam.files import sha256_of_file
from orderparam.tables import METRICS

FIG_4 = "results/smoke/figures/fig4_loss_vs_order_parameter"


def runs_of(project: ProjectCopy, experiment: str = "smoke · figures and jobs"):
    client = MlflowClient(tracking_uri=project.store)
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    return client, client.search_runs([found.experiment_id], max_results=1000)


def only(runs, name):
    (run,) = [run for run in runs if run.info.run_name == name]
    return run


@pytest.fixture(scope="module")
def tracked(smoke):
    client, runs = runs_of(smoke)
    return smoke, client, runs


def test_every_job_is_a_finished_run_below_the_invocation(tracked, smoke_output):
    _, _, runs = tracked
    (invocation,) = [run for run in runs if "rule" not in run.data.tags]
    jobs = [*(run for run in runs if run is not invocation), *runs_of(tracked[0], "corpora")[1]]
    expected = smoke_output.jobs()
    del expected["all"]
    found = {rule: sum(run.data.tags["rule"] == rule for run in jobs) for rule in expected}
    assert found == dict(expected)
    assert len(jobs) == sum(expected.values())
    assert {run.info.status for run in (*runs, *jobs)} == {"FINISHED"}
    assert {run.data.tags["invocation"] for run in jobs} == {invocation.info.run_name}
    shown = {run.info.run_name for run in runs if "mlflow.parentRunId" not in run.data.tags}
    figures = {name for name in shown if name.startswith("Figure ")}
    assert len(figures) == len(FIGURES)
    assert shown - figures == {"write up", invocation.info.run_name}
    assert "experiment=smoke" in invocation.data.tags["command"]
    assert all(run.info.start_time <= run.info.end_time for run in runs)


def test_a_training_run_has_what_was_measured_at_each_step(tracked):
    smoke, client, _ = tracked
    _, trainings = runs_of(smoke, "smoke")
    assert len(trainings) == 4
    assert not any("mlflow.parentRunId" in run.data.tags for run in trainings)
    columns = {key for run in trainings for key in (*run.data.params, *run.data.tags, *run.data.metrics)}
    assert len(columns) < 40
    run = only(trainings, "nano · seed 2 · train")
    rows = [r for r in smoke.rows("results/smoke/metrics.csv") if (r["size"], r["seed"]) == ("nano", "2")]
    for column in ("order_parameter", "train_loss", "val_loss", "hidden_magnetization"):
        history = client.get_metric_history(run.info.run_id, column)
        logged = sorted((point.step, point.value) for point in history)
        assert logged == [(int(row["step"]), float(row[column])) for row in rows]
    assert (run.data.params["learning_rate"], run.data.params["seed"]) == ("0.01", "2")
    job = json.loads(Path(client.download_artifacts(run.info.run_id, "job.json")).read_text("utf-8"))
    assert job["trainings"]["nano · seed 2 · train"]["seeds.weights"] == "1"


def test_a_trainings_curves_are_in_the_store_while_it_trains(project):
    project.write_experiment("long", training={"steps": 100_000}, measurement={"checkpoint_every": 100_000})
    points = project.results / "long/jobs/train_model.nano-seeds-1-1.points.jsonl"
    process = project.start("--cores", "1", "results/long/metrics.csv")
    try:
        wait_for(lambda: last_step_in_store(project) > 0, "the first points")
        for _ in range(2):
            *_, last = points.read_text("utf-8").splitlines()[:-1]
            measured, key = json.loads(last)[2], json.loads(last)[0]
            assert key in METRICS.measured
            began = time.monotonic()
            wait_for(lambda step=measured: last_step_in_store(project) >= step, "a measurement", 10)
            time.sleep(max(0, began + 3 - time.monotonic()))
        assert process.poll() is None
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        finish(process)


def last_step_in_store(project: ProjectCopy) -> int:
    """Read without MLflow, which keeps what it has read."""
    query = "SELECT max(step) FROM metrics WHERE key = 'val_loss'"
    try:
        with sqlite3.connect(f"file:{project.results}/mlflow.db?mode=ro", uri=True) as connection:
            return connection.execute(query).fetchone()[0] or 0
    except sqlite3.OperationalError:
        # It is being made.
        return -1


@pytest.mark.parametrize("figure", FIGURES)
def test_a_figures_run_has_the_figure_and_its_inputs_sums(tracked, figure):
    smoke, client, runs = tracked
    (run,) = [run for run in runs if run.data.tags.get("rule") == f"draw_{figure}"]
    kept = {artifact.path for artifact in client.list_artifacts(run.info.run_id)}
    assert {f"{figure}.svg", f"{figure}.png"} <= kept
    for name in (f"{figure}.svg", f"{figure}.png"):
        copied = Path(client.download_artifacts(run.info.run_id, name))
        assert copied.read_bytes() == (smoke.results / "smoke/figures" / name).read_bytes()
    logged = {dataset.dataset.name for dataset in run.inputs.dataset_inputs}
    assert len(logged) >= (1 if figure == "fig2_architecture" else 2)
    for path in logged:
        assert f"| `{path}` | `{sha256_of_file(smoke.root / path)}` |" in run.data.tags["mlflow.note.content"]


def test_a_runs_command_draws_its_figure_anew(smoke, tracked, tmp_path):
    _, _, runs = tracked
    tags = only(runs, "Figure 4 · loss vs order parameter").data.tags
    clone = smoke.clone(tmp_path / "clone")
    files = [clone.root / f"{FIG_4}{suffix}" for suffix in (".svg", ".png")]
    before = [(file.read_bytes(), file.stat().st_mtime_ns) for file in files]
    # As it stands, from the root; the figures are there and up to date.
    done = clone.shell(tags["regenerate"])
    assert done.status == 0, done.output
    assert done.jobs() == {"draw_fig4_loss_vs_order_parameter": 1}
    for file, (content, modified) in zip(files, before, strict=True):
        assert file.read_bytes() == content
        assert file.stat().st_mtime_ns > modified
    _, again = runs_of(clone)
    # The earlier run is there too.
    commands = [run.data.tags["regenerate"] for run in again if run.info.run_name.startswith("Figure 4")]
    assert len(commands) == 2 and set(commands) == {tags["regenerate"]}
