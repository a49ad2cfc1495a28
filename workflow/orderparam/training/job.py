"""A training job: the runs of some seeds of one model entry, from tokens to tables and checkpoints."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd
import torch

from orderparam.experiment import Run, Seeds, digest
from orderparam.records import read_json, write_table
from orderparam.training.device import resolve_device
from orderparam.training.loop import Trainer
from orderparam.training.run import SNAPSHOT_SECONDS, RunFolders, train_run
from orderparam.training.snapshots import SnapshotStore
from orderparam.training.stop import stop_request
from orderparam.vocabulary import check_windows, load_tokens

log = logging.getLogger(__name__)


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


def train_job(
    run: Run,
    seeds: Sequence[Seeds],
    tokens_path: Path,
    vocabulary_path: Path,
    paths: JobPaths,
    code: str = "",
    snapshot_seconds: float = SNAPSHOT_SECONDS,
) -> pd.DataFrame:
    """Train each seed in turn and write the job's tables; returns the trajectory table.

    A job that was stopped or killed goes on from its last snapshot, if run, seeds, tokens, PyTorch's
    version and `code` (a digest of the training code) are those of the snapshot. Snapshots are taken
    every `snapshot_seconds`; SIGTERM and SIGINT save one first. What the job leaves in
    `paths.unfinished` is for `drop_unfinished` to delete once the outputs are safe.

    Raises CorpusError when a split is shorter than one window, and TrainingError at the first loss
    that is not finite: what was measured until then is kept under `paths.diverged`.
    """
    vocabulary = read_json(vocabulary_path)
    train_tokens, val_tokens = load_tokens(tokens_path, vocabulary_path)
    check_windows(train_tokens, run.context, "training", vocabulary["source"])
    check_windows(val_tokens, run.context, "validation", vocabulary["source"])
    torch.set_num_threads(run.threads)
    device = resolve_device(run.device)
    if device.type == "cpu":
        torch.use_deterministic_algorithms(True)
    histories = []
    with stop_request() as stop:
        for seed in seeds:
            log.info("training %s with seed %d for %d steps on %s", run.size, seed.seed, run.steps, device)
            trainer = Trainer(
                run, seed, len(vocabulary["characters"]), train_tokens, val_tokens, device, stop
            )
            fixed = {
                "run": run.to_dict(),
                "seeds": asdict(seed),
                "tokens": vocabulary["sha256"],
                "device": str(device),
                "torch": torch.__version__,
                "code": code,
            }
            snapshots = SnapshotStore(paths.unfinished / f"seed-{seed.seed}", digest(fixed))
            folders = RunFolders(paths.unfinished / "checkpoints", paths.diverged / f"seed-{seed.seed}")
            train_run(trainer, snapshots, folders, snapshot_seconds)
            histories.append(trainer.history)
    trajectory = pd.concat([history.trajectory_table() for history in histories], ignore_index=True)
    write_table(trajectory, paths.trajectory)
    write_table(pd.concat([h.step_table() for h in histories], ignore_index=True), paths.steps)
    _publish(paths.unfinished / "checkpoints", paths.checkpoints)
    return trajectory


def drop_unfinished(folder: Path) -> None:
    """Delete the snapshots of a job whose outputs are complete."""
    shutil.rmtree(folder, ignore_errors=True)


def _publish(source: Path, target: Path) -> None:
    # Links, so that a kill in the middle leaves the unfinished job whole.
    if target.exists():
        shutil.rmtree(target)
    shutil.copytree(source, target, copy_function=_link_or_copy)


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
