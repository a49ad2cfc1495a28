"""Runs from their beginning, or from their last snapshot, to their end."""

from __future__ import annotations

import bisect
import logging
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orderparam.errors import TrainingError
from orderparam.tables import write_table
from orderparam.training.checkpoints import checkpoint_path, save_checkpoint
from orderparam.training.engine import Engine, History, first_non_finite, first_non_finite_step
from orderparam.training.progress import ProgressBar
from orderparam.training.schedule import checkpoint_steps, measured_steps
from orderparam.training.snapshots import SnapshotStore

log = logging.getLogger(__name__)

SNAPSHOT_SECONDS = 30.0


@dataclass(frozen=True)
class RunFolders:
    """Checkpoints, and where a diverged run's measurements are kept; both with a folder per seed."""

    checkpoints: Path
    diverged: Path


@dataclass
class Durations:
    """Updates that this process made, and the seconds that it spent on them and on measurements."""

    steps: int = 0
    training: float = 0.0
    measuring: float = 0.0

    def to_dict(self) -> dict[str, float | None]:
        """As JSON values; a stacked step counts once."""
        return {
            "steps": self.steps,
            "training_seconds": self.training,
            "measuring_seconds": self.measuring,
            "seconds_per_step": self.training / self.steps if self.steps else None,
        }


def train_run(
    engine: Engine,
    snapshots: SnapshotStore,
    folders: RunFolders,
    snapshot_seconds: float = SNAPSHOT_SECONDS,
    durations: Durations | None = None,
) -> None:
    """Bring an engine's runs to their last step, measured and checkpointed on schedule.

    A snapshot is taken every `snapshot_seconds`, at the end, and when a signal asks the run to stop. What
    it took is added to `durations`. Raises TrainingError at the first loss that is not finite.
    """
    run = engine.run
    to_measure, to_keep = measured_steps(run), set(checkpoint_steps(run))
    durations = durations or Durations()
    resume(engine, snapshots, folders.checkpoints)
    tokens_per_step = len(engine.histories) * run.batch_size * run.context
    bar = ProgressBar(_label(engine), run.steps, tokens_per_step, done=engine.step)
    saved = time.monotonic()
    try:
        while True:
            if engine.step in to_measure and not engine.is_measured():
                began = time.perf_counter()
                rows = engine.measure_all()
                durations.measuring += time.perf_counter() - began
                for history, row in zip(engine.histories, rows, strict=True):
                    if quantity := first_non_finite(row):
                        raise _diverged(engine, history, quantity, engine.step, snapshots, folders)
                if engine.step in to_keep:
                    _save_checkpoints(engine, rows, folders.checkpoints)
            if engine.step == run.steps:
                snapshots.save(engine.step, *engine.state())
                return
            if time.monotonic() - saved > snapshot_seconds:
                snapshots.save(engine.step, *engine.state())
                saved = time.monotonic()
            engine.stop.raise_if_received()
            before, began = engine.step, time.perf_counter()
            engine.advance(until=to_measure[bisect.bisect_right(to_measure, before)])
            durations.training += time.perf_counter() - began
            durations.steps += engine.step - before
            if bad := first_non_finite_step(engine.histories, before):
                step, history = bad
                raise _diverged(engine, history, "batch loss", step, snapshots, folders)
            losses = [history.steps[-1][1] for history in engine.histories]
            bar.advance(engine.step, sum(losses) / len(losses))
    except (KeyboardInterrupt, SystemExit):
        # Raised between updates only, so the state is whole.
        snapshots.save(engine.step, *engine.state())
        log.warning("stopped by a signal at step %d; the same command goes on from there", engine.step)
        raise
    finally:
        bar.close()


def resume(engine: Engine, snapshots: SnapshotStore, checkpoints: Path) -> None:
    """Restore the newest usable snapshot, if there is one."""
    for step, tensors, values in snapshots.load_newest():
        measured = {row["step"] for row in values["trajectory"]}
        needed = sorted(measured.intersection(checkpoint_steps(engine.run)))
        seeds = [history.seeds.seed for history in engine.histories]
        paths = [checkpoint_path(checkpoints, seed, kept) for seed in seeds for kept in needed]
        missing = [path for path in paths if not path.with_suffix(".json").exists()]
        if missing:
            log.warning("snapshot of step %d refused: the checkpoint %s is missing", step, missing[0])
            continue
        engine.restore(step, tensors, values)
        log.info("going on from the snapshot of step %d", step)
        return


def _label(engine: Engine) -> str:
    seeds = [history.seeds.seed for history in engine.histories]
    named = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {seeds[0]} to {seeds[-1]}"
    return f"{engine.run.experiment} {engine.run.size} {named}"


def _save_checkpoints(engine: Engine, rows: list[dict[str, Any]], folder: Path) -> None:
    for model, history, row in zip(engine.models(), engine.histories, rows, strict=True):
        save_checkpoint(folder, model, engine.run, history.seeds, row)


def _diverged(
    engine: Engine,
    history: History,
    quantity: str,
    step: int,
    snapshots: SnapshotStore,
    folders: RunFolders,
) -> TrainingError:
    for each in engine.histories:
        del each.steps[step + 1 :]
        _keep_diverged(each, folders)
    shutil.rmtree(snapshots.folder, ignore_errors=True)
    run, seed = history.run, history.seeds.seed
    return TrainingError(
        f"{run.experiment} {run.size} seed {seed}: the {quantity} of step "
        f"{step} is not finite; what was measured until then is in {folders.diverged / f'seed-{seed}'}. A "
        f"lower learning rate (now {run.learning_rate:g}) is the usual remedy"
    )


def _keep_diverged(history: History, folders: RunFolders) -> None:
    """Move the run's checkpoints and write its tables to a folder that a rerun does not touch."""
    name = f"seed-{history.seeds.seed}"
    source, target = folders.checkpoints / name, folders.diverged / name
    if target.exists():
        shutil.rmtree(target)
    if source.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(source, target)
    write_table(history.trajectory_table(), target / "trajectory.parquet")
    write_table(history.step_table(), target / "steps.parquet")
