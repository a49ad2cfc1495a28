"""What every script wraps its work in: logging, the record of the job, and its run in the store."""

from __future__ import annotations

import json
import logging
import os
import re
import shlex
import signal
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from orderparam.errors import OrderParameterError
from orderparam.files import atomic_write, read_json
from orderparam.tracking.job_log import set_up_logging
from orderparam.tracking.provenance import (
    code_tags,
    describe_file,
    machine_tags,
    regenerate_command,
    relative_to_root,
    this_process,
    user_name,
)
from orderparam.tracking.record import RunRecord, Status, flatten
from orderparam.tracking.spool import Recorder, drop
from orderparam.tracking.store import is_enabled, resolve_uri

if TYPE_CHECKING:
    import pandas as pd

INVOCATION = "ORDERPARAM_INVOCATION"
STOP_SIGNALS = {signal.SIGTERM: 143, signal.SIGINT: 130}
MANIFESTS = ("corpus.json", "vocabulary.json")
logger = logging.getLogger("orderparam.tracking")


class TrackedJob:
    """One job of the workflow. What is logged here reaches the store when the job ends."""

    def __init__(self, record: RunRecord, root: Path) -> None:
        self.record = record
        self._root = root

    def log_metrics(self, points: Iterable[tuple[str, float, int]]) -> None:
        """Log (key, value, step) points; NaN and infinities are allowed."""
        self.record.add_metrics(points)

    def log_table(self, table: pd.DataFrame, step: str, by: str | None = None) -> None:
        """Log every other numeric column of `table` as a series over `step`, for each value of `by`.

        The series' keys are `<column>/<by>-<value>`, which MLflow charts side by side, or `<column>`; empty
        cells are left out.
        """
        parts = [("", table)]
        if by:
            parts = [(f"/{by}-{value}", rows) for value, rows in table.groupby(by, sort=False)]
        for suffix, rows in parts:
            for column in rows.select_dtypes("number").columns.difference([step, by], sort=False):
                filled = rows[rows[column].notna()]
                points = zip(filled[column], filled[step], strict=True)
                self.log_metrics((f"{column}{suffix}", number, at) for number, at in points)

    def log_artifact(self, path: str | Path) -> None:
        """Keep a copy of a file that is no output of the rule; the file must stay where it is."""
        self.record.artifacts.append(relative_to_root(path, self._root))

    def set_tag(self, key: str, value: object) -> None:
        """Set a tag, in place of an earlier value."""
        self.record.tags[key] = str(value)

    def set_corpus(self, manifest: str | Path | Mapping[str, Any]) -> None:
        """Set the tag `corpus` from a corpus.json or vocabulary.json; a stand-in is called one there."""
        values: Mapping[str, Any] = manifest if isinstance(manifest, Mapping) else read_json(manifest)
        notice = f" (STAND-IN: {values.get('notice')})" if values.get("stand_in") else ""
        self.set_tag("corpus", f"{values.get('corpus')}{notice}")


@contextmanager
def tracked_job(snakemake: Any) -> Iterator[TrackedJob]:
    """Track the job that Snakemake's `script:` object describes; the working folder is the project root.

    Logging is set up as `set_up_logging` says. The job's record is written when the block ends, with status
    FINISHED, FAILED after an error, or KILLED after SIGTERM, which raises SystemExit(143), or SIGINT, which
    raises KeyboardInterrupt. Errors pass through. Trouble with tracking never fails the job.
    """
    root = Path.cwd()
    invocation: dict[str, Any] = json.loads(os.environ.get(INVOCATION, "{}"))
    record = _describe_job(snakemake, root, invocation)
    set_up_logging(snakemake.log[0] if snakemake.log else None, record.name)
    spool = Path(invocation["spool"]) if invocation.get("spool") else None
    recorder = None
    if not invocation and is_enabled(snakemake.config):
        recorder = _start_recorder(snakemake.config, root)
        spool = recorder.spool if recorder else None
    job = TrackedJob(record, root)
    signals: list[int] = []
    with _stop_signals(signals):
        _find_corpus(job, snakemake, snakemake.input)
        _drop(spool, record)
        status: Status = "FINISHED"
        try:
            yield job
        except BaseException as error:
            status = _status_after(error, signals)
            if status != "FINISHED":
                record.tags["error"] = f"{type(error).__name__}: {error}"[:500]
            if status == "FAILED" and not isinstance(error, SystemExit):
                record.texts["traceback.txt"] = traceback.format_exc()
            raise
        finally:
            # From here on a second signal is only noted: the record must get written.
            signals.append(0)
            record.end(status)
            if status == "FINISHED":
                outputs = [path for path in snakemake.output if (root / path).is_file()]
                artifacts = [*record.artifacts, *(relative_to_root(path, root) for path in outputs)]
                record.artifacts = list(dict.fromkeys(artifacts))
            _find_corpus(job, snakemake, snakemake.output)
            record.outputs = _describe_files(snakemake.output, root)
            record.tags |= machine_tags()
            _save(record, root)
            _drop(spool, record)
            if recorder:
                recorder.close(status)


