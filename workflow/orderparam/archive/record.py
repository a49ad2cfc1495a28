"""The record of an experiment: small files that say all that its runs measured, and a manifest of their sums.

experiment.json                  the whole experiment as configured, runs that are not recorded too
corpora/<corpus>/                vocabulary.json and ngram_entropies.csv of each text that was learnt
runs/<size>/<job>/               run.json, metrics.csv, steps.parquet, verification.csv, environment.json,
                                 and probes.csv where checkpoints were probed
samples/<size>/                  text sampled from the final weights
manifest.json                    format and the sha256 of each file above; README.md is made from them
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from orderparam.errors import RecordError
from orderparam.files import read_json, sha256_of_file
from orderparam.settings.experiment import Experiment, Run, Seeds

MANIFEST = "manifest.json"
EXPERIMENT = "experiment.json"
CORPUS_FILES = ("vocabulary.json", "ngram_entropies.csv")
FORMAT = 1


@dataclass(frozen=True)
class RecordedJob:
    """One training job of a record: what was run, with which seeds, and the folder of its tables."""

    name: str
    run: Run
    seeds: tuple[Seeds, ...]
    folder: Path

    @property
    def verification(self) -> Path:
        """How far its metrics were off when they were recomputed from its checkpoints."""
        return self.folder / "verification.csv"

    @property
    def metrics(self) -> Path:
        """Its tidy metrics."""
        return self.folder / "metrics.csv"

    @property
    def probes(self) -> Path:
        """What was read off its checkpoints; RecordError if that was not recorded."""
        path = self.folder / "probes.csv"
        if not path.exists():
            raise RecordError(f"{path}: the probes of this job were not recorded")
        return path

    @property
    def environment(self) -> dict[str, Any]:
        """Hardware, versions, commit, command and duration."""
        environment: dict[str, Any] = read_json(self.folder / "environment.json")
        return environment


class Record:
    """A record on disk. Opening it reads the manifest only; `check` reads every file."""

    def __init__(self, folder: str | Path) -> None:
        """RecordError when the manifest is missing or damaged."""
        self.folder = Path(folder)
        manifest = read_json(self.folder / MANIFEST)
        if not isinstance(manifest, dict) or not isinstance(manifest.get("files"), dict):
            raise RecordError(f"{self.folder / MANIFEST}: not the manifest of a record; restore it from Git")
        if manifest.get("format") != FORMAT:
            raise RecordError(
                f"{self.folder / MANIFEST}: has format {manifest.get('format')}, this version reads {FORMAT}"
            )
        self.sums: dict[str, str] = manifest["files"]

    @property
    def files(self) -> list[Path]:
        """All files that the manifest vouches for, and the manifest."""
        return [self.folder / MANIFEST, *(self.folder / name for name in self.sums)]

    def check(self) -> None:
        """Raise RecordError, naming the file, for one that is missing, not as recorded, or not listed."""
        for name in self.sums:
            self.path(name)
        found = {
            path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file()
        }
        if unknown := sorted(found - set(self.sums) - {MANIFEST, "README.md"}):
            raise RecordError(
                f"{self.folder / unknown[0]}: not in {MANIFEST}; remove it, or add it with "
                "orderparam recorded add"
            )

    def path(self, name: str) -> Path:
        """The path of a file of the record; RecordError unless it has the sum that was recorded."""
        path = self.folder / name
        if name not in self.sums:
            raise RecordError(f"{path}: not in {MANIFEST}")
        if not path.is_file():
            raise RecordError(f"{path}: missing, but {MANIFEST} lists it; restore it from Git")
        found = sha256_of_file(path)
        if found != self.sums[name]:
            raise RecordError(
                f"{path}: damaged or edited: expected sha256 {self.sums[name]}, found {found}; restore it "
                "from Git"
            )
        return path

    def experiment(self) -> Experiment:
        """The experiment as it was configured when it was recorded."""
        return Experiment.from_dict(read_json(self.path(EXPERIMENT)))

    def jobs(self) -> list[RecordedJob]:
        """The training jobs that are recorded, by size as in the experiment, then by first seed."""
        order = {size: place for place, size in enumerate(self.experiment().runs)}
        return sorted(self._jobs(), key=lambda job: (order[job.run.size], job.seeds[0].seed))

    def _jobs(self) -> Iterator[RecordedJob]:
        for name in self.sums:
            parts = Path(name).parts
            if parts[0] == "runs" and parts[-1] == "run.json":
                content = read_json(self.path(name))
                seeds = tuple(Seeds(**seed) for seed in content["seeds"])
                run = Run.from_dict(content["run"])
                yield RecordedJob(parts[-2], run, seeds, self.folder / Path(name).parent)

    def samples(self) -> list[Path]:
        """The recorded samples, <size>/seed-<seed>-<mode>.txt, in the order of the sizes."""
        order = {size: place for place, size in enumerate(self.experiment().runs)}
        names = [name for name in self.sums if name.startswith("samples/")]
        return [self.folder / name for name in sorted(names, key=lambda n: (order[Path(n).parent.name], n))]

    def replayed(
        self, name: str, description: str, compare_with_published: bool, figures: Sequence[str]
    ) -> Experiment:
        """The experiment `name` that consists of the recorded runs; seeds are those of any size."""
        configured = self.experiment()
        jobs = self.jobs()
        runs = {job.run.size: Run.from_dict({**job.run.to_dict(), "experiment": name}) for job in jobs}
        seeds = {seed.seed: seed for job in jobs for seed in job.seeds}
        values = {
            **configured.to_dict(),
            "name": name,
            "description": description,
            "compare_with_published": compare_with_published,
            "replay_of": configured.name,
            "seeds": [asdict(seeds[key]) for key in sorted(seeds)],
            "runs": {size: run.to_dict() for size, run in runs.items()},
            "figures": list(figures),
        }
        return Experiment.from_dict(values)
