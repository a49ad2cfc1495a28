"""Bring the store up to date from the records: once, or again and again while something runs."""

from __future__ import annotations

import hashlib
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock

from orderparam.errors import RecordError
from orderparam.files import read_json, write_json
from orderparam.tracking.job_log import wrap
from orderparam.tracking.provenance import hide_secrets, is_alive, is_here
from orderparam.tracking.record import RECORDS, RunRecord
from orderparam.tracking.store import RunStore, database_path
from orderparam.tracking.trouble import describe_trouble

INTERVAL_SECONDS = 2.0
RETRY_SECONDS = 60.0
SAVE_SECONDS = 2.0
LOCK_SECONDS = 60.0
# How long the end of a workflow waits for a server, and for a database of its own.
LAST_SECONDS_SERVER, LAST_SECONDS_DATABASE = 10.0, 60.0
_LEFT = (
    "The jobs go on and leave their records in results/*/jobs; the next snakemake command, or "
    "`orderparam ui`, tells the store"
)


@dataclass
class Told:
    """What a store was told of one record: its id, the state of its file, bytes of its points.

    `runs` are the ids of its runs: of each of its trainings, and under an empty name of the job itself.
    """

    id: str
    runs: dict[str, str]
    ended: bool
    state: str
    points: int


def _is_sound(told: Told) -> bool:
    texts = [told.id, told.state, *told.runs, *told.runs.values()]
    return "" in told.runs and all(isinstance(each, str) for each in texts) and isinstance(told.points, int)


def update_store(root: Path, uri: str) -> None:
    """Tell the store at `uri` what is new in the records of the project at `root`.

    What it was told is noted in results/.tracking, so that nothing is told twice. A lock lets one process
    at a time do this. A store that is new is told everything. A record whose process is gone is closed as
    KILLED. Raises RecordError, when all else is told, if a record is damaged, and whatever MLflow raises
    where the store cannot be used; the next call then goes on from there.
    """
    root = root.resolve()
    notes, database = _notes_file(root, uri), database_path(uri)
    # Beside a folder in a database's place would be outside of it, and outside the project perhaps.
    lock = notes.with_suffix(".lock")
    if database and not database.is_dir():
        lock = database.with_name(f".{database.name}.lock")
    for parent in (notes.parent, lock.parent):
        parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock, timeout=LOCK_SECONDS):
        _Update(root, RunStore(uri, root), notes).run()


def _notes_file(root: Path, uri: str) -> Path:
    return root / "results/.tracking" / f"{hashlib.sha256(uri.encode()).hexdigest()[:16]}.json"


def _state(path: Path) -> str:
    """A file's time and inode, which change when it is written anew; empty where there is none."""
    try:
        found = path.stat()
    except OSError:
        # A link that leads nowhere, or a job that runs again has just set it aside.
        return ""
    return f"{found.st_mtime_ns} {found.st_ino}"


