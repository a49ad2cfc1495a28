"""Snapshots from which an interrupted run goes on as if nothing had happened."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from orderparam.errors import RecordError
from orderparam.files import read_json, sha256_of_file, write_json

log = logging.getLogger(__name__)

KEPT = 2


class SnapshotStore:
    """The snapshots of one run, in a folder of their own; `key` is the digest of all that fixes the run.

    A snapshot is a safetensors file and, written after it, a JSON with its sha256 and key. The one
    before stays until the next is complete.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self.folder = folder
        self.key = key

    def save(self, step: int, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
        """Write the snapshot of `step`, then delete all but the newest two."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"step-{step:06d}.safetensors"
        path.with_suffix(".json").unlink(missing_ok=True)
        temporary = path.with_suffix(".partial")
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, temporary)
        temporary.replace(path)
        description = {"key": self.key, "step": step, "sha256": sha256_of_file(path), "values": dict(values)}
        write_json(path.with_suffix(".json"), description)
        for old in self._newest_first()[KEPT:]:
            old.with_suffix(".json").unlink(missing_ok=True)
            old.unlink()

    def load_newest(self) -> Iterator[tuple[int, dict[str, Tensor], dict[str, Any]]]:
        """Step, tensors and values of each usable snapshot, newest first.

        One that is truncated, damaged or of another run is passed over with a warning that says why.
        """
        for path in self._newest_first():
            try:
                yield self._load(path)
            except RecordError as error:
                log.warning("snapshot refused: %s; trying the one before", error)

    def _load(self, path: Path) -> tuple[int, dict[str, Tensor], dict[str, Any]]:
        description = read_json(path.with_suffix(".json"))
        if not isinstance(description, dict) or description.keys() != {"key", "step", "sha256", "values"}:
            raise RecordError(f"{path.with_suffix('.json')}: not the description of a snapshot")
        if description["key"] != self.key:
            raise RecordError(f"{path}: belongs to another configuration, corpus or version of the code")
        if sha256_of_file(path) != description["sha256"]:
            raise RecordError(f"{path}: truncated or damaged, its sha256 is not the recorded one")
        try:
            with safe_open(path, framework="pt") as file:
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise RecordError(f"{path}: not readable ({error})") from None
        return description["step"], tensors, description["values"]

    def _newest_first(self) -> list[Path]:
        return sorted(self.folder.glob("step-*.safetensors"), reverse=True)
