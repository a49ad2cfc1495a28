"""Training batches: windows drawn uniformly with replacement."""

from __future__ import annotations

from collections.abc import Sequence

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

    def draw(self) -> tuple[Tensor, Tensor]:
        """The next batch: inputs and targets, int64, each (batch_size, context), on the CPU."""
        high = len(self.tokens) - self.context
        starts = torch.randint(high, (self.batch_size,), generator=self.generator).numpy()
        windows = gather_windows(self.tokens, starts, self.context)
        return windows[:, :-1], windows[:, 1:]


class StackedStarts:
    """Draws the windows' starts of several seeds for many steps at once.

    Each seed has the starts that a BatchSampler draws for it, whatever the number of steps at once.
    """

    def __init__(self, token_count: int, context: int, batch_size: int, seeds: Sequence[int]) -> None:
        self.high = token_count - context
        self.batch_size = batch_size
        self.generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self._before = self.states()

    def draw(self, steps: int) -> Tensor:
        """Starts for the next `steps` steps, int64 (steps, seeds, batch_size)."""
        self._before = self.states()
        drawn = [self._draw(generator, steps) for generator in self.generators]
        return torch.stack([starts.view(steps, self.batch_size) for starts in drawn], 1)

    def states_after(self, steps: int) -> list[Tensor]:
        """The generators' states, had only `steps` steps been drawn at the last draw."""
        states = []
        for before in self._before:
            generator = torch.Generator()
            generator.set_state(before)
            self._draw(generator, steps)
            states.append(generator.get_state())
        return states

    def restore(self, states: Sequence[Tensor]) -> None:
        """Go on from these states of the generators."""
        for generator, state in zip(self.generators, states, strict=True):
            generator.set_state(state)
        self._before = self.states()

    def states(self) -> list[Tensor]:
        """The generators' states after the last draw."""
        return [generator.get_state() for generator in self.generators]

    def _draw(self, generator: torch.Generator, steps: int) -> Tensor:
        return torch.randint(self.high, (steps * self.batch_size,), generator=generator)
