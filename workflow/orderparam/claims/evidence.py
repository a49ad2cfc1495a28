"""The tables that a claim is judged on: which there are, where they lie, and reading them once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from orderparam.analysis.escape import Levels
from orderparam.claims.verdict import CONFIDENCE, Interval, NotTestedError
from orderparam.errors import RecordError
from orderparam.files import read_json
from orderparam.tables import find_entropies, read_table

# Tables of an experiment, results/<experiment>/<name>. A claim on other tables says where these lie.
EXPERIMENT_TABLES = (
    "metrics.csv",
    "derivative.csv",
    "entropies.csv",
    "probes.csv",
    "verification.csv",
    "comparison.csv",
    "transition.csv",
    "loss_slope.csv",
    "scaling.csv",
    "scaling_points.csv",
    "sample_quality.csv",
    "vocabulary_statistics.csv",
)
MACHINE = "machine.json"


class Evidence:
    """The tables of one experiment, or those that a claim names, by file name.

    `shapes` has d_model, steps and the like of each size, as `Run.to_dict` gives them; it is empty for known
    systems. `published` tables are the author's: what a claim says of his runs is read off them as it is
    printed, and needs no interval. What is asked for and is not there raises NotTestedError, a damaged file
    RecordError.
    """

    def __init__(
        self,
        paths: Iterable[str | Path],
        shapes: Mapping[str, Mapping[str, Any]] | None = None,
        published: bool = False,
    ) -> None:
        self._paths = {Path(path).name: str(path) for path in paths}
        self._tables: dict[str, pd.DataFrame] = {}
        self.shapes = dict(shapes or {})
        self.published = published

    def mean(self, values: ArrayLike, confidence: float = CONFIDENCE) -> Interval:
        """The mean of `values` (n,), one a run, with its interval over runs."""
        if self.published:
            return Interval.exact(float(np.asarray(values, dtype=np.float64).mean()))
        return Interval.of_mean(values, confidence)

    def count(self, values: ArrayLike) -> str:
        """How many runs `values` (n,) are of, in words."""
        if self.published:
            return "one run, as published"
        runs = np.size(values)
        return f"{runs} seed{'' if runs == 1 else 's'}"

    def path(self, name: str) -> str:
        """Where a table lies."""
        path = self._paths.get(name)
        if path is None or not Path(path).exists():
            raise NotTestedError(f"there is no {path or name}")
        return path

    def table(self, name: str) -> pd.DataFrame:
        """A table, read once."""
        path = self.path(name)
        if name not in self._tables:
            self._tables[name] = read_table(path)
        return self._tables[name]

    def manifest(self, name: str) -> Any:
        """A JSON file."""
        return read_json(self.path(name))

    def rows(self, name: str, **values: str | int) -> pd.DataFrame:
        """The rows of a table in which each of the columns named has the value given; at least one."""
        table = self.table(name)
        for column, value in values.items():
            table = table[table[column] == value]
        if table.empty:
            told = ", ".join(f"{column} {value}" for column, value in values.items())
            raise NotTestedError(f"{self.path(name)} has no row of {told}")
        return table

    def runs(self, name: str, size: str) -> dict[int, pd.DataFrame]:
        """The rows of each seed of a size, in the order of the steps, by seed."""
        table = self.table(name)
        by_seed = table[table["size"] == size].groupby("seed", sort=False)
        return {int(run["seed"].iloc[0]): run.sort_values("step") for _, run in by_seed}

    def sizes(self, name: str, wanted: Iterable[str] | None) -> tuple[list[str], dict[str, str]]:
        """The sizes of a table, in its order, out of `wanted` (all if None); and of others that they lack."""
        found = [str(size) for size in self.table(name)["size"].unique()]
        if wanted is None:
            return found, {}
        chosen = list(wanted)
        missing = {size: "no such size in this experiment" for size in chosen if size not in found}
        return [size for size in found if size in chosen], missing

    def entropy(self, size: str, order: int) -> float:
        """Plug-in entropy (nats per character) of an order of the text that a size is trained on."""
        try:
            return find_entropies(self.table("entropies.csv"), (order,), size)[order]
        except RecordError as error:
            raise NotTestedError(str(error)) from None

    def levels(self, size: str) -> Levels:
        """The bigram and trigram level of the text that a size is trained on."""
        return Levels(self.entropy(size, 2), self.entropy(size, 3))
