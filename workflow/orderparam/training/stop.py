"""Catch SIGTERM, SIGHUP and SIGINT; act on them only where a run's state is consistent."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


@contextmanager
def deferred_signals() -> Iterator[Callable[[], None]]:
    """Catch SIGTERM, SIGHUP and SIGINT during the block; yields the function that acts on one that has come.

    It does what the signal would have done: calls the handler from before the block, such as Python's, which
    raises KeyboardInterrupt for SIGINT, or raises SystemExit(128 + number). A signal that is ignored, as
    SIGHUP under nohup, stays so. Outside the main thread, where no handler can be set, nothing is caught.
    """
    received: list[int] = []
    previous: dict[int, Any] = {}

    def restore() -> None:
        while previous:
            signal.signal(*previous.popitem())

    def act() -> None:
        if received:
            number = received[-1]
            handler = previous.get(number)
            # Before it acts: it may have further signals ignored.
            restore()
            if callable(handler):
                handler(number, None)
            raise SystemExit(128 + number)

    def note(number: int, _: FrameType | None) -> None:
        received.append(number)

    if threading.current_thread() is not threading.main_thread():
        yield act
        return
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        if signal.getsignal(number) != signal.SIG_IGN:
            previous[number] = signal.signal(number, note)
    try:
        yield act
    finally:
        restore()
