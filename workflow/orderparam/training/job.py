"""A training job: the runs of some seeds of one model entry, from tokens to tables and checkpoints."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from filelock import FileLock, Timeout

from orderparam.errors import RecordError, TrainingError
from orderparam.files import read_json
from orderparam.settings.experiment import Run, Seeds, digest
from orderparam.tables import write_table
from orderparam.text.vocabulary import check_windows, load_tokens, read_vocabulary
from orderparam.training.checkpoints import load_starts
from orderparam.training.device import resolve_device, resolve_precision
from orderparam.training.engine import History, Row
from orderparam.training.run import SNAPSHOT_SECONDS, Durations, train_run
from orderparam.training.schedule import free_keys
from orderparam.training.sequential import SequentialEngine
from orderparam.training.snapshots import SnapshotStore
from orderparam.training.stacked import StackedEngine
from orderparam.training.stop import deferred_signals

log = logging.getLogger(__name__)

LOCK_SECONDS = 60.0


@dataclass(frozen=True)
class JobPaths:
    """Where a job writes: two tables, checkpoints, and what outlives a job that does not finish.

    `unfinished` holds snapshots and checkpoints of a job in progress, `diverged` what was measured by
    runs whose loss stopped being finite.
    """

    trajectory: Path
    steps: Path
    checkpoints: Path
    unfinished: Path
    diverged: Path

    @classmethod
    def below(cls, folder: Path) -> JobPaths:
        """All of them in one folder, under their own names."""
        names = ("trajectory.parquet", "steps.parquet", "checkpoints", "unfinished", "diverged")
        return cls(*(folder / name for name in names))


def train_job(
    run: Run,
    seeds: Sequence[Seeds],
    tokens_path: Path,
    vocabulary_path: Path,
    paths: JobPaths,
    *,
    code: str = "",
    snapshot_seconds: float = SNAPSHOT_SECONDS,
    start_from: Path | None = None,
    durations: Durations | None = None,
    stacked: bool | None = None,
    on_measured: Callable[[list[Row]], None] = lambda rows: None,
) -> pd.DataFrame:
    """Train all seeds and write the job's tables; returns the trajectory table.

    The seeds are trained all at once if `stacked`, one after the other if not; None stacks several of them
    on CUDA. `start_from` is the folder of the checkpoints that `run.start_from` asks for. `on_measured` is
    given the new rows of the trajectory after each measurement.

    A job that was stopped or killed goes on from its last snapshot, if run, seeds, tokens, initial weights,
    PyTorch's version and `code` (a digest of the training code) are those of the snapshot; the number of
    steps may be another. Snapshots are taken every `snapshot_seconds`, and at SIGTERM, SIGHUP and SIGINT.
    What the job leaves in `paths.unfinished` is for the caller to delete once the outputs are safe.
    The time that it takes is added to `durations`.

    Raises CorpusError when a split is shorter than one window, and TrainingError when the run cannot be
    trained on this machine, or at the first loss that is not finite: what was measured until then is kept
    under `paths.diverged`.
    """
    vocabulary = read_vocabulary(vocabulary_path)
    splits = load_tokens(tokens_path, vocabulary_path)
    for name, tokens in zip(("training", "validation"), splits, strict=True):
        check_windows(tokens, run.context, name, vocabulary["source"])
    vocabulary_size = len(vocabulary["characters"])
    torch.set_num_threads(run.threads)
    device = resolve_device(run.device)
    precision = resolve_precision(run, device)
    torch.use_deterministic_algorithms(device.type == "cpu")
    if stacked is None:
        stacked = device.type == "cuda" and len(seeds) > 1
    kind = StackedEngine if stacked else SequentialEngine
    unfinished_checkpoints = paths.unfinished / "checkpoints"
    histories: list[History] = []
    with _lock(paths.unfinished), deferred_signals() as act_on_signals:
        for group in [list(seeds)] if stacked else [[each] for each in seeds]:
            first, last = group[0].seed, group[-1].seed
            name = f"seeds-{first}-{last}" if stacked else f"seed-{first}"
            named = name.replace("-", " ", 1)
            log.info("training %s with %s for %d steps on %s", run.size, named, run.steps, device)
            starts = load_starts(run, group, vocabulary_size, start_from)
            fixed = {
                "run": {key: value for key, value in run.to_dict().items() if key not in free_keys(run)},
                "seeds": [asdict(each) for each in group],
                "start": None if starts is None else [description["sha256"] for _, description in starts],
                "tokens": vocabulary["sha256"],
                "device": str(device),
                "torch": torch.__version__,
                "code": code,
            }
            initial = None if starts is None else [weights for weights, _ in starts]
            try:
                engine = kind(run, group, vocabulary_size, *splits, device, initial, precision)
                train_run(
                    engine,
                    SnapshotStore(paths.unfinished / name, digest(fixed)),
                    unfinished_checkpoints,
                    paths.diverged,
                    snapshot_seconds=snapshot_seconds,
                    durations=durations,
                    act_on_signals=act_on_signals,
                    on_measured=on_measured,
                )
            except torch.OutOfMemoryError as error:
                raise TrainingError(
                    f"{run.experiment} {run.size}: {device} has too little memory for {len(group)} seeds at "
                    f"once; set seeds_per_job or batch_size lower ({error})"
                ) from None
            histories += engine.histories
    trajectory = pd.concat([history.trajectory_table() for history in histories], ignore_index=True)
    write_table(trajectory, paths.trajectory)
    write_table(pd.concat([h.step_table() for h in histories], ignore_index=True), paths.steps)
    # Linked, not moved: a kill in the middle must leave the unfinished job whole.
    new = paths.checkpoints.with_name(f".{paths.checkpoints.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    # A kill may have left temporary files among them.
    leftovers = shutil.ignore_patterns(".*", "*.partial")
    shutil.copytree(unfinished_checkpoints, new, ignore=leftovers, copy_function=_link_or_copy)
    if paths.checkpoints.exists():
        shutil.rmtree(paths.checkpoints)
    new.rename(paths.checkpoints)
    return trajectory


def read_run(path: Path, *, sampled: bool = False) -> tuple[Run, Sequence[Seeds], dict[str, Any]]:
    """Run, seeds and all values of what `orderparam run` printed; RecordError where it is no such file.

    With `sampled` the file must also say how the run is verified and sampled. Without Pydantic, as on a
    machine that only trains, types and bounds of the values are not checked.
    """
    try:
        from orderparam.settings.run_file import PrintedRun, RunFile, read_run_file
    except ImportError:
        content = read_json(path)
        try:
            if sampled:
                _ = content["sampling"], content["verified_checkpoints"]
            return Run.from_dict(content["run"]), [Seeds(**each) for each in content["seeds"]], content
        except (KeyError, TypeError) as error:
            raise RecordError(f"{path}: not a run ({error!r}); `orderparam run` prints one") from None
    return read_run_file(path, PrintedRun if sampled else RunFile)


@contextmanager
def _lock(unfinished: Path) -> Iterator[None]:
    """Let one process at a time train in a folder; the lock ends with its process."""
    unfinished.mkdir(parents=True, exist_ok=True)
    lock = FileLock(unfinished / "lock")
    try:
        # One that was told to stop may still be saving.
        lock.acquire(timeout=LOCK_SECONDS)
    except Timeout:
        raise TrainingError(
            f"{unfinished}: another process trains there; wait for its end, or stop it: it saves first"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
