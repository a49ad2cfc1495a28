"""Records in, MLflow runs out: a real SQLite store updated by many at once, servers that do not serve."""

import json
import math
import shutil
import sqlite3
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from tracking_helpers import in_new_process, local_store, processes, runs_in, start_python, statuses, update

from orderparam.errors import RecordError
from orderparam.tracking.job_log import INDENT
from orderparam.tracking.provenance import describe_file, this_process
from orderparam.tracking.record import RunRecord
from orderparam.tracking.store import LARGEST_ARTIFACT, artifact_folder, resolve_uri
from orderparam.tracking.update import Told, update_store


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def begin_record(root: Path, name: str = "draw_figure fig4", points: int = 20, **values) -> RunRecord:
    """The record of a job under way, as the job leaves it."""
    file = f"results/preview/jobs/{name.replace(' ', '.')}.json"
    record = RunRecord(
        **{"name": name, "experiment": "preview", "file": file, "process": this_process(), **values}
    )
    figure = f"results/preview/figures/{record.id}.svg"
    write(root / figure, "<svg/>")
    record.params = {"width": "3.5", "wildcard.long": "x" * 7000, "ü (odd)": ""}
    record.tags |= {"regenerate": f"snakemake --cores 1 --force {figure}"}
    record.inputs = [describe_file("metrics", figure, root)]
    record.write(root)
    record.add_points(root, [("loss", 1 / (step + 1), step) for step in range(points)])
    return record


def finish_record(root: Path, record: RunRecord) -> RunRecord:
    names = ("svg", "large.csv", "weights.bin", "gone.png")
    paths = [f"results/preview/figures/{record.id}.{name}" for name in names]
    write(root / paths[1], "x" * (LARGEST_ARTIFACT + 1))
    write(root / paths[2], "x")
    record.outputs = [describe_file(name, path, root) for name, path in zip(names, paths, strict=True)]
    record.texts = {"traceback.txt": "line 1"}
    record.end("FINISHED")
    record.write(root)
    return record


@pytest.fixture(scope="module")
def filled(tmp_path_factory, empty_store):
    """A project whose store was told of an invocation with one job, at each step of its way."""
    root = tmp_path_factory.mktemp("a project")
    (root / "results").mkdir()
    shutil.copy(empty_store, root / "results/mlflow.db")
    invocation = RunRecord(
        name="snakemake",
        experiment="preview",
        file="results/preview/jobs/invocations/1.json",
        process=this_process(),
    )
    invocation.write(root)
    record = begin_record(root, points=1500, parent=invocation.id)
    update(root)
    assert set(statuses(root).values()) == {"RUNNING"}
    record.add_points(root, [("loss", 1 / (step + 1), step) for step in range(1500, 2500)])
    update(root)
    assert len(runs_in(root)[record.name]["metrics"]["loss"]) == 2500
    record.add_points(root, [("odd", float("nan"), 0), ("odd", float("inf"), 1)])
    finish_record(root, record)
    invocation.end("FINISHED")
    invocation.write(root)
    update(root)
    return root, record


def dump(root: Path) -> list[str]:
    with sqlite3.connect(root / "results/mlflow.db") as connection:
        return list(connection.iterdump())


def test_run_holds_what_the_record_says(filled):
    root, record = filled
    runs = runs_in(root)
    assert runs.keys() == {"snakemake", "draw_figure fig4"}
    run = runs["draw_figure fig4"]
    assert run["status"] == "FINISHED"
    assert run["times"] == (record.start_time, record.end_time)
    assert run["parent"] == "snakemake"
    # What is filtered by is a param; the rest is in the record, as it was written.
    assert run["params"].keys() == {"long"}
    assert len(run["params"]["long"]) == 6000
    assert run["params"]["long"].endswith("(7000 characters; the whole is in the job's record)")
    kept = json.loads(run["artifacts"].pop("job.json"))
    assert kept == {key: value for key, value in asdict(record).items() if key != "texts"}
    figure, digest = record.inputs[0]["path"], record.inputs[0]["sha256"]
    assert run["tags"]["regenerate"] == record.tags["regenerate"]
    assert run["tags"]["invocation"] == "snakemake"
    note = run["tags"]["mlflow.note.content"]
    assert record.tags["regenerate"] in note
    assert f"| `{figure}` | `{digest}` |" in note
    assert f"![{record.id}.svg](get-artifact?path={record.id}.svg&run_uuid=" in note
    assert run["inputs"] == [(figure, digest[:36])]
    assert run["artifacts"] == {Path(figure).name: "<svg/>", "traceback.txt": "line 1"}


