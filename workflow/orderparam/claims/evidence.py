"""The tables that a claim is judged on: which there are, where they lie, and reading them once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from orderparam.claims.verdict import NotTestedError
from orderparam.files import read_json
from orderparam.tables import read_table

# Tables of an experiment, results/<experiment>/<name>. Of others, a claim says where its own lie.
EXPERIMENT_TABLES = (
    "metrics.csv",
    "derivative.csv",
    "entropies.csv",
    "probes.csv",
    "verification.csv",
    "comparison.csv",
    "transition.csv",
    "loss_slope.csv",
    "susceptibility.csv",
    "scaling.csv",
    "scaling_points.csv",
    "sample_quality.csv",
)
MACHINE = "machine.json"


class Evidence:
    """The tables of one experiment, or those that a claim names, by file name.

    `shapes` has d_model, steps and the like of each size, as `Run.to_dict` gives them; it is empty for known
    systems.
    """

    def __init__(
        self, paths: Iterable[str | Path], shapes: Mapping[str, Mapping[str, Any]] | None = None
    ) -> None:
        self._paths = {Path(path).name: str(path) for path in paths}
        self._tables: dict[str, pd.DataFrame] = {}
        self.shapes = dict(shapes or {})

    def path(self, name: str) -> str:
        """Where a table lies; raises NotTestedError if it is not among those given, or not there."""
        path = self._paths.get(name)
        if path is None or not Path(path).exists():
            raise NotTestedError(f"there is no {path or name}")
        return path

    def table(self, name: str) -> pd.DataFrame:
        """A table, read once; RecordError, naming the file, if it is damaged.

        Raises NotTestedError if there is no such table.
        """
        path = self.path(name)
        if name not in self._tables:
            self._tables[name] = read_table(path)
        return self._tables[name]

    def manifest(self, name: str) -> Any:
        """A JSON file; raises as `table` does."""
        return read_json(self.path(name))

    def sizes(self, name: str, wanted: Iterable[str] | None) -> tuple[list[str], dict[str, str]]:
        """The sizes of a table, in its order, out of `wanted` (all if None); and of others that they lack."""
        found = [str(size) for size in self.table(name)["size"].unique()]
        if wanted is None:
            return found, {}
        chosen = list(wanted)
        missing = {size: "no such size in this experiment" for size in chosen if size not in found}
        return [size for size in found if size in chosen], missing