def _describe_job(snakemake: Any, root: Path, invocation: dict[str, Any]) -> RunRecord:
    wildcards = dict(snakemake.wildcards.items())
    outputs = [relative_to_root(path, root) for path in snakemake.output]
    inside = re.match(r"results/([^/]+)/", outputs[0]) if outputs else None
    experiment = wildcards.pop("experiment", None) or invocation.get("experiment")
    experiment = str(experiment or snakemake.config.get("experiment") or (inside and inside[1]) or "workflow")
    folder = inside[1] if inside else experiment
    name = re.sub(r"[^\w.\-]", "_", ".".join(filter(None, [snakemake.rule, "-".join(wildcards.values())])))
    main = getattr(sys.modules["__main__"], "__file__", None)
    code = code_tags()
    resources = {
        key: value
        for key, value in dict(snakemake.resources.items()).items()
        if not key.startswith("_") and key != "tmpdir"
    }
    tags = {
        "rule": snakemake.rule,
        "mlflow.user": user_name(),
        "mlflow.source.name": relative_to_root(main, root) if main else snakemake.rule,
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": code["git.commit"],
        **code,
        **machine_tags(),
    }
    if outputs:
        tags["regenerate"] = regenerate_command(outputs[0], invocation.get("settings", []))
    return RunRecord(
        name=" ".join([snakemake.rule, *wildcards.values()]),
        experiment=experiment,
        file=f"results/{folder}/jobs/{name}.json",
        parent=invocation.get("record"),
        process=this_process(),
        params=flatten(
            {
                **dict(_named(snakemake.params)),
                "threads": snakemake.threads,
                **({"wildcard": wildcards} if wildcards else {}),
                **({"resource": resources} if resources else {}),
            }
        ),
        tags=tags,
        inputs=_describe_files(snakemake.input, root),
    )


def _describe_files(files: Any, root: Path) -> list[dict[str, Any]]:
    return [describe_file(name, path, root) for name, path in _named(files)]


def _named(items: Any) -> list[tuple[str, Any]]:
    """Items of a rule's input, output or params by name; nameless ones, and those of a list, are counted."""
    names = [str(index) for index in range(len(items))]
    for name, (first, end) in items._get_names():
        for index in range(first, first + 1 if end is None else end):
            names[index] = name if end is None else f"{name}.{index - first}"
    return list(zip(names, items, strict=True))


def _find_corpus(job: TrackedJob, snakemake: Any, files: Iterable[str]) -> None:
    """Set the tag `corpus` from a manifest among `files`, else from params; a stand-in prevails."""
    known: list[Mapping[str, Any]] = []
    for path in files:
        if Path(path).name in MANIFESTS and Path(path).is_file():
            try:
                known.append(read_json(path))
            except OrderParameterError:
                continue
    params = dict(snakemake.params.items())
    corpus = params.get("corpus") or snakemake.wildcards.get("corpus")
    if isinstance(corpus, str):
        known.append({**params, "corpus": corpus})
    if "corpus" not in job.record.tags or any(manifest.get("stand_in") for manifest in known):
        for manifest in sorted(known, key=lambda m: not m.get("stand_in"))[:1]:
            if "corpus" in manifest:
                job.set_corpus(manifest)


@contextmanager
def _stop_signals(received: list[int]) -> Iterator[None]:
    """Turn the first SIGTERM or SIGINT into an exception that unwinds; later ones are noted in `received`."""

    def stop(number: int, frame: FrameType | None) -> None:
        received.append(number)
        if len(received) == 1:
            raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(STOP_SIGNALS[signal.SIGTERM])

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.signal(number, stop) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _status_after(error: BaseException, signals: list[int]) -> Status:
    if isinstance(error, KeyboardInterrupt) or signals:
        return "KILLED"
    if isinstance(error, SystemExit):
        if error.code in STOP_SIGNALS.values():
            return "KILLED"
        return "FINISHED" if not error.code else "FAILED"
    return "FAILED"


def _start_recorder(config: dict[str, Any], root: Path) -> Recorder | None:
    """A recorder for this job alone, when it runs outside of an invocation."""
    try:
        return Recorder.start(root, resolve_uri(config, root))
    except OSError as error:
        logger.warning("warning: tracking: cannot start (%s); the job goes on", error)
        return None


def _save(record: RunRecord, root: Path) -> None:
    try:
        with atomic_write(root / record.file) as file:
            file.write(record.to_json())
    except OSError as error:
        logger.warning("warning: tracking: cannot write %s (%s)", shlex.quote(record.file), error)


def _drop(spool: Path | None, record: RunRecord) -> None:
    # A recorder that failed has said so, once, and its spool is gone.
    if spool and spool.is_dir():
        try:
            drop(spool, record)
        except OSError as error:
            logger.warning("warning: tracking: cannot write to %s (%s)", spool, error)
