"""Whole invocations: the parent run, its jobs, kills, and the last line of a real run of Snakemake."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import urllib.request
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote

import psutil
import pytest
from test_tracking_store import begin_record, dump
from tracking_helpers import runs_in, start_python, statuses, update, wait_until

from orderparam.files import read_json
from orderparam.tracking.stopping import WITH_INTERRUPT, pass_signals_on
from orderparam.tracking.store import TrackingError
from orderparam.tracking.ui import browse

HINT = "Browse the tracked runs: make ui"
OPEN = """
import os, sys, time
from pathlib import Path
from types import SimpleNamespace
from tracking_helpers import start_job
from orderparam.tracking import close_invocation, open_invocation
workflow = SimpleNamespace(
    touch=False,
    main_snakefile="Snakefile",
    dag_settings=SimpleNamespace(targets={TARGETS}),
    config_settings=SimpleNamespace(configfiles=[], config_args=["a=1"], replace_workflow_config=False),
    deployment_settings=SimpleNamespace(deployment_method=set()),
    executor_plugin=SimpleNamespace(common_settings=SimpleNamespace(local_exec=True)),
)
open_invocation(workflow, {}, "preview")
job = start_job(Path.cwd(), BODY, "wildcards={'experiment': 'preview', 'size': '10K'}",
                ORDERPARAM_INVOCATION=os.environ["ORDERPARAM_INVOCATION"])
"""
READY_AND_SLEEP = "print('ready', flush=True); time.sleep(60)"
JOB, INVOCATION = "Figure · figure · 10K", "snakemake --cores 1"


def run_invocation(root: Path, body: str, then: str, targets: str = "") -> subprocess.Popen[str]:
    """A process that opens an invocation, starts a job with `body` in it, then does `then`."""
    opening = OPEN.replace("{TARGETS}", repr(targets.split()))
    arguments = [*INVOCATION.split()[1:], *targets.split()]
    return start_python(root, f"import sys; sys.argv[1:] = {arguments}\nBODY = {body!r}\n{opening}\n{then}")


@pytest.mark.usefixtures("with_store")
def test_jobs_are_children_of_their_invocation(tmp_path):
    body = "job.log_metrics([('loss', 2.5, 0)])"
    then = "job.wait(); close_invocation('FINISHED')"
    done = run_invocation(tmp_path, body, then, "all results/corpora/x results/paper/x.svg")
    _, told = done.communicate(timeout=120)
    assert (done.returncode, told) == (0, "")
    runs = runs_in(tmp_path)
    parent = f"{INVOCATION} all results/corpora/x results/paper/x.svg"
    assert {name: run["status"] for name, run in runs.items()} == {parent: "FINISHED", JOB: "FINISHED"}
    # A figure is seen at once, not below its invocation.
    assert (runs[JOB]["parent"], runs[JOB]["tags"]["invocation"]) == (None, parent)
    assert runs[JOB]["metrics"] == {"loss": [(0, "2.5")]}
    assert runs[JOB]["tags"]["regenerate"].endswith("fig4.svg --config a=1")
    assert len(list((tmp_path / "results/paper/jobs/invocations").iterdir())) == 1


@pytest.mark.usefixtures("with_store")
def test_job_that_dies_silently_is_closed_with_its_invocation(tmp_path):
    body = "import os; os.kill(os.getpid(), 9)"
    _, told = run_invocation(tmp_path, body, "job.wait(); close_invocation('FAILED')").communicate(
        timeout=120
    )
    assert told.count("\n") == 1
    assert f"{JOB} (draw_figure.10K) was killed, most often by the system for too little memory" in told
    assert statuses(tmp_path) == {INVOCATION: "FAILED", JOB: "KILLED"}
    assert read_json(tmp_path / "results/preview/jobs/draw_figure.10K.json")["status"] == "KILLED"


@pytest.mark.usefixtures("with_store")
def test_job_elsewhere_ends_with_its_invocation_and_not_before(tmp_path):
    elsewhere = {"host": "elsewhere", "pid": 1, "started": 0.0}
    invocation = begin_record(
        tmp_path, "snakemake", process=elsewhere, file="results/preview/jobs/invocations/1.json"
    )
    begin_record(tmp_path, process=elsewhere, parent=invocation.id)
    update(tmp_path)
    assert set(statuses(tmp_path).values()) == {"RUNNING"}
    invocation.end("FAILED")
    invocation.write(tmp_path)
    update(tmp_path)
    assert statuses(tmp_path) == {"snakemake": "FAILED", "draw_figure fig4": "KILLED"}


@pytest.fixture
def running(tmp_path, with_store):
    """An invocation and its job, both in the store as they run."""
    then = "print(job.pid, job.stdout.readline(), flush=True); time.sleep(120)"
    process = run_invocation(tmp_path, READY_AND_SLEEP, then)
    job = psutil.Process(int(process.stdout.readline().split()[0]))
    try:
        wait_until(lambda: statuses(tmp_path) == {INVOCATION: "RUNNING", JOB: "RUNNING"})
        yield process, job
    finally:
        process.kill()
        with suppress(psutil.NoSuchProcess):
            job.kill()
        process.communicate()


def test_the_next_update_closes_what_was_killed_and_a_second_changes_nothing(tmp_path, running):
    process, job = running
    job.kill()
    process.kill()
    process.wait()
    assert set(statuses(tmp_path).values()) == {"RUNNING"}
    update(tmp_path)
    assert set(statuses(tmp_path).values()) == {"KILLED"}
    ended = {name: run["times"][1] for name, run in runs_in(tmp_path).items()}
    before = dump(tmp_path)
    update(tmp_path)
    assert dump(tmp_path) == before
    assert ended == {name: run["times"][1] for name, run in runs_in(tmp_path).items()}


SNAKEFILE = """
from pathlib import Path
from snakemake.logging import logger
from orderparam.tracking import close_invocation, finish_at_exit, keep_lines_short, open_invocation