class _Update:
    """One pass over the records; `notes` is the file of what the store was told in earlier ones."""

    def __init__(self, root: Path, store: RunStore, notes: Path) -> None:
        self._root, self._store, self._notes = root, store, notes
        self._told: dict[str, Told] = {}
        # Notes of an earlier version, or damaged ones.
        with suppress(RecordError, TypeError, AttributeError):
            told = {file: Told(**values) for file, values in read_json(notes).items()}
            if all(map(_is_sound, told.values())):
                self._told = told
        self._saved, self._changed = time.monotonic(), False
        # A store that was made anew since then lacks the run: tell it everything.
        if self._told and not store.has(next(reversed(self._told.values())).runs[""]):
            self._told = {}
        self._run_of = {each.id: each.runs[""] for each in self._told.values()}

    def run(self) -> None:
        try:
            self._run()
        finally:
            if self._changed:
                self._save()

    def _run(self) -> None:
        files = {path.relative_to(self._root).as_posix() for path in self._root.glob(RECORDS)}
        for file in self._told.keys() - files:
            self._forget(file)
        damaged = None
        # Invocations first: they are the parents.
        for file in sorted(files, key=lambda file: ("/jobs/invocations/" not in file, file)):
            try:
                self._look_at_deleted_too(file)
            except RecordError as error:
                damaged = error
            except Exception as error:
                # Of a store that cannot be used this raises what is wrong with it.
                self._store.experiments()
                reason = f"{type(error).__name__}: {str(error).partition(chr(10))[0]:.200}"
                damaged = RecordError(f"{file}: the store does not take it ({reason})")
        if damaged:
            raise damaged

    def _look_at_deleted_too(self, file: str) -> None:
        try:
            self._look_at(file)
        except RecordError:
            raise
        except Exception:
            # Of runs that were deleted in the store before they ended it takes nothing more.
            told = self._told.get(file)
            if not told or not [run for run in told.runs.values() if self._store.restore(run)]:
                raise
            self._look_at(file)

    def _look_at(self, file: str) -> None:
        told = self._told.get(file)
        state = _state(self._root / file)
        if told and told.ended and told.state == state:
            return
        record = self._read(file)
        if self._is_dead(record):
            record = self._close(record)
            state = _state(self._root / file)
        if told and told.id != record.id:
            self._forget(file)
            told = None
        points, read = record.points(self._root, told.points if told else 0)
        if told and told.state == state and not points:
            return
        parent = self._run_of.get(record.parent or "")
        runs = told.runs if told else {}
        for training in ("", *record.trainings):
            is_new = training not in runs
            new_points = points.get(training, [])
            if is_new:
                runs[training] = self._store.begin(record, training, parent, new_points)
            else:
                self._store.add_points(runs[training], new_points)
            if record.status == "KILLED" and record.inferred:
                self._store.close(runs[training])
            elif record.status != "RUNNING":
                self._store.complete(runs[training], record, training, parent, is_new)
        self._told[file] = Told(record.id, runs, record.status != "RUNNING", state, read)
        self._run_of[record.id] = runs[""]
        self._changed = True
        # All notes are written anew. What they lack, after a kill, is told again, which changes nothing.
        if time.monotonic() > self._saved + SAVE_SECONDS:
            self._save()

    def _read(self, file: str) -> RunRecord:
        """A record, kept where it is found and not where it says."""
        return replace(RunRecord.read(self._root / file), file=file)

    def _is_dead(self, record: RunRecord) -> bool:
        """Whether a run without an end will never have one: a job ends with its invocation, if not before."""
        if record.status != "RUNNING":
            return False
        orphaned = any(each.ended for each in self._told.values() if each.id == record.parent)
        return not is_alive(record.process) or (orphaned and not is_here(record.process))

    def _close(self, record: RunRecord) -> RunRecord:
        """The record as its process left it at last, or closed as its outputs say at the last sign of life.

        Snakemake deletes outputs before a job and after one that failed, and a job writes the last one at its
        end: where all are there, it succeeded, and only its record's end was lost, as on a full disk.
        """
        latest = self._read(record.file)
        if latest.id == record.id and latest.status == "RUNNING":
            # Those of a record that was set aside are the next run's.
            own = [] if "/earlier/" in record.file else record.outputs
            outputs = [self._root / file["path"] for file in own]
            began = record.start_time / 1000
            made = outputs and all(path.exists() and path.stat().st_mtime >= began for path in outputs)
            signs = [self._root / record.file, record.points_file(self._root), *(outputs if made else [])]
            seen = max(sign.stat().st_mtime_ns for sign in signs if sign.exists()) // 1_000_000
            if made:
                latest.end("FINISHED", None, seen)
                latest.tags["end"] = "was not recorded; all outputs are there"
            else:
                latest.end("KILLED", "the process ended without a word", seen)
            latest.inferred = True
            latest.write(self._root)
        return latest

    def _forget(self, file: str) -> None:
        """End the run of a record that was deleted, or replaced by that of the job's next run."""
        told = self._told.pop(file)
        for run in () if told.ended else told.runs.values():
            self._store.close(run)
        self._save()

    def _save(self) -> None:
        # Not indented: of thousands of records that takes longer than telling what is new.
        write_json(self._notes, {path: vars(told) for path, told in self._told.items()}, indent=None)
        self._saved = time.monotonic()


def deliver(root: Path, uri: str) -> None:
    """Tell the store what earlier commands could not, if there is anything; errors are reported on stderr.

    For a command that runs no job: unless something is left, it reads notes only, and it soon leaves the rest
    to the next one.
    """
    try:
        notes = read_json(_notes_file(root, uri))
        told = {file: (values["ended"], values["state"]) for file, values in notes.items()}
    except (RecordError, KeyError, TypeError, AttributeError):
        told = {}
    if any(
        told.get(path.relative_to(root).as_posix()) != (True, _state(path)) for path in root.glob(RECORDS)
    ):
        Follower(root, uri).close(LAST_SECONDS_SERVER)


class Follower:
    """Keeps the store up to date by a thread. An error is reported on stderr, once."""

    def __init__(self, root: Path, uri: str) -> None:
        self._root, self._uri = root, uri
        self._pause = INTERVAL_SECONDS
        self._warned: set[bool] = set()
        self._stop = threading.Event()
        # A daemon, so that a server that does not answer cannot hold up the end of the process.
        self._thread = threading.Thread(target=self._follow, name="tracking", daemon=True)

    def start(self) -> None:
        """Follow the records from now on."""
        self._thread.start()

    def close(self, seconds: float | None = None) -> None:
        """Tell the store what is left, and stop; in bounded time, whatever the store does."""
        if seconds is None:
            seconds = LAST_SECONDS_DATABASE if database_path(self._uri) else LAST_SECONDS_SERVER
        self._stop.set()
        if self._thread.ident is None:
            self._thread.start()
        self._thread.join(seconds)
        if self._thread.is_alive() and False not in self._warned:
            self._say(f"the store {hide_secrets(self._uri)} was not told all within {seconds:g} s. {_LEFT}")

    def update(self) -> None:
        """Update the store once."""
        try:
            update_store(self._root, self._uri)
            self._pause = INTERVAL_SECONDS
        except Exception as error:
            self._pause = INTERVAL_SECONDS if isinstance(error, RecordError) else RETRY_SECONDS
            self._warn(error)

    def _follow(self) -> None:
        last = False
        while not last:
            last = self._stop.is_set()
            self.update()
            self._stop.wait(self._pause)

    def _warn(self, error: Exception) -> None:
        damaged = isinstance(error, RecordError)
        if damaged in self._warned:
            return
        self._warned.add(damaged)
        text = describe_trouble(error)
        if not damaged:
            text = f"the store {hide_secrets(self._uri)} cannot be used: {text}. {_LEFT}"
        self._say(text)

    @staticmethod
    def _say(text: str) -> None:
        print(wrap(f"warning: tracking: {text}"), file=sys.stderr, flush=True)
