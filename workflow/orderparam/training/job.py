"""A training job: the runs of some seeds of one model entry, from tokens to tables and checkpoints."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from orderparam.errors import TrainingError
from orderparam.experiment import Run, Seeds
from orderparam.records import read_json, write_table
from orderparam.training.checkpoints import save_checkpoint
from orderparam.training.device import resolve_device
from orderparam.training.loop import History, Trainer, first_non_finite
from orderparam.training.progress import ProgressBar
from orderparam.training.schedule import checkpoint_steps, measured_steps
from orderparam.vocabulary import check_windows, load_tokens

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class JobPaths:
    """Where a job writes: two tables, a folder of checkpoints, one for what a diverged run measured."""

    trajectory: Path
    steps: Path
    checkpoints: Path
    diverged: Path


def train_job(
    run: Run, seeds: Sequence[Seeds], tokens_path: Path, vocabulary_path: Path, paths: JobPaths
) -> pd.DataFrame:
    """Train each seed in turn and write the job's tables; returns the trajectory table.

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
    vocabulary_size = len(vocabulary["characters"])
    histories = []
    for seed in seeds:
        log.info("training %s with seed %d for %d steps on %s", run.size, seed.seed, run.steps, device)
        trainer = Trainer(run, seed, vocabulary_size, train_tokens, val_tokens, device)
        _train(trainer, paths)
        histories.append(trainer.history)
    trajectory = pd.concat([history.trajectory_table() for history in histories], ignore_index=True)
    write_table(trajectory, paths.trajectory)
    write_table(pd.concat([h.step_table() for h in histories], ignore_index=True), paths.steps)
    return trajectory


def _train(trainer: Trainer, paths: JobPaths) -> None:
    run, seeds = trainer.run, trainer.history.seeds
    to_measure, to_keep = set(measured_steps(run)), set(checkpoint_steps(run))
    bar = ProgressBar(
        f"{run.experiment} {run.size} seed {seeds.seed}", run.steps, run.batch_size * run.context
    )
    try:
        while True:
            if trainer.step in to_measure:
                row = trainer.measure()
                if quantity := first_non_finite(row):
                    raise _diverged(trainer, quantity, trainer.step, paths)
                if trainer.step in to_keep:
                    save_checkpoint(paths.checkpoints, trainer.model, run, seeds, row)
            if trainer.step == run.steps:
                return
            loss = trainer.update()
            if not np.isfinite(loss):
                raise _diverged(trainer, "batch loss", trainer.step - 1, paths)
            bar.advance(trainer.step, loss)
    finally:
        bar.close()


def _diverged(trainer: Trainer, quantity: str, step: int, paths: JobPaths) -> TrainingError:
    history = trainer.history
    folder = paths.diverged / f"seed-{history.seeds.seed}"
    keep_diverged(history, paths.checkpoints, folder)
    return TrainingError(
        f"{history.run.experiment} {history.run.size} seed {history.seeds.seed}: the {quantity} of step "
        f"{step} is not finite; what was measured until then is in {folder}. A lower learning rate "
        f"(now {history.run.learning_rate:g}) is the usual remedy"
    )


def keep_diverged(history: History, checkpoints: Path, folder: Path) -> None:
    """Move a run's checkpoints and write its tables to `folder`, which a rerun does not touch."""
    if folder.exists():
        shutil.rmtree(folder)
    source = checkpoints / f"seed-{history.seeds.seed}"
    if source.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(source, folder)
    write_table(history.trajectory_table(), folder / "trajectory.parquet")
    write_table(history.step_table(), folder / "steps.parquet")