keep_lines_short(logger)
finish_at_exit(workflow, config)

rule draw_figure:
    input: "results/corpora/speare/corpus.json"
    output: "results/preview/figures/fig4.svg"
    params: fail=config.get("fail", False)
    script: "draw_figure.py"

onstart:
    open_invocation(workflow, config, "preview")
onsuccess:
    close_invocation("FINISHED")
onerror:
    close_invocation("FAILED")
"""
SCRIPT = """
from pathlib import Path
from orderparam.tracking import tracked_job

with tracked_job(snakemake) as job:
    if snakemake.params.fail is True:
        raise RuntimeError("as told")
    Path(snakemake.output[0]).write_text("<svg/>")
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
        timeout=720,
    )
    return done.returncode, done.stderr.rstrip("\n").splitlines()


@pytest.mark.usefixtures("with_store")
def test_a_real_run_ends_with_where_its_result_is_and_how_to_browse(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    (tmp_path / "draw_figure.py").write_text(SCRIPT)
    (tmp_path / "more.yaml").write_text("b: 2")
    corpus = tmp_path / "results/corpora/speare/corpus.json"
    corpus.parent.mkdir(parents=True)
    corpus.write_text('{"corpus": "speare"}')

    status, told = run_shell(tmp_path, "snakemake -n")
    assert status == 0
    assert HINT not in told
    assert statuses(tmp_path) == {}

    settings = '--configfile more.yaml --config fail=False \'odd={"a b": "1"}\''
    status, told = run_shell(tmp_path, f"snakemake --cores 1 {settings}")
    ending = ["Open results/preview/figures/fig4.svg", told[-2], HINT]
    assert (status, told[-3:]) == (0, ending)
    assert ending[1].startswith("Next: snakemake ")
    written = sorted((tmp_path / ".snakemake/log").glob("*"))[-1].read_text()
    assert written.endswith("\n".join(["", *ending, ""]))
    assert max(map(len, [*told, *written.splitlines()])) <= 200
    tags = runs_in(tmp_path)["Figure · figure"]["tags"]
    assert tags["mlflow.source.name"] == "draw_figure.py"
    command = shlex.split(f"snakemake --cores 1 --force results/preview/figures/fig4.svg {settings}")
    assert shlex.split(tags["regenerate"]) == command

    corpus.write_text('{"corpus": "speare", "stand_in": true, "notice": "sampled"}')
    status, told = run_shell(tmp_path, f"snakemake --cores 1 --force --config {shlex.quote('fail=True')}")
    assert (status, told[-1]) == (1, f"{HINT} [STAND-IN CORPUS speare: sampled]")
    assert not any(line.startswith(("Open ", "Next: ")) for line in told)
    assert sorted(set(statuses(tmp_path).values())) == ["FAILED", "FINISHED"]

    (tmp_path / "off.yaml").write_text("tracking: {enabled: false}")
    before = dump(tmp_path)
    status, told = run_shell(tmp_path, "snakemake --cores 1 --force --configfile off.yaml")
    assert (status, told[-1]) == (0, "[STAND-IN CORPUS speare: sampled]")
    assert dump(tmp_path) == before


@pytest.mark.usefixtures("with_store")
def test_browser_sees_the_store_and_follows_what_runs(tmp_path):
    record = begin_record(tmp_path)
    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1] + 1
    code = f"from orderparam.cli import main; main(['ui', '--port', '{port - 1}'])"
    server = start_python(tmp_path, code)
    address = f"http://127.0.0.1:{port}"
    try:
        assert server.stdout.readline() == f"Port {taken.getsockname()[1]} is taken; this is {port}.\n"
        assert server.stdout.readline() == "Until Ctrl-C the runs are at\n"
        name, page = server.stdout.readline().rsplit(maxsplit=1)
        assert name.strip() == "preview · figures and jobs"
        assert re.fullmatch(rf"{address}/#/experiments/\d+/runs\?workflowType=machine_learning", page)
        wait_until(lambda: len(points_at(address)) == 20)
        record.add_points(tmp_path, [("loss", 0.5, 20)])
        wait_until(lambda: points_at(address)[20:] == [0.5], seconds=30)
        # It serves other projects too.
        (tmp_path / "other").mkdir()
        other = start_python(tmp_path / "other", TELL_SERVER.format(uri=f"http://me:secret@127.0.0.1:{port}"))
        assert other.communicate(timeout=60) == ("", "")
        assert len(points_at(address, "other · figures and jobs")) == 20
    finally:
        taken.close()
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=60)
    assert server.returncode == 0
    assert points_at(address) == []


