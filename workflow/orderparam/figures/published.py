"""The author's published values beside our runs: the sizes of both, their look, what is known of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib
import pandas as pd

from orderparam.errors import RecordError
from orderparam.figures.layout import shorten
from orderparam.figures.panels import whole_runs
from orderparam.figures.style import describe_seeds, literal

# Of open markers, which stand for published values everywhere.
OPEN: dict[str, Any] = {"markerfacecolor": "none", "markeredgewidth": 0.8, "linewidth": 0}
PUBLISHED_ONLY = "published only"
_MOST_NAMES = 4
_NAME_WIDTH = 1.1


def join(*tables: pd.DataFrame | None) -> pd.DataFrame:
    """The rows of those tables that there are, in their order."""
    known = [table for table in tables if table is not None]
    return pd.concat(known) if known else pd.DataFrame(columns=["size"])


def all_sizes(runs: pd.DataFrame | None, published: pd.DataFrame | None) -> list[str]:
    """The sizes of both tables, those of the published in their order first; RecordError if there is none."""
    sizes = list(dict.fromkeys(map(str, join(published, runs)["size"])))
    if not sizes:
        raise RecordError("the table of metrics holds no rows; there is nothing to draw")
    return sizes


def rows_of(table: pd.DataFrame | None, size: str) -> pd.DataFrame:
    """The rows of a size, none if there is no table."""
    return pd.DataFrame(columns=["size", "seed", "step"]) if table is None else table[table["size"] == size]


def longest(runs: pd.DataFrame | None, published: pd.DataFrame | None, size: str) -> pd.DataFrame:
    """By step, the mean over our runs of a size, or what is published of it where that goes on for longer."""
    tables = [rows_of(table, size) for table in (runs, published) if len(rows_of(table, size))]
    table = max(tables, key=lambda rows: rows["step"].max())
    return whole_runs(table).drop(columns="size").groupby("step").mean()


def describe_runs(runs: pd.DataFrame | None) -> str:
    """The seeds of our runs, for the subtitle."""
    return "one run a size" if runs is None else describe_seeds(runs["seed"])


def name_curve(size: str, runs: pd.DataFrame | None) -> str:
    """What stands at a curve: the size's name, and where there are other runs of ours, that it has none."""
    name = literal(shorten(size, _NAME_WIDTH, matplotlib.rcParams["font.size"]))
    return name if runs is None or len(rows_of(runs, size)) else f"{name}\n{PUBLISHED_ONLY}"


def name_some(
    some: Sequence[str],
    sizes: Sequence[str],
    runs: pd.DataFrame | None = None,
    published: pd.DataFrame | None = None,
) -> str:
    """Some of the sizes in words: `10K and 10M (published)`, or `9 of 16 sizes` where they are many or none.

    What is known from published values only, since none of our runs goes as far, is marked as such.
    """
    if len(some) > _MOST_NAMES or not some:
        return f"all {len(sizes)} sizes" if len(some) == len(sizes) else f"{len(some)} of {len(sizes)} sizes"
    names = []
    for size in some:
        ours, theirs = (rows_of(table, size)["step"].max() for table in (runs, published))
        name = literal(shorten(size, _NAME_WIDTH, matplotlib.rcParams["font.size"]))
        of_author = runs is not None and not pd.isna(theirs) and not ours >= theirs
        names.append(f"{name} (published)" if of_author else name)
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
