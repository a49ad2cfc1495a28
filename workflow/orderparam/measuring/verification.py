"""Measurements recomputed from checkpoints by a second path, which shares no code with the first.

The forward pass is that of the plain model, head by head; windows, means and b are worked out here again.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F

from orderparam.errors import RecordError
from orderparam.model.plain import PlainGPT, rename_to_plain
from orderparam.settings.experiment import Run
from orderparam.tables import TOLERANCES, VERIFICATION
from orderparam.text.ngrams import in_context_entropies, window_entropies
from orderparam.training.checkpoints import checkpoint_path, load_weights
from orderparam.training.schedule import checkpoint_steps

TOKENS_AT_ONCE = {"cpu": 4096, "mps": 4096, "cuda": 65_536}


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
    """Recompute b at every checkpoint, and losses and mean |h| at `verified_checkpoints` of each seed's.

    Those are evenly spaced, the last one among them. Other columns of `trajectory` are not looked at.
    Returns tables.VERIFICATION, a row a seed, with the n-gram levels of the windows that losses are taken
    over. Raises RecordError, naming checkpoint, quantity and both values, where they differ by more than a
    relative 1e-9 (b) or 2e-5 (losses, mean |h|).
    """
    steps = checkpoint_steps(run)
    verified = _spread(steps, verified_checkpoints)
    rows: list[dict[str, Any]] = []
    for seed in seeds:
        measured = trajectory[trajectory["seed"] == seed].set_index("step")
        if missing := sorted(set(steps) - set(measured.index)):
            raise RecordError(
                f"the trajectory of {run.size}, seed {seed} lacks step {missing[0]}; "
                f"{_train_again(checkpoints)}"
            )
        b_differences, loss_differences = [0.0], [0.0]
        for step in steps:
            path = checkpoint_path(checkpoints, seed, step)
            weights, _ = load_weights(path)
            row = measured.loc[step]
            head = weights["head.weight"].numpy().astype(np.float64)
            found = {"order_parameter": float(np.sqrt((head**2).sum())) / run.d_model}
            b_differences += _differences(path, row, found, TOLERANCES["order_parameter_difference"])
            if step in verified:
                found = recompute_losses(weights, run, train_tokens, val_tokens, device)
                loss_differences += _differences(path, row, found, TOLERANCES["loss_difference"])
        if not rows:
            starts = np.array(_starts(train_tokens, run.train_windows, run.context))
            measure = in_context_entropies if run.levels == "in_context" else window_entropies
            levels = measure(train_tokens, starts, run.context, len(weights["head.weight"]))
            entropies = {f"window_entropy_{order}": level for order, level in enumerate(levels, 1)}
        rows.append(
            {
                "size": run.size,
                "seed": seed,
                "parameters": sum(tensor.numel() for tensor in weights.values()),
                "order_parameter_difference": max(b_differences),
                "loss_difference": max(loss_differences),
                "checkpoints": len(steps),
                "verified_checkpoints": len(verified),
                **entropies,
            }
        )
    return VERIFICATION.frame(rows)


def recompute_losses(
    weights: dict[str, Tensor],
    run: Run,
    train_tokens: np.ndarray,
    val_tokens: np.ndarray,
    device: torch.device,
) -> dict[str, float]:
    """Both exact losses, nats per character, and the mean |h| of the validation split, of stored weights."""
    model = PlainGPT(run, len(weights["head.weight"]))
    model.load_state_dict(rename_to_plain(weights, run.n_head))
    model.to(device).eval()
    train_loss, _ = _mean_loss_and_magnetization(model, train_tokens, run.train_windows, run.context)
    val_loss, magnetization = _mean_loss_and_magnetization(model, val_tokens, run.val_windows, run.context)
    return {"train_loss": train_loss, "val_loss": val_loss, "hidden_magnetization": magnetization}


def _starts(tokens: np.ndarray, windows: int | str, context: int) -> list[int]:
    """Where the windows begin that losses are taken over."""
    whole = (len(tokens) - 1) // context
    chosen = whole if windows == "all" else min(int(windows), whole)
    return [(i * whole // chosen) * context for i in range(chosen)]


@torch.no_grad()
def _mean_loss_and_magnetization(
    model: PlainGPT, tokens: np.ndarray, windows: int | str, context: int
) -> tuple[float, float]:
    device = model.head.weight.device
    starts = _starts(tokens, windows, context)
    losses, magnitudes = [], []
    at_once = max(1, TOKENS_AT_ONCE[device.type] // context)
    for first in range(0, len(starts), at_once):
        texts = np.stack([tokens[start : start + context + 1] for start in starts[first : first + at_once]])
        window = torch.from_numpy(texts.astype(np.int64)).to(device)
        residual = model.residual_stream(window[:, :-1])
        picked = F.log_softmax(model.logits(residual), -1).gather(-1, window[:, 1:, None])
        losses.append(-picked.flatten().cpu().double())
        magnitudes.append(residual.abs().mean(-1).flatten().cpu().double())
    return torch.cat(losses).mean().item(), torch.cat(magnitudes).mean().item()


def _differences(path: Path, row: Any, found: dict[str, float], tolerance: float) -> list[float]:
    """Relative differences of the quantities found from those of a trajectory's row."""
    differences = []
    for quantity, value in found.items():
        # A text of one character has losses of zero.
        difference = abs(row[quantity] - value) / abs(value) if row[quantity] != value else 0.0
        if not difference <= tolerance:
            raise RecordError(
                f"{path}: {quantity} recomputed from the weights is {value!r}, but the trajectory has "
                f"{float(row[quantity])!r} (relative difference {difference:.1e}, tolerance "
                f"{tolerance:.0e}); one of the two files is damaged or stems from other code; "
                f"{_train_again(path.parents[1])}"
            )
        differences.append(difference)
    return differences


def _train_again(checkpoints: Path) -> str:
    """With --force, since what was kept of the same training would be put back."""
    return f"train again: snakemake --cores 1 --force {checkpoints.parent / 'trajectory.parquet'}"


def _spread(steps: list[int], count: int | Literal["all"]) -> set[int]:
    """`count` of the steps, evenly spaced, the last one among them."""
    if count == "all" or count >= len(steps):
        return set(steps)
    if count == 1:
        return {steps[-1]}
    last = len(steps) - 1
    return {steps[round(i * last / (count - 1))] for i in range(count)}
