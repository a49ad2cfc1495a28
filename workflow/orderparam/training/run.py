"""Runs from their beginning, or from their last snapshot, to their end."""

from __future__ import annotations

import bisect
import io
import logging
import math
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from orderparam.errors import TrainingError
from orderparam.files import read_json
from orderparam.tables import METRICS, write_table
from orderparam.training.checkpoints import adopt_checkpoints, checkpoint_path, drop_damaged, save_checkpoint
from orderparam.training.engine import Engine, History, Row
from orderparam.training.schedule import checkpoint_steps, measured_steps
from orderparam.training.snapshots import SnapshotStore

log = logging.getLogger(__name__)

SNAPSHOT_SECONDS = 30.0
LINE_SECONDS = 10.0


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
    checkpoints: Path,
    diverged: Path,
    *,
    snapshot_seconds: float = SNAPSHOT_SECONDS,
    durations: Durations | None = None,
    act_on_signals: Callable[[], None] = lambda: None,
    on_measured: Callable[[list[Row]], None] = lambda rows: None,
) -> None:
    """Bring an engine's runs to their last step, measured and checkpointed on schedule.

    `checkpoints`, and `diverged`, where a diverged run's measurements are kept, get a folder per seed. A
    snapshot is taken every `snapshot_seconds`, at the end, and when `act_on_signals`, called where the state
    is consistent, ends the process. `on_measured` is given the trajectories' new rows after each measurement,
    and the restored ones at first. Its time is added to `durations`. Raises TrainingError at the first
    loss that is not finite.
    """
    run = engine.run
    to_measure, to_keep = measured_steps(run), set(checkpoint_steps(run))
    durations = durations or Durations()
    resume(engine, snapshots, checkpoints)
    if restored := [row for history in engine.histories for row in history.trajectory]:
        on_measured(restored)
    saved = time.monotonic()
    bar = _progress(engine)
    try:
        while True:
            if engine.step in to_measure and not engine.is_measured():
                began = time.perf_counter()
                rows = engine.measure(act_on_signals)
                durations.measuring += time.perf_counter() - began
                if bad := _first_bad_value(engine, engine.step, rows):
                    raise _divergence(engine, *bad, snapshots, checkpoints, diverged)
                if engine.step in to_keep:
                    for model, history, row in zip(engine.models(), engine.histories, rows, strict=True):
                        save_checkpoint(checkpoints, model, run, history.seeds, row)
                on_measured(rows)
            if engine.step == run.steps:
                snapshots.save(engine.step, *engine.state())
                return
            if time.monotonic() - saved > snapshot_seconds:
                snapshots.save(engine.step, *engine.state())
                saved = time.monotonic()
            act_on_signals()
            before, began = engine.step, time.perf_counter()
            engine.advance(until=to_measure[bisect.bisect_right(to_measure, before)])
            durations.training += time.perf_counter() - began
            durations.steps += engine.step - before
            if bad := _first_bad_value(engine, before):
                raise _divergence(engine, *bad, snapshots, checkpoints, diverged)
            losses = [history.steps[-1][1] for history in engine.histories]
            bar.set_postfix_str(f"step {engine.step}, loss {sum(losses) / len(losses):.3f}", refresh=False)
            bar.update((engine.step - before) * _tokens_per_step(engine))
    except (KeyboardInterrupt, SystemExit):
        # Raised between updates only, so the state is consistent.
        snapshots.save(engine.step, *engine.state())
        log.warning("stopped by a signal at step %d; the same command goes on from there", engine.step)
        raise
    finally:
        bar.close()


def resume(engine: Engine, snapshots: SnapshotStore, checkpoints: Path) -> None:
    """Restore the newest usable snapshot, if there is one.

    The snapshot may be of a run with another schedule. Measurements at steps that this run does not measure
    are dropped.
    """
    run = engine.run
    for history in engine.histories:
        drop_damaged(checkpoint_path(checkpoints, history.seeds.seed, 0).parent)
    for step, tensors, values in snapshots.load_newest():
        if flaw := _flaw(engine, step, values, checkpoints):
            log.warning("snapshot of step %d refused: %s", step, flaw)
            continue
        scheduled = set(measured_steps(run))
        values["trajectory"] = [row for row in values["trajectory"] if row["step"] in scheduled]
        engine.restore(step, tensors, values)
        adopt_checkpoints(checkpoints, run)
        log.info("going on from the snapshot of step %d", step)
        return


