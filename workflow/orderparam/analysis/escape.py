"""One training run: its progress from bigram to trigram level, the plateau before, and the escape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from orderparam.analysis.derivative import first_passage
from orderparam.tables import find_entropies

Vector = NDArray[np.float64]

# Least gap between bigram and trigram level, in nats per character, for phi to mean anything.
MIN_GAP = 0.1
# Of `find_dip`: how near to the level (nats per character), and by how many standard errors steeper. Chosen
# after the curves had been seen; config/claims.yaml varies it.
NEAR = 0.15
SIGNIFICANCE = 3.0
_FEWEST_SLOPES = 4

_AT_DIP = ("step", "order_parameter", "phi")
# The columns of tables.LOSS_SLOPE by what the slope is taken along.
SLOPES = {"order_parameter": "dloss_dorder", "step": "dloss_dlogstep"}


@dataclass(frozen=True)
class Levels:
    """The n-gram entropies (nats per character) between which a run passes: bigram and trigram."""

    bigram: float
    trigram: float

    def progress(self, loss: ArrayLike) -> Vector:
        """phi = (H_2 - L) / (H_2 - H_3): 0 at bigram level, 1 at trigram level, negative before."""
        return np.asarray((self.bigram - np.asarray(loss, dtype=float)) / (self.bigram - self.trigram))


def levels_of(ngram_entropies: pd.DataFrame) -> Levels | None:
    """The levels from a corpus's table (order, train_entropy, ...); None where phi would mean nothing.

    That is where the entropies of orders 2 and 3 are less than MIN_GAP apart, as in a text sampled from a
    first-order Markov chain. Raises RecordError where an order is missing.
    """
    entropies = find_entropies(ngram_entropies, (2, 3))
    levels = Levels(entropies[2], entropies[3])
    return levels if levels.bigram - levels.trigram >= MIN_GAP else None


def transition_step(steps: Vector, progress: Vector, level: float = 0.5) -> float | None:
    """Step at which `progress` (n,) first exceeds `level`, linear between measured steps, or None.

    At 1/2 it is a run's own transition time: it needs no derivative, and every run that goes from bigram to
    trigram level has one.
    """
    row = first_passage(-progress, -level)
    return None if row is None else float(np.interp(row, np.arange(steps.size), steps))


@dataclass(frozen=True)
class Dip:
    """The depth of a run's dip (nats), and the labels of the rows of `plateau` and `escape`; see `find_dip`.

    There is a dip where `depth` is positive; else the two rows mean nothing. `passed` tells whether the loss
    is surely less steep again later: if not, the run ends before its fastest escape is known.
    """

    depth: float
    plateau: int
    escape: int
    passed: bool


def find_dip(slopes: pd.DataFrame, along: str, level: float, near: float = NEAR) -> Dip | None:
    """The deepest dip of a run's steepness |dL/dx| where its loss is near `level`, and the escape after it.

    `slopes` is the run's part of a tables.LOSS_SLOPE, in the order of the steps; x is what the slope is taken
    `along`, order_parameter or step (then its logarithm). Near are the rows whose training loss is within
    `near` (nats per character) of `level`, H_2 of the windows that the loss is taken over. A row's depth is
    by how much the steepness rises above its own, less 3 standard errors of the difference, both before and
    after it: the smaller of the two. There is a dip if the largest depth of the rows near is positive. The
    plateau is the deepest local minimum among them, or their deepest row if no minimum has a positive depth.
    The escape is the row from there on at which the steepness less 3 standard errors is highest, so that the
    noise of a few rows does not decide.

    Figures, tables and claims all mean this dip. None where fewer than 4 rows have a slope, or none is near.
    """
    column = SLOPES[along]
    usable = slopes.dropna(subset=[column, f"{column}_error"])
    rows = np.flatnonzero(np.abs(usable["train_loss"].to_numpy(dtype=float) - level) <= near)
    if len(usable) < _FEWEST_SLOPES or not rows.size:
        return None
    steepness, error = -usable[column].to_numpy(dtype=float), usable[f"{column}_error"].to_numpy(dtype=float)
    inner = rows[(rows > 0) & (rows < len(usable) - 1)]
    if not inner.size:
        # Only the first or last row is near, with nothing beyond it: no dip, and a depth below 0 says so.
        only = int(usable.index[rows[0]])
        return Dip(-float(np.abs(steepness).max()), only, only, passed=False)
    depths = np.empty(inner.size)
    for i, row in enumerate(inner):
        rise = steepness - steepness[row] - SIGNIFICANCE * np.sqrt(error**2 + error[row] ** 2)
        depths[i] = min(rise[:row].max(), rise[row + 1 :].max())
    minima = (steepness[inner] <= np.minimum(steepness[inner - 1], steepness[inner + 1])) & (depths > 0)
    plateau = int(inner[np.argmax(np.where(minima, depths, -np.inf) if minima.any() else depths)])
    escape = plateau + int(np.argmax((steepness - SIGNIFICANCE * error)[plateau:]))
    fall = steepness[escape] - steepness - SIGNIFICANCE * np.sqrt(error**2 + error[escape] ** 2)
    passed = bool((fall[escape:] > 0).any())
    return Dip(float(depths.max()), int(usable.index[plateau]), int(usable.index[escape]), passed)


def measure_passages(run: pd.DataFrame, levels: Levels) -> dict[str, float]:
    """Where a run passes phi = 0 and 1/2, and how long it takes, by quantity; missing where it does not pass.

    `run` has step, order_parameter and train_loss, in the order of the steps.
    """
    steps, b, loss = (run[name].to_numpy(dtype=float) for name in ("step", "order_parameter", "train_loss"))
    found = {}
    row = first_passage(loss, levels.bigram)
    if row is not None:
        rows = np.arange(steps.size)
        found["bigram_passage_step"] = float(np.interp(row, rows, steps))
        found["bigram_passage_order_parameter"] = float(np.interp(row, rows, b))
    step = transition_step(steps, levels.progress(loss))
    if step is not None:
        found["transition_step"] = step
        found["transition_order_parameter"] = float(np.interp(step, steps, b))
    if row is not None and step is not None:
        # The length of the passage from phi = 0 to 1/2, by the step and by b.
        found["passage_efolds"] = float(np.log(step / found["bigram_passage_step"]))
        ratio = found["transition_order_parameter"] / found["bigram_passage_order_parameter"]
        found["passage_rise"] = ratio - 1
    return found


def measure_escape(slopes: pd.DataFrame, levels: Levels, near: float = NEAR) -> dict[str, float]:
    """Step, b, phi and slope at the plateau and the escape of a run, by quantity; nothing without a dip.

    `slopes` is a table of `measure_loss_slopes`. Names begin with log_step_ for the dip along log step. phi
    is that of the fitted loss. A plateau is left by a loss that falls below H_2, and an escape is behind
    the run where the loss surely flattens again; of a run that ends before, `lower_bound_phi` takes the place
    of the escape, at its steepest row so far.
    """
    found = {}
    for along, prefix in (("order_parameter", ""), ("step", "log_step_")):
        dip = find_dip(slopes, along, levels.bigram, near)
        if dip is None or dip.depth <= 0:
            continue
        column = SLOPES[along]
        plateau, escape = ({**slopes.loc[label]} for label in (dip.plateau, dip.escape))
        for row in (plateau, escape):
            row["phi"] = float(levels.progress(row[column.removeprefix("d")]))
        if escape["phi"] <= 0:
            continue
        if along == "order_parameter":
            # The size of the change, as the detector counts it: nats per range of b.
            found["slope_change"] = float(np.ptp(slopes["order_parameter"])) * (
                plateau[column] - escape[column]
            )
        if not dip.passed:
            found[f"{prefix}escape_lower_bound_phi"] = escape["phi"]
        for name, row in (("plateau", plateau), ("escape", escape))[: 1 + dip.passed]:
            for quantity, source in {"slope": column, **dict.fromkeys(_AT_DIP)}.items():
                found[f"{prefix}{name}_{quantity}"] = float(row[source or quantity])
    return found


def steepest_progress(slopes: pd.DataFrame, levels: Levels, near: float = NEAR) -> float | None:
    """max d phi / d ln(step) of a smoothed run from its plateau on; None unless it passes phi = 1/2.

    The steepest row is the escape of `find_dip`, passed or not: one that is not gives a lower bound.
    """
    dip = find_dip(slopes, "step", levels.bigram, near)
    if dip is None or dip.depth <= 0 or levels.progress(slopes["train_loss"]).max() < 0.5:
        return None
    return -float(slopes["dloss_dlogstep"].loc[dip.escape]) / (levels.bigram - levels.trigram)
