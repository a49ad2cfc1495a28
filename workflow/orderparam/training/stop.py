"""Catch SIGTERM, SIGHUP and SIGINT; act on them only where a run's state is consistent."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def deferred_signals() -> Iterator[Callable[[], None]]:
    """Catch SIGTERM, SIGHUP and SIGINT during the block; yields the function that acts on one that has come.

    It ends the process as the signal would: KeyboardInterrupt for SIGINT, SystemExit(128 + number) for the
    others. A signal that is ignored, as SIGHUP under nohup, stays so. Outside the main thread, where no
    handler can be set, nothing is caught.
    """
    received: list[int] = []

    def act() -> None:
        if received and received[-1] == signal.SIGINT:
            raise KeyboardInterrupt
        if received:
            raise SystemExit(128 + received[-1])

    def note(number: int, _: FrameType | None) -> None:
        received.append(number)

    if threading.current_thread() is not threading.main_thread():
        yield act
        return
    numbers = [
        n for n in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT) if signal.getsignal(n) != signal.SIG_IGN
    ]
    previous = {number: signal.signal(number, note) for number in numbers}
    try:
        yield act
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
