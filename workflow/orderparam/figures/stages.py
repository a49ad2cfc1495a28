"""The stages of a swept penalty: what entries are called, how long they dwell, what they end at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from orderparam.analysis.branches import FEWEST_POINTS, loop_width, stage_ends
from orderparam.errors import RecordError

# What counts as attention on the previous token, and as O V, where a branch's end is named.
THRESHOLDS = {"attention_excess": 0.05, "value_output_norm": 0.1}


@dataclass(frozen=True)
class Dwell:
    """How long stages are, in those of 1x, and how they are made.

    Stages that are `held` begin each from the same weights, others from the stage before; those at `one_rate`
    fluctuate at their ends.
    """

    length: int
    how: str = ""
    held: bool = False
    one_rate: bool = False

    @property
    def name(self) -> str:
        """Length and making, as a legend has it."""
        return f"{self.length}x{self.how}"


ANNEALED, TURNED = "-annealed", "-turned"
# By the ending of an entry's name.
DWELLS = {
    "": Dwell(1),
    "-4x": Dwell(4),
    "-16x": Dwell(16),
    "-fine": Dwell(2, ", 6% apart"),
    "-held": Dwell(15, ", each from the start", held=True),
    "-constant": Dwell(60, ", each from the start, at one learning rate", held=True, one_rate=True),
    "-slow": Dwell(25, ", at one learning rate", one_rate=True),
    "-slow-256": Dwell(25, ", at one learning rate, batches of 256", one_rate=True),
    ANNEALED: Dwell(20, ", annealed from a third of the learning rate"),
    TURNED: Dwell(20, ", annealed, turned back where attention has halved"),
}
WAYS = ("up", "down")
# At one learning rate, over how many a stage's end is averaged.
_MEASUREMENTS = 10


def read_stages(metrics: pd.DataFrame, endings: Iterable[str] = tuple(DWELLS)) -> pd.DataFrame:
    """What `stage_ends` gives of entries `d<width>-up` and `d<width>-down` with one of these `endings`.

    With `width`, `direction` and `dwell` from their names; means of ten measurements where the learning rate
    does not fall. Raises RecordError where there are no such entries.
    """
    ends, means = stage_ends(metrics), stage_ends(metrics, _MEASUREMENTS)
    entry = rf"^d(\d+)-({'|'.join(WAYS)})({'|'.join(endings)})(?:-low|-high)?$"
    named = ends["size"].str.extract(entry)
    named.columns = ["width", "direction", "dwell"]
    steady = named["dwell"].isin([ending for ending, dwell in DWELLS.items() if dwell.one_rate])
    stages = pd.concat([means.where(steady, ends), named], axis="columns").dropna(subset="width")
    if stages.empty:
        raise RecordError(
            "the experiment has no entries d<width>-up and d<width>-down; there is nothing to draw"
        )
    return stages


def branches_of(run: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Of one seed's stages of a dwell those that are raised, `up`, and `down`, by ascending penalty."""
    return {
        way: run[run["direction"] == way].sort_values("weight_decay").set_index("weight_decay")
        for way in WAYS
    }


def find_loops(stages: pd.DataFrame, quantity: str) -> pd.DataFrame:
    """Of each width, dwell and seed, in rows, how wide its `loop` is in ln gamma.

    Left out are those whose branches share few penalties, or do not end between them.
    """
    rows, threshold = [], THRESHOLDS[quantity]
    for (width, dwell, seed), run in stages.groupby(["width", "dwell", "seed"]):
        up, down = (branch[quantity] for branch in branches_of(run).values())
        ended = all((branch > threshold).any() and branch.iloc[-1] <= threshold for branch in (up, down))
        if ended and len(up.index.intersection(down.index)) >= FEWEST_POINTS:
            rows.append((width, dwell, seed, loop_width(up, down, threshold)))
    return pd.DataFrame(rows, columns=["width", "dwell", "seed", "loop"])
