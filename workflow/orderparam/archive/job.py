"""A complete training job: as the workflow or `orderparam recorded extract` left it, or in a record."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import Any

from orderparam.errors import RecordError
from orderparam.files import check_regular, read_json
from orderparam.settings.experiment import Run, Seeds
from orderparam.settings.run_file import parse_run_file

# More bytes than these describe no run.
LARGEST_JSON = 10**6


@dataclass(frozen=True)
class FinishedJob:
    """What was run, with which seeds, on what (`environment`), and the folder of the job's tables."""

    run: Run
    seeds: tuple[Seeds, ...]
    folder: Path
    environment: dict[str, Any]

    @property
    def name(self) -> str:
        """seeds-<first>-<last>."""
        return f"seeds-{self.seeds[0].seed}-{self.seeds[-1].seed}"

    def has(self, name: str) -> bool:
        """Whether it has a table: only some jobs' checkpoints were probed."""
        return os.path.lexists(self.folder / name)

    def table(self, name: str) -> Path:
        """Where a table lies, such as metrics.csv; RecordError if the job lacks it."""
        if not self.has(name):
            raise RecordError(f"{self.folder / name}: this job has no such table")
        return self.folder / name

    def samples(self) -> list[Path]:
        """Texts sampled from the final weights, seed-<seed>-<mode>.txt: in the job's folder or above it."""
        folder = self.folder / "samples"
        if not folder.exists():
            folder = self.folder.absolute().parents[2] / "samples" / self.run.size
        if folder.is_symlink():
            raise RecordError(f"{folder}: is a link; a record takes files only: copy the folder there")
        names = [f"seed-{seed.seed}-{mode}.txt" for seed in self.seeds for mode in ("dropout", "evaluation")]
        return [folder / name for name in names if os.path.lexists(folder / name)]


def read_job(folder: Path) -> FinishedJob:
    """Read results/<experiment>/runs/<size>/<job>, the same in a record, or a folder that was extracted.

    Raises RecordError where the folder does not say what was run, or on what.
    """
    if (folder / "run.json").exists():
        run, seeds = parse_run_file(folder / "run.json", _read_small(folder / "run.json"))
        environment = _read_small(folder / "environment.json")
    else:
        paths = sorted((folder / "checkpoints").glob("seed-*/step-000000.json"))
        # Its record and its samples lie above it.
        if not paths or len(folder.absolute().parts) < 6:
            raise RecordError(f"{folder}: neither run.json nor checkpoints; not the folder of a training job")
        parts = []
        for path in paths:
            each = _read_small(path)
            each = {**each, "seeds": [each.get("seeds")]} if isinstance(each, dict) else each
            parts.append(parse_run_file(path, each))
        run, seeds = parts[0][0], tuple(sorted((seed for _, (seed,) in parts), key=attrgetter("seed")))
        name = f"train_model.{folder.parent.name}-{folder.name}.json"
        record = folder.absolute().parents[2] / "jobs" / name
        try:
            environment = _environment_of(read_json(record))
        except (KeyError, TypeError, AttributeError) as error:
            raise RecordError(f"{record}: not the record of a finished training ({error!r})") from None
    return FinishedJob(run, seeds, folder, environment)


def _read_small(path: Path) -> Any:
    return read_json(check_regular(path, LARGEST_JSON), _no_key_twice)


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object, of which other readers might take the first of two equal keys."""
    content = dict(pairs)
    if len(content) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r:.80} is there twice")
    return content


def _environment_of(record: dict[str, Any]) -> dict[str, Any]:
    """What a job of the workflow ran on, from its own record, under the keys of environment.json."""
    tags = record["tags"]
    versions = {name.removeprefix("version."): tags[name] for name in tags if name.startswith("version.")}
    return {
        "device_name": tags.get("machine.gpu") or tags["machine.cpu"],
        "cpu": tags["machine.cpu"],
        "platform": tags["machine.platform"],
        **versions,
        "git_commit": tags.get("git.commit"),
        "dirty": tags.get("git.dirty") == "true",
        "command": tags["regenerate"],
        "precision": record["params"].get("run.precision", "float32"),
        "started": datetime.fromtimestamp(record["start_time"] / 1000, UTC).isoformat(timespec="seconds"),
        "seconds": (record["end_time"] - record["start_time"]) / 1000,
    }
