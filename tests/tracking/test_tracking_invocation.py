"""Whole invocations: the parent run, its jobs, kills, and the last line of a real run of Snakemake."""

import json
import os
import shlex
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil
import pytest
from test_tracking_store import in_new_process, runs_in
from tracking_helpers import start_python

from orderparam.files import read_json
from orderparam.tracking.store import RunStore, TrackingError, resolve_uri
from orderparam.tracking.ui import ui_command

HINT = "Browse the tracked runs: make ui"
OPEN = """
import sys, time
from pathlib import Path
from tracking_helpers import start_job
from orderparam.tracking import close_invocation, open_invocation
import orderparam.tracking.invocation as invocation
open_invocation({}, Path.cwd(), "preview", sys.argv[1:])
import os
job = start_job(Path.cwd(), BODY, "wildcards={'experiment': 'preview', 'size': '10K'}",
                ORDERPARAM_INVOCATION=os.environ["ORDERPARAM_INVOCATION"])
"""
READY_AND_SLEEP = "print('ready', flush=True); time.sleep(60)"


def run_invocation(root: Path, body: str, then: str, *arguments: str) -> subprocess.Popen[str]:
    """A process that opens an invocation, starts a job with `body` in it, then does `then`."""
    code = f"import sys; sys.argv[1:] = {list(arguments)!r}\nBODY = {body!r}\n{OPEN}\n{then}"
    return start_python(root, code)


def test_jobs_are_children_of_their_invocation(tmp_path):
    body = "job.log_metrics([('loss', 2.5, 0)])"
    then = "job.wait(); close_invocation('FINISHED')"
    done = run_invocation(tmp_path, body, then, "--cores", "2", "results/paper/x.svg", "--config", "a=1")
    _, told = done.communicate(timeout=60)
    assert (done.returncode, told) == (0, "")
    runs = in_new_process(runs_in, tmp_path)
    parent = "snakemake --cores 2 results/paper/x.svg --config a=1"
    assert {name: run["status"] for name, run in runs.items()} == {
        parent: "FINISHED",
        "draw_figure 10K": "FINISHED",
    }
    assert runs["draw_figure 10K"]["parent"] == parent
    assert runs["draw_figure 10K"]["metrics"] == {"loss": [(0, "2.5")]}
    assert runs["draw_figure 10K"]["tags"]["regenerate"].endswith("fig4.svg --config a=1")
    assert not list((tmp_path / "results/.tracking").iterdir())
    assert len(list((tmp_path / "results/paper/jobs/invocations").iterdir())) == 1


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory):
    """A store without runs, to start from a copy of it: creating one takes seconds."""
    root = tmp_path_factory.mktemp("empty")
    in_new_process(create_store, root)
    return root / "results/mlflow.db"


def create_store(root: Path) -> None:
    RunStore(resolve_uri({}, root), root)


@pytest.fixture
def with_store(tmp_path, empty_store):
    (tmp_path / "results").mkdir()
    shutil.copy(empty_store, tmp_path / "results/mlflow.db")


@pytest.mark.usefixtures("with_store")
def test_job_that_dies_silently_is_closed_with_its_invocation(tmp_path):
    body = "import os; os.kill(os.getpid(), 9)"
    run_invocation(tmp_path, body, "job.wait(); close_invocation('FAILED')").communicate(timeout=60)
    runs = in_new_process(runs_in, tmp_path)
    assert {name: run["status"] for name, run in runs.items()} == {
        "snakemake": "FAILED",
        "draw_figure 10K": "KILLED",
    }
    assert read_json(tmp_path / "results/preview/jobs/draw_figure.10K.json")["status"] == "KILLED"


@pytest.fixture
def killed_invocation(tmp_path, with_store):
    """An invocation with a running job, both in the store, to be killed: it, the job and the recorder."""
    then = """
print(job.pid, invocation._recorders[0].process.pid, job.stdout.readline(), flush=True)
time.sleep(60)
"""
    process = run_invocation(tmp_path, READY_AND_SLEEP, then)
    job, recorder, _ = process.stdout.readline().split()
    wait_until(lambda: set(statuses(tmp_path).values()) == {"RUNNING"} and len(statuses(tmp_path)) == 2)
    yield process, psutil.Process(int(job)), psutil.Process(int(recorder))
    for found in (job, recorder):
        if psutil.pid_exists(int(found)):
            os.kill(int(found), signal.SIGKILL)


def statuses(root: Path) -> dict[str, str]:
    """Name and status of every run, read without MLflow, while others write."""
    database = root / "results/mlflow.db"
    if not database.exists():
        return {}
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE name = 'runs'").fetchall()
        return dict(connection.execute("SELECT name, status FROM runs").fetchall()) if tables else {}


def wait_until(condition, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)


def test_recorder_closes_the_runs_of_an_invocation_killed_before_it(tmp_path, killed_invocation):
    process, job, recorder = killed_invocation
    process.kill()
    process.wait()
    wait_until(lambda: statuses(tmp_path)["snakemake"] == "KILLED")
    assert statuses(tmp_path)["draw_figure 10K"] == "RUNNING"
    job.terminate()
    wait_until(lambda: statuses(tmp_path)["draw_figure 10K"] == "KILLED")
    wait_until(lambda: not recorder.is_running() or recorder.status() == psutil.STATUS_ZOMBIE)


