"""The update rule of a run, and its state; nothing else knows which kinds of optimizer there are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from orderparam.settings.experiment import Run
from orderparam.training.schedule import is_controlled


def build_optimizer(
    run: Run, parameters: Iterable[Tensor], *, fused: bool = True, capturable: bool = False
) -> Optimizer:
    """The optimizer that `run` asks for; `capturable` for updates that a CUDA graph holds.

    `decoupled` is AdamW. `l2` is Adam on the loss plus weight_decay * sum of squared parameters, the penalty
    of Ziyin & Ueda (2022), arXiv:2205.12510, whose gradient is 2 * weight_decay * parameter. Where it is
    not one and the same for all parameters, training/controls.py adds it to the gradients.
    """
    decay = 0.0 if is_controlled(run) else run.weight_decay
    settings: dict[str, Any] = {
        "lr": run.learning_rate,
        "betas": run.betas,
        "fused": fused,
        "capturable": capturable,
    }
    if run.regularizer == "l2":
        return torch.optim.Adam(parameters, weight_decay=2 * decay, **settings)
    return torch.optim.AdamW(parameters, weight_decay=decay, **settings)


def optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    """The live tensors of the optimizer's state by name; none before its first update."""
    return {
        f"optimizer.{index}.{key}": value
        for index, state in optimizer.state_dict()["state"].items()
        for key, value in state.items()
        if isinstance(value, Tensor)
    }


def restore_optimizer(optimizer: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Take up the state of `optimizer_tensors`, found among `tensors`."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimizer."):
            _, index, key = name.split(".")
            state.setdefault(int(index), {})[key] = tensor
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