def test_metrics_are_complete_also_where_they_are_not_finite(filled):
    metrics = runs_in(filled[0])["draw_figure fig4"]["metrics"]
    assert metrics["loss"] == [(step, repr(1 / (step + 1))) for step in range(2500)]
    nan, infinity = sorted(metrics["odd"])
    assert math.isnan(float(nan[1]))
    assert float(infinity[1]) > 1e308


def tags_of_experiments(root: Path) -> dict[str, dict[str, str]]:
    from mlflow import MlflowClient

    return {each.name: each.tags for each in MlflowClient(local_store(root)).search_experiments()}


@pytest.mark.usefixtures("with_store")
def test_trainings_have_runs_of_their_own_beside_their_jobs(tmp_path):
    write(tmp_path / "config/experiments/preview.yaml", "description: All four sizes.")
    invocation = begin_record(tmp_path, "snakemake", 0, file="results/preview/jobs/invocations/1.json")
    shape = {
        "d_model": "32",
        "n_head": "2",
        "n_layer": "1",
        "corpus": "novel",
        "steps": "20",
        "device": "cpu",
    }
    trainings = {f"10K · seed {seed} · train": {"size": "10K", "seed": str(seed), **shape} for seed in (1, 2)}
    record = begin_record(tmp_path, "10K", points=0, parent=invocation.id, trainings=trainings)
    for name, loss in zip(trainings, (3.0, 2.5), strict=True):
        record.add_points(tmp_path, [("train_loss", 4.0, 0), ("train_loss", loss, 10)], name)
        update(tmp_path)
    finish_record(tmp_path, record)
    update(tmp_path)
    runs = runs_in(tmp_path)
    assert runs.keys() == {"snakemake", "10K", *trainings}
    assert runs["10K"]["parent"] == "snakemake"
    assert runs["10K"]["metrics"] == {}
    second = runs["10K · seed 2 · train"]
    # At the top of the list, the first of a job above the others.
    assert second["parent"] is None
    assert runs["10K · seed 1 · train"]["times"][0] > second["times"][0] > runs["10K"]["times"][0]
    assert second["metrics"] == {"train_loss": [(0, "4.0"), (10, "2.5")]}
    del shape["device"]
    assert second["params"] == {"size": "10K", "seed": "2", **shape}
    assert second["tags"]["invocation"] == "snakemake"
    assert "| training loss, nats per character | 4 | 2.5 | 2.5 |" in second["tags"]["mlflow.note.content"]
    experiments = in_new_process(tags_of_experiments, tmp_path)
    assert experiments.keys() == {"preview", "preview · figures and jobs"}
    for tags in experiments.values():
        assert tags["mlflow.experimentKind"] == "custom_model_development"
        assert "All four sizes." in tags["mlflow.note.content"]
        assert "/runs?workflowType=machine_learning" in tags["mlflow.note.content"]


def test_nothing_is_told_twice(filled):
    root, _ = filled
    before = dump(root)
    update(root)
    assert dump(root) == before
    # Also where it is not known any more what was told.
    runs = runs_in(root)
    shutil.rmtree(root / "results/.tracking")
    update(root)
    assert runs_in(root) == runs


def test_a_new_store_is_told_everything(filled):
    root, _ = filled
    before = runs_in(root)
    (root / "results/mlflow.db").unlink()
    shutil.rmtree(root / "results/mlflow-artifacts")
    update(root)
    assert runs_in(root) == before


@pytest.mark.usefixtures("with_store")
@pytest.mark.parametrize("fate", ["replaced", "deleted"])
def test_a_run_whose_record_is_gone_is_ended(tmp_path, fate):
    record = begin_record(tmp_path)
    update(tmp_path)
    (tmp_path / record.file).unlink()
    if fate == "replaced":
        finish_record(tmp_path, begin_record(tmp_path, file=record.file, name="again"))
    update(tmp_path)
    expected = {record.name: "KILLED"} | ({"again": "FINISHED"} if fate == "replaced" else {})
    assert statuses(tmp_path) == expected


