"""Signals that ask a run to stop, heeded where its state is whole."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class StopRequest:
    """Notes SIGTERM and SIGINT, so that the loop can save first and stop then."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def raise_if_received(self) -> None:
        """End the process as the signal would: SystemExit(143) for SIGTERM, KeyboardInterrupt for SIGINT."""
        if self.signal == signal.SIGINT:
            raise KeyboardInterrupt
        if self.signal is not None:
            raise SystemExit(128 + self.signal)


@contextmanager
def stop_request() -> Iterator[StopRequest]:
    """A StopRequest that listens during the block; the handlers before it are put back at the end.

    Outside the main thread, where handlers cannot be set, it never receives anything.
    """
    request = StopRequest()

    def note(number: int, _: FrameType | None) -> None:
        request.signal = number

    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    previous = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield request
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
