"""The MLflow store: records in, runs out."""

from __future__ import annotations

import json
import logging
import os
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote, urlsplit

from orderparam.errors import OrderParameterError, RecordError
from orderparam.files import sha256_of_file
from orderparam.tracking.notes import APART, NOTE, describe_experiment, describe_run, runs_page
from orderparam.tracking.record import Point, RunRecord, Status

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric

T = TypeVar("T")

RECORD_TAG = "record"
LONGEST_PARAM = 6000
LONGEST_TAG = 5000
LONGEST_DIGEST = 36
# Outputs of these kinds, up to this size, are kept as artifacts: figures, tables, pages, samples.
ARTIFACTS = (".svg", ".png", ".csv", ".json", ".html", ".txt")
LARGEST_ARTIFACT = 5_000_000
# Of an experiment's own name are its trainings; its other jobs are in one of this ending.
OF_JOBS = " · figures and jobs"
LISTED_AT_ONCE = ("draw_", "write_up", "render_")
# What is told in a run's description and artifacts, since each tag and param is a column of the list of runs.
IN_NOTE = ("machine.", "version.", "git.")
PARAMS = (
    "size", "seed", "corpus", "d_model", "n_head", "n_layer", "attention", "context", "batch_size",
    "learning_rate", "weight_decay", "dropout", "steps", "start_from", "precision",
)  # fmt: skip
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


def _make_whole(database: Path) -> None:
    """Make an empty store under another name first: one that a kill left half made stays broken for good."""
    from mlflow import MlflowClient

    new = database.with_name(f".{database.name}.new")
    new.parent.mkdir(parents=True, exist_ok=True)
    new.unlink(missing_ok=True)
    MlflowClient(tracking_uri=f"sqlite:///{new}").search_experiments(max_results=1)
    new.rename(database)


