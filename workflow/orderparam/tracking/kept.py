"""What a job made, kept where Snakemake, which deletes outputs before a rerun, does not delete it."""

from __future__ import annotations

import logging
import os
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

from orderparam.errors import OrderParameterError, RecordError
from orderparam.files import read_json, remedy, remove, write_json
from orderparam.settings.experiment import digest
from orderparam.sums import measure
from orderparam.tracking.record import RunRecord, now

logger = logging.getLogger("orderparam.tracking")
NOTE, POINTS = "kept.json", "points.jsonl"


class KeptOutputs:
    """The outputs of the last time that a job finished, as hard links, which take no space of their own.

    They lie in results/<name>/kept/<job>/, with the metrics' points, until the job finishes again, and are
    known by a `key`: the digest of all that decides them, which are the parameters, the code's digest
    among them, and the contents of the inputs.
    """

    def __init__(self, root: Path, record: RunRecord, params: Any) -> None:
        file = root / record.file
        self.folder = file.parents[1] / "kept" / file.stem
        self._root, self._record = root, record
        inputs = {each["name"]: _sum_of(root, each) for each in record.inputs}
        self._key = digest([record.name, {key: repr(value) for key, value in params.items()}, inputs])

    def put_back(self, outputs: list[str]) -> bool:
        """Put the outputs back where they are what this job would make; whether that was done."""
        try:
            note = read_json(self.folder / NOTE)
            if note["key"] != self._key or list(note["sums"]) != outputs:
                return False
            kept = {path: self.folder / str(place) for place, path in enumerate(outputs)}
            if any(measure(kept[path])[0] != note["sums"][path] for path in outputs):
                return False
            made = f"{datetime.fromtimestamp(note['end_time'] / 1000):%Y-%m-%d at %H:%M}"
            points, own = self.folder / POINTS, self._record.points_file(self._root)
            if points.is_file():
                lines = points.read_bytes().splitlines(keepends=True)
                own.write_bytes(b"".join([f"{self._record.id}\n".encode(), *lines[1:]]))
            for path in outputs:
                _link(kept[path], self._root / path)
        # Whatever the note says, if it is damaged.
        except (OSError, OrderParameterError, KeyError, TypeError, ValueError, OverflowError):
            return False
        self._record.tags["made"] = made
        logger.info(
            "put back what was made on %s by the same settings, code and inputs; snakemake --force makes it "
            "anew",
            made,
        )
        return True

    def keep(self, outputs: list[dict[str, Any]]) -> None:
        """Keep these outputs in place of earlier ones; raises OSError."""
        new = self.folder.with_name(f".{self.folder.name}.new")
        shutil.rmtree(new, ignore_errors=True)
        for place, each in enumerate(outputs):
            _link(self._root / each["path"], new / str(place))
        if (points := self._record.points_file(self._root)).is_file():
            _link(points, new / POINTS)
        sums = {each["path"]: each["sha256"] for each in outputs}
        write_json(new / NOTE, {"key": self._key, "end_time": now(), "sums": sums})
        shutil.rmtree(self.folder, ignore_errors=True)
        new.rename(self.folder)

    def tell(self) -> None:
        """Say that the outputs of another time are there, after a job that was to replace them failed."""
        if (self.folder / NOTE).is_file():
            logger.warning(
                "what this job had made before is kept in %s: with the settings and code of then, the same "
                "command puts it back",
                self.folder.relative_to(self._root),
            )


def _sum_of(root: Path, file: dict[str, Any]) -> str:
    """An input's sum; of a corpus's description without the source, which changes no result."""
    if Path(file["path"]).name in ("corpus.json", "vocabulary.json"):
        content = read_json(root / file["path"])
        if not isinstance(content, dict):
            raise RecordError(f"{file['path']}: not the description of a corpus; {remedy(file['path'])}")
        return digest({key: value for key, value in content.items() if key != "source"})
    return str(file["sha256"])


def _link(source: Path, target: Path) -> None:
    """Make a file or folder `target` of the files of `source`: of the same ones, or copies across disks."""
    target.parent.mkdir(parents=True, exist_ok=True)
    remove(target)
    if source.is_dir():
        shutil.copytree(source, target, copy_function=_link_file)
    else:
        _link_file(str(source), str(target))


def _link_file(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
    # Snakemake takes an output for outdated that is older than an input.
    os.utime(target)
