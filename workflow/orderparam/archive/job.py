"""A complete training job: as the workflow or `orderparam recorded extract` left it, or in a record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from typing import Any

from orderparam.errors import RecordError
from orderparam.files import read_json
from orderparam.settings.experiment import Run, Seeds


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
        return (self.folder / name).exists()

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
        return [path for seed in self.seeds for path in sorted(folder.glob(f"seed-{seed.seed}-*.txt"))]


def read_job(folder: Path) -> FinishedJob:
    """Read results/<experiment>/runs/<size>/<job>, the same in a record, or a folder that was extracted.

    Raises RecordError where the folder does not say what was run, or on what.
    """
    if (folder / "run.json").exists():
        content = read_json(folder / "run.json")
        run, seeds = content["run"], content["seeds"]
        environment = read_json(folder / "environment.json")
    else:
        paths = sorted((folder / "checkpoints").glob("seed-*/step-000000.json"))
        if not paths:
            raise RecordError(f"{folder}: neither run.json nor checkpoints; not the folder of a training job")
        checkpoints = [read_json(path) for path in paths]
        run, seeds = (
            checkpoints[0]["run"],
            sorted((each["seeds"] for each in checkpoints), key=itemgetter("seed")),
        )
        name = f"train_model.{folder.parent.name}-{folder.name}.json"
        environment = _environment_of(read_json(folder.absolute().parents[2] / "jobs" / name))
    return FinishedJob(Run.from_dict(run), tuple(Seeds(**each) for each in seeds), folder, environment)


def _environment_of(record: dict[str, Any]) -> dict[str, Any]:
    """What a job of the workflow ran on, from its own record, under the keys of environment.json."""
    tags = record["tags"]
    versions = {name.removeprefix("version."): tags[name] for name in tags if name.startswith("version.")}
    return {
        "device_name": tags.get("machine.gpu", tags["machine.cpu"]),
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
