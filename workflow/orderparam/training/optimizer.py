"""The update rule of a run, and its state; nothing else knows which kinds of optimizer there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from orderparam.settings.experiment import Run
from orderparam.training.schedule import is_controlled


def build_optimizer(
    run: Run, parameters: Mapping[str, Tensor], *, fused: bool = True, capturable: bool = False
) -> Optimizer:
    """The optimizer of parameters by name; `capturable` for updates that a CUDA graph holds.

    `decoupled` is AdamW. `l2` is Adam on the loss plus weight_decay * sum of squared parameters, the penalty
    of Ziyin & Ueda (2022), arXiv:2205.12510, whose gradient is 2 * weight_decay * parameter. Where it is
    not one and the same for all parameters, training/controls.py adds it to the gradients.
    """
    groups = _groups_by_rate(run, parameters)
    decay = 0.0 if is_controlled(run) else run.weight_decay
    if run.optimizer == "sgd":
        decay = 2 * decay if run.regularizer == "l2" else decay
        return torch.optim.SGD(groups, run.learning_rate, momentum=run.betas[0], weight_decay=decay)
    settings: dict[str, Any] = {
        "lr": run.learning_rate,
        "betas": run.betas,
        "fused": fused,
        "capturable": capturable,
    }
    if run.regularizer == "l2":
        return torch.optim.Adam(groups, weight_decay=2 * decay, **settings)
    return torch.optim.AdamW(groups, weight_decay=decay, **settings)


def _groups_by_rate(run: Run, parameters: Mapping[str, Tensor]) -> list[dict[str, Any]]:
    """One group, or two where maps of the blocks and the head learn at a rate that their width sets.

    `share` is that of the run's learning rate.
    """
    share = 1.0 if run.learning_rate_width is None else run.learning_rate_width / run.d_model
    members: dict[float, list[Tensor]] = {}
    for name, parameter in parameters.items():
        is_map = name.endswith("weight") and "embedding" not in name and "norm" not in name
        members.setdefault(share if is_map else 1.0, []).append(parameter)
    return [
        {"params": of_rate, "lr": run.learning_rate * rate, "share": rate}
        for rate, of_rate in members.items()
    ]


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
