"""Grids of panels, one for each size, with the training step along the x axis."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from orderparam.figures.axes import STEP_LABEL, set_symlog_axis


def set_step_axis(axes: Axes, steps: pd.Series, labelled: bool) -> None:
    """Logarithmic steps beyond the first measured one, so that step 0 has a place."""
    positive = steps[steps > 0]
    first = float(positive.min()) if len(positive) else 1.0
    last = max(float(steps.max()), first)
    set_symlog_axis(axes, "x", steps.to_numpy(), threshold=first)
    axes.set_xlim(-0.12 * first, last * max((last / first) ** 0.03, 1.06))
    axes.tick_params(labelbottom=labelled)
    if labelled:
        axes.set_xlabel(STEP_LABEL)
