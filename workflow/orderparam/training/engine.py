"""What the two training engines have in common: their batches, and what a run has measured so far."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.optim import Optimizer

from orderparam.measuring.losses import SplitMeasurement, gather_windows, window_starts
from orderparam.measuring.quantities import measure_quantities
from orderparam.model.gpt import GPT
from orderparam.settings.experiment import Run, Seeds
from orderparam.tables import METRICS, STEPS
from orderparam.training.device import matmul_precision
from orderparam.training.optimizer import optimizer_tensors, restore_optimizer

# Of the validation split, for the attention's weights.
PROBED_TOKENS = 4096

Weights = dict[str, Tensor]
Row = dict[str, Any]


@dataclass
class History:
    """What a run has measured so far.

    A row of `trajectory` belongs to a measured step. A row of `steps` pairs the order parameter after
    k updates with the loss of those same weights on the batch that next updates them.
    """

    run: Run
    seeds: Seeds
    trajectory: list[Row] = field(default_factory=list)
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


class BatchSampler:
    """Draws batches of windows from a token array of n tokens; starts are uniform in [0, n - context)."""

    def __init__(self, tokens: np.ndarray, context: int, batch_size: int, seed: int) -> None:
        self.tokens = tokens
        self.context = context
        self.batch_size = batch_size
        self.generator = torch.Generator().manual_seed(seed)

    def draw_starts(self, steps: int = 1) -> Tensor:
        """The windows' starts of the next `steps` batches, int64 (steps, batch_size).

        They do not depend on how many steps are drawn at once.
        """
        high = len(self.tokens) - self.context
        return torch.randint(high, (steps, self.batch_size), generator=self.generator)

    def draw(self) -> tuple[Tensor, Tensor]:
        """The next batch: inputs and targets, int64, each (batch_size, context), on the CPU."""
        windows = gather_windows(self.tokens, self.draw_starts()[0].numpy(), self.context)
        return windows[:, :-1], windows[:, 1:]


class Engine(ABC):
    """Runs of one model entry in progress, one for each history, all of them after `step` updates.

    An engine sets `weights` (the live parameters by name), `optimizer` and `samplers` (one for each seed).
    `precision` is that of training; measurements are in float32. Dropout draws from PyTorch's default
    generator, so one process trains with one engine at a time.
    """

    weights: Mapping[str, Tensor]
    optimizer: Optimizer
    samplers: list[BatchSampler]

    def __init__(
        self,
        run: Run,
        seeds: Sequence[Seeds],
        train_tokens: np.ndarray,
        val_tokens: np.ndarray,
        device: torch.device,
        precision: str,
    ) -> None:
        self.run = run
        self.device = device
        self.precision = precision
        self.histories = [History(run, each) for each in seeds]
        self.step = 0
        self.samplers = [
            BatchSampler(train_tokens, run.context, run.batch_size, each.batches) for each in seeds
        ]
        self.splits = {
            "train": (train_tokens, window_starts(len(train_tokens), run.context, run.train_windows)),
            "val": (val_tokens, window_starts(len(val_tokens), run.context, run.val_windows)),
        }
        probed = window_starts(len(val_tokens), run.context, max(1, PROBED_TOKENS // run.context))
        self.probed = gather_windows(val_tokens, probed, run.context)[:, :-1].to(device)

    @abstractmethod
    def advance(self, until: int) -> None:
        """Make at least one update, and none beyond step `until`; returns where it can be stopped."""

    @abstractmethod
    def models(self) -> list[GPT]:
        """Each seed's model with the present weights, on the engine's device; not to be changed."""

    @abstractmethod
    def measure_splits(self, between_batches: Callable[[], None]) -> list[dict[str, SplitMeasurement]]:
        """For each seed what was measured over `train` and over `val`."""

    def measure(self, between_batches: Callable[[], None] = lambda: None) -> list[Row]:
        """Measure all weights as they are, append a row to each history and return the rows.

        Nothing is appended when `between_batches` raises.
        """
        rows = []
        with matmul_precision("float32"):
            splits = self.measure_splits(between_batches)
            for history, model, split in zip(self.histories, self.models(), splits, strict=True):
                named = {"size": self.run.size, "seed": history.seeds.seed, "step": self.step}
                found = measure_quantities(model, self.run, self.step, **split, inputs=self.probed)
                rows.append(named | found)
        for history, row in zip(self.histories, rows, strict=True):
            history.trajectory.append(row)
        return rows

    def is_measured(self) -> bool:
        """Whether the present step has its rows in the trajectories."""
        rows = self.histories[0].trajectory
        return bool(rows) and rows[-1]["step"] == self.step

    def tensors(self) -> dict[str, Tensor]:
        """The live tensors that an update changes, by name."""
        weights = {f"model.{name}": weight.detach() for name, weight in self.weights.items()}
        return weights | optimizer_tensors(self.optimizer)

    def generators(self) -> dict[str, Tensor]:
        """States of PyTorch's generators, from which dropout draws."""
        states = {"generator.default": torch.get_rng_state()}
        if self.device.type == "cuda":
            states["generator.cuda"] = torch.cuda.get_rng_state(self.device)
        return states

    def set_generators(self, states: Mapping[str, Tensor]) -> None:
        """Put PyTorch's generators into the states of `generators`."""
        torch.set_rng_state(states["generator.default"])
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(states["generator.cuda"], self.device)

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All that `restore` needs to go on bit for bit: tensors by name, and JSON values with all rows."""
        tensors = self.tensors() | self.generators()
        for place, sampler in enumerate(self.samplers):
            tensors[f"generator.batches.{place}"] = sampler.generator.get_state()
        steps = [history.steps for history in self.histories]
        tensors["history.steps"] = torch.tensor(steps, dtype=torch.float64).reshape(len(steps), -1, 2)
        return tensors, {"trajectory": [row for history in self.histories for row in history.trajectory]}

    def restore(self, step: int, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
        """Take up the state that another process left after `step` updates."""
        with torch.no_grad():
            for name, weight in self.weights.items():
                weight.copy_(tensors[f"model.{name}"])
        restore_optimizer(self.optimizer, tensors)
        self.set_generators(tensors)
        for place, sampler in enumerate(self.samplers):
            sampler.generator.set_state(tensors[f"generator.batches.{place}"])
        for history, steps in zip(self.histories, tensors["history.steps"].tolist(), strict=True):
            history.steps = [(b, loss) for b, loss in steps]
            seed = history.seeds.seed
            history.trajectory = [row for row in values["trajectory"] if row["seed"] == seed]
        self.step = step
