"""Records in, MLflow runs out: a real SQLite store, rebuilt from the records, opened by many at once."""

import math
import multiprocessing
from pathlib import Path

import pytest
from tracking_helpers import start_python

from orderparam.errors import RecordError
from orderparam.tracking.provenance import describe_file
from orderparam.tracking.rebuild import rebuild_store
from orderparam.tracking.record import RunRecord
from orderparam.tracking.spool import Recorder, write_text
from orderparam.tracking.store import RunStore, TrackingError, artifact_folder, resolve_uri

# MLflow keeps a database open for the life of a process, so what is on disk is seen from a new one only.
# Forked from one that does nothing but have MLflow imported, it is there at once.
processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["mlflow.store.tracking.sqlalchemy_store", "orderparam.tracking.store"])


def in_new_process(function, *arguments):
    """The result of `function(*arguments)`, called in a process of its own."""
    with processes.Pool(1) as pool:
        return pool.apply(function, arguments)


def make_record(root: Path, name: str = "draw_figure fig4", points: int = 2500, **values) -> RunRecord:
    """The record of a finished job with a figure, kept where rebuilding looks for it."""
    file = f"results/preview/jobs/{name.replace(' ', '.')}.json"
    record = RunRecord(name=name, experiment="preview", file=file, **values)
    figure = f"results/preview/figures/{record.id}.svg"
    write_text(root / figure, "<svg/>")
    record.params = {"width": "3.5", "long": "x" * 7000, "ü (odd)": ""}
    record.tags |= {"regenerate": f"snakemake --cores 1 --force {figure}"}
    record.inputs = [describe_file("metrics", figure, root)]
    record.outputs = [describe_file("svg", figure, root)]
    record.artifacts = [figure]
    record.texts = {"traceback.txt": "line 1"}
    record.add_metrics([("loss", 1 / (step + 1), step) for step in range(points)])
    record.add_metrics([("odd", float("nan"), 0), ("odd", float("inf"), 1)])
    record.end("FINISHED")
    write_text(root / record.file, record.to_json())
    return record


def runs_in(root: Path) -> dict[str, dict]:
    """All runs of the local store, by name, with everything that users see of them."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{root / 'results/mlflow.db'}")
    found = client.search_runs([e.experiment_id for e in client.search_experiments()])
    names = {run.info.run_id: run.info.run_name for run in found}
    ignored = ("mlflow.parentRunId",)
    return {
        run.info.run_name: {
            "status": run.info.status,
            "times": (run.info.start_time, run.info.end_time),
            "params": run.data.params,
            "tags": {key: value for key, value in run.data.tags.items() if key not in ignored},
            "parent": names.get(run.data.tags.get("mlflow.parentRunId")),
            "metrics": {
                key: [(m.step, repr(m.value)) for m in client.get_metric_history(run.info.run_id, key)]
                for key in run.data.metrics
            },
            "inputs": [(d.dataset.name, d.dataset.digest) for d in run.inputs.dataset_inputs],
            "artifacts": {
                item.path: Path(client.download_artifacts(run.info.run_id, item.path)).read_text()
                for item in client.list_artifacts(run.info.run_id)
            },
        }
        for run in found
    }


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A project whose store holds an invocation with one job, and that job's record."""
    root = tmp_path_factory.mktemp("a project")
    return root, in_new_process(fill, root)


def fill(root: Path) -> RunRecord:
    store = RunStore(resolve_uri({}, root), root)
    invocation = RunRecord(
        name="snakemake",
        experiment="preview",
        file="results/preview/jobs/invocations/1.json",
        kind="invocation",
    )
    store.write(invocation)
    record = make_record(root, parent=invocation.id)
    started = RunRecord(**{**vars(record), "status": "RUNNING", "end_time": None})
    assert store.write(started) == store.write(record) == store.write(record)
    invocation.end("FINISHED")
    write_text(root / invocation.file, invocation.to_json())
    store.write(invocation)
    return record


def test_run_holds_what_the_record_says(filled):
    root, record = filled
    runs = in_new_process(runs_in, root)
    assert runs.keys() == {"snakemake", "draw_figure fig4"}
    run = runs["draw_figure fig4"]
    assert run["status"] == "FINISHED"
    assert run["times"] == (record.start_time, record.end_time)
    assert run["parent"] == "snakemake"
    assert run["params"]["width"] == "3.5"
    assert len(run["params"]["long"]) == 6000
    assert run["params"]["long"].endswith("(7000 characters; the whole is in the job's record)")
    digest = record.inputs[0]["sha256"]
    assert run["tags"]["regenerate"] == record.tags["regenerate"]
    assert run["tags"]["output.svg"] == f"{record.artifacts[0]} sha256 {digest} (6 bytes)"
    assert run["inputs"] == [(record.artifacts[0], digest[:36])]
    assert run["artifacts"] == {Path(record.artifacts[0]).name: "<svg/>", "traceback.txt": "line 1"}


