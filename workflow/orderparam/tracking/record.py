"""The record of one run: every job writes its own below results/, and the store shows what these say."""

from __future__ import annotations

import json
import math
import re
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from orderparam.errors import RecordError
from orderparam.files import read_json, write_json

if TYPE_CHECKING:
    from pydantic import TypeAdapter

Status = Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]
RECORDS = "results/*/jobs/**/*.json"
# A metric's key, value, step and time.
Point = tuple[str, float, int, int]


# What a file's note, and a process's, must say.
FILE = {"name": str, "path": str, "sha256": str | None, "bytes": int | None}
PROCESS = {"host": str, "pid": int, "started": int | float}
# Stores make folders of it.
EXPERIMENT = re.compile(r"\w[\w.-]*")


@dataclass
class RunRecord:
    """One run of a job, or of a whole invocation of the workflow.

    `file` is where the record itself is kept; it and the paths of inputs and outputs are relative to the
    project root where they lie inside it. Times are in milliseconds since 1970. `process` is what
    `provenance.this_process` returns. `inputs` and `outputs` hold name, path, sha256 and bytes of each file.
    `texts` maps a file name to text that the store keeps as an artifact. `trainings` names the runs that are
    trained, or replayed, in the job, one a seed, and says how each is trained. `inferred` says that the run
    did not tell its end itself.
    """

    name: str
    experiment: str
    file: str
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    parent: str | None = None
    status: Status = "RUNNING"
    start_time: int = field(default_factory=lambda: now())
    end_time: int | None = None
    process: dict[str, Any] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    inputs: list[dict[str, Any]] = field(default_factory=list)
    outputs: list[dict[str, Any]] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    trainings: dict[str, dict[str, str]] = field(default_factory=dict)
    inferred: bool = False

    def end(self, status: Status, reason: str | None = None, at: int | None = None) -> None:
        """Set the final status, the end time (now, if not `at`), and the tag `error` to `reason`."""
        self.status = status
        self.end_time = at or now()
        if reason:
            self.tags["error"] = reason

    def write(self, root: Path) -> None:
        """Write the record to its file in the project at `root`, atomically; raises OSError."""
        write_json(root / self.file, asdict(self))

    @classmethod
    def read(cls, path: Path) -> RunRecord:
        """The record in a file, without keys unknown here; raise RecordError, naming the file, if damaged."""
        values = read_json(path)
        # Jobs that only write records do without it.
        from pydantic import ValidationError

        try:
            known = {each.name: values[each.name] for each in fields(cls) if each.name in values}
            record = _kinds().validate_json(json.dumps(known, allow_nan=False), strict=True)
            if not EXPERIMENT.fullmatch(record.experiment):
                raise ValueError(f"{record.experiment!r} is no experiment's name")
            for name in record.texts:
                if Path(name).name != name:
                    raise ValueError(f"{name!r} is no file's name")
            parts = [(FILE, file) for file in (*record.inputs, *record.outputs)]
            parts += [(PROCESS, record.process)] if record.process or record.status == "RUNNING" else []
            for kinds, part in parts:
                for key, kind in kinds.items():
                    if key not in part or not isinstance(part[key], kind):
                        raise ValueError(f"{key} is missing, or of another kind")
            return record
        except (TypeError, ValidationError, ValueError) as error:
            reason = " ".join(str(error).split())[:200]
            raise RecordError(f"{path}: not the record of a run ({reason}); delete it") from None

    def points_file(self, root: Path) -> Path:
        """Where its metrics are: this record's id, then a line [key, value, step, time, training] a point.

        The training is that of `trainings` which the point belongs to, and empty for the job's own points.
        """
        return (root / self.file).with_suffix(".points.jsonl")

    def add_points(self, root: Path, points: Iterable[tuple[str, float, int]], training: str = "") -> None:
        """Append (key, value, step) points; NaN and infinities are kept, as text, which JSON can hold."""
        at = now()
        lines = []
        for key, value, step in points:
            number = float(value)
            kept = number if math.isfinite(number) else str(number)
            lines.append(json.dumps([key, kept, int(step), at, training], ensure_ascii=False) + "\n")
        with self.points_file(root).open("a", encoding="utf-8") as file:
            if file.tell() == 0:
                file.write(f"{self.id}\n")
            file.writelines(lines)

    def points(self, root: Path, since: int = 0) -> tuple[dict[str, list[Point]], int]:
        """Each training's points from byte `since` of their file on, and the byte to go on at.

        A line that is still being written is left for the next time.
        """
        try:
            with self.points_file(root).open("rb") as file:
                if file.readline().strip() != self.id.encode():
                    return {}, 0
                since = max(since, file.tell())
                file.seek(since)
                text = file.read()
        except FileNotFoundError:
            return {}, 0
        complete = text[: text.rfind(b"\n") + 1]
        found: dict[str, list[Point]] = {}
        try:
            # A record of an earlier version names no training.
            for key, value, step, at, *training in map(json.loads, complete.splitlines()):
                point = str(key), float(value), int(step), int(at)
                found.setdefault("".join(training), []).append(point)
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            path = self.points_file(root)
            raise RecordError(f"{path}: no points of a run ({error}); delete it") from None
        return found, since + len(complete)


@cache
def _kinds() -> TypeAdapter[RunRecord]:
    """What values a record's fields may have; to find it out anew takes longer than to read a record."""
    from pydantic import TypeAdapter

    return TypeAdapter(RunRecord)


def set_aside(root: Path, file: str) -> None:
    """Move a record, with its points, to `earlier/` beside it, before the job's next run takes its place.

    So no store is told less for having been out of reach. Raises OSError.
    """
    path = root / file
    try:
        record = RunRecord.read(path)
    except RecordError:
        path.unlink(missing_ok=True)
        path.with_suffix(".points.jsonl").unlink(missing_ok=True)
        return
    points = record.points_file(root)
    record.file = (Path(file).parent / "earlier" / f"{Path(file).stem}.{record.id[:8]}.json").as_posix()
    # The copy first: two records of one run are told once, since they have one id.
    record.write(root)
    if points.is_file():
        points.replace(record.points_file(root))
    path.unlink()


def now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def flatten(values: Mapping[Any, Any], prefix: str = "") -> dict[str, str]:
    """Nested mappings as one level of dotted keys; lists and other values as JSON, text as it is."""
    flat: dict[str, str] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, f"{name}.")
        else:
            flat[name] = value if isinstance(value, str) else json.dumps(value, default=str)
    return flat
