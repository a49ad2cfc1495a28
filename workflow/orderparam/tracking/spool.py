"""The folder through which jobs hand their records to the recorder, and the recorder's life.

Opening an MLflow store costs two seconds of computing time, more than most jobs take. So one process per
invocation, the recorder, keeps the store up to date from the records that jobs leave in its spool. Jobs never
wait for it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orderparam.tracking.provenance import this_process
from orderparam.tracking.record import RunRecord, Status

SPOOLS = Path("results/.tracking")
RECORDER = """
import sys
from pathlib import Path
from orderparam.tracking.recorder import record_until_closed
sys.exit(record_until_closed(Path(sys.argv[1])))
"""


@dataclass
class Recorder:
    """A running recorder, as seen by the process that started it and on whose life it depends."""

    spool: Path
    process: subprocess.Popen[bytes]

    @classmethod
    def start(cls, root: Path, uri: str, record: RunRecord | None = None) -> Recorder:
        """Start a recorder for the store at `uri`; `record` is the invocation's own run, if it has one."""
        spool = root / SPOOLS / uuid.uuid4().hex
        spool.mkdir(parents=True)
        described = {"uri": uri, "owner": this_process(), "record": record.id if record else None}
        (spool / "invocation").write_text(json.dumps(described), encoding="utf-8")
        if record:
            drop(spool, record)
        process = subprocess.Popen(
            [sys.executable, "-c", RECORDER, str(spool)],
            cwd=root,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            # Ctrl-C in the terminal is meant for the jobs: what they leave must still be recorded.
            start_new_session=True,
        )
        return cls(spool, process)

    def close(self, status: Status, timeout: float = 60) -> bool:
        """Have everything recorded, the invocation with `status`; False if it took too long or failed."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(f"{status}\n".encode())
            self.process.stdin.close()
        except OSError:
            pass
        try:
            return self.process.wait(timeout) == 0
        except subprocess.TimeoutExpired:
            return False


def drop(spool: Path, record: RunRecord) -> None:
    """Leave the record for the recorder, in place of an earlier one of the same run."""
    write_text(spool / f"{record.id}.json", record.to_json(), new_folder=False)


def write_text(path: Path, text: str, new_folder: bool = True) -> None:
    """Write atomically, without waiting for the disk."""
    if new_folder:
        path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def read_invocation(spool: Path) -> dict[str, Any]:
    """What `Recorder.start` wrote: the store's URI, the owning process, the id of the invocation's record."""
    described: dict[str, Any] = json.loads((spool / "invocation").read_text(encoding="utf-8"))
    return described
