"""Snapshots from which an interrupted run goes on as if nothing had happened."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from orderparam.errors import RecordError
from orderparam.training.checkpoints import load_weights, write_tensors

log = logging.getLogger(__name__)

KEPT = 2


class SnapshotStore:
    """The snapshots of one run, in a folder of their own; `key` is the digest of all that fixes the run.

    The one before stays until the next is complete.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self.folder = folder
        self.key = key

    def save(self, step: int, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
        """Write the snapshot of `step`, then delete all but the newest two."""
        path = self.folder / f"step-{step:06d}.safetensors"
        write_tensors(path, tensors, {"key": self.key, "step": step, "values": values})
        for old in self._newest_first()[KEPT:]:
            old.with_suffix(".json").unlink(missing_ok=True)
            old.unlink()

    def load_newest(self) -> Iterator[tuple[int, dict[str, Tensor], dict[str, Any]]]:
        """Step, tensors and values of each usable snapshot, newest first.

        One that is truncated, damaged or of another run is passed over with a warning that says why.
        """
        for path in self._newest_first():
            try:
                tensors, description = load_weights(path)
            except RecordError as error:
                log.warning("snapshot refused: %s; trying the one before", error)
                continue
            if description["key"] == self.key:
                yield description["step"], tensors, description["values"]
            else:
                other = "belongs to another configuration, corpus or version of the code"
                log.warning("snapshot refused: %s: %s; trying the one before", path, other)

    def _newest_first(self) -> list[Path]:
        return sorted(self.folder.glob("step-*.safetensors"), reverse=True)
