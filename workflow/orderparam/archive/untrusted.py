"""What another machine sent: nothing of it is believed before it is checked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet

from orderparam.archive.job import FinishedJob
from orderparam.errors import RecordError
from orderparam.files import check_regular
from orderparam.settings.experiment import Experiment
from orderparam.sums import check_sums, measure
from orderparam.tables import find_table, read_table
from orderparam.training.schedule import checkpoint_steps

# More than these, in bytes, is no table, and no text, of a run.
LARGEST_TABLE, LARGEST_TEXT = 10**9, 4 * 10**8
PLAIN = re.compile(r"[^\x00-\x1f\x7f|]{0,500}")


def check_environment(job: FinishedJob) -> None:
    """Raise RecordError unless the job's environment is what a README can show."""
    path, content = job.folder / "environment.json", job.environment
    if not isinstance(content, dict):
        raise RecordError(f"{path}: found no object with names and values")
    for key, value in content.items():
        # A boolean is an integer. What is beyond any float is no number of ours.
        number = isinstance(value, int | float) and -1e300 < value < 1e300
        text = isinstance(value, str) and PLAIN.fullmatch(value)
        if not (value is None or number or text) or not PLAIN.fullmatch(key):
            raise RecordError(
                f"{path}: {key[:80]!r} must be a line of text, a finite number, a boolean or null"
            )
    for key, kind in (("device_name", str), ("torch", str), ("seconds", int | float)):
        if not isinstance(content.get(key), kind):
            raise RecordError(f"{path}: lacks {key}; `orderparam train` writes it")


def check_job(job: FinishedJob, experiment: Experiment) -> None:
    """Raise RecordError unless a job's tables have the rows of its runs, and its samples are texts."""
    check_environment(job)
    seeds = [each.seed for each in job.seeds]
    metrics, steps = _read(job, "metrics.csv", seeds), _read(job, "steps.parquet", seeds)
    _read(job, "verification.csv", seeds)
    if job.has("probes.csv"):
        _read(job, "probes.csv", seeds)
    if job.has("sample_quality.csv"):
        # Text is sampled from the first seed's weights only.
        _read(job, "sample_quality.csv", seeds[:1])
    run = job.run
    for seed in seeds:
        measured = set(metrics.loc[metrics["seed"] == seed, "step"])
        if lacking := [step for step in checkpoint_steps(run) if step not in measured]:
            raise RecordError(
                f"{job.folder / 'metrics.csv'}: seed {seed} lacks step {lacking[0]} of run.json"
            )
        if not 0 <= min(measured) <= max(measured) <= run.steps:
            raise RecordError(f"{job.folder / 'metrics.csv'}: seed {seed} has steps beyond {run.steps}")
        made = steps.loc[steps["seed"] == seed, "step"].to_numpy()
        if not np.array_equal(made, np.arange(run.steps)):
            raise RecordError(
                f"{job.folder / 'steps.parquet'}: seed {seed} must have steps 0 to {run.steps - 1}"
            )
    for sample in job.samples():
        check_regular(sample, min(LARGEST_TEXT, 4 * experiment.sampling.characters))
        try:
            sample.read_bytes().decode("utf-8")
        except UnicodeDecodeError:
            raise RecordError(f"{sample}: not UTF-8 text") from None
    _check_own_sums(job)


def _read(job: FinishedJob, name: str, seeds: Sequence[int]) -> pd.DataFrame:
    """A table with the rows of these seeds, each key once, and finite numbers."""
    path = check_regular(job.table(name), LARGEST_TABLE)
    most = len(seeds) * (job.run.steps + 1)
    if path.suffix == ".parquet" and (rows := _rows_of_parquet(path)) > most:
        raise RecordError(f"{path}: has {rows:,} rows, and run.json allows {most:,}")
    frame = read_table(path)
    table = find_table(path)
    wholes = [column for column in ("seed", "step") if column in frame]
    if not all(pd.api.types.is_integer_dtype(frame[column]) for column in wholes):
        raise RecordError(f"{path}: {' and '.join(wholes)} must be whole numbers in every row")
    if set(frame["size"]) != {job.run.size} or set(frame["seed"]) != set(seeds):
        found = sorted(set(zip(frame["size"], frame["seed"], strict=True)), key=str)[:5]
        raise RecordError(
            f"{path}: must have the size {job.run.size} and the seeds {list(seeds)} of run.json, has {found}"
        )
    twice = frame.loc[frame.duplicated(list(table.key)), list(table.key)]
    if len(twice):
        raise RecordError(f"{path}: has a row twice: {twice.iloc[0].to_dict()}")
    measured = [column for column in table.measured if not frame[column].isna().all()]
    required = ("order_parameter", "value", "parameters")
    for column in {*measured, *(each for each in required if each in table.measured)}:
        numbers = pd.to_numeric(frame[column], errors="coerce")
        if not np.isfinite(numbers.to_numpy(dtype=float)).all():
            raise RecordError(f"{path}: {column} must be a finite number in every row")
    return frame


def _rows_of_parquet(path: Path) -> int:
    """The rows that it says it has, of which a small file can have very many."""
    try:
        return int(pyarrow.parquet.read_metadata(path).num_rows)
    except (OSError, ValueError) as error:
        raise RecordError(f"{path}: not a readable table ({error})") from None


def _check_own_sums(job: FinishedJob) -> None:
    """What a job of the workflow left must be what the workflow noted of it."""
    if (job.folder / "run.json").exists():
        return
    root = job.folder.absolute().parents[4]
    names = ("metrics.csv", "steps.parquet", "verification.csv", "probes.csv")
    paths = [job.folder.absolute() / name for name in names if job.has(name)] + job.samples()
    check_sums(
        root, [{"path": path.relative_to(root).as_posix(), "sha256": measure(path)[0]} for path in paths]
    )
