"""The quantities of a model that are measured while it trains: one for each measured column of a trajectory.

A new one is a function here and its line in `measure_quantities`, and a column of tables.METRICS.
"""

from __future__ import annotations

import torch
from torch import Tensor

from orderparam.measuring.losses import SplitMeasurement
from orderparam.model.gpt import GPT
from orderparam.tables import METRICS


def measure_quantities(model: GPT, train: SplitMeasurement, val: SplitMeasurement) -> dict[str, float]:
    """Every measured column of tables.METRICS, in its order, for a model whose splits were measured."""
    found = {
        "order_parameter": float(order_parameter(model.head.weight)),
        "train_loss": train.loss,
        "val_loss": val.loss,
        "hidden_magnetization": val.hidden_magnetization,
    }
    return {name: found[name] for name in METRICS.measured}


def order_parameter(head_weight: Tensor) -> Tensor:
    """b = ||W_head||_F / d_model, a float64 scalar, for a head weight of shape (vocabulary, d_model).

    After Ziyin & Ueda (2022), arXiv:2205.12510; W_head excludes the head's bias.
    """
    weight = head_weight.detach()
    if weight.device.type == "mps":  # which has no float64
        weight = weight.cpu()
    return torch.linalg.vector_norm(weight, dtype=torch.float64) / weight.shape[1]
