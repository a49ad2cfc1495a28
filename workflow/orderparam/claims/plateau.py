"""Claims about the slope of the loss as it passes the bigram entropy: the dip, and the escape from it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from orderparam.claims.evidence import Evidence
from orderparam.claims.intervals import judge_sizes
from orderparam.claims.registry import claim_test
from orderparam.claims.verdict import NotTestedError, Verdict

Vector = NDArray[np.float64]

_SLOPES = {"order_parameter": "dloss_dorder", "step": "dloss_dlogstep"}
_SIGNIFICANCE = 3.0
_FEWEST = 4


@claim_test("loss_slope.csv", "entropies.csv")
def slope_dips_at_entropy(
    evidence: Evidence,
    *,
    sizes: list[str] | None = None,
    along: str = "order_parameter",
    order: int = 2,
    window: float = 0.2,
    tolerance: float = 0.0,
    expected: bool = True,
) -> Verdict:
    """|dL/db| (or, `along` step, |dL/dlog step|) has a local minimum where the loss is near an entropy.

    Near is within `window` (nats) of the entropy of `order` of the text that the size is trained on. The
    statistic is by how much the slope is steeper both before and after the dip than at it, less 3
    standard errors of the difference; above `tolerance` iff there is a dip. Where none is `expected`, the
    claim is that there is none.
    """
    chosen, missing = evidence.sizes("loss_slope.csv", sizes)
    values: dict[str, list[float]] = {}
    for size in chosen:
        level = entropy_of(evidence, size, order)
        margins = []
        for run in slopes_of(evidence, size, along):
            near = np.abs(run["train_loss"].to_numpy() - level) <= window
            if near.any():
                margins.append(dip_margin(run, along, near))
        if margins:
            values[size] = margins
        else:
            missing[size] = f"no slope at a loss within {window:g} of the entropy {level:.3f}"
    kind = "|dL/db|" if along == "order_parameter" else "|dL/dlog step|"
    bounds = {"low": tolerance} if expected else {"high": tolerance}
    note = f"depth of the dip less {_SIGNIFICANCE:g} standard errors; loss within {window:g} of H_{order}"
    if tolerance:
        note += f"; a dip is deeper than {tolerance:g}"
    path = evidence.path("loss_slope.csv")
    return judge_sizes(values, missing, f"depth of the dip of {kind} (nats)", path, note, **bounds)


@claim_test("loss_slope.csv", "derivative.csv", "entropies.csv")
def marked_point_is_escape(
    evidence: Evidence,
    *,
    sizes: list[str] | None = None,
    every: int = 1000,
    from_step: int = 2000,
    window: float = 0.2,
) -> Verdict:
    """The steepest backward difference from `from_step` on is where the escape from the plateau is fastest.

    The escape is where the local slope is steepest after its dip near the bigram entropy. The statistic is
    the difference of the two steps in grid spacings; a backward difference stands half a spacing late, so
    the claim puts it between -1/2 and 3/2.
    """
    table = evidence.table("derivative.csv")
    chosen, missing = evidence.sizes("loss_slope.csv", sizes)
    values: dict[str, list[float]] = {}
    for size in chosen:
        level = entropy_of(evidence, size, 2)
        distances = []
        for run in slopes_of(evidence, size, "order_parameter"):
            of_run = (table["size"] == size) & (table["seed"] == run["seed"].iloc[0])
            marked = table[of_run & (table["step"] >= from_step)].dropna(subset=["dloss_dorder"])
            near = np.abs(run["train_loss"].to_numpy() - level) <= window
            if len(marked) < _FEWEST or not near.any() or dip_margin(run, "order_parameter", near) <= 0:
                continue
            after = run.iloc[_dip(run, "order_parameter", near) :]
            escape = after["step"].iloc[int(after["dloss_dorder"].argmin())]
            steepest = marked["step"].iloc[int(marked["dloss_dorder"].argmin())]
            distances.append(float(steepest - escape) / every)
        if distances:
            values[size] = distances
        else:
            missing[size] = f"no seed with a dip and {_FEWEST} checkpoints from step {from_step} on"
    return judge_sizes(
        values,
        missing,
        f"marked step less step of the fastest escape (in {every} steps)",
        evidence.path("loss_slope.csv"),
        low=-0.5,
        high=1.5,
    )


def entropy_of(evidence: Evidence, size: str, order: int) -> float:
    """Plug-in entropy (nats per character) of an order of the text that a size is trained on."""
    table = evidence.table("entropies.csv")
    row = table[(table["size"] == size) & (table["order"] == order)]
    if row.empty:
        raise NotTestedError(f"{evidence.path('entropies.csv')} lacks order {order} of {size}")
    return float(row["train_entropy"].iloc[0])


def slopes_of(evidence: Evidence, size: str, along: str) -> list[pd.DataFrame]:
    """The local slopes of each run of a size that have a value and an error, in the order of the steps."""
    if along not in _SLOPES:
        raise NotTestedError(f"there is no slope along {along!r}; there are those along {', '.join(_SLOPES)}")
    table = evidence.table("loss_slope.csv")
    column = _SLOPES[along]
    usable = table[table["size"] == size].dropna(subset=[column, f"{column}_error"])
    runs = (run.sort_values("step", ignore_index=True) for _, run in usable.groupby("seed", sort=False))
    return [run for run in runs if len(run) >= _FEWEST]


def _rises(run: pd.DataFrame, along: str) -> Vector:
    """Of each row, the lesser of the excesses of steepness before and after it, less 3 standard errors."""
    column = _SLOPES[along]
    steepness = -run[column].to_numpy(dtype=float)
    variance = run[f"{column}_error"].to_numpy(dtype=float) ** 2
    excess = steepness[None, :] - steepness[:, None]
    excess -= _SIGNIFICANCE * np.sqrt(variance[None, :] + variance[:, None])
    place = np.arange(len(run))
    before = np.where(place[None, :] < place[:, None], excess, -np.inf).max(axis=1)
    after = np.where(place[None, :] > place[:, None], excess, -np.inf).max(axis=1)
    return np.asarray(np.minimum(before, after))


def dip_margin(run: pd.DataFrame, along: str, near: NDArray[np.bool_]) -> float:
    """Depth of the deepest dip of steepness at the rows `near`, less 3 standard errors; negative without."""
    depths = _rises(run, along)[near]
    finite = depths[np.isfinite(depths)]
    # At the run's ends one side is lacking: no dip there, by as much as the slope itself.
    return float(finite.max()) if finite.size else -float(np.abs(run[_SLOPES[along]]).max())


def _dip(run: pd.DataFrame, along: str, near: NDArray[np.bool_]) -> int:
    return int(np.argmax(np.where(near, _rises(run, along), -np.inf)))
