"""Training batches: windows drawn uniformly with replacement."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from orderparam.measuring.losses import gather_windows


class BatchSampler:
    """Draws batches of windows from a token array of n tokens; starts are uniform in [0, n - context)."""

    def __init__(self, tokens: np.ndarray, context: int, batch_size: int, seed: int) -> None:
        self.tokens = tokens
        self.context = context
        self.batch_size = batch_size
        self.generator = torch.Generator().manual_seed(seed)

    def draw_starts(self, steps: int = 1) -> Tensor:
        """The windows' starts of the next `steps` batches, int64 (steps, batch_size).

        They do not depend on how many steps are drawn at once.
        """
        high = len(self.tokens) - self.context
        return torch.randint(high, (steps, self.batch_size), generator=self.generator)

    def draw(self) -> tuple[Tensor, Tensor]:
        """The next batch: inputs and targets, int64, each (batch_size, context), on the CPU."""
        windows = gather_windows(self.tokens, self.draw_starts()[0].numpy(), self.context)
        return windows[:, :-1], windows[:, 1:]
