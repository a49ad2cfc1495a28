"""One run, operation by operation: the engine of a job of one seed, and of every job without CUDA."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from orderparam.measuring.losses import SplitMeasurement, measure_split
from orderparam.measuring.quantities import order_parameter
from orderparam.model.gpt import GPT, build_model_of_run
from orderparam.settings.experiment import Run, Seeds, digest
from orderparam.training.controls import Controls
from orderparam.training.device import autocast, matmul_precision
from orderparam.training.engine import Engine, Weights
from orderparam.training.optimizer import build_optimizer

TOKENS_PER_MICROBATCH = 4096


class SequentialEngine(Engine):
    """The run of one seed in progress.

    Weights, batches and dropout masks come from its three seeds, or the weights from `initial`.
    """

    def __init__(
        self,
        run: Run,
        seeds: Sequence[Seeds],
        vocabulary_size: int,
        train_tokens: np.ndarray,
        val_tokens: np.ndarray,
        device: torch.device,
        initial: Sequence[Weights] | None = None,
        precision: str = "float32",
    ) -> None:
        super().__init__(run, seeds, train_tokens, val_tokens, device, precision)
        (each,) = seeds
        self.model = build_model_of_run(run, each.weights, vocabulary_size)
        if initial is not None:
            self.model.load_state_dict(initial[0])
        self.model.to(device)
        self.weights = dict(self.model.named_parameters())

        def draw(stage: int) -> Weights:
            """Initial weights, of each entry, seed and stage others."""
            seed = int(digest([run.size, each.weights, stage])[:8], 16)
            return build_model_of_run(run, seed, vocabulary_size).state_dict()

        self.controls = Controls(run, self.weights, draw)
        self.optimizer = build_optimizer(run, self.controls.trained)
        torch.manual_seed(each.dropout)

    def models(self) -> list[GPT]:
        """The one model."""
        return [self.model]

    def advance(self, until: int) -> None:
        """Make one update; a run can be stopped after each."""
        self.update()

    def update(self) -> float:
        """One batch, one update; returns the batch loss in nats per character, before the update."""
        self.controls.begin_stage(self.optimizer, self.step)
        inputs, targets = (part.to(self.device) for part in self.samplers[0].draw())
        b = float(order_parameter(self.model.head.weight))
        self.model.train()
        self.optimizer.zero_grad(set_to_none=True)
        with matmul_precision(self.precision):
            batch_loss = self._accumulate_gradients(inputs, targets)
        self.controls.apply(self.optimizer, self.step)
        self.optimizer.step()
        self.step += 1
        self.histories[0].steps.append((b, batch_loss))
        return batch_loss

    def _accumulate_gradients(self, inputs: Tensor, targets: Tensor) -> float:
        # On a CPU, activations of a few thousand tokens stay in its caches, those of a whole batch do not.
        windows = len(inputs)
        if self.device.type == "cpu":
            windows = max(1, TOKENS_PER_MICROBATCH // self.run.context)
        batch_loss = 0.0
        for part, expected in zip(inputs.split(windows), targets.split(windows), strict=True):
            with autocast(self.precision, self.device):
                loss = F.cross_entropy(self.model(part).flatten(0, 1), expected.flatten())
            share = len(part) / len(inputs)
            (loss * share).backward()
            batch_loss += loss.item() * share
        return batch_loss

    def measure_splits(self, between_batches: Callable[[], None]) -> list[dict[str, SplitMeasurement]]:
        """What was measured over `train` and over `val`, in a list of one."""
        splits = self.splits.items()
        return [{name: measure_split(self.model, *split, between_batches) for name, split in splits}]
