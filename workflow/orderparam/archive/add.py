"""Putting finished training jobs into a record."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from orderparam.archive.job import FinishedJob
from orderparam.archive.readme import render_readme
from orderparam.archive.record import CORPUS_FILES, EXPERIMENT, FORMAT, MANIFEST, Record, listed_files
from orderparam.archive.untrusted import read_checked
from orderparam.errors import RecordError
from orderparam.files import atomic_write, remove, sha256_of_file, write_json
from orderparam.settings.experiment import Experiment, Run
from orderparam.tables import write_table
from orderparam.training.schedule import MEASUREMENTS

# Keys of a run that may differ within one protocol: its length, its measurements, its machine.
FREE = (
    "experiment",
    "steps",
    *MEASUREMENTS,
    "train_windows",
    "val_windows",
    "device",
    "threads",
    "precision",
)


def add_jobs(
    folder: Path,
    experiment: Experiment,
    jobs: Sequence[FinishedJob],
    corpora: Path,
    published: pd.DataFrame | None,
    *,
    keep_steps: bool = True,
) -> Record:
    """Write `jobs` into the record of `experiment` at `folder`, beside those already there; return it.

    Without `keep_steps` the tables of every step, most of a record's bytes, stay out. `corpora` has a folder
    for each corpus, with vocabulary.json and ngram_entropies.csv. Jobs of the same size, all of whose seeds a
    new job has too, are replaced. The record is swapped in as a whole, so that an interruption leaves the
    earlier one, by one process at a time. Raises RecordError if the earlier record is damaged; if a job's
    files are not those of its run, since another machine may have sent them; if a job is not of the
    experiment's protocol: it may be shorter and measured at other steps, nothing else; if a corpus lacks a
    file; if two of `jobs` share a seed; or if something recorded would be lost, seeds that the new job lacks
    or steps beyond its last.
    """
    contents = []
    for job in jobs:
        check_protocol(job.run, experiment)
        contents.append(read_checked(job, experiment))
        check_corpus(corpora / job.run.corpus)
    check_distinct(jobs)
    with _replacing(folder) as new:
        if folder.exists():
            Record(folder).check()
            shutil.copytree(folder, new)
            recorded = Record(new).jobs()
            for replaced in [each for job in jobs for each in replaced_by(job, recorded)]:
                for sample in replaced.samples():
                    sample.unlink()
                shutil.rmtree(replaced.folder)
        write_json(new / EXPERIMENT, experiment.to_dict())
        for job, (tables, samples) in zip(jobs, contents, strict=True):
            _write_job(new, job, tables, samples, keep_steps)
            for name in CORPUS_FILES:
                _copy(corpora / job.run.corpus / name, new / "corpora" / job.run.corpus / name)
        sums = {name: sha256_of_file(new / name) for name in listed_files(new)}
        write_json(new / MANIFEST, {"format": FORMAT, "files": sums})
        record = Record(new)
        with atomic_write(new / "README.md") as file:
            file.write(render_readme(record, published))
        record.check()
    return Record(folder)


@contextmanager
def _replacing(folder: Path) -> Iterator[Path]:
    """Where to make what takes the place of `folder` at the end of the block, unless that fails."""
    new, old = folder.with_name(f".{folder.name}.new"), folder.with_name(f".{folder.name}.old")
    folder.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder.parent, os.O_RDONLY)
    try:
        # The system lifts the lock with its process.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        # What a killed process left.
        _settle(folder, new, old)
        try:
            yield new
            if folder.exists():
                folder.rename(old)
            new.rename(folder)
        finally:
            _settle(folder, new, old)
    finally:
        os.close(descriptor)


def _settle(folder: Path, new: Path, old: Path) -> None:
    """Put the old folder back where no new one took its place, and remove what is left beside it."""
    if old.exists() and not folder.exists():
        old.rename(folder)
    remove(new)
    remove(old)


def check_protocol(run: Run, experiment: Experiment) -> None:
    """Raise RecordError unless `run` is one of the experiment's, up to length and measurement."""
    if run.size not in experiment.runs:
        raise RecordError(f"the experiment {experiment.name} has no size {run.size}")
    found, wanted = run.to_dict(), experiment.runs[run.size].to_dict()
    for key in wanted.keys() - set(FREE):
        if found[key] != wanted[key]:
            raise RecordError(
                f"{run.experiment} {run.size} was trained with {key} {found[key]}, but {experiment.name} "
                f"has {wanted[key]}: not a run of that protocol"
            )
    if run.steps > experiment.runs[run.size].steps:
        raise RecordError(f"{run.experiment} {run.size} has more steps than {experiment.name} asks for")


def check_corpus(folder: Path) -> None:
    """Raise RecordError unless the corpus in `folder` has the files that a record keeps of it."""
    for name in CORPUS_FILES:
        if not (folder / name).exists():
            raise RecordError(
                f"{folder / name}: missing, and a record keeps it; make it by "
                f"`snakemake --cores 1 results/corpora/{folder.name}/{name}`"
            )


def check_distinct(jobs: Sequence[FinishedJob]) -> None:
    """Raise RecordError if two jobs of a size share a seed."""
    runs = Counter((job.run.size, seeds.seed) for job in jobs for seeds in job.seeds)
    for (size, seed), count in runs.items():
        if count > 1:
            raise RecordError(f"{count} of these jobs have seed {seed} of {size}; a record has each run once")


def replaced_by(job: FinishedJob, earlier: Sequence[FinishedJob]) -> list[FinishedJob]:
    """The jobs of an earlier record whose place `job` takes: of its size, and with no seed that it lacks.

    Raises RecordError where it has only some of a job's seeds, or fewer steps.
    """
    own, found = {seeds.seed for seeds in job.seeds}, []
    for recorded in earlier:
        theirs = {seeds.seed for seeds in recorded.seeds}
        if recorded.run.size != job.run.size or not own & theirs:
            continue
        lost = ""
        if lacking := sorted(theirs - own):
            lost = f"seed {lacking[0]} of {job.run.size}, which the new job lacks"
        elif recorded.run.steps > job.run.steps:
            lost = f"{recorded.run.steps} steps of {job.run.size}, the new job has {job.run.steps}"
        if lost:
            raise RecordError(
                f"the recorded {recorded.name} would be replaced, but has {lost}; --recorded names "
                "another folder for the record"
            )
        found.append(recorded)
    return found


def _write_job(
    folder: Path,
    job: FinishedJob,
    tables: dict[str, pd.DataFrame],
    samples: dict[str, bytes],
    keep_steps: bool,
) -> None:
    target = folder / "runs" / job.run.size / job.name
    write_json(target / "run.json", {"run": job.run.to_dict(), "seeds": [asdict(each) for each in job.seeds]})
    write_json(target / "environment.json", job.environment)
    for name in tables.keys() - {"steps.parquet"}:
        write_table(tables[name], target / name)
    if keep_steps:
        # In single precision: seven digits are enough, and halve the file.
        thin = tables["steps.parquet"].astype(
            {"order_parameter": "float32", "batch_loss": "float32", "step": "int32"}
        )
        write_table(thin, target / "steps.parquet")
    for name, content in samples.items():
        with atomic_write(folder / "samples" / job.run.size / name, "wb") as file:
            file.write(content)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