class RunStore:
    """Runs in the store at `uri`, one per record. Any method may raise whatever MLflow raises."""

    def __init__(self, uri: str, root: Path) -> None:
        """Open the store, creating and migrating it where needed; not by several processes at once."""
        self._root, self._uri, self._artifacts = root, uri, artifact_folder(uri, root)
        self._experiments: dict[str, str] = {}
        self._runs: dict[str, Any] = {}
        self._made: set[str] = set()
        for key, value in DEFAULTS.items():
            os.environ.setdefault(key, value)
        # The caller reports errors, once.
        for name in ("alembic", "mlflow.store.db.utils", "urllib3"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        from mlflow import MlflowClient

        database = database_path(uri)
        if database and "?" in str(database):
            # The rest would be another file, outside the project.
            raise RecordError(
                "its path has a ?, which ends the address of a database; rename it, or drop the options"
            )
        if uri.startswith("sqlite:") and not database:
            # Kept in memory, all would count as told and be lost.
            raise RecordError(f"the address {uri} names no file; write sqlite:///results/mlflow.db")
        if self._artifacts:
            from mlflow.store.db import utils

            # MLflow tries for minutes to open a database that it cannot.
            utils.MAX_RETRY_COUNT = 4
        if database and not database.exists():
            _make_whole(database)
        self._client: MlflowClient = MlflowClient(tracking_uri=uri)
        if database:
            self._bring_artifacts_here(database)
        self._hide_default()

    def _bring_artifacts_here(self, database: Path) -> None:
        """Have a store that was copied or moved with its project keep artifacts here, not where it was.

        MLflow stores absolute addresses, and would write to those of the original. Those of other projects
        in the same database stay.
        """
        here = f"{self._artifacts.as_uri()}/" if self._artifacts else ""
        self._client.search_experiments(max_results=1)  # Which makes the tables.
        with closing(sqlite3.connect(database, timeout=30)) as connection, connection:
            own = {
                # Those of others are named by a number.
                ("experiments", "artifact_location"): "SELECT artifact_location, name FROM experiments",
                ("runs", "artifact_uri"): "SELECT DISTINCT artifact_uri, NULL FROM runs WHERE run_uuid IN "
                f"(SELECT run_uuid FROM tags WHERE key = '{RECORD_TAG}')",
            }
            for (table, column), query in own.items():
                for address, name in connection.execute(query).fetchall():
                    _, found, rest = (address or "").rpartition("/mlflow-artifacts/")
                    if found and not address.startswith(here) and name in (None, unquote(rest)):
                        change = f"UPDATE {table} SET {column} = ? WHERE {column} = ?"
                        connection.execute(change, (here + rest, address))

    def _hide_default(self) -> None:
        """Take MLflow's own experiment Default, of id 0, out of sight where no run is in it."""
        shown = [each.experiment_id for each in self._client.search_experiments(max_results=1000)]
        if "0" in shown and not self._client.search_runs(["0"], max_results=1):
            self._client.delete_experiment("0")

    def experiments(self) -> dict[str, str]:
        """Name and id of every experiment that has runs to show."""
        found = self._client.search_experiments(max_results=1000, order_by=["name ASC"])
        return {each.name: each.experiment_id for each in found}

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

    def begin(
        self,
        record: RunRecord,
        training: str = "",
        parent: str | None = None,
        points: Iterable[Point] = (),
    ) -> str:
        """The id of the run of a record, or of a training in it, made if there is none, with its points.

        `parent` is the run of its invocation, below which a job is listed, unless one looks for it: figures,
        pages and trainings are listed at once. Telling a store what it knows changes nothing, so a run that
        was begun by halves is completed.
        """
        from mlflow.entities import Dataset, DatasetInput, InputTag, Param, RunTag

        experiment = self._experiment(record.experiment, bool(training))
        identity = f"{record.id} {training}".strip()
        tags = {RECORD_TAG: identity}
        apart = bool(training) or record.tags.get("rule", "").startswith(LISTED_AT_ONCE)
        if parent and not apart and self._run(parent).experiment_id == experiment:
            tags["mlflow.parentRunId"] = parent
        # Newest runs are listed first, so the first training of a record is made to begin last.
        place = list(record.trainings).index(training) if training else 0
        began = record.start_time + (len(record.trainings) - place if training else 0)
        run_id = self._find(experiment, identity)
        if not run_id:
            name = training or record.name
            info = self._client.create_run(experiment, began, tags, run_name=name).info
            run_id = str(info.run_id)
            self._runs[run_id] = info
        tags |= self._tags(run_id, record, training, parent)
        params = [
            Param(_name(key), _cut(value, LONGEST_PARAM)) for key, value in _params(record, training).items()
        ]
        # Of all that it is told at once MLflow makes batches, as large as it takes.
        self._client.log_batch(
            run_id, _metrics(points), params, [RunTag(key, value) for key, value in tags.items()]
        )
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
            if file["sha256"] and not training
        ]
        for some in _chunks(datasets, 500):
            self._client.log_inputs(run_id, datasets=some)
        return run_id

    def _find(self, experiment: str, identity: str) -> str:
        """The id of the run of a record or training; empty if there is none."""
        # The search takes longer the more runs there are. Nobody else has told what was just made.
        if experiment in self._made:
            return ""
        found = self._client.search_runs([experiment], f"tags.{RECORD_TAG} = '{identity}'", max_results=1)
        return str(found[0].info.run_id) if found else ""

    def add_points(self, run_id: str, points: Iterable[Point]) -> None:
        """Add (key, value, step, time) points; those that are there already are left as they are."""
        self._client.log_batch(run_id, _metrics(points))

    def complete(
        self,
        run_id: str,
        record: RunRecord,
        training: str = "",
        parent: str | None = None,
        has_begun_now: bool = False,
    ) -> None:
        """Add what is known at the record's end, and end the run; one that has begun now has its tags."""
        if not has_begun_now:
            from mlflow.entities import RunTag

            tags = self._tags(run_id, record, training, parent).items()
            self._client.log_batch(run_id, tags=[RunTag(key, value) for key, value in tags])
        # First, so that it is told even where artifacts cannot be kept.
        self.end(run_id, record.status, record.end_time)
        address = str(self._run(run_id).artifact_uri)
        # Of a database that projects share, the artifacts of this run may lie in another one.
        if self._artifacts and not address.startswith(self._artifacts.as_uri()):
            return
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        # MLflow's client would ask for the address again, of each run.
        artifacts: Any = get_artifact_repository(address, self._uri)
        for file in () if training else record.outputs:
            path = (self._root / file["path"]).resolve()
            if not path.is_relative_to(self._root):
                continue
            if path.suffix in ARTIFACTS and (file["bytes"] or 0) <= LARGEST_ARTIFACT and path.is_file():
                # Snakemake or a rerun may delete it meanwhile, or have made it anew.
                with suppress(FileNotFoundError):
                    if file["sha256"] in (None, sha256_of_file(path)):
                        artifacts.log_artifact(str(path))
        kept = {name: value for name, value in vars(record).items() if name != "texts"}
        with TemporaryDirectory() as folder:
            for name, text in {**record.texts, "job.json": json.dumps(kept, indent=1)}.items():
                Path(folder, name).write_text(text, "utf-8")
            artifacts.log_artifacts(folder)

    def close(self, run_id: str) -> None:
        """End a run as KILLED unless it has ended, as told by the project that this one is a copy of."""
        if self._client.get_run(run_id).info.status == "RUNNING":
            self.end(run_id, "KILLED")

    def restore(self, run_id: str) -> bool:
        """Take back the deletion of a run; whether it had been deleted."""
        is_deleted = self._client.get_run(run_id).info.lifecycle_stage == "deleted"
        if is_deleted:
            self._client.restore_run(run_id)
        return is_deleted

    def end(self, run_id: str, status: Status, end_time: int | None = None) -> None:
        """End a run at `end_time`, in milliseconds since 1970, or now."""
        self._client.set_terminated(run_id, status, end_time)

    def _experiment(self, name: str, trainings: bool) -> str:
        """The id of the experiment of a name's trainings, or of its jobs, made and described if it is new."""
        title = name if trainings or name in APART else f"{name}{OF_JOBS}"
        if title not in self._experiments:
            found = self._client.get_experiment_by_name(title)
            if found is None:
                location = (self._artifacts / title).as_uri() if self._artifacts else None
                # Without this tag MLflow's page opens in its mode for language-model applications.
                tags = {"mlflow.experimentKind": "custom_model_development"}
                self._experiments[title] = self._client.create_experiment(title, location, tags)
                self._made.add(self._experiments[title])
            else:
                if found.lifecycle_stage == "deleted":
                    self._client.restore_experiment(found.experiment_id)
                self._experiments[title] = found.experiment_id
            titles = name, f"{name}{OF_JOBS}"
            for this, that in (titles, titles[::-1]):
                self._describe(this, name, that)
        return self._experiments[title]

    def _describe(self, title: str, name: str, other: str) -> None:
        """Say what an experiment holds, and where its trainings, or its jobs, are."""
        this, that = (self._client.get_experiment_by_name(each) for each in (title, other))
        if this:
            note = describe_experiment(name, self._root, title == name, that.experiment_id if that else None)
            if this.tags.get(NOTE) != note:
                self._client.set_experiment_tag(this.experiment_id, NOTE, note)

    def _run(self, run_id: str) -> Any:
        """What MLflow knows of a run."""
        if run_id not in self._runs:
            self._runs[run_id] = self._client.get_run(run_id).info
        return self._runs[run_id]

    def _tags(self, run_id: str, record: RunRecord, training: str, parent: str | None) -> dict[str, str]:
        """What the store says of a run, by the record as it is."""
        points = record.points(self._root)[0].get(training, []) if training else []
        link, more = None, {}
        if parent:
            link = runs_page(self._run(parent).experiment_id, parent)
            more = {"invocation": self._run(parent).run_name}
        note = {NOTE: describe_run(record, training, run_id, points, link)}
        kept = {key: value for key, value in record.tags.items() if not key.startswith(IN_NOTE)}
        return {_name(key): _cut(value, LONGEST_TAG) for key, value in {**kept, **more, **note}.items()}


def _metrics(points: Iterable[Point]) -> list[Metric]:
    from mlflow.entities import Metric

    return [Metric(_name(key), value, at, step) for key, value, step, at in points]


def _params(record: RunRecord, training: str) -> dict[str, str]:
    """What runs are told apart by, and filtered by; the rest is in the job's record."""
    if training:
        return {key: record.trainings[training][key] for key in PARAMS if key in record.trainings[training]}
    wildcards = {key: value for key, value in record.params.items() if key.startswith("wildcard.")}
    return {key.removeprefix("wildcard."): value for key, value in wildcards.items()}


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
