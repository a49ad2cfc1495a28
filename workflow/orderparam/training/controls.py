"""What acts on a run's updates besides batches: frozen parts, the penalty of a stage, the learning rate."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.optim import Optimizer

from orderparam.model.parts import select_parts
from orderparam.settings.experiment import Run
from orderparam.training.schedule import is_controlled, learning_rate_at, weight_decay_at


class Controls:
    """Of a run with these parameters; `trained` are those that the optimizer is to be given.

    A penalty of some parameters is weight_decay * sum of their squares in the loss, with the gradient
    2 * weight_decay * parameter.
    """

    def __init__(self, run: Run, weights: Mapping[str, Tensor]) -> None:
        self.run = run
        frozen = [(weights[name], index) for name, index in select_parts(weights, run.frozen)]
        whole = [weight for weight, index in frozen if index == (...,)]
        for weight in whole:
            weight.requires_grad_(False)
        self.trained = [weight for weight in weights.values() if weight.requires_grad]
        self._frozen = [(weight, index) for weight, index in frozen if weight.requires_grad]
        penalised = set(run.penalised) - set(run.frozen) if is_controlled(run) else ()
        self._penalised = [(weights[name], index) for name, index in select_parts(weights, penalised)]

    @torch.no_grad()
    def apply(self, optimizer: Optimizer, step: int) -> None:
        """Make gradients and learning rate those of the update that follows `step` updates."""
        if self.run.anneal_to < 1:
            for group in optimizer.param_groups:
                group["lr"] = learning_rate_at(self.run, step)
        strength = weight_decay_at(self.run, step)
        for weight, index in self._penalised:
            assert weight.grad is not None
            weight.grad[index].add_(weight[index], alpha=2 * strength)
        for weight, index in self._frozen:
            assert weight.grad is not None
            weight.grad[index].zero_()
