"""Sums of files and folders, and whether a file is still what the job that made it, or a manifest, noted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

from orderparam.errors import RecordError
from orderparam.files import remedy, sha256_of_file


def measure(path: Path) -> tuple[str, int]:
    """SHA-256 and bytes of a file, or of a folder's files together with their names; raises OSError."""
    if not path.is_dir():
        return sha256_of_file(path), path.stat().st_size
    # Snakemake leaves a file of its own in a folder once the job has ended.
    found = (member for member in path.rglob("*") if member.name != ".snakemake_timestamp")
    members = sorted(member for member in found if member.is_file())
    lines = (f"{sha256_of_file(member)}  {member.relative_to(path).as_posix()}\n" for member in members)
    return hashlib.sha256("".join(lines).encode()).hexdigest(), sum(m.stat().st_size for m in members)


def check_sums(root: Path, files: Iterable[Mapping[str, Any]]) -> None:
    """Raise RecordError for a file that is not what was noted of it when it was made.

    `files` have a `path` relative to the project at `root`, and the `sha256` that was found, None of one that
    cannot be read. The noted sums are those in the records of finished jobs, results/<name>/jobs/*.json, and
    in the manifests of recorded runs. A file of which nothing was noted passes, and one that is as any job
    noted: of what lies in results/ itself, an earlier job may have noted in another experiment's folder.
    """
    noted: dict[str, dict[str, dict[str, str]]] = {}
    for file in files:
        path, found = str(file["path"]), file["sha256"]
        parts = PurePosixPath(path).parts
        if parts[:1] != ("results",) or found is None:
            continue
        # What lies in results/ itself belongs to the job of some experiment.
        folder = "/".join(parts[: 3 if parts[1] == "recorded" else 2]) if len(parts) > 2 else "results/*"
        if folder not in noted:
            noted[folder] = {}
            for name, sha256, by in _noted_sums(root, folder):
                noted[folder].setdefault(name, {})[sha256] = by
        sums = noted[folder].get(path, {found: ""})
        if found not in sums:
            expected, by = sums.popitem()
            raise damage(path, expected, found, by)


def damage(path: str | Path, expected: str, found: str, by: str) -> RecordError:
    """The error for a file that has not the sum which the file `by` notes of it."""
    return RecordError(
        f"{path}: damaged or edited: expected sha256 {expected} as noted in {by}, found {found}; "
        f"{remedy(path)}"
    )


def _noted_sums(root: Path, folder: str) -> Iterator[tuple[str, str, str]]:
    """Path, sum and the file that notes it, for all that is noted of a folder."""
    for path in [*root.glob(f"{folder}/jobs/*.json"), root / folder / "manifest.json"]:
        # A damaged record notes nothing; whoever reads it reports it.
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            content, by = json.loads(path.read_bytes()), path.relative_to(root).as_posix()
            if path.name == "manifest.json":
                for name, sha256 in content["files"].items():
                    yield f"{folder}/{name}", str(sha256), by
            elif content["status"] == "FINISHED":
                for output in content["outputs"]:
                    if output["sha256"]:
                        yield str(output["path"]), str(output["sha256"]), by
