"""One tracking server for two checkouts: a real PostgreSQL, and an MLflow server that keeps the artifacts."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest
import yaml
from project_copy import SMOKE, ProjectCopy, closed_port, finish, wait_for
from tracking_helpers import in_new_process

from orderparam.tracking.record import RECORDS, RunRecord
from orderparam.tracking.store import ARTIFACTS, RECORD_TAG

pytestmark = pytest.mark.slow


@pytest.fixture
def database():
    """The address of an empty database of a PostgreSQL that runs for this test."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not programs:
        pytest.skip("there is no PostgreSQL: apt install postgresql")
    pytest.importorskip("psycopg2", reason="there is no psycopg2: make env-dev")
    # PostgreSQL refuses to run as root.
    user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    folder = Path(tempfile.mkdtemp(prefix="orderparam-postgres-"))
    shutil.chown(folder, user)
    port = closed_port()

    def run(program: str, *arguments: str) -> None:
        command = [programs[-1].with_name(program), *arguments]
        with (folder.parent / f"{folder.name}.log").open("a") as log:
            subprocess.run(command, user=user, cwd=folder, stdout=log, stderr=log, check=True, timeout=120)

    run("initdb", "--auth=trust", "--username=mlflow", f"--pgdata={folder}/data")
    start = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
    run("pg_ctl", "start", "--wait", f"--pgdata={folder}/data", f"--options={start}")
    run("createdb", "--host=127.0.0.1", f"--port={port}", "--username=mlflow", "mlflow")
    yield f"postgresql://mlflow@127.0.0.1:{port}/mlflow"
    run("pg_ctl", "stop", "--mode=immediate", f"--pgdata={folder}/data")
    shutil.rmtree(folder)


class Server:
    """`mlflow server` on a database, with artifacts in a folder that only it sees."""

    def __init__(self, database: str, folder: Path) -> None:
        self.port = closed_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._command = [
            *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)),
            *("--backend-store-uri", database, "--artifacts-destination", str(folder), "--workers", "1"),
        ]
        self._log = folder.with_suffix(".log")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        settings = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                self._command, env={**os.environ, **settings}, stdout=log, stderr=log, start_new_session=True
            )
        wait_for(self._answers, "the server", 180)

    def _answers(self) -> bool:
        with socket.socket() as tried:
            return tried.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self) -> None:
        if self._process:
            os.killpg(self._process.pid, 9)
            self._process.wait()
            self._process = None


@pytest.fixture
def server(database, tmp_path):
    # As who runs a server does after an upgrade; of an empty database it makes the tables.
    upgrade = [sys.executable, "-m", "mlflow", "db", "upgrade", database]
    made = [sys.executable, "-c", f"import mlflow; mlflow.MlflowClient({database!r}).search_experiments()"]
    for command in (made, upgrade):
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
    server = Server(database, tmp_path / "artifacts")
    server.start()
    yield server
    server.kill()


def runs_of(address: str) -> list[dict]:
    """Of every run: the record that it shows, its project, status, curves and files of artifacts."""
    from mlflow import MlflowClient

    client = MlflowClient(address)
    found = []
    experiments = [each.experiment_id for each in client.search_experiments()]
    runs = client.search_runs(experiments, max_results=1000)
    for run in runs:
        keys = run.data.metrics
        identity = run.info.run_id
        found.append(
            {
                "record": run.data.tags.get(RECORD_TAG),
                "status": run.info.status,
                "curves": {
                    key: sorted((m.step, m.value) for m in client.get_metric_history(identity, key))
                    for key in keys
                },
                "artifacts": {
                    item.path: Path(client.download_artifacts(identity, item.path)).read_bytes()
                    for item in client.list_artifacts(identity)
                },
            }
        )
    return found


def test_two_checkouts_find_everything_there_once_although_the_server_was_down(server, tmp_path):
    projects = [ProjectCopy.make(tmp_path / name / "project") for name in ("one", "two")]
    for project in projects:
        config = yaml.safe_load(project.read("config/config.yaml"))
        config["tracking"]["uri"] = server.address
        project.write("config/config.yaml", yaml.safe_dump(config))
    running = [project.start("--cores", "1", *SMOKE) for project in projects]
    for project in projects:
        wait_for(lambda p=project: any(p.results.glob("smoke/jobs/train_model*.json")), "a training", 300)
    server.kill()
    time.sleep(20)
    server.start()
    for process in running:
        done = finish(process, 900)
        assert done.status == 0, done.output
    for project in projects:
        # It finds nothing to do, and delivers what is left.
        project.build("--cores", "1", *SMOKE, timeout=300)
    found = in_new_process(runs_of, server.address)
    counted = Counter(run["record"] for run in found)
    assert set(counted.values()) == {1}
    assert {run["status"] for run in found} == {"FINISHED"}
    of = {run["record"]: run for run in found}
    expected: set[str] = set()
    for project in projects:
        for path in project.root.glob(RECORDS):
            record = RunRecord.read(path)
            points, _ = record.points(project.root)
            for training in ("", *record.trainings):
                identity = f"{record.id} {training}".strip()
                expected.add(identity)
                curves: dict[str, list[tuple[int, float]]] = {}
                for key, value, step, _ in points.get(training, []):
                    curves.setdefault(key, []).append((step, value))
                told = of[identity]["curves"]
                assert {key: sorted(curve) for key, curve in curves.items()} == told, record.name
            for output in record.outputs:
                made = project.root / output["path"]
                if made.suffix in ARTIFACTS and made.is_file():
                    assert of[record.id]["artifacts"][made.name] == made.read_bytes()
    assert of.keys() == expected
    # Two invocations, each of 25 jobs with a script and of four trainings.
    assert len(found) == 2 * (1 + 25 + 4)
