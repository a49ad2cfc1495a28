"""What acts on a run's updates besides batches: frozen parts, the penalty of a stage, the learning rate."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.optim import Optimizer

from orderparam.model.parts import select_parts
from orderparam.settings.experiment import Run
from orderparam.training.schedule import is_controlled, learning_rate_at, stage_length, weight_decay_at


class Controls:
    """Of a run with these parameters; `trained` are those that the optimizer is to be given.

    A penalty of some parameters is weight_decay * sum of their squares in the loss, with the gradient
    2 * weight_decay * parameter. A kick adds what `draw` gives for a stage, fresh initial weights by name.
    """

    def __init__(
        self, run: Run, weights: Mapping[str, Tensor], draw: Callable[[int], Mapping[str, Tensor]]
    ) -> None:
        self.run = run
        frozen = [(weights[name], index) for name, index in select_parts(weights, run.frozen)]
        whole = [weight for weight, index in frozen if index == (...,)]
        for weight in whole:
            weight.requires_grad_(False)
        self.trained = {name: weight for name, weight in weights.items() if weight.requires_grad}
        self._frozen = [(weight, index) for weight, index in frozen if weight.requires_grad]
        penalised = set(run.penalised) - set(run.frozen) if is_controlled(run) else set()
        self._penalised = [(name, weights[name], index) for name, index in select_parts(weights, penalised)]
        self._start = [
            weight.detach().clone() for weight in self.trained.values() if run.stages_from == "start"
        ]
        self._draw = draw

    @torch.no_grad()
    def begin_stage(self, optimizer: Optimizer, step: int) -> None:
        """Where a stage begins after `step` updates, go back to the start, and kick, as the run asks."""
        if step % stage_length(self.run):
            return
        if step and self._start:
            for weight, initial in zip(self.trained.values(), self._start, strict=True):
                weight.copy_(initial)
            optimizer.state.clear()
        if self.run.kick and (self.run.start_from or (step and not self._start)):
            drawn = self._draw(step // stage_length(self.run))
            for name, weight, index in self._penalised:
                weight[index].add_(drawn[name][index].to(weight.device), alpha=self.run.kick)

    @torch.no_grad()
    def apply(self, optimizer: Optimizer, step: int) -> None:
        """Make gradients and learning rate those of the update that follows `step` updates."""
        if self.run.anneal_to < 1:
            for group in optimizer.param_groups:
                group["lr"] = group["share"] * learning_rate_at(self.run, step)
        strength = weight_decay_at(self.run, step)
        for _, weight, index in self._penalised:
            assert weight.grad is not None
            weight.grad[index].add_(weight[index], alpha=2 * strength)
        for weight, index in self._frozen:
            assert weight.grad is not None
            weight.grad[index].zero_()
