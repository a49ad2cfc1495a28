"""What was recorded reaches the store, once, whatever happened meanwhile, and no other project's."""

import json
import shutil
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from tracking_helpers import in_new_process, local_store, start_job, update

from orderparam.files import read_json
from orderparam.tracking.job_log import INDENT
from orderparam.tracking.record import RunRecord
from orderparam.tracking.stopping import unlock_after_a_kill
from orderparam.tracking.store import TrackingError
from orderparam.tracking.trouble import describe_trouble
from orderparam.tracking.ui import browse
from orderparam.tracking.update import Follower, deliver, update_store

SVG = "results/preview/figures/fig4.svg"
DRAW = f"Path('{SVG}').parent.mkdir(parents=True, exist_ok=True); Path('{SVG}').write_text('<svg/>')"
WAIT = "print('ready', flush=True)\nwhile not Path('go').exists(): time.sleep(0.05)"
pytestmark = pytest.mark.usefixtures("with_store")


def finish(job):
    _, told = job.communicate(timeout=60)
    assert job.returncode == 0, told


def runs(root: Path, columns: str = "status", database: str = "results/mlflow.db") -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(f"file:{root / database}?mode=ro", uri=True)) as connection:
        return connection.execute(f"SELECT {columns} FROM runs ORDER BY start_time").fetchall()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_runs_of_a_job_that_ran_again_before_the_store_was_told_all_reach_it_in_order(tmp_path):
    for value in (1.0, 2.0, 3.0):
        finish(start_job(tmp_path, f"{DRAW}; job.log_metrics([('loss', {value}, 0)])"))
    update(tmp_path)
    update(tmp_path)
    assert runs(tmp_path) == [("FINISHED",)] * 3
    query = "SELECT value FROM runs JOIN metrics ON runs.run_uuid = metrics.run_uuid ORDER BY start_time"
    with closing(sqlite3.connect(tmp_path / "results/mlflow.db")) as connection:
        assert connection.execute(query).fetchall() == [(1.0,), (2.0,), (3.0,)]


def test_a_command_without_jobs_delivers_what_is_left_and_else_only_looks(tmp_path):
    finish(start_job(tmp_path, DRAW))
    in_new_process(deliver, tmp_path, local_store(tmp_path))
    assert runs(tmp_path) == [("FINISHED",)]
    (tmp_path / "results/mlflow.db").unlink()
    deliver(tmp_path, local_store(tmp_path))
    assert not (tmp_path / "results/mlflow.db").exists()


def test_a_command_without_jobs_waits_for_no_slow_store(tmp_path, monkeypatch, capsys):
    finish(start_job(tmp_path, DRAW))
    go_on = threading.Event()
    monkeypatch.setattr("orderparam.tracking.update.update_store", lambda *given: go_on.wait(60))
    monkeypatch.setattr("orderparam.tracking.update.LAST_SECONDS_SERVER", 0.1)
    began = time.monotonic()
    deliver(tmp_path, local_store(tmp_path))
    go_on.set()
    assert time.monotonic() - began < 30
    told = " ".join(capsys.readouterr().err.split())
    assert "was not told all within 0.1 s." in told and "`orderparam ui`, tells the store" in told
    assert "cannot be used" not in told


def test_links_that_lead_nowhere_and_runs_without_a_process_hide_no_other_record(tmp_path, capsys):
    finish(start_job(tmp_path, DRAW))
    jobs = tmp_path / "results/preview/jobs"
    (jobs / "a.json").symlink_to("nowhere")
    deliver(tmp_path, local_store(tmp_path))
    assert "a.json: no such file" in capsys.readouterr().err
    assert runs(tmp_path) == [("FINISHED",)]
    (jobs / "a.json").unlink()
    RunRecord("snakemake", "preview", "results/preview/jobs/invocations/a.json").write(tmp_path)
    deliver(tmp_path, local_store(tmp_path))
    assert "a.json: not the record of a run (host is missing" in capsys.readouterr().err
    # Nor is a workflow's lock believed for its sake.
    (tmp_path / ".snakemake/locks").mkdir(parents=True)
    (tmp_path / ".snakemake/locks/0.input.lock").touch()
    in_new_process(unlock_after_a_kill, tmp_path)
    assert not list((tmp_path / ".snakemake/locks").iterdir())


