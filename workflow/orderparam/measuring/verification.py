"""Measurements recomputed from checkpoints by a second path, which shares no code with the first.

The forward pass is written out on the stored tensors, head by head, without the model's modules.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F

from orderparam.errors import RecordError
from orderparam.settings.experiment import Run
from orderparam.tables import VERIFICATION
from orderparam.training.checkpoints import checkpoint_path, load_weights
from orderparam.training.schedule import checkpoint_steps

ORDER_PARAMETER_TOLERANCE = 1e-9
LOSS_TOLERANCE = 2e-5
TOKENS_AT_ONCE = {"cpu": 4096, "mps": 4096, "cuda": 65_536}

Weights = dict[str, Tensor]


def residual_stream(weights: Weights, tokens: Tensor, n_head: int, n_layer: int) -> Tensor:
    """The residual stream before the final LayerNorm: tokens (W, length) in, (W, length, d_model) out."""
    length = tokens.shape[1]
    x = weights["token_embedding.weight"][tokens] + weights["position_embedding.weight"][:length]
    for layer in range(n_layer):
        block = {
            name.removeprefix(f"blocks.{layer}."): tensor
            for name, tensor in weights.items()
            if name.startswith(f"blocks.{layer}.")
        }
        if "attention_norm.weight" in block:
            x = x + _attention(block, _layer_norm(block, "attention_norm", x), n_head)
        hidden = _affine(block, "mlp.expand", _layer_norm(block, "mlp_norm", x)).clamp(min=0)
        x = x + _affine(block, "mlp.contract", hidden)
    return x


def _affine(weights: Weights, name: str, x: Tensor) -> Tensor:
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def _layer_norm(weights: Weights, name: str, x: Tensor) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    scale = (centred.square().mean(-1, keepdim=True) + 1e-5).rsqrt()
    return centred * scale * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def _attention(block: Weights, x: Tensor, n_head: int) -> Tensor:
    length, d_model = x.shape[1:]
    future = torch.ones(length, length, dtype=torch.bool, device=x.device).triu(1)
    query_map, key_map, value_map = block["attention.qkv.weight"].split(d_model)
    heads = []
    head_size = d_model // n_head
    for first in range(0, d_model, head_size):
        rows = slice(first, first + head_size)
        logits = (x @ query_map[rows].T) @ (x @ key_map[rows].T).mT / d_model**0.5
        weights = logits.masked_fill(future, -torch.inf).softmax(-1)
        heads.append(weights @ (x @ value_map[rows].T))
    return _affine(block, "attention.projection", torch.cat(heads, -1))


def _mean_loss_and_magnetization(
    weights: Weights, tokens: np.ndarray, starts: list[int], run: Run
) -> tuple[float, float]:
    device = weights["head.weight"].device
    losses, magnitudes = [], []
    at_once = max(1, TOKENS_AT_ONCE[device.type] // run.context)
    for first in range(0, len(starts), at_once):
        chunk = starts[first : first + at_once]
        windows = np.stack([tokens[start : start + run.context + 1] for start in chunk]).astype(np.int64)
        window = torch.from_numpy(windows).to(device)
        residual = residual_stream(weights, window[:, :-1], run.n_head, run.n_layer)
        logits = _affine(weights, "head", _layer_norm(weights, "final_norm", residual))
        picked = F.log_softmax(logits, -1).gather(-1, window[:, 1:, None])
        losses.append(-picked.flatten().cpu().double())
        magnitudes.append(residual.abs().mean(-1).flatten().cpu().double())
    return torch.cat(losses).mean().item(), torch.cat(magnitudes).mean().item()


def _spread(items: list[int], count: int | str) -> list[int]:
    if count == "all" or int(count) >= len(items):
        return items
    if int(count) == 1:
        return [items[-1]]
    last = len(items) - 1
    return [items[round(i * last / (int(count) - 1))] for i in range(int(count))]


def _starts(token_count: int, context: int, windows: int | str) -> list[int]:
    whole = (token_count - 1) // context
    chosen = whole if windows == "all" else min(int(windows), whole)
    return [(i * whole // chosen) * context for i in range(chosen)]


@dataclass(frozen=True)
class Agreement:
    """What a verification found: scalars stored per checkpoint, largest relative differences, counts."""

    parameters: int
    order_parameter_difference: float
    loss_difference: float
    checkpoints: int
    verified_checkpoints: int


def verify_run(
    run: Run,
    seed: int,
    checkpoints: Path,
    trajectory: pd.DataFrame,
    train_tokens: np.ndarray,
    val_tokens: np.ndarray,
    verified_checkpoints: int | Literal["all"],
    device: torch.device,
) -> Agreement:
    """Recompute b at every checkpoint of a run, and losses and mean |h| at `verified_checkpoints` of them.

    `trajectory` holds the rows of this seed; the checkpoints chosen are evenly spaced, the last one
    among them. Raises RecordError, naming checkpoint, quantity and
    both values, where they differ by more than a relative 1e-9 (b) or 2e-5 (losses, mean |h|).
    """
    measured = trajectory.set_index("step")
    steps = checkpoint_steps(run)
    verified = set(_spread(steps, verified_checkpoints))
    worst = {"order_parameter": 0.0, "losses": 0.0}
    if missing := sorted(set(steps) - set(measured.index)):
        raise RecordError(f"the trajectory of {run.size}, seed {seed} lacks step {missing[0]}; train again")
    for step in steps:
        path = checkpoint_path(checkpoints, seed, step)
        weights, _ = load_weights(path)
        head = weights["head.weight"].numpy().astype(np.float64)
        found: dict[str, float] = {"order_parameter": float(np.sqrt((head**2).sum())) / run.d_model}
        if step in verified:
            on_device = {name: tensor.to(device) for name, tensor in weights.items()}
            with torch.no_grad():
                found |= _losses(on_device, run, train_tokens, val_tokens)
        row: Any = measured.loc[step]
        for quantity, value in found.items():
            kind, tolerance = "losses", LOSS_TOLERANCE
            if quantity == "order_parameter":
                kind, tolerance = "order_parameter", ORDER_PARAMETER_TOLERANCE
            difference = abs(row[quantity] - value) / abs(value)
            worst[kind] = max(worst[kind], difference)
            if not difference <= tolerance:
                raise RecordError(
                    f"{path}: {quantity} recomputed from the weights is {value!r}, but the trajectory has "
                    f"{float(row[quantity])!r} (relative difference {difference:.1e}, tolerance "
                    f"{tolerance:.0e}); one of the two files is damaged or stems from other code: train again"
                )
    parameters = sum(tensor.numel() for tensor in weights.values())
    return Agreement(parameters, worst["order_parameter"], worst["losses"], len(steps), len(verified))


def verify_job(
    run: Run,
    seeds: Sequence[int],
    checkpoints: Path,
    trajectory: pd.DataFrame,
    train_tokens: np.ndarray,
    val_tokens: np.ndarray,
    verified_checkpoints: int | Literal["all"],
    device: torch.device,
) -> pd.DataFrame:
    """`verify_run` for each of a job's `seeds`; a row a seed, VERIFICATION.columns."""
    rows = []
    for seed in seeds:
        own = trajectory[trajectory["seed"] == seed]
        agreement = verify_run(
            run, seed, checkpoints, own, train_tokens, val_tokens, verified_checkpoints, device
        )
        rows.append({"size": run.size, "seed": seed, **asdict(agreement)})
    return VERIFICATION.frame(rows)


def _losses(weights: Weights, run: Run, train_tokens: np.ndarray, val_tokens: np.ndarray) -> dict[str, float]:
    train_starts = _starts(len(train_tokens), run.context, run.train_windows)
    val_starts = _starts(len(val_tokens), run.context, run.val_windows)
    train_loss, _ = _mean_loss_and_magnetization(weights, train_tokens, train_starts, run)
    val_loss, magnetization = _mean_loss_and_magnetization(weights, val_tokens, val_starts, run)
    return {"train_loss": train_loss, "val_loss": val_loss, "hidden_magnetization": magnetization}