SPOIL = {
    "a text that is no record": lambda root, record: write(root / record.file, "{"),
    "a time beyond all": lambda root, record: replace(record, start_time=10**30).write(root),
    "a text outside": lambda root, record: replace(record, texts={"../../outside.txt": "x"}).write(root),
    "points that are none": lambda root, record: write(record.points_file(root), f"{record.id}\n\0\n"),
    "a step beyond all": lambda root, record: write(
        record.points_file(root), f'{record.id}\n["loss", 1, {10**30}, 0]\n'
    ),
}


@pytest.mark.usefixtures("with_store")
def test_what_the_store_does_not_take_is_named_and_hides_no_other(tmp_path):
    for number, spoil in enumerate(SPOIL.values()):
        spoilt = finish_record(tmp_path, begin_record(tmp_path, f"a{number}"))
        spoil(tmp_path, spoilt)
        finish_record(tmp_path, begin_record(tmp_path, f"b{number}"))
        for _ in range(2):
            with pytest.raises(RecordError, match=rf"jobs/a{number}\.(json|points\.jsonl): "):
                update(tmp_path)
        assert statuses(tmp_path)[f"b{number}"] == "FINISHED"
        (tmp_path / spoilt.file).unlink()
    assert not list(tmp_path.rglob("outside.txt"))


@pytest.mark.usefixtures("with_store")
def test_damaged_notes_cost_nothing_but_time(tmp_path):
    finish_record(tmp_path, begin_record(tmp_path, "a"))
    update(tmp_path)
    (path,) = (tmp_path / "results/.tracking").glob("*.json")
    told = json.dumps({"results/preview/jobs/a.json": asdict(Told("other", {}, True, "", 0))})
    for content in ("[1]", '{"a": 1}', '{"a": {}}', "{", "null", told):
        path.write_text(content)
        update(tmp_path)
        assert statuses(tmp_path) == {"a": "FINISHED"}


def record_and_update(root: Path, number: int) -> None:
    """What one of many processes does at the same time."""
    finish_record(root, begin_record(root, f"job {number}"))
    update_store(root, local_store(root))


def test_four_processes_may_create_and_update_the_store_at_once(tmp_path):
    with processes.Pool(4) as pool:
        pool.starmap(record_and_update, [(tmp_path, number) for number in range(4)], chunksize=1)
    runs = runs_in(tmp_path)
    assert runs.keys() == {f"job {number}" for number in range(4)}
    assert {run["status"] for run in runs.values()} == {"FINISHED"}
    assert all(len(run["metrics"]["loss"]) == 20 for run in runs.values())


FAILING_SERVERS = """
import socket, threading, time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from test_tracking_store import begin_record, finish_record
from orderparam.tracking.update import Follower
class Failing(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_error(500)
    do_POST = do_GET
    def log_message(self, *arguments):
        pass
server = HTTPServer(("127.0.0.1", 0), Failing)
threading.Thread(target=server.serve_forever, daemon=True).start()
refusing, silent = socket.socket(), socket.socket()
for each in (refusing, silent):
    each.bind(("127.0.0.1", 0))
silent.listen()
ports = server.server_port, refusing.getsockname()[1], silent.getsockname()[1]
import mlflow
followers = [Follower(Path.cwd(), f"http://me:secret@127.0.0.1:{port}") for port in ports]
for follower in followers:
    follower.start()
for number in range(5):
    finish_record(Path.cwd(), begin_record(Path.cwd(), f"job {number}"))
began = time.monotonic()
closing = [threading.Thread(target=follower.close) for follower in followers]
for each in closing:
    each.start()
for each in closing:
    each.join()
print(time.monotonic() - began)
"""


def test_servers_that_do_not_serve_are_told_once_and_hold_nobody_up(tmp_path):
    process = start_python(tmp_path, FAILING_SERVERS)
    out, told = process.communicate(timeout=360)
    assert process.returncode == 0, told
    assert float(out) < 11
    # However they were wrapped.
    told = told.replace(f"\n{INDENT}", " ")
    assert told.count("\n") == told.count("warning: tracking: the store http://127.0.0.1:") == 3
    assert "secret" not in told


def test_a_project_that_cannot_be_written_is_told(tmp_path):
    write(tmp_path / "results", "a file where the folder should be")
    code = "from orderparam.tracking.update import *; Follower(Path.cwd(), 'sqlite:///results/a.db').update()"
    process = start_python(tmp_path, code)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 0
    assert told.startswith("warning: tracking: the store sqlite:///results/a.db cannot be used: ")


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
