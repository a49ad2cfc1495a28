"""A complete training job: as the workflow or `orderparam recorded extract` left it, or in a record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
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
        environment = read_json(folder / "environment.json")
    else:
        content = _from_checkpoints(folder)
        name = f"train_model.{folder.parent.name}-{folder.name}.json"
        environment = _from_job_record(folder.absolute().parents[2] / "jobs" / name)
    seeds = tuple(Seeds(**seed) for seed in content["seeds"])
    return FinishedJob(Run.from_dict(content["run"]), seeds, folder, environment)


def _from_checkpoints(folder: Path) -> dict[str, Any]:
    descriptions = sorted((folder / "checkpoints").glob("seed-*/step-000000.json"))
    if not descriptions:
        raise RecordError(f"{folder}: neither run.json nor checkpoints; not the folder of a training job")
    contents = [read_json(path) for path in descriptions]
    seeds = sorted((content["seeds"] for content in contents), key=lambda seeds: int(seeds["seed"]))
    return {"run": contents[0]["run"], "seeds": seeds}


def _from_job_record(path: Path) -> dict[str, Any]:
    """The environment of a job from the record that it wrote of itself."""
    record = read_json(path)
    tags = record["tags"]
    versions = {
        key.removeprefix("version."): value for key, value in tags.items() if key.startswith("version.")
    }
    started = datetime.fromtimestamp(record["start_time"] / 1000, UTC)
    return {
        "device_name": tags.get("machine.gpu", tags["machine.cpu"]),
        "cpu": tags["machine.cpu"],
        "platform": tags["machine.platform"],
        "python": versions.pop("python"),
        "torch": versions.pop("torch"),
        **versions,
        "git_commit": tags.get("git.commit"),
        "dirty": tags.get("git.dirty") == "true",
        "command": tags["regenerate"],
        "precision": record["params"].get("run.precision", "float32"),
        "started": started.isoformat(timespec="seconds"),
        "seconds": (record["end_time"] - record["start_time"]) / 1000,
    }
