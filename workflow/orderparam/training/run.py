"""One run from its beginning, or from its last snapshot, to its end."""

from __future__ import annotations

import logging
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from orderparam.errors import TrainingError
from orderparam.records import write_table
from orderparam.training.checkpoints import checkpoint_path, save_checkpoint
from orderparam.training.loop import Trainer, first_non_finite
from orderparam.training.progress import ProgressBar
from orderparam.training.schedule import checkpoint_steps, measured_steps
from orderparam.training.snapshots import SnapshotStore

log = logging.getLogger(__name__)

SNAPSHOT_SECONDS = 30.0


@dataclass(frozen=True)
class RunFolders:
    """A run's checkpoints (in a folder per seed), and where a diverged run's measurements are kept."""

    checkpoints: Path
    diverged: Path


def train_run(
    trainer: Trainer,
    snapshots: SnapshotStore,
    folders: RunFolders,
    snapshot_seconds: float = SNAPSHOT_SECONDS,
) -> None:
    """Bring a run to its last step, measured and checkpointed on schedule.

    A snapshot is taken every `snapshot_seconds`, at the end, and when a signal asks the run to stop. Raises
    TrainingError at the first loss that is not finite.
    """
    run, seeds = trainer.run, trainer.history.seeds
    to_measure, to_keep = set(measured_steps(run)), set(checkpoint_steps(run))
    resume(trainer, snapshots, folders.checkpoints)
    bar = ProgressBar(
        f"{run.experiment} {run.size} seed {seeds.seed}",
        run.steps,
        run.batch_size * run.context,
        done=trainer.step,
    )
    saved = time.monotonic()
    try:
        while True:
            if trainer.step in to_measure and not trainer.is_measured():
                row = trainer.measure()
                if quantity := first_non_finite(row):
                    raise _diverged(trainer, quantity, trainer.step, snapshots, folders)
                if trainer.step in to_keep:
                    save_checkpoint(folders.checkpoints, trainer.model, run, seeds, row)
            if trainer.step == run.steps:
                snapshots.save(trainer.step, *trainer.state())
                return
            if time.monotonic() - saved > snapshot_seconds:
                snapshots.save(trainer.step, *trainer.state())
                saved = time.monotonic()
            trainer.stop.raise_if_received()
            loss = trainer.update()
            if not np.isfinite(loss):
                raise _diverged(trainer, "batch loss", trainer.step - 1, snapshots, folders)
            bar.advance(trainer.step, loss)
    except (KeyboardInterrupt, SystemExit):
        # Raised between updates only, so the state is whole.
        snapshots.save(trainer.step, *trainer.state())
        log.warning("stopped by a signal at step %d; the same command goes on from there", trainer.step)
        raise
    finally:
        bar.close()


def resume(trainer: Trainer, snapshots: SnapshotStore, checkpoints: Path) -> None:
    """Restore the newest usable snapshot, if there is one."""
    seed = trainer.history.seeds.seed
    for step, tensors, values in snapshots.load_newest():
        measured = {row["step"] for row in values["trajectory"]}
        needed = measured.intersection(checkpoint_steps(trainer.run))
        paths = [checkpoint_path(checkpoints, seed, kept) for kept in sorted(needed)]
        missing = [path for path in paths if not path.with_suffix(".json").exists()]
        if missing:
            log.warning("snapshot of step %d refused: the checkpoint %s is missing", step, missing[0])
            continue
        trainer.restore(step, tensors, values)
        log.info("going on from the snapshot of step %d", step)
        return


def _diverged(
    trainer: Trainer, quantity: str, step: int, snapshots: SnapshotStore, folders: RunFolders
) -> TrainingError:
    history = trainer.history
    _keep_diverged(trainer, folders)
    shutil.rmtree(snapshots.folder, ignore_errors=True)
    return TrainingError(
        f"{history.run.experiment} {history.run.size} seed {history.seeds.seed}: the {quantity} of step "
        f"{step} is not finite; what was measured until then is in {folders.diverged}. A lower learning "
        f"rate (now {history.run.learning_rate:g}) is the usual remedy"
    )


def _keep_diverged(trainer: Trainer, folders: RunFolders) -> None:
    """Move the run's checkpoints and write its tables to a folder that a rerun does not touch."""
    history = trainer.history
    if folders.diverged.exists():
        shutil.rmtree(folders.diverged)
    source = folders.checkpoints / f"seed-{history.seeds.seed}"
    if source.exists():
        folders.diverged.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(source, folders.diverged)
    write_table(history.trajectory_table(), folders.diverged / "trajectory.parquet")
    write_table(history.step_table(), folders.diverged / "steps.parquet")
