"""The quantities of a model that are measured while it trains: one for each measured column of a trajectory.

A new one is a function here and its line in `measure_quantities`, and a column of tables.METRICS.
"""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor

from orderparam.measuring.attention import attention_excess, query_key_norm, value_output_norm
from orderparam.measuring.losses import SplitMeasurement
from orderparam.model.gpt import GPT
from orderparam.model.parts import select_parts
from orderparam.settings.experiment import Part, Run
from orderparam.tables import METRICS
from orderparam.training.schedule import weight_decay_at


def measure_quantities(
    model: GPT, run: Run, step: int, train: SplitMeasurement, val: SplitMeasurement, inputs: Tensor
) -> dict[str, float]:
    """Every measured column of tables.METRICS, in its order, for a model whose splits were measured.

    `inputs`, token ids (windows, context), are those over which the attention's weights are averaged.
    """
    found = {
        "order_parameter": float(order_parameter(model.head.weight)),
        "train_loss": train.loss,
        "val_loss": val.loss,
        "attention_excess": attention_excess(model, inputs),
        "value_output_norm": value_output_norm(model),
        "query_key_norm": query_key_norm(model),
        "weight_decay": weight_decay_at(run, max(step - 1, 0)),
        "squared_norm": squared_norm(model, run.penalised),
        "hidden_magnetization": val.hidden_magnetization,
    }
    return {name: found[name] for name in METRICS.measured}


def squared_norm(model: GPT, parts: Collection[Part]) -> float:
    """Sum of squares of the parameters in `parts`, which the weight decay multiplies."""
    weights = dict(model.named_parameters())
    chosen = (weights[name].detach()[index] for name, index in select_parts(weights, parts))
    return sum(float(weight.cpu().double().square().sum()) for weight in chosen)


def order_parameter(head_weight: Tensor) -> Tensor:
    """b = ||W_head||_F / d_model, a float64 scalar, for a head weight of shape (vocabulary, d_model).

    After Ziyin & Ueda (2022), arXiv:2205.12510; W_head excludes the head's bias.
    """
    weight = head_weight.detach()
    if weight.device.type == "mps":  # which has no float64
        weight = weight.cpu()
    return torch.linalg.vector_norm(weight, dtype=torch.float64) / weight.shape[1]
