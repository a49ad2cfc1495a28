"""The MLflow store: records in, runs out."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from orderparam.errors import OrderParameterError
from orderparam.tracking.record import RunRecord

if TYPE_CHECKING:
    from mlflow import MlflowClient

T = TypeVar("T")
logger = logging.getLogger("orderparam.tracking")

RECORD_TAG = "record"
LONGEST_PARAM = 6000
LONGEST_TAG = 5000
LONGEST_DIGEST = 36


class TrackingError(OrderParameterError):
    """The tracking store cannot be used."""


def is_enabled(config: dict[str, Any]) -> bool:
    """Whether jobs are recorded as runs: `tracking: enabled:`, by default true."""
    return bool((config.get("tracking") or {}).get("enabled", True))


def resolve_uri(config: dict[str, Any], root: Path) -> str:
    """The absolute tracking URI: `tracking: uri:`, else MLFLOW_TRACKING_URI, else results/mlflow.db."""
    uri = (config.get("tracking") or {}).get("uri") or os.environ.get("MLFLOW_TRACKING_URI")
    if not uri:
        return f"sqlite:///{root / 'results/mlflow.db'}"
    if uri.startswith("sqlite:///"):
        return f"sqlite:///{root / uri.removeprefix('sqlite:///')}"
    if ":" not in uri:
        return (root / uri).as_uri()
    return str(uri)


def database_path(uri: str) -> Path | None:
    """The file of a local SQLite store; None for any other."""
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None


def artifact_folder(uri: str, root: Path) -> Path | None:
    """Where artifacts of a store without a server lie, beside a SQLite file; None if a server keeps them."""
    database = database_path(uri)
    if database:
        return database.parent / "mlflow-artifacts"
    return (
        None if urlsplit(uri).scheme in ("http", "https", "databricks") else root / "results/mlflow-artifacts"
    )


class RunStore:
    """Runs in the store at `uri`, one per record. Any method may raise whatever MLflow raises."""

    def __init__(self, uri: str, root: Path) -> None:
        """Open the store, creating and migrating it where needed; several processes may do so at once."""
        self._uri, self._root = uri, root
        self._experiments: dict[str, str] = {}
        self._runs: dict[str, str] = {}
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "1")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        # What goes wrong is told once, by the caller.
        for name in ("alembic", "mlflow.store.db.utils", "urllib3"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        from mlflow import MlflowClient

        with self._first_access():
            self._client: MlflowClient = MlflowClient(tracking_uri=uri)
            self._client.search_experiments(max_results=1)

    @contextmanager
    def _first_access(self) -> Iterator[None]:
        database = database_path(self._uri)
        if database is None:
            yield
            return
        from filelock import FileLock

        database.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(database.with_name(f".{database.name}.lock"), timeout=120):
            yield

    def write(self, record: RunRecord, known: bool = False) -> str:
        """Bring the record's run up to date and return its id; `known`: the run may be there already."""
        run_id = self._runs.get(record.id) or (self._find(record) if known else None) or self._create(record)
        self._runs[record.id] = run_id
        if record.status != "RUNNING":
            self._complete(run_id, record)
        return run_id

    def _experiment(self, name: str) -> str:
        if name not in self._experiments:
            folder = artifact_folder(self._uri, self._root)
            with self._first_access():
                found = self._client.get_experiment_by_name(name)
                if found is not None and found.lifecycle_stage == "deleted":
                    self._client.restore_experiment(found.experiment_id)
                self._experiments[name] = (
                    found.experiment_id
                    if found is not None
                    else self._client.create_experiment(
                        name, artifact_location=(folder / name).as_uri() if folder else None
                    )
                )
        return self._experiments[name]

    def _find(self, record: RunRecord) -> str | None:
        runs = self._client.search_runs(
            [self._experiment(record.experiment)], f"tags.{RECORD_TAG} = '{record.id}'", max_results=1
        )
        return runs[0].info.run_id if runs else None

    def _create(self, record: RunRecord) -> str:
        from mlflow.entities import Dataset, DatasetInput, InputTag, Param

        tags = self._tags(record)
        run = self._client.create_run(
            self._experiment(record.experiment), record.start_time, tags, run_name=record.name
        )
        run_id: str = run.info.run_id
        params = [Param(_name(key), _cut(value, LONGEST_PARAM)) for key, value in record.params.items()]
        for chunk in _chunks(params, 100):
            self._client.log_batch(run_id, params=chunk)
        datasets = [
            DatasetInput(
                Dataset(
                    name=file["path"][-500:],
                    digest=file["sha256"][:LONGEST_DIGEST],
                    source_type="local",
                    source=json.dumps({"uri": (self._root / file["path"]).as_uri()}),
                    profile=json.dumps({"bytes": file["bytes"], "sha256": file["sha256"]}),
                ),
                [InputTag("mlflow.data.context", _name(file["name"]))],
            )
            for file in record.inputs
            if file["sha256"]
        ]
        for some in _chunks(datasets, 500):
            self._client.log_inputs(run_id, datasets=some)
        return run_id

    def _tags(self, record: RunRecord) -> dict[str, str]:
        tags = {**record.tags, RECORD_TAG: record.id}
        for side, files in (("input", record.inputs), ("output", record.outputs)):
            for file in files:
                digest = f"sha256 {file['sha256']} ({file['bytes']} bytes)" if file["sha256"] else "missing"
                tags[f"{side}.{file['name']}"] = f"{file['path']} {digest}"
        if record.parent and record.parent in self._runs:
            tags["mlflow.parentRunId"] = self._runs[record.parent]
        return {_name(key): _cut(value, LONGEST_TAG) for key, value in tags.items()}

    def _complete(self, run_id: str, record: RunRecord) -> None:
        from mlflow.entities import Metric, RunTag

        end_time = record.end_time or record.start_time
        metrics = [Metric(_name(key), value, end_time, step) for key, value, step in record.metric_points()]
        for chunk in _chunks(metrics, 1000):
            self._client.log_batch(run_id, metrics=chunk)
        for pairs in _chunks(list(self._tags(record).items()), 100):
            self._client.log_batch(run_id, tags=[RunTag(key, value) for key, value in pairs])
        for artifact in record.artifacts:
            if (self._root / artifact).exists():
                self._client.log_artifact(run_id, str(self._root / artifact))
            elif record.status == "FINISHED":
                logger.warning("%s of the run %s is gone, its artifact is not kept", artifact, record.name)
        for name, text in record.texts.items():
            self._client.log_text(run_id, text, name)
        self._client.set_terminated(run_id, record.status, end_time)


def _name(text: str) -> str:
    """A key as MLflow takes it: no signs but _-./ and space, no `..`, at most 250 characters."""
    parts = re.sub(r"[^/\w.\- ]", "_", text[:250]).split("/")
    return "/".join(part for part in parts if part.strip(".")) or "_"


def _cut(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    note = f" ... ({len(text)} characters; the whole is in the job's record)"
    return text[: longest - len(note)] + note


def _chunks(items: Sequence[T], size: int) -> Iterator[list[T]]:
    for start in range(0, len(items), size):
        yield list(items[start : start + size])