def test_metrics_are_complete_also_where_they_are_not_finite(filled):
    metrics = in_new_process(runs_in, filled[0])["draw_figure fig4"]["metrics"]
    assert metrics["loss"] == [(step, repr(1 / (step + 1))) for step in range(2500)]
    nan, infinity = sorted(metrics["odd"])
    assert math.isnan(float(nan[1]))
    assert float(infinity[1]) > 1e308


def test_rebuilt_store_has_the_same_runs(filled):
    root, _ = filled
    before = in_new_process(runs_in, root)
    told = in_new_process(rebuild_store, root)
    assert "2 runs" in told
    assert in_new_process(runs_in, root) == before
    assert len(list((root / "results").glob("mlflow.db.*"))) == 1
    assert len(list((root / "results").glob("mlflow-artifacts.*"))) == 1


def test_rebuilding_refuses_with_a_reason(tmp_path):
    with pytest.raises(TrackingError, match="holds no records"):
        rebuild_store(tmp_path)
    damaged = tmp_path / "results/preview/jobs/draw.json"
    write_text(damaged, "{")
    with pytest.raises(RecordError, match=str(damaged)):
        rebuild_store(tmp_path)
    write_text(tmp_path / "config/config.yaml", "tracking: {uri: 'http://tracking.example.org'}")
    with pytest.raises(TrackingError, match=r"http://tracking\.example\.org"):
        rebuild_store(tmp_path)
    assert not (tmp_path / "results/mlflow.db").exists()


def write_one_record(root: Path, number: int) -> str:
    """What one of many processes does at the same time."""
    return RunStore(resolve_uri({}, root), root).write(make_record(root, f"job {number}", points=20))


def test_eight_processes_may_create_the_store_at_once(tmp_path):
    with processes.Pool(8) as pool:
        ids = pool.starmap(write_one_record, [(tmp_path, number) for number in range(8)], chunksize=1)
    assert len(set(ids)) == 8
    runs = in_new_process(runs_in, tmp_path)
    assert runs.keys() == {f"job {number}" for number in range(8)}
    assert all(len(run["metrics"]["loss"]) == 20 for run in runs.values())


def test_dead_server_is_told_once_and_holds_nobody_up(tmp_path):
    code = """
import socket, sys
from pathlib import Path
from orderparam.tracking.spool import Recorder, drop
from test_tracking_store import make_record
with socket.socket() as refused:
    refused.bind(("127.0.0.1", 0))
    recorder = Recorder.start(Path.cwd(), f"http://127.0.0.1:{refused.getsockname()[1]}")
    for number in range(5):
        drop(recorder.spool, make_record(Path.cwd(), f"job {number}"))
    recorder.close("FINISHED")
print(recorder.process.returncode, recorder.spool.exists())
"""
    process = start_python(tmp_path, code)
    out, told = process.communicate(timeout=60)
    assert out == "1 False\n"
    assert told.count("\n") == 1
    assert told.startswith("warning: tracking: the store http://127.0.0.1:")


@pytest.mark.parametrize(
    ("configured", "environment", "resolved", "artifacts"),
    [
        (None, None, "sqlite:////p/results/mlflow.db", "/p/results/mlflow-artifacts"),
        (None, "http://host:5000", "http://host:5000", None),
        (
            "sqlite:///data/runs.db",
            "http://host:5000",
            "sqlite:////p/data/runs.db",
            "/p/data/mlflow-artifacts",
        ),
        ("sqlite:////data/runs.db", None, "sqlite:////data/runs.db", "/data/mlflow-artifacts"),
        ("mlruns", None, "file:///p/mlruns", "/p/results/mlflow-artifacts"),
        ("postgresql://host/db", None, "postgresql://host/db", "/p/results/mlflow-artifacts"),
    ],
)
def test_uri_is_absolute(monkeypatch, configured, environment, resolved, artifacts):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    if environment:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", environment)
    assert resolve_uri({"tracking": {"uri": configured}}, Path("/p")) == resolved
    assert artifact_folder(resolved, Path("/p")) == (Path(artifacts) if artifacts else None)


def test_recorder_of_a_project_that_cannot_be_written_says_so(tmp_path):
    write_text(tmp_path / "results", "a file where the folder should be")
    with pytest.raises(OSError, match="results"):
        Recorder.start(tmp_path, "sqlite:////nowhere.db")