def test_a_job_whose_end_could_not_be_recorded_is_closed_as_its_outputs_say(tmp_path):
    kill = "; import os; os.kill(os.getpid(), 9)"
    start_job(tmp_path, DRAW + kill).communicate()
    update(tmp_path)
    assert runs(tmp_path) == [("FINISHED",)]
    (tmp_path / SVG).unlink()
    start_job(tmp_path, kill.removeprefix("; ")).communicate()
    update(tmp_path)
    assert runs(tmp_path) == [("FINISHED",), ("KILLED",)]


def test_a_copied_project_goes_on_in_its_own_place(tmp_path):
    original, copy, moved = (tmp_path / name for name in ("original", "copy", "moved"))
    original.mkdir()
    shutil.move(tmp_path / "results", original / "results")
    finish(start_job(original, DRAW))
    update(original)
    running = start_job(original, f"{DRAW}\n{WAIT}")
    running.stdout.readline()
    update(original)
    shutil.copytree(original, copy)
    running.kill()
    running.communicate()
    before = contents(original)
    finish(start_job(copy, DRAW))
    update(copy)
    assert contents(original) == before
    # What was running when it was copied never ended here.
    assert [status for (status,) in runs(copy)] == ["FINISHED", "KILLED", "FINISHED"]
    places = {uri for (uri,) in runs(copy, "artifact_uri")}
    assert all(uri.startswith(copy.as_uri()) for uri in places)
    assert len(list((copy / "results/mlflow-artifacts").rglob("fig4.svg"))) >= 2
    # A moved one does not make its old place anew.
    copy.rename(moved)
    finish(start_job(moved, DRAW))
    update(moved)
    assert not copy.exists()
    assert all(uri.startswith(moved.as_uri()) for (uri,) in runs(moved, "artifact_uri"))


def test_of_two_copies_with_one_store_neither_ends_the_others_runs(tmp_path):
    shared = f"sqlite:///{tmp_path / 'results/mlflow.db'}"
    original, copy = tmp_path / "original", tmp_path / "copy"
    original.mkdir()
    body = f"job.log_metrics([('loss', 1.0, 0)])\n{WAIT}"
    job = start_job(original, body)
    job.stdout.readline()
    in_new_process(update_store, original, shared)
    shutil.copytree(original, copy)
    (original / "go").touch()
    job.communicate()
    in_new_process(update_store, original, shared)
    before = contents(original)
    # In the copy its record says RUNNING, and its process is gone.
    in_new_process(update_store, copy, shared)
    assert runs(tmp_path) == [("FINISHED",)]
    assert contents(original) == before
    assert read_json(next((copy / "results/preview/jobs").glob("*.json")))["status"] == "KILLED"


@pytest.mark.parametrize(
    ("uri", "cause"),
    [
        ("sqlite:///{root}/broken.db", "the file is damaged or no database; move it away"),
        ("sqlite:////proc/none/x.db", "its folder is missing or cannot be written|No such file"),
        ("sqlite:///{root}/results", "cannot be written, or it is no file"),
        ("sqlite:///{root}", "cannot be written, or it is no file"),
        ("file://{root}/mlruns", "it is a folder, and MLflow keeps runs in a database"),
        ("sqlite://", "names no file; write sqlite:///results/mlflow.db"),
        ("postgresql://me:secret@127.0.0.1:9/runs", "No module named 'psycopg2'|no server answers there"),
        ("http://me:secret@127.0.0.1:9", "no server answers there"),
        ("http://me:se/cr@et@127.0.0.1:9", "Invalid url"),
    ],
)
def test_a_warning_names_the_cause_and_no_password(tmp_path, capsys, monkeypatch, uri, cause):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    (tmp_path / "broken.db").write_bytes(b"no database, but rather long " * 99)
    finish(start_job(tmp_path, DRAW))
    uri = uri.format(root=tmp_path)
    began = time.monotonic()
    Follower(tmp_path, uri).update()
    # By itself MLflow tries for 102 s to open a database.
    assert time.monotonic() < began + 60
    # However it was wrapped.
    told = capsys.readouterr().err.replace(f"\n{INDENT}", " ")
    assert told.count("\n") == 1
    assert any(part in told for part in cause.split("|")), told
    assert "`orderparam ui`" in told or "names no file" in told
    assert not any(part in told for part in ("secret", "cr@et", "se/cr"))
    assert not list(tmp_path.parent.glob(".*.lock"))


