"""What another machine sent: nothing of it is believed before it is checked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet

from orderparam.archive.job import FinishedJob
from orderparam.errors import RecordError
from orderparam.files import check_regular, open_regular, read_regular
from orderparam.settings.experiment import Experiment
from orderparam.sums import check_sums, measure
from orderparam.tables import PARTIAL, TOLERANCES, find_table, read_table
from orderparam.training.schedule import checkpoint_steps

# More than these, in bytes, is no table, and no text, of a run.
LARGEST_TABLE, LARGEST_TEXT = 10**9, 4 * 10**8
# Of a table's row in CSV, or of its columns' names.
LARGEST_ROW = 10_000


def check_environment(job: FinishedJob) -> None:
    """Raise RecordError unless the job's environment is what a README can show."""
    path, content = job.folder / "environment.json", job.environment
    if not isinstance(content, dict):
        raise RecordError(f"{path}: found no object with names and values")
    for key, value in content.items():
        # A boolean is an integer. What is beyond any float is no number of ours.
        number = isinstance(value, int | float) and -1e300 < value < 1e300
        text = isinstance(value, str) and _is_plain(value)
        if not (value is None or number or text) or not _is_plain(key):
            raise RecordError(
                f"{path}: {key[:80]!r} must be a line of text, a finite number, a boolean or null"
            )
    for key, kind in (("device_name", str), ("torch", str), ("seconds", int | float)):
        if not isinstance(content.get(key), kind):
            raise RecordError(f"{path}: lacks {key}; `orderparam train` writes it")
    if isinstance(content["seconds"], bool) or content["seconds"] < 0:
        raise RecordError(f"{path}: 'seconds' must be a number of seconds")


def _is_plain(text: str) -> bool:
    """Whether it can be a cell of a README: a line without signs that cannot be seen."""
    return len(text) <= 500 and text.isprintable() and "|" not in text


def read_checked(
    job: FinishedJob, experiment: Experiment
) -> tuple[dict[str, pd.DataFrame], dict[str, bytes]]:
    """A job's tables and samples by file name, each read once: a file may change while it is looked at.

    Raises RecordError unless the tables have the rows of its runs, and its samples are texts.
    """
    check_environment(job)
    seeds = [each.seed for each in job.seeds]
    names = ["metrics.csv", "steps.parquet", "verification.csv"]
    names += [name for name in PARTIAL if job.has(name)]
    # Text is sampled from the first seed's weights only.
    of = {name: seeds[:1] if name == "sample_quality.csv" else seeds for name in names}
    tables = {name: _read(job, name, of[name]) for name in names}
    metrics, steps = tables["metrics.csv"], tables["steps.parquet"]
    run = job.run
    for seed in seeds:
        measured = set(metrics.loc[metrics["seed"] == seed, "step"])
        if lacking := [step for step in checkpoint_steps(run) if step not in measured]:
            raise RecordError(
                f"{job.folder / 'metrics.csv'}: seed {seed} lacks step {lacking[0]} of run.json"
            )
        made = steps.loc[steps["seed"] == seed, "step"].to_numpy()
        if not np.array_equal(made, np.arange(run.steps)):
            raise RecordError(
                f"{job.folder / 'steps.parquet'}: seed {seed} must have steps 0 to {run.steps - 1}"
            )
    for column, tolerance in TOLERANCES.items():
        if tables["verification.csv"][column].abs().max() > tolerance:
            raise RecordError(
                f"{job.folder / 'verification.csv'}: {column} is beyond the tolerance of {tolerance:.0e}: "
                "the run is not verified; train it again"
            )
    samples = {}
    for sample in job.samples():
        content = read_regular(sample, min(LARGEST_TEXT, 4 * experiment.sampling.characters))
        try:
            content.decode("utf-8")
        except UnicodeDecodeError:
            raise RecordError(f"{sample}: not UTF-8 text") from None
        samples[sample.name] = content
    _check_own_sums(job)
    return tables, samples


def _read(job: FinishedJob, name: str, seeds: Sequence[int]) -> pd.DataFrame:
    """A table with the rows of these seeds, each key once, and finite numbers."""
    path = check_regular(job.table(name), LARGEST_TABLE)
    most = len(seeds) * (job.run.steps + 1)
    if path.suffix == ".parquet":
        rows, size = _extent_of_parquet(path)
        if rows > most:
            raise RecordError(f"{path}: has {rows:,} rows, and run.json allows {most:,}")
        if size > LARGEST_ROW * most:
            raise RecordError(
                f"{path}: unpacks to {size:,} bytes, and at most {LARGEST_ROW * most:,} are taken"
            )
    else:
        with open_regular(path) as file:
            if len(file.readline(LARGEST_ROW + 1)) > LARGEST_ROW:
                raise RecordError(f"{path}: its first line is longer than {LARGEST_ROW:,} bytes")
    frame = read_table(path)
    table = find_table(path)
    wholes = [column for column in ("seed", "step") if column in frame]
    if not all(pd.api.types.is_integer_dtype(frame[column]) for column in wholes):
        raise RecordError(f"{path}: {' and '.join(wholes)} must be whole numbers in every row")
    if "step" in frame and not frame["step"].between(0, job.run.steps).all():
        raise RecordError(f"{path}: has steps beyond the {job.run.steps} of run.json")
    if set(frame["size"]) != {job.run.size} or set(frame["seed"]) != set(seeds):
        found = sorted(set(zip(frame["size"], frame["seed"], strict=True)), key=str)[:5]
        raise RecordError(
            f"{path}: must have the size {job.run.size} and the seeds {list(seeds)} of run.json, has {found}"
        )
    for column in ("quantity", "checkpoint"):
        if not all(isinstance(each, str) and _is_plain(each) for each in frame.get(column, ())):
            raise RecordError(f"{path}: {column} must be a short line of text in every row")
    twice = frame.loc[frame.duplicated(list(table.key)), list(table.key)]
    if len(twice):
        raise RecordError(f"{path}: has a row twice: {twice.iloc[0].to_dict()}")
    measured = [column for column in table.measured if not frame[column].isna().all()]
    required = ("order_parameter", "value", "parameters")
    for column in {*measured, *(each for each in required if each in table.measured)}:
        numbers = pd.to_numeric(frame[column], errors="coerce")
        # Times and decimals are numbers too, for pandas. Steps are kept in single precision.
        plain, largest = frame[column].dtype.kind in "iuf", np.finfo(np.float32).max
        if not plain or not (np.abs(numbers.to_numpy(dtype=float)) <= largest).all():
            raise RecordError(f"{path}: {column} must be a finite number in every row")
    return frame


def _extent_of_parquet(path: Path) -> tuple[int, int]:
    """The rows and bytes that it says it has, of which a small file can have very many."""
    try:
        said = pyarrow.parquet.read_metadata(path)
        return said.num_rows, sum(said.row_group(i).total_byte_size for i in range(said.num_row_groups))
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