def _flaw(engine: Engine, step: int, values: dict[str, Any], checkpoints: Path) -> str | None:
    """Why a run cannot go on from a snapshot, if it cannot."""
    run = engine.run
    if step > run.steps:
        return f"the run ends at step {run.steps}"
    measured = {row["step"] for row in values["trajectory"]}
    if unmeasured := [each for each in measured_steps(run) if each < step and each not in measured]:
        return f"step {unmeasured[0]} was not measured"
    kept = set(checkpoint_steps(run))
    for row in values["trajectory"]:
        if row["step"] in kept:
            path = checkpoint_path(checkpoints, row["seed"], row["step"])
            if not path.with_suffix(".json").exists():
                return f"the checkpoint {path} is missing"
            if read_json(path.with_suffix(".json")).get("measured") != row:
                return f"the checkpoint {path} is of another run"
    return None


def _tokens_per_step(engine: Engine) -> int:
    return len(engine.histories) * engine.run.batch_size * engine.run.context


class _Lines(io.StringIO):
    """What tqdm writes to it is logged, a line each: bars of several jobs would overwrite one another."""

    def write(self, text: str) -> int:
        if line := text.strip():
            log.info(line)
        return len(text)


def _progress(engine: Engine) -> tqdm[Any]:
    """A line with loss, tokens per second and time left, at most every 10 s."""
    seeds = [history.seeds.seed for history in engine.histories]
    named = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {seeds[0]} to {seeds[-1]}"
    return tqdm(
        desc=f"{engine.run.experiment} {engine.run.size} {named}",
        file=_Lines(),
        delay=1,
        total=engine.run.steps * _tokens_per_step(engine),
        initial=engine.step * _tokens_per_step(engine),
        unit=" tokens",
        unit_scale=True,
        mininterval=LINE_SECONDS,
        bar_format="{desc}: {percentage:.0f}%, {rate_fmt}, {remaining} left{postfix}",
    )


def _first_bad_value(engine: Engine, since: int, rows: Sequence[Row] = ()) -> tuple[int, History, str] | None:
    """Step, history and name of the first value that is not finite, of batch losses since a step or rows."""
    bad = [
        (step, place, "batch loss")
        for place, history in enumerate(engine.histories)
        for step, (_, loss) in enumerate(history.steps[since:], since)
        if not math.isfinite(loss)
    ]
    bad += [
        (engine.step, place, name)
        for place, row in enumerate(rows)
        for name in METRICS.measured
        if not math.isfinite(row[name])
    ]
    if not bad:
        return None
    step, place, name = min(bad, key=lambda each: each[:2])
    return step, engine.histories[place], name


def _divergence(
    engine: Engine,
    step: int,
    history: History,
    quantity: str,
    snapshots: SnapshotStore,
    checkpoints: Path,
    diverged: Path,
) -> TrainingError:
    """The error for a loss that is not finite; moves what was measured to where a rerun does not touch it."""
    for each in engine.histories:
        del each.steps[step + 1 :]
        name = f"seed-{each.seeds.seed}"
        shutil.rmtree(diverged / name, ignore_errors=True)
        if (checkpoints / name).exists():
            diverged.mkdir(parents=True, exist_ok=True)
            shutil.move(checkpoints / name, diverged / name)
        write_table(each.trajectory_table(), diverged / name / "trajectory.parquet")
        write_table(each.step_table(), diverged / name / "steps.parquet")
    shutil.rmtree(snapshots.folder, ignore_errors=True)
    run, seed = history.run, history.seeds.seed
    return TrainingError(
        f"{run.experiment} {run.size} seed {seed}: the {quantity} of step "
        f"{step} is not finite; what was measured until then is in {diverged / f'seed-{seed}'}. A "
        f"lower learning rate (now {run.learning_rate:g}) is the usual remedy"
    )