def test_a_database_whose_path_has_a_question_mark_is_not_made_elsewhere(tmp_path, capsys):
    root = tmp_path / "what?"
    root.mkdir()
    finish(start_job(root, DRAW))
    deliver(root, local_store(root))
    assert "its path has a ?" in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"results", "what?"}
    # Told under another name, since the records are there.
    update(root.rename(tmp_path / "what"))
    assert runs(tmp_path / "what") == [("FINISHED",)]


def test_a_broken_store_is_one_line_for_the_page_too(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "results/mlflow.db").write_bytes(b"no database, but rather long " * 99)
    with pytest.raises(
        TrackingError, match=r"mlflow\.db: the store cannot be used: the file is damaged"
    ) as error:
        browse(tmp_path, 5999)
    assert "\n" not in str(error.value)


def test_a_locked_store_is_told_of_later(tmp_path):
    finish(start_job(tmp_path, DRAW))
    connection = sqlite3.connect(tmp_path / "results/mlflow.db", isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    with pytest.raises(Exception, match="locked") as error:
        update_store(tmp_path, local_store(tmp_path))
    assert describe_trouble(error.value) == "another process has locked it"
    connection.execute("ROLLBACK")
    connection.close()
    update(tmp_path)
    assert runs(tmp_path) == [("FINISHED",)]


def delete_runs(root: Path) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(local_store(root))
    for run in client.search_runs([each.experiment_id for each in client.search_experiments()]):
        client.delete_run(run.info.run_id)


def test_a_run_that_was_deleted_before_its_job_ended_is_told_to_its_end(tmp_path):
    job = start_job(tmp_path, WAIT)
    job.stdout.readline()
    update(tmp_path)
    in_new_process(delete_runs, tmp_path)
    (tmp_path / "go").touch()
    finish(job)
    update(tmp_path)
    assert runs(tmp_path, "status, lifecycle_stage") == [("FINISHED", "active")]
    # What was deleted when it had ended stays deleted.
    in_new_process(delete_runs, tmp_path)
    update(tmp_path)
    assert runs(tmp_path, "status, lifecycle_stage") == [("FINISHED", "deleted")]


@pytest.mark.parametrize(
    "change", [{"runs": {"": 5}}, {"runs": 5}, {"points": "x"}, {"id": None}, {"state": 7}]
)
def test_spoilt_notes_of_what_was_told_are_told_again(tmp_path, change):
    finish(start_job(tmp_path, DRAW))
    update(tmp_path)
    (notes,) = (tmp_path / "results/.tracking").glob("*.json")
    changed = {file: values | {"ended": False} | change for file, values in read_json(notes).items()}
    notes.write_text(json.dumps(changed))
    update(tmp_path)
    assert runs(tmp_path) == [("FINISHED",)]


THEIRS = ("s3://theirs/mlflow-artifacts/1", "file:///theirs/mlflow-artifacts/models")


def add_theirs(root: Path) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(local_store(root))
    for address in THEIRS:
        client.create_run(client.create_experiment(address[:2], address))


def test_artifacts_of_others_in_the_same_database_stay_where_they_are(tmp_path):
    in_new_process(add_theirs, tmp_path)
    finish(start_job(tmp_path, DRAW))
    for _ in range(2):
        update(tmp_path)
        addresses = [address for (address,) in runs(tmp_path, "artifact_uri")]
        assert [sum(address.startswith(theirs) for address in addresses) for theirs in THEIRS] == [1, 1]
    here = (tmp_path / "results/mlflow-artifacts").as_uri()
    assert sum(address.startswith(here) for address in addresses) == 1
