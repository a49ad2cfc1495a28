"""The record of an experiment: small files that say all that its runs measured, and a manifest of their sums.

experiment.json                  the whole experiment as configured, runs that are not recorded too
corpora/<corpus>/                vocabulary.json and ngram_entropies.csv of each text that was learnt
runs/<size>/<job>/               run.json, metrics.csv, verification.csv, environment.json, steps.parquet
                                 unless left out, probes.csv where checkpoints were probed,
                                 sample_quality.csv where text from them was scored
samples/<size>/                  text sampled from the final weights
manifest.json                    format and the sha256 of each file above; README.md is made from them
"""

from __future__ import annotations

from pathlib import Path

from orderparam.archive.job import FinishedJob, read_job
from orderparam.errors import RecordError
from orderparam.files import read_json, remedy, sha256_of_file
from orderparam.settings.experiment import Experiment
from orderparam.sums import damage

MANIFEST = "manifest.json"
EXPERIMENT = "experiment.json"
CORPUS_FILES = ("vocabulary.json", "ngram_entropies.csv")
FORMAT = 1


def listed_files(folder: Path) -> list[str]:
    """Names of the files of the record in `folder` that its manifest must list, sorted."""
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return sorted(names - {MANIFEST, "README.md"})


class Record:
    """A record on disk. Opening it reads the manifest only; `check` reads every file."""

    def __init__(self, folder: str | Path) -> None:
        """RecordError when the manifest is missing or damaged."""
        self.folder = Path(folder)
        manifest = read_json(self.folder / MANIFEST)
        if not isinstance(manifest, dict) or not isinstance(manifest.get("files"), dict):
            raise RecordError(
                f"{self.folder / MANIFEST}: not the manifest of a record; {remedy(self.folder / MANIFEST)}"
            )
        if manifest.get("format") != FORMAT:
            raise RecordError(
                f"{self.folder / MANIFEST}: has format {manifest.get('format')}, this version reads {FORMAT}"
            )
        self.sums: dict[str, str] = manifest["files"]

    @property
    def files(self) -> list[Path]:
        """All files that the manifest vouches for, and the manifest."""
        return [self.folder / MANIFEST, *(self.folder / name for name in self.sums)]

    def check_listed(self) -> None:
        """Raise RecordError, naming the file, for one that is listed and missing, or not as recorded."""
        for name in self.sums:
            self.path(name)

    def check(self) -> None:
        """`check_listed`, and RecordError for a file that is not listed too."""
        self.check_listed()
        if unknown := [name for name in listed_files(self.folder) if name not in self.sums]:
            raise RecordError(
                f"{self.folder / unknown[0]}: not in {MANIFEST}; remove it, or add it with "
                "orderparam recorded add"
            )

    def path(self, name: str) -> Path:
        """The path of a file of the record; RecordError unless it has the sum that was recorded."""
        path = self.folder / name
        if name not in self.sums:
            raise RecordError(f"{path}: not in {MANIFEST}")
        if Path(name).is_absolute() or path.resolve() != self.folder.resolve() / name:
            raise RecordError(f"{path}: a link, or out of the record; a record has files of its own only")
        if not path.is_file():
            raise RecordError(f"{path}: missing, but {MANIFEST} lists it; {remedy(path)}")
        found = sha256_of_file(path)
        if found != self.sums[name]:
            raise damage(path, self.sums[name], found, MANIFEST)
        return path

    def experiment(self) -> Experiment:
        """The experiment as it was configured when it was recorded."""
        path = self.path(EXPERIMENT)
        try:
            return Experiment.from_dict(read_json(path))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RecordError(
                f"{path}: not an experiment as this version knows it ({error!r}); use the version that "
                "recorded it"
            ) from None

    def jobs(self) -> list[FinishedJob]:
        """The training jobs that are recorded, by size as in the experiment, then by first seed."""
        sizes = list(self.experiment().runs)
        names = [name for name in self.sums if Path(name).match("runs/*/*/run.json")]
        jobs = [read_job(self.path(name).parent) for name in names]
        for job in jobs:
            if job.run.size not in sizes:
                raise RecordError(f"{job.folder}: a run of {job.run.size}, which {EXPERIMENT} does not have")
        return sorted(jobs, key=lambda job: (sizes.index(job.run.size), job.seeds[0].seed))

    def samples(self) -> list[Path]:
        """The recorded samples, <size>/seed-<seed>-<mode>.txt, in the order of the sizes."""
        names = sorted(name for name in self.sums if name.startswith("samples/"))
        paths = [self.folder / name for name in names]
        return [path for size in self.experiment().runs for path in paths if path.parent.name == size]

    def missing_runs(self) -> list[str]:
        """What the experiment asks for and the record lacks, a phrase for each size."""
        experiment, jobs = self.experiment(), self.jobs()
        planned = len(experiment.seeds)
        phrases = []
        for size, run in experiment.runs.items():
            steps = {seed.seed: job.run.steps for job in jobs if job.run.size == size for seed in job.seeds}
            lacking = sum(steps.get(seed.seed) != run.steps for seed in experiment.seeds)
            if lacking:
                short = {seed: count for seed, count in steps.items() if count < run.steps}
                ends = "".join(f" (seed {seed} ends at step {count:,})" for seed, count in short.items())
                phrases.append(f"{size}: {lacking} of {planned} runs of {run.steps:,} steps{ends}")
        return phrases
