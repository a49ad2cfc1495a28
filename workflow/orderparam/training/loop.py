"""One training run: AdamW at a constant learning rate, measured on schedule."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F

from orderparam.experiment import Run, Seeds
from orderparam.measure import measure_split, order_parameter, window_starts
from orderparam.metrics import METRICS_COLUMNS, STEP_COLUMNS
from orderparam.model import build_model_of_run
from orderparam.training.batches import BatchSampler
from orderparam.training.stop import StopRequest

TOKENS_PER_MICROBATCH = 4096


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
        """One row per measured step, columns METRICS_COLUMNS."""
        return pd.DataFrame(self.trajectory, columns=list(METRICS_COLUMNS))

    def step_table(self) -> pd.DataFrame:
        """One row per update, columns STEP_COLUMNS."""
        values = np.array(self.steps, dtype=np.float64).reshape(-1, 2)
        columns = {
            "size": self.run.size,
            "seed": self.seeds.seed,
            "step": np.arange(len(values)),
            "order_parameter": values[:, 0],
            "batch_loss": values[:, 1],
        }
        return pd.DataFrame(columns, columns=list(STEP_COLUMNS))


class Trainer:
    """A run in progress; `step` counts the updates made.

    Weights, batches and dropout masks come from three seeds. Dropout draws from PyTorch's default
    generator, so one process trains one run at a time.
    """

    def __init__(
        self,
        run: Run,
        seeds: Seeds,
        vocabulary_size: int,
        train_tokens: np.ndarray,
        val_tokens: np.ndarray,
        device: torch.device,
        stop: StopRequest | None = None,
    ) -> None:
        self.run = run
        self.device = device
        self.stop = stop or StopRequest()
        self.history = History(run, seeds)
        self.step = 0
        self.model = build_model_of_run(run, seeds.weights, vocabulary_size).to(device)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(),
            lr=run.learning_rate,
            betas=run.betas,
            weight_decay=run.weight_decay,
            fused=True,
        )
        self.sampler = BatchSampler(train_tokens, run.context, run.batch_size, seeds.batches)
        self.splits = {
            "train": (train_tokens, window_starts(len(train_tokens), run.context, run.train_windows)),
            "val": (val_tokens, window_starts(len(val_tokens), run.context, run.val_windows)),
        }
        torch.manual_seed(seeds.dropout)

    def update(self) -> float:
        """One batch, one update; returns the batch loss in nats per character, before the update."""
        inputs, targets = (part.to(self.device) for part in self.sampler.draw())
        b = float(order_parameter(self.model.head.weight))
        self.model.train()
        self.optimizer.zero_grad(set_to_none=True)
        batch_loss = self._accumulate_gradients(inputs, targets)
        self.optimizer.step()
        self.step += 1
        self.history.steps.append((b, batch_loss))
        return batch_loss

    def _accumulate_gradients(self, inputs: Tensor, targets: Tensor) -> float:
        # On a CPU, activations of a few thousand tokens stay in its caches, those of a whole batch do not.
        windows = len(inputs)
        if self.device.type == "cpu":
            windows = max(1, TOKENS_PER_MICROBATCH // self.run.context)
        batch_loss = 0.0
        for part, expected in zip(inputs.split(windows), targets.split(windows), strict=True):
            loss = F.cross_entropy(self.model(part).flatten(0, 1), expected.flatten())
            share = len(part) / len(inputs)
            (loss * share).backward()
            batch_loss += loss.item() * share
        return batch_loss

    def is_measured(self) -> bool:
        """Whether the present step has its row in the trajectory."""
        rows = self.history.trajectory
        return bool(rows) and rows[-1]["step"] == self.step

    def measure(self) -> dict[str, Any]:
        """Measure the weights as they are, append the row to the history and return it."""
        measured = {
            name: measure_split(self.model, *split, self.stop.raise_if_received)
            for name, split in self.splits.items()
        }
        row = {
            "size": self.run.size,
            "seed": self.history.seeds.seed,
            "step": self.step,
            "order_parameter": float(order_parameter(self.model.head.weight)),
            "train_loss": measured["train"].loss,
            "val_loss": measured["val"].loss,
            "hidden_magnetization": measured["val"].hidden_magnetization,
        }
        self.history.trajectory.append(row)
        return row

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All that `restore` needs to go on bit for bit: tensors by name, and JSON values."""
        tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        for index, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{name}": tensor for name, tensor in state.items()}
        tensors["generator.default"] = torch.get_rng_state()
        tensors["generator.batches"] = self.sampler.generator.get_state()
        if self.device.type == "cuda":
            tensors["generator.cuda"] = torch.cuda.get_rng_state(self.device)
        tensors["history.steps"] = torch.tensor(self.history.steps, dtype=torch.float64).reshape(-1, 2)
        return tensors, {"trajectory": self.history.trajectory}

    def restore(self, step: int, tensors: dict[str, Tensor], values: dict[str, Any]) -> None:
        """Take up the state that another process left after `step` updates."""
        prefix = "model."
        self.model.load_state_dict(
            {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
        )
        optimizer: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            if name.startswith("optimizer."):
                _, index, key = name.split(".")
                optimizer.setdefault(int(index), {})[key] = tensor
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": optimizer, "param_groups": groups})
        torch.set_rng_state(tensors["generator.default"])
        self.sampler.generator.set_state(tensors["generator.batches"])
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(tensors["generator.cuda"], self.device)
        self.history.steps = [(b, loss) for b, loss in tensors["history.steps"].tolist()]
        self.history.trajectory = list(values["trajectory"])
        self.step = step


def first_non_finite(row: dict[str, Any]) -> str | None:
    """The name of the first measured quantity that is not a finite number, if any."""
    for name in METRICS_COLUMNS[3:]:
        if not math.isfinite(row[name]):
            return name
    return None