def test_next_invocation_closes_the_runs_of_one_killed_with_its_recorder(tmp_path, killed_invocation):
    process, job, recorder = killed_invocation
    for victim in (recorder, process, job):
        victim.kill()
    process.wait()
    assert set(statuses(tmp_path).values()) == {"RUNNING"}
    again = run_invocation(tmp_path, "pass", "job.wait(); close_invocation('FINISHED')", "--cores", "1")
    again.communicate(timeout=60)
    runs = in_new_process(runs_in, tmp_path)
    assert runs["snakemake"]["status"] == "KILLED"
    assert runs["snakemake --cores 1"]["status"] == "FINISHED"
    assert not list((tmp_path / "results/.tracking").iterdir())


SNAKEFILE = """
import sys
from pathlib import Path
from orderparam.tracking import close_invocation, open_invocation, print_hint_at_exit

print_hint_at_exit(workflow, config, lambda: [Path("corpus.json")])

rule draw_figure:
    output: "results/preview/figures/fig4.svg"
    params: fail=config.get("fail", False)
    script: "draw_figure.py"

onstart:
    open_invocation(config, Path.cwd(), "preview", sys.argv[1:])
onsuccess:
    close_invocation("FINISHED")
onerror:
    close_invocation("FAILED")
"""
SCRIPT = """
from pathlib import Path
from orderparam.tracking import tracked_job

with tracked_job(snakemake) as job:
    if snakemake.params.fail:
        raise RuntimeError("as told")
    with open("drawn", "a") as file:
        file.write("x")
    Path(snakemake.output[0]).write_text("<svg/>")
    job.log_artifact(snakemake.output[0])
"""


def run_shell(root: Path, command: str) -> tuple[int, list[str]]:
    """Exit status and the lines told of a command in the project at `root`."""
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        command,
        shell=True,
        cwd=root,
        env={**os.environ, "PATH": programs},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stderr.rstrip("\n").splitlines()


@pytest.mark.usefixtures("with_store")
def test_real_run_ends_with_the_hint_and_its_figure_can_be_regenerated(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    (tmp_path / "draw_figure.py").write_text(SCRIPT)

    status, told = run_shell(tmp_path, "snakemake -n")
    assert status == 0
    assert HINT not in told
    assert not (tmp_path / "results/.tracking").exists()

    status, told = run_shell(tmp_path, "snakemake --cores 1 --config fail=False")
    assert (status, told[-1]) == (0, HINT)
    assert sorted((tmp_path / ".snakemake/log").glob("*"))[-1].read_text().endswith(f"\n{HINT}\n")
    tags = in_new_process(runs_in, tmp_path)["draw_figure"]["tags"]
    assert tags["mlflow.source.name"] == "draw_figure.py"
    assert tags["regenerate"].startswith("snakemake --cores 1 --force results/preview/figures/fig4.svg")

    status, told = run_shell(tmp_path, tags["regenerate"])
    assert status == 0
    assert (tmp_path / "drawn").read_text() == "xx"

    (tmp_path / "corpus.json").write_text(
        json.dumps({"corpus": "speare", "stand_in": True, "notice": "sampled"})
    )
    status, told = run_shell(tmp_path, f"snakemake --cores 1 --force --config {shlex.quote('fail=True')}")
    assert (status, told[-1]) == (1, f"{HINT} [STAND-IN CORPUS speare: sampled]")
    assert sorted(set(statuses(tmp_path).values())) == ["FAILED", "FINISHED"]

    (tmp_path / "off.yaml").write_text("tracking: {enabled: false}")
    off = "snakemake --cores 1 --force --configfile off.yaml"
    status, told = run_shell(tmp_path, off)
    assert (status, told[-1]) == (0, "[STAND-IN CORPUS speare: sampled]")
    (tmp_path / "corpus.json").unlink()
    status, told = run_shell(tmp_path, off)
    assert (status, [line for line in told if HINT in line]) == (0, [])


@pytest.mark.usefixtures("with_store")
def test_browser_sees_the_store(tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config/config.yaml").write_text("tracking: {enabled: true, uri: null}")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = start_python(tmp_path, f"from orderparam.cli import main; main(['ui', '--port', '{port}'])")
    try:
        assert server.stdout.readline() == f"The runs are at http://127.0.0.1:{port} until Ctrl-C\n"
        address = f"http://127.0.0.1:{port}/api/2.0/mlflow/experiments/get-by-name?experiment_name=Default"
        wait_until(lambda: answers(address))
        with urllib.request.urlopen(address, timeout=20) as answer:
            assert json.load(answer)["experiment"]["name"] == "Default"
    finally:
        server.terminate()
        server.communicate(timeout=20)


def answers(address: str) -> bool:
    try:
        urllib.request.urlopen(address, timeout=20).close()
    except OSError:
        return False
    return True


def test_browsing_nothing_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(TrackingError, match="run snakemake first"):
        ui_command(tmp_path, 5000)
    (tmp_path / "config").mkdir()
    (tmp_path / "config/config.yaml").write_text("tracking: {uri: 'http://tracking.example.org'}")
    assert ui_command(tmp_path, 5000) is None
