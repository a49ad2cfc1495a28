"""Which steps are measured and which are kept as checkpoints; step k means after k updates."""

from __future__ import annotations

from orderparam.settings.experiment import Run

# Keys that may differ between a snapshot and the run that goes on from it: they do not change the updates.
# If the learning rate came to depend on `steps`, `steps` would have to go from here.
SCHEDULE = (
    "steps",
    "measure_every",
    "log_spaced_per_decade",
    "dense_steps",
    "dense_every",
    "checkpoint_every",
)


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
