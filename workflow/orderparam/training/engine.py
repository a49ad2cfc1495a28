"""What the two training engines have in common, and what a run has measured so far."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pandas as pd
from torch import Tensor

from orderparam.model.gpt import GPT
from orderparam.settings.experiment import Run, Seeds
from orderparam.tables import METRICS, STEPS
from orderparam.training.stop import StopRequest

Weights = dict[str, Tensor]


@dataclass
class History:
    """What a run has measured so far.

    A row of `trajectory` belongs to a measured step. A row of `steps` pairs the order parameter after
    k updates with the loss of those same weights on the batch that next updates them.
    """

    run: Run
    seeds: Seeds
    trajectory: list[dict[str, Any]] = field(default_factory=list)
    steps: list[tuple[float, float]] = field(default_factory=list)

    def trajectory_table(self) -> pd.DataFrame:
        """One row per measured step, tables.METRICS."""
        return METRICS.frame(self.trajectory)

    def step_table(self) -> pd.DataFrame:
        """One row per update, tables.STEPS."""
        values = np.array(self.steps, dtype=np.float64).reshape(-1, 2)
        columns = {
            "size": self.run.size,
            "seed": self.seeds.seed,
            "step": np.arange(len(values)),
            "order_parameter": values[:, 0],
            "batch_loss": values[:, 1],
        }
        return STEPS.frame(columns)


class Engine(Protocol):
    """Runs of one model entry in progress, one for each history, all of them after `step` updates."""

    run: Run
    step: int
    stop: StopRequest

    @property
    def histories(self) -> Sequence[History]:
        """What each seed has measured."""

    def advance(self, until: int) -> None:
        """Make at least one update, and none beyond step `until`; returns where it can be stopped."""

    def is_measured(self) -> bool:
        """Whether the present step has its rows in the trajectories."""

    def measure_all(self) -> list[dict[str, Any]]:
        """Measure all weights as they are, append a row to each history and return the rows."""

    def models(self) -> list[GPT]:
        """Each seed's model with the present weights, on the engine's device; not to be changed."""

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All that `restore` needs to go on: tensors by name, and JSON values with all rows."""

    def restore(self, step: int, tensors: dict[str, Tensor], values: dict[str, Any]) -> None:
        """Take up the state that another process left after `step` updates."""


def trajectory_row(
    history: History, step: int, b: float, train_loss: float, val_loss: float, magnetization: float
) -> dict[str, Any]:
    """A row of a trajectory, with tables.METRICS."""
    values = (history.run.size, history.seeds.seed, step, b, train_loss, val_loss, magnetization)
    return dict(zip(METRICS.columns, values, strict=True))


def first_non_finite(row: dict[str, Any]) -> str | None:
    """The name of the first measured quantity that is not a finite number, if any."""
    for name in METRICS.measured:
        if not math.isfinite(row[name]):
            return name
    return None


def first_non_finite_step(histories: Sequence[History], since: int) -> tuple[int, History] | None:
    """The first step from `since` on whose batch loss is not finite for some seed, and its history."""
    bad = [
        (step, index)
        for index, history in enumerate(histories)
        for step, (_, loss) in enumerate(history.steps[since:], since)
        if not math.isfinite(loss)
    ]
    if not bad:
        return None
    step, index = min(bad)
    return step, histories[index]
