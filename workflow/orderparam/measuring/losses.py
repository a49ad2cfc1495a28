"""Exact losses over the non-overlapping windows of a split, and the mean magnitude of the residual stream."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from orderparam.model.gpt import GPT
from orderparam.model.linear import packed_weights

TOKENS_PER_BATCH = {"cpu": 4_096, "cuda": 131_072, "mps": 32_768}


def window_starts(token_count: int, context: int, windows: int | Literal["all"]) -> np.ndarray:
    """Starts, int64, of non-overlapping windows of `context` tokens whose targets lie in the text.

    A number of windows picks that many of all, evenly spaced; more than there are means all.
    """
    available = (token_count - 1) // context
    count = available if windows == "all" else min(windows, available)
    return np.arange(count, dtype=np.int64) * available // max(count, 1) * context


def gather_windows(tokens: np.ndarray, starts: np.ndarray, context: int) -> Tensor:
    """Windows of context + 1 tokens, int64 (len(starts), context + 1), from possibly mapped tokens."""
    return torch.from_numpy(tokens[starts[:, None] + np.arange(context + 1)].astype(np.int64))


@dataclass(frozen=True)
class SplitMeasurement:
    """Cross-entropy in nats per character; mean |h| over the residual stream's positions and channels."""

    loss: float
    hidden_magnetization: float


@torch.no_grad()
def measure_split(
    model: GPT,
    tokens: np.ndarray,
    starts: np.ndarray,
    between_batches: Callable[[], None] = lambda: None,
) -> SplitMeasurement:
    """Exact loss and mean |h| (before the final LayerNorm) over the windows that begin at `starts`.

    Every position of every window counts once. The model is put into evaluation mode. Sums are in float64.
    """
    device = model.head.weight.device
    per_batch = max(1, TOKENS_PER_BATCH[device.type] // model.context)
    model.eval()
    loss_sum = hidden_sum = 0.0
    with packed_weights(model, per_batch * model.context):
        for first in range(0, len(starts), per_batch):
            between_batches()
            windows = gather_windows(tokens, starts[first : first + per_batch], model.context).to(device)
            residual = model.residual_stream(windows[:, :-1])
            logits = model.logits(residual)
            losses = F.cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten(), reduction="none")
            loss_sum += float(losses.cpu().sum(dtype=torch.float64))
            hidden_sum += float(residual.abs().mean(-1).cpu().sum(dtype=torch.float64))
    positions = len(starts) * model.context
    return SplitMeasurement(loss_sum / positions, hidden_sum / positions)
