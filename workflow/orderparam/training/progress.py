"""A progress bar with loss, tokens per second and time left."""

from __future__ import annotations

import sys
from typing import TextIO

from tqdm import tqdm


class _Lines:
    """A stream on which each refresh of the bar becomes a line of its own, for logs."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> None:
        line = text.replace("\r", "").strip()
        if line:
            self.stream.write(f"{line}\n")

    def flush(self) -> None:
        self.stream.flush()


class ProgressBar:
    """Counts steps, of which `done` were made before.

    Refreshes twice a second on a terminal, and as a line every 15 s elsewhere.
    """

    def __init__(self, label: str, steps: int, tokens_per_step: int, done: int = 0) -> None:
        stream = sys.stderr
        terminal = stream.isatty()
        self.bar = tqdm(
            desc=label,
            total=steps * tokens_per_step,
            initial=done * tokens_per_step,
            unit=" tokens",
            unit_scale=True,
            file=stream if terminal else _Lines(stream),
            mininterval=0.5 if terminal else 15.0,
            dynamic_ncols=terminal,
            ncols=None if terminal else 110,
            bar_format="{desc}: {percentage:3.0f}%|{bar}| {rate_fmt} {remaining} left{postfix}",
        )
        self.tokens_per_step = tokens_per_step
        self.step = done

    def advance(self, step: int, loss: float) -> None:
        """Steps done by now, with the last one's batch loss in nats per character."""
        self.bar.set_postfix_str(f"step {step}, loss {loss:.3f}", refresh=False)
        self.bar.update((step - self.step) * self.tokens_per_step)
        self.step = step

    def close(self) -> None:
        """Show the final state."""
        self.bar.close()
