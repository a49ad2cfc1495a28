"""For the tests of tracking: jobs as Snakemake starts them, processes, and what is in the store."""

from __future__ import annotations

import multiprocessing
import os
import re
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from snakemake.iocontainers import InputFiles, Log, OutputFiles, Params, ResourceList, Snakemake, Wildcards

from orderparam.tracking.update import update_store

T = TypeVar("T")
PROJECT = Path(__file__).parents[1]


def script_object(
    rule: str = "draw_figure",
    wildcards: Mapping[str, str] | None = None,
    input: Mapping[str, str] | None = None,
    output: Mapping[str, str] | None = None,
    params: Mapping[str, Any] | None = None,
    config: Mapping[str, Any] | None = None,
    log: str | None = None,
) -> Snakemake:
    """Snakemake's own object, as unpickled in a script."""
    return Snakemake(
        InputFiles(fromdict=dict(input or {})),
        OutputFiles(fromdict=dict(output or {"svg": "results/preview/figures/fig4.svg"})),
        Params(fromdict=dict(params or {})),
        Wildcards(fromdict=dict(wildcards or {"experiment": "preview"})),
        1,
        ResourceList(fromdict={"_cores": 1, "tmpdir": "/tmp", "mem_mb": 100}),
        Log([log] if log else []),
        dict(config or {}),
        rule,
        None,
    )


def start_job(
    root: Path, body: str, settings: str = "", keep: bool = False, **environment: str
) -> subprocess.Popen[str]:
    """A process in `root` that runs `body` in a tracked job made by `script_object(<settings>)`."""
    code = f"""
from tracking_helpers import script_object
from orderparam.tracking import tracked_job
import sys, time
from pathlib import Path
with tracked_job(script_object({settings}), keep={keep}) as job:
{textwrap.indent(textwrap.dedent(body), "    ")}
"""
    return start_python(root, code, **environment)


def start_python(root: Path, code: str, **environment: str) -> subprocess.Popen[str]:
    """A process in `root` that runs `code` and can import this module."""
    search_path = os.pathsep.join(str(PROJECT / name) for name in ("workflow", "tests", "tests/tracking"))
    unwanted = ("MLFLOW_TRACKING_URI", "ORDERPARAM_INVOCATION")
    inherited = {key: value for key, value in os.environ.items() if key not in unwanted}
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=root,
        env={**inherited, "PYTHONPATH": search_path, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


# MLflow keeps a database open for the life of a process, so what is on disk is seen from a new one only.
# Forked from one that does nothing but have MLflow imported, it is there at once.
processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["mlflow.store.tracking.sqlalchemy_store"])


def in_new_process(function: Callable[..., T], *arguments: Any) -> T:
    """The result of `function(*arguments)`, called in a process of its own."""
    with processes.Pool(1) as pool:
        return pool.apply(function, arguments)


def local_store(root: Path) -> str:
    return f"sqlite:///{root / 'results/mlflow.db'}"


def update(root: Path) -> None:
    """Bring the local store up to date, from a process of its own."""
    in_new_process(update_store, root, local_store(root))


def runs_in(root: Path) -> dict[str, dict[str, Any]]:
    """All runs of the local store, by name, with everything that users see of them; names stand for ids."""
    return in_new_process(_runs_in, root)


def _runs_in(root: Path) -> dict[str, dict[str, Any]]:
    from mlflow import MlflowClient

    client = MlflowClient(local_store(root))
    found = client.search_runs([e.experiment_id for e in client.search_experiments()])
    names = {run.info.run_id: run.info.run_name for run in found}
    assert len(set(names.values())) == len(names)
    return {
        run.info.run_name: {
            "status": run.info.status,
            "times": (run.info.start_time, run.info.end_time),
            "params": run.data.params,
            "tags": {
                key: re.sub("[0-9a-f]{32}", lambda found: names.get(found[0], found[0]), value)
                for key, value in run.data.tags.items()
                if key != "mlflow.parentRunId"
            },
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


def statuses(root: Path) -> dict[str, str]:
    """Name and status of every run, read without MLflow, while others write."""
    database = root / "results/mlflow.db"
    if not database.exists():
        return {}
    # Not ro: a process killed while it wrote leaves a journal, which a reader has to roll back.
    with sqlite3.connect(f"file:{database}?mode=rw", uri=True) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE name = 'runs'").fetchall()
        return dict(connection.execute("SELECT name, status FROM runs").fetchall()) if tables else {}


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)
