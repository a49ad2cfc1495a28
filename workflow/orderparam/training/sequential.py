"""One training run at a time: the engine for a CPU, and for Apple's MPS."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from orderparam.measuring.losses import measure_split, order_parameter, window_starts
from orderparam.model.gpt import GPT, build_model_of_run
from orderparam.settings.experiment import Run, Seeds
from orderparam.training.batches import BatchSampler
from orderparam.training.engine import History, Weights, trajectory_row
from orderparam.training.optimizer import build_optimizer
from orderparam.training.stop import StopRequest

TOKENS_PER_MICROBATCH = 4096


class Trainer:
    """A run in progress (an Engine of one seed); `step` counts the updates made.

    Weights, batches and dropout masks come from three seeds, or the weights from `initial`. Dropout draws
    from PyTorch's default generator, so one process trains one run at a time.
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
        initial: Weights | None = None,
    ) -> None:
        self.run = run
        self.device = device
        self.stop = stop or StopRequest()
        self.history = History(run, seeds)
        self.step = 0
        self.model = build_model_of_run(run, seeds.weights, vocabulary_size)
        if initial is not None:
            self.model.load_state_dict(initial)
        self.model.to(device)
        self.optimizer = build_optimizer(run, self.model.parameters())
        self.sampler = BatchSampler(train_tokens, run.context, run.batch_size, seeds.batches)
        self.splits = {
            "train": (train_tokens, window_starts(len(train_tokens), run.context, run.train_windows)),
            "val": (val_tokens, window_starts(len(val_tokens), run.context, run.val_windows)),
        }
        torch.manual_seed(seeds.dropout)

    @property
    def histories(self) -> list[History]:
        """The one history."""
        return [self.history]

    def models(self) -> list[GPT]:
        """The one model."""
        return [self.model]

    def advance(self, until: int) -> None:
        """Make one update; a run can be stopped after each."""
        self.update()

    def measure_all(self) -> list[dict[str, Any]]:
        """As `measure`, in a list."""
        return [self.measure()]

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
        row = trajectory_row(
            self.history,
            self.step,
            float(order_parameter(self.model.head.weight)),
            measured["train"].loss,
            measured["val"].loss,
            measured["val"].hidden_magnetization,
        )
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
