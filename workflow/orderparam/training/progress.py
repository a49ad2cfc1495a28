"""A progress bar with loss, tokens per second and time left."""

from __future__ import annotations

import sys
from typing import Any, TextIO

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


def progress_bar(label: str, tokens: int, done: int) -> tqdm[Any]:
    """A bar of `tokens` in all, of which `done` were trained on before.

    Refreshes twice a second on a terminal, and as a line every 15 s elsewhere.
    """
    terminal = sys.stderr.isatty()
    bar: tqdm[Any] = tqdm(
        desc=label,
        total=tokens,
        initial=done,
        unit=" tokens",
        unit_scale=True,
        file=sys.stderr if terminal else _Lines(sys.stderr),
        mininterval=0.5 if terminal else 15.0,
        dynamic_ncols=terminal,
        ncols=None if terminal else 110,
        bar_format="{desc}: {percentage:3.0f}%|{bar}| {rate_fmt} {remaining} left{postfix}",
    )
    return bar
