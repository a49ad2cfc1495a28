"""How the processes of a workflow end together: signals passed on, a lock whose owner is dead, orphans."""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

import psutil

from orderparam.errors import OrderParameterError
from orderparam.tracking.provenance import is_alive, is_here
from orderparam.tracking.record import RunRecord

# A closed terminal sends SIGHUP, a batch system SIGTERM.
STOPPING = (signal.SIGTERM, signal.SIGHUP)
# Ctrl-C sends SIGINT, to all processes of the terminal.
WITH_INTERRUPT = (*STOPPING, signal.SIGINT)
POLL_SECONDS = 1.0
_held: list[int] = []


def catch_stopping(act: Callable[[int], None], numbers: Iterable[int] = STOPPING) -> dict[int, Any]:
    """Have these signals call `act`; returns the handlers before. What nohup ignores stays ignored."""
    on_terminal = os.isatty(2)

    def handle(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGHUP and on_terminal:
            # The terminal is gone, and every message would be an error.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            for stream in (1, 2):
                os.dup2(nowhere, stream)
        act(number)

    before: dict[int, Any] = {number: signal.getsignal(number) for number in numbers}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, handle)
    return before


@contextmanager
def stopping_unwinds(workflow: dict[str, Any] | None) -> Iterator[None]:
    """Let the first SIGTERM or SIGHUP raise SystemExit(128 + number), or SIGINT KeyboardInterrupt.

    The end of the process `workflow`, described as by `this_process`, counts as SIGTERM, at once if that was
    before: without it nobody would take what this job makes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def unwind(number: int) -> None:
        # A second signal must not break off what the first one has begun.
        for each in WITH_INTERRUPT:
            signal.signal(each, signal.SIG_IGN)
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        sys.exit(128 + number)

    before = catch_stopping(unwind, WITH_INTERRUPT)
    ended = threading.Event()
    try:
        if workflow and is_here(workflow):
            if not is_alive(workflow):
                unwind(signal.SIGTERM)
            threading.Thread(target=_end_with, args=(workflow, ended), daemon=True).start()
        yield
    finally:
        ended.set()
        for number, handler in before.items():
            signal.signal(number, handler)


def _end_with(workflow: dict[str, Any], ended: threading.Event) -> None:
    while not ended.wait(POLL_SECONDS):
        if not is_alive(workflow):
            os.kill(os.getpid(), signal.SIGTERM)
            return


def unlock_after_a_kill(root: Path) -> None:
    """Remove Snakemake's lock where all workflows of this project that may have set it are dead.

    For the Snakefile, when it is read. Each workflow has a shared lock on .snakemake/alive, which the system
    lifts with its process. One of another host is believed to live until its record says that it ended. Until
    the first job starts, a signal ends the process orderly.
    """
    locks = list((root / ".snakemake/locks").glob("*"))
    alive = root / ".snakemake/alive"
    with suppress(OSError):
        alive.parent.mkdir(exist_ok=True)
        descriptor = os.open(alive, os.O_RDWR | os.O_CREAT, 0o666)
        _held.append(descriptor)
        if locks and _is_alone(descriptor) and not _runs_elsewhere(root):
            for lock in locks:
                lock.unlink(missing_ok=True)
            print(
                "The workflow that ran here before was killed: its lock is removed, and what it left "
                "unfinished goes on.",
                file=sys.stderr,
            )
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    if threading.current_thread() is threading.main_thread():
        catch_stopping(lambda number: sys.exit(128 + number))


def _is_alone(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _runs_elsewhere(root: Path) -> bool:
    for path in root.glob("results/*/jobs/invocations/*.json"):
        with suppress(OrderParameterError):
            record = RunRecord.read(path)
            if record.status == "RUNNING" and not is_here(record.process):
                return True
    return False


def pass_signals_on(jobs_are_here: bool) -> None:
    """Have SIGTERM and SIGHUP stop the running jobs too, which save what they have; for `onstart`.

    Snakemake itself, on SIGTERM, starts no further job and waits for those that run. So does SIGINT where
    the jobs run on this machine. On a KeyboardInterrupt it cancels jobs elsewhere, which these signals raise
    too where there are any; but it waits for those here, and a job between its choice and its start would run
    to its end without being noted.
    """
    graceful = signal.getsignal(signal.SIGTERM)
    if not callable(graceful) or threading.current_thread() is not threading.main_thread():
        return
    if not jobs_are_here:
        catch_stopping(lambda number: signal.default_int_handler(number, None))
        return

    def stop(number: int) -> None:
        # Not here: Snakemake's handler takes a lock that this thread may hold.
        threading.Thread(target=_stop_jobs, args=(graceful, number), daemon=True).start()

    catch_stopping(stop, WITH_INTERRUPT)


def pass_signals_on_no_more() -> None:
    """Have SIGINT raise KeyboardInterrupt again, when no job runs any more."""
    if threading.current_thread() is threading.main_thread() and callable(signal.getsignal(signal.SIGINT)):
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _stop_jobs(graceful: Any, number: int) -> None:
    graceful(number, None)
    told: set[int] = set()
    pause = threading.Event()
    while True:
        with suppress(psutil.Error):
            for child in psutil.Process().children(recursive=True):
                # A job's shell has the job as its child, and ends with it.
                with suppress(psutil.Error):
                    if child.pid not in told and "python" in child.name() and not child.children():
                        told.add(child.pid)
                        child.terminate()
        pause.wait(0.2)
