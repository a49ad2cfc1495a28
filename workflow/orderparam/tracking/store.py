"""The MLflow store: records in, runs out."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from orderparam.errors import OrderParameterError
from orderparam.tracking.record import RunRecord, Status

if TYPE_CHECKING:
    from mlflow import MlflowClient

T = TypeVar("T")

RECORD_TAG = "record"
LONGEST_PARAM = 6000
LONGEST_TAG = 5000
LONGEST_DIGEST = 36
# Outputs of these kinds, up to this size, are kept as artifacts: figures, tables, pages, samples.
ARTIFACTS = (".svg", ".png", ".csv", ".json", ".html", ".txt", ".parquet")
LARGEST_ARTIFACT = 5_000_000
# By default MLflow waits four minutes for a server that does not answer, and prints addresses with their
# secrets.
DEFAULTS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


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
        """Open the store, creating and migrating it where needed; not by several processes at once."""
        self._root, self._artifacts = root, artifact_folder(uri, root)
        self._experiments: dict[str, str] = {}
        for key, value in DEFAULTS.items():
            os.environ.setdefault(key, value)
        # The caller reports errors, once.
        for name in ("alembic", "mlflow.store.db.utils", "urllib3"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        from mlflow import MlflowClient

        self._client: MlflowClient = MlflowClient(tracking_uri=uri)
        self._client.search_experiments(max_results=1)

    def has(self, run_id: str) -> bool:
        """Whether a run of this id is in the store."""
        from mlflow.exceptions import MlflowException

        try:
            self._client.get_run(run_id)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return False
        return True

    def begin(self, record: RunRecord, parent: str | None) -> str:
        """The id of the record's run, made if there is none; `parent` is that of its invocation's run.

        Telling a store what it knows changes nothing, so a run that was begun by halves is completed.
        """
        from mlflow.entities import Dataset, DatasetInput, InputTag, Param

        experiment = self._experiment(record.experiment)
        found = self._client.search_runs([experiment], f"tags.{RECORD_TAG} = '{record.id}'", max_results=1)
        tags = self._tags(record) | ({"mlflow.parentRunId": parent} if parent else {})
        run = (
            found[0]
            if found
            else self._client.create_run(experiment, record.start_time, tags, run_name=record.name)
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

    def add_points(self, run_id: str, points: Iterable[tuple[str, float, int, int]]) -> None:
        """Add (key, value, step, time) points; those that are there already are left as they are."""
        from mlflow.entities import Metric

        metrics = [Metric(_name(key), value, at, step) for key, value, step, at in points]
        for chunk in _chunks(metrics, 1000):
            self._client.log_batch(run_id, metrics=chunk)

    def complete(self, run_id: str, record: RunRecord) -> None:
        """Add what is known at the record's end, and end the run."""
        from mlflow.entities import RunTag

        for pairs in _chunks(list(self._tags(record).items()), 100):
            self._client.log_batch(run_id, tags=[RunTag(key, value) for key, value in pairs])
        for file in record.outputs:
            path = self._root / file["path"]
            if path.suffix in ARTIFACTS and (file["bytes"] or 0) <= LARGEST_ARTIFACT and path.is_file():
                # Snakemake or a rerun may delete it meanwhile.
                with suppress(FileNotFoundError):
                    self._client.log_artifact(run_id, str(path))
        for name, text in record.texts.items():
            self._client.log_text(run_id, text, name)
        self.end(run_id, record.status, record.end_time)

    def end(self, run_id: str, status: Status, end_time: int | None = None) -> None:
        """End a run at `end_time`, in milliseconds since 1970, or now."""
        self._client.set_terminated(run_id, status, end_time)

    def _experiment(self, name: str) -> str:
        if name not in self._experiments:
            # Without this tag MLflow's page opens in its mode for language-model applications.
            kind = ("mlflow.experimentKind", "custom_model_development")
            found = self._client.get_experiment_by_name(name)
            if found is None:
                location = (self._artifacts / name).as_uri() if self._artifacts else None
                self._experiments[name] = self._client.create_experiment(name, location, dict([kind]))
            else:
                if found.lifecycle_stage == "deleted":
                    self._client.restore_experiment(found.experiment_id)
                if kind[0] not in found.tags:
                    self._client.set_experiment_tag(found.experiment_id, *kind)
                self._experiments[name] = found.experiment_id
        return self._experiments[name]

    def _tags(self, record: RunRecord) -> dict[str, str]:
        tags = {**record.tags, RECORD_TAG: record.id}
        for side, files in (("input", record.inputs), ("output", record.outputs)):
            for file in files:
                digest = f"sha256 {file['sha256']} ({file['bytes']} bytes)" if file["sha256"] else "missing"
                tags[f"{side}.{file['name']}"] = f"{file['path']} {digest}"
        return {_name(key): _cut(value, LONGEST_TAG) for key, value in tags.items()}


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
