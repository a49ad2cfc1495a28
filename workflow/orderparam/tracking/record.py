"""What is known of one run: the record that every job leaves in results/, of which the store is a view."""

from __future__ import annotations

import json
import math
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from orderparam.errors import RecordError

Status = Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]


@dataclass
class RunRecord:
    """One run of a job, or of a whole invocation of the workflow.

    `file` is where the record itself is kept; it, `artifacts` and the paths of inputs and outputs are
    relative to the project root where they lie inside it. Times are in milliseconds since 1970. `inputs` and
    `outputs` hold name, path, sha256 and bytes of each file. `metrics` maps a key to its steps and values.
    `texts` maps a file name to text that the store keeps as an artifact.
    """

    name: str
    experiment: str
    file: str
    kind: Literal["job", "invocation"] = "job"
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
    artifacts: list[str] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, dict[str, list[Any]]] = field(default_factory=dict)

    def add_metrics(self, points: Iterable[tuple[str, float, int]]) -> None:
        """Append (key, value, step) points; NaN and infinities are kept, as text, which JSON can hold."""
        for key, value, step in points:
            series = self.metrics.setdefault(key, {"steps": [], "values": []})
            value = float(value)
            series["steps"].append(int(step))
            series["values"].append(value if math.isfinite(value) else str(value))

    def metric_points(self) -> Iterable[tuple[str, float, int]]:
        """The points given to `add_metrics`, key by key."""
        for key, series in self.metrics.items():
            for value, step in zip(series["values"], series["steps"], strict=True):
                yield key, float(value), step

    def end(self, status: Status, reason: str | None = None) -> None:
        """Set the final status, the end time, and the tag `error` to `reason`."""
        self.status = status
        self.end_time = now()
        if reason:
            self.tags["error"] = reason

    def to_json(self) -> str:
        """JSON with one top-level entry a line, so that long series of metrics stay compact."""
        entries = (
            f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False, allow_nan=False)}"
            for key, value in asdict(self).items()
        )
        return "{\n" + ",\n".join(entries) + "\n}\n"

    @classmethod
    def from_json(cls, path: Path) -> RunRecord:
        """The inverse of `to_json`; raise RecordError, naming the file, if it does not hold a record."""
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise RecordError(f"{path}: not the record of a run ({error}); delete it") from None


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
