"""Putting finished training jobs into a record."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from orderparam.errors import RecordError
from orderparam.experiment import Experiment, Run
from orderparam.recorded.finished_job import FinishedJob
from orderparam.recorded.readme import render_readme
from orderparam.recorded.record import CORPUS_FILES, EXPERIMENT, FORMAT, MANIFEST, Record
from orderparam.records import atomic_write, sha256_of_file, write_json, write_table

# A shorter run, measured at other steps, by another machine, is a run of the same protocol.
FREE = (
    "experiment",
    "steps",
    "measure_every",
    "log_spaced_per_decade",
    "checkpoint_every",
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
) -> Record:
    """Write `jobs` into the record of `experiment` at `folder`, beside those already there; return it.

    `corpora` has a folder for each corpus, with vocabulary.json and ngram_entropies.csv. A job that is
    there under the same size and name is replaced. The record is swapped in as a whole, so that an
    interruption leaves the earlier one. Raises RecordError if the earlier record is damaged, or if a job
    is not of the experiment's protocol: it may be shorter and measured at other steps, nothing else; or if
    a corpus lacks a file.
    """
    for job in jobs:
        check_protocol(job.run, experiment)
        check_corpus(corpora / job.run.corpus)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".record-") as temporary:
        new = Path(temporary) / "record"
        if folder.exists():
            Record(folder).check()
            shutil.copytree(folder, new)
        write_json(new / EXPERIMENT, experiment.to_dict())
        for corpus in {job.run.corpus for job in jobs}:
            target = new / "corpora" / corpus
            target.mkdir(parents=True, exist_ok=True)
            for name in CORPUS_FILES:
                shutil.copyfile(corpora / corpus / name, target / name)
        for job in jobs:
            _write_job(new, job)
        _write_manifest(new)
        record = Record(new)
        with atomic_write(new / "README.md") as file:
            file.write(render_readme(record, published))
        record.check()
        old = Path(temporary) / "old"
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
    return Record(folder)


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
    for path in (folder / name for name in CORPUS_FILES):
        if not path.exists():
            raise RecordError(
                f"{path}: missing, and a record keeps it; make it by "
                f"`snakemake --cores 1 results/corpora/{folder.name}/{path.name}`, or name with --corpora a "
                "folder that has it"
            )


def _write_job(folder: Path, job: FinishedJob) -> None:
    target = folder / "runs" / job.run.size / job.name
    shutil.rmtree(target, ignore_errors=True)
    write_json(
        target / "run.json", {"run": job.run.to_dict(), "seeds": [asdict(seeds) for seeds in job.seeds]}
    )
    write_table(job.metrics, target / "metrics.csv")
    # Seven digits serve every use, at half the size.
    thin = job.steps.astype({"order_parameter": "float32", "batch_loss": "float32", "step": "int32"})
    write_table(thin, target / "steps.parquet")
    write_table(job.verification, target / "verification.csv")
    if job.probes is not None:
        write_table(job.probes, target / "probes.csv")
    write_json(target / "environment.json", job.environment)
    for name, text in job.samples.items():
        with atomic_write(folder / "samples" / job.run.size / name) as file:
            file.write(text)


def _write_manifest(folder: Path) -> None:
    own = {MANIFEST, "README.md"}
    paths = (path for path in folder.rglob("*") if path.is_file())
    names = sorted(name for path in paths if (name := path.relative_to(folder).as_posix()) not in own)
    sums = {name: sha256_of_file(folder / name) for name in names}
    write_json(folder / MANIFEST, {"format": FORMAT, "files": sums})