TELL_SERVER = """
from pathlib import Path
from test_tracking_store import begin_record, finish_record
from orderparam.tracking.update import update_store
record = begin_record(Path.cwd(), experiment="other")
update_store(Path.cwd(), "{uri}")
finish_record(Path.cwd(), record)
update_store(Path.cwd(), "{uri}")
update_store(Path.cwd(), "{uri}")
"""


def points_at(address: str, name: str = "preview · figures and jobs") -> list[float]:
    """The metric `loss` of the only run of an experiment on a server; nothing before it answers."""
    api = f"{address}/api/2.0/mlflow"
    try:
        experiment = ask(f"{api}/experiments/get-by-name?experiment_name={quote(name)}")["experiment"]
        body = json.dumps({"experiment_ids": [experiment["experiment_id"]]}).encode()
        (run,) = ask(f"{api}/runs/search", body)["runs"]
        query = f"run_id={run['info']['run_id']}&metric_key=loss"
        return [point["value"] for point in ask(f"{api}/metrics/get-history?{query}")["metrics"]]
    except OSError:
        return []


def ask(address: str, body: bytes | None = None):
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def test_browsing_nothing_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(TrackingError, match="run snakemake first"):
        browse(tmp_path, 5000)


def test_a_servers_address_is_printed_without_its_secrets(tmp_path, monkeypatch, capsys):
    told = []
    monkeypatch.setattr("orderparam.tracking.ui.update_store", lambda root, uri: told.append(uri))
    monkeypatch.setattr("orderparam.tracking.ui.RunStore", lambda uri, root: store)
    store = SimpleNamespace(experiments=lambda: {"paper": "3", "paper · figures and jobs": "4"})
    (tmp_path / "config").mkdir()
    uri = "http://me:secret@tracking.example.org/"
    (tmp_path / "config/config.yaml").write_text(f"tracking: {{uri: '{uri}'}}")
    browse(tmp_path, 5000)
    assert told == [uri]
    page = "http://tracking.example.org/#/experiments/{}/runs?workflowType=machine_learning"
    assert capsys.readouterr().out == (
        "The runs are at\n"
        f"  paper                     {page.format(3)}\n"
        f"  paper · figures and jobs  {page.format(4)}\n"
    )


@pytest.mark.parametrize("number", WITH_INTERRUPT)
def test_signals_cancel_jobs_elsewhere_as_ctrl_c_does(number):
    before = {each: signal.getsignal(each) for each in WITH_INTERRUPT}
    try:
        # Snakemake's own, which would wait for them.
        signal.signal(signal.SIGTERM, lambda number, frame: None)
        pass_signals_on(jobs_are_here=False)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
