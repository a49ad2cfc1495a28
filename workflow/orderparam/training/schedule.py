"""Which steps are measured and which are kept as checkpoints; step k means after k updates."""

from __future__ import annotations

import math

from orderparam.settings.experiment import PARTS, Run

MEASUREMENTS = (
    "measure_every",
    "log_spaced_per_decade",
    "dense_steps",
    "dense_every",
    "checkpoint_every",
)


def free_keys(run: Run) -> tuple[str, ...]:
    """Keys in which a snapshot and the run that goes on from it may differ, as updates do not."""
    return MEASUREMENTS if run.sweep or run.anneal_to < 1 else ("steps", *MEASUREMENTS)


def is_controlled(run: Run) -> bool:
    """Whether the penalty changes, or leaves out parameters, as the optimizer's own decay cannot."""
    return bool(run.sweep or run.frozen or run.kick) or set(run.penalised) != set(PARTS)


def stage_length(run: Run) -> int:
    """Steps of each stage of a sweep; of the whole run, if it sweeps nothing."""
    return run.steps // max(1, len(run.sweep))


def weight_decay_at(run: Run, step: int) -> float:
    """Strength of the weight decay in the update that follows `step` updates."""
    return run.sweep[min(step // stage_length(run), len(run.sweep) - 1)] if run.sweep else run.weight_decay


def learning_rate_at(run: Run, step: int) -> float:
    """Learning rate of the update that follows `step` updates."""
    done = step % stage_length(run) / stage_length(run)
    return run.learning_rate * (run.anneal_to + (1 - run.anneal_to) * (1 + math.cos(math.pi * done)) / 2)


def checkpoint_steps(run: Run) -> list[int]:
    """0, every `checkpoint_every` steps, and the last step, ascending."""
    return sorted({*range(0, run.steps + 1, run.checkpoint_every), run.steps})


def log_spaced_steps(steps: int, per_decade: int) -> set[int]:
    """The integers nearest to 10^(i / per_decade), from 1 up to `steps`; none if `per_decade` is 0."""
    chosen: set[int] = set()
    exponent = 0
    while per_decade and (step := round(10 ** (exponent / per_decade))) <= steps:
        chosen.add(step)
        exponent += 1
    return chosen


def measured_steps(run: Run) -> list[int]:
    """Every `measure_every` steps, the dense and the log-spaced steps and all checkpoints, ascending."""
    regular = range(0, run.steps + 1, run.measure_every)
    dense = range(0, min(run.dense_steps, run.steps) + 1, run.dense_every)
    logarithmic = log_spaced_steps(run.steps, run.log_spaced_per_decade)
    return sorted({*regular, *dense, *logarithmic, *checkpoint_steps(run)})
