"""The update rule of a run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch.nn import Parameter

from orderparam.settings.experiment import Run


def build_optimizer(run: Run, parameters: Iterable[Parameter], capturable: bool = False) -> torch.optim.Adam:
    """The optimizer that `run` asks for, fused; `capturable` for updates that a CUDA graph holds.

    `decoupled` is AdamW. `l2` is Adam on the loss plus weight_decay * sum of squared parameters, the penalty
    of Ziyin & Ueda (2022), arXiv:2205.12510, whose gradient is 2 * weight_decay * parameter.
    """
    settings: dict[str, Any] = {
        "lr": run.learning_rate,
        "betas": run.betas,
        "fused": True,
        "capturable": capturable,
    }
    if run.regularizer == "l2":
        return torch.optim.Adam(parameters, weight_decay=2 * run.weight_decay, **settings)
    return torch.optim.AdamW(parameters, weight_decay=run.weight_decay, **settings)
