"""The process that keeps the store up to date with the records that jobs leave in its spool."""

from __future__ import annotations

import json
import logging
import platform
import shutil
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import get_args

from filelock import FileLock, Timeout

from orderparam.errors import RecordError
from orderparam.files import atomic_write
from orderparam.tracking.provenance import is_alive
from orderparam.tracking.record import RunRecord, Status
from orderparam.tracking.spool import read_invocation
from orderparam.tracking.store import RunStore, database_path

logger = logging.getLogger("orderparam.tracking")
POLL_SECONDS = 0.1
RETRY_SECONDS = 60
SILENT_END = "the process ended without a word"


class Recording:
    """The runs of one spool: what is under way, what is in the store, and how it all ends."""

    def __init__(self, spool: Path, left_over: bool = False) -> None:
        """`left_over`: an earlier recorder may have put some of it into the store already."""
        self._spool, self._root = spool, spool.parents[2]
        self._invocation = read_invocation(spool)
        self._left_over = left_over
        self._seen: dict[Path, int] = {}
        self._records: dict[str, RunRecord] = {}
        self._unwritten: list[str] = []
        self._store: RunStore | None = None
        self._failed_at: float | None = None

    @property
    def complete(self) -> bool:
        """Whether the store has everything."""
        return self._failed_at is None

    @property
    def running(self) -> list[RunRecord]:
        """The jobs under way."""
        return [r for r in self._records.values() if r.status == "RUNNING" and r.kind == "job"]

    def open(self) -> None:
        """Open the store now, so that it is ready when the first record comes."""
        self._attempt(self._open)

    def drain(self) -> None:
        """Take in what is new in the spool, the invocation's own record first, then oldest first."""
        for path, modified in self._changed():
            self._seen[path] = modified
            try:
                record = RunRecord.from_json(path)
            except RecordError as error:
                logger.warning("warning: tracking: %s", error)
                continue
            self._records[record.id] = record
            self._write(record)

    def _changed(self) -> list[tuple[Path, int]]:
        found = [(path, path.stat().st_mtime_ns) for path in self._spool.glob("*.json")]
        own = f"{self._invocation['record']}.json"
        changed = [(path, modified) for path, modified in found if self._seen.get(path) != modified]
        return sorted(changed, key=lambda item: (item[0].name != own, item[1]))

    def finish(self, status: Status | None) -> bool:
        """End the invocation with `status`, or as KILLED if its process is gone; return whether all is over.

        Jobs without an end are KILLED, their records written here. When the invocation's process is gone,
        those that run on, on this host, are left to end by themselves.
        """
        self.drain()
        for record in self.running:
            here = record.process["host"] == platform.node()
            if status or not here or not is_alive(record.process):
                self._end(record, "KILLED", SILENT_END)
        own = self._records.get(self._invocation["record"])
        if own and own.status == "RUNNING":
            self._end(own, status or "KILLED", None if status else SILENT_END)
        if self._failed_at is not None and time.monotonic() - self._failed_at > RETRY_SECONDS:
            self._failed_at = None
            unwritten, self._unwritten = self._unwritten, []
            for key in dict.fromkeys(unwritten):
                self._write(self._records[key])
        return not self.running

    def remove(self) -> None:
        """Delete the spool."""
        shutil.rmtree(self._spool, ignore_errors=True)

    def _end(self, record: RunRecord, status: Status, reason: str | None) -> None:
        record.end(status, reason)
        with atomic_write(self._root / record.file) as file:
            file.write(record.to_json())
        (self._spool / f"{record.id}.json").write_text(record.to_json(), encoding="utf-8")
        self._seen[self._spool / f"{record.id}.json"] = 0
        self._write(record)

    def _write(self, record: RunRecord) -> None:
        if not self._attempt(lambda: self._open().write(record, known=self._left_over)):
            self._unwritten.append(record.id)
        elif record.status != "RUNNING":
            (self._spool / f"{record.id}.json").unlink(missing_ok=True)

    def _open(self) -> RunStore:
        if self._store is None:
            self._store = RunStore(self._invocation["uri"], self._root)
        return self._store

    def _attempt(self, action: Callable[[], object]) -> bool:
        """Run `action` unless an earlier one failed; the first failure is told, loudly, the rest are not."""
        if self._failed_at is not None:
            return False
        try:
            action()
        except Exception as error:
            self._failed_at = time.monotonic()
            uri = self._invocation["uri"]
            cure = "; `orderparam rebuild` makes a store of these"
            logger.warning(
                "warning: tracking: the store %s cannot be used (%s: %.200s). The jobs go on and leave their "
                "records in results/*/jobs%s.",
                uri,
                type(error).__name__,
                str(error).strip().partition("\n")[0],
                cure if database_path(uri) else "",
            )
            return False
        return True


def record_until_closed(spool: Path) -> int:
    """Keep the store up to date until the owner, on stdin, names the invocation's status, or is gone."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    recording = Recording(spool)
    with FileLock(spool / "lock"):
        last_words: list[str] = []
        owner = threading.Thread(target=lambda: last_words.append(sys.stdin.readline()), daemon=True)
        owner.start()
        recording.open()
        if recording.complete:
            _finish_left_over(spool.parent)
        while owner.is_alive():
            recording.drain()
            owner.join(POLL_SECONDS)
        word = last_words[0].strip()
        status: Status | None = next((known for known in get_args(Status) if known == word), None)
        while not recording.finish(status):
            time.sleep(POLL_SECONDS)
        recording.remove()
    return 0 if recording.complete else 1


def _finish_left_over(spools: Path) -> None:
    """Close the runs of invocations that were killed together with their recorder."""
    for spool in spools.iterdir():
        try:
            invocation = read_invocation(spool)
            if is_alive(invocation["owner"]):
                continue
            with FileLock(spool / "lock", timeout=0):
                recording = Recording(spool, left_over=True)
                if recording.finish(None):
                    recording.remove()
        except (Timeout, OSError, json.JSONDecodeError):
            continue
