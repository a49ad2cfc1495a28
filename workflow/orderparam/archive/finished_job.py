"""A training job that is complete, as the workflow or `orderparam train` left it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from orderparam.errors import RecordError
from orderparam.files import read_json
from orderparam.settings.experiment import Run, Seeds
from orderparam.tables import METRICS, PROBES, STEPS, VERIFICATION


@dataclass(frozen=True)
class FinishedJob:
    """All that is recorded of a job; `samples` maps seed-<seed>-<mode>.txt to its text.

    `probes` is None where its checkpoints were not probed.
    """

    run: Run
    seeds: tuple[Seeds, ...]
    metrics: pd.DataFrame
    steps: pd.DataFrame
    verification: pd.DataFrame
    probes: pd.DataFrame | None
    environment: dict[str, Any]
    samples: dict[str, str]

    @property
    def name(self) -> str:
        """seeds-<first>-<last>."""
        return f"seeds-{self.seeds[0].seed}-{self.seeds[-1].seed}"


def read_finished_job(folder: Path) -> FinishedJob:
    """Read results/<experiment>/runs/<size>/<job>, or a folder that was trained and extracted without it.

    Raises RecordError for what is missing: a job whose metrics were never recomputed from its checkpoints
    is not finished.
    """
    own = folder / "run.json"
    if own.exists():
        content = read_json(own)
        environment = read_json(folder / "environment.json")
        samples = folder / "samples"
    else:
        content = _from_checkpoints(folder)
        results, size = folder.parents[2], folder.parent.name
        environment = _from_job_record(results / "jobs" / f"train_model.{size}-{folder.name}.json")
        samples = results / "samples" / size
    seeds = tuple(Seeds(**seed) for seed in content["seeds"])
    return FinishedJob(
        run=Run.from_dict(content["run"]),
        seeds=seeds,
        metrics=METRICS.read(folder / "metrics.csv"),
        steps=STEPS.read(folder / "steps.parquet"),
        verification=VERIFICATION.read(folder / "verification.csv"),
        probes=PROBES.read(folder / "probes.csv") if (folder / "probes.csv").exists() else None,
        environment=environment,
        samples={
            path.name: path.read_text(encoding="utf-8")
            for seed in seeds
            for path in sorted(samples.glob(f"seed-{seed.seed}-*.txt"))
        },
    )


def _from_checkpoints(folder: Path) -> dict[str, Any]:
    descriptions = sorted((folder / "checkpoints").glob("seed-*/step-000000.json"))
    if not descriptions:
        raise RecordError(f"{folder}: neither run.json nor checkpoints; not the folder of a training job")
    contents = [read_json(path) for path in descriptions]
    seeds = sorted((content["seeds"] for content in contents), key=lambda seeds: int(seeds["seed"]))
    return {"run": contents[0]["run"], "seeds": seeds}


def _from_job_record(path: Path) -> dict[str, Any]:
    """The environment of a job from what its run in MLflow was told."""
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
