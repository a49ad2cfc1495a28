"""Does the passage from bigram level sharpen with the width? Curves at each width's own time; exponents."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import NDArray

from orderparam.analysis.escape import Levels, measure_passages, steepest_progress, transition_step
from orderparam.analysis.statistics import student_interval
from orderparam.figures.axes import name_sizes, note_empty, require_rows
from orderparam.figures.layout import LegendGroup, legend_line, start_figure
from orderparam.figures.style import (
    COLOURS,
    PAGE_WIDTH,
    REFERENCE,
    SizeStyle,
    assign_styles,
    describe_seeds,
    styled,
)
from orderparam.tables import find_entropies

Vector = NDArray[np.float64]

# What grows where the passage sharpens: its label, and the colour's place.
_QUANTITIES = {
    "steepest_progress": (r"largest $\mathrm{d}\varphi/\mathrm{d}\ln(\mathrm{step})$", 0, "o"),
    "passage_efolds": (r"1 / e-folds of steps from $\varphi=0$ to $1/2$", 1, "s"),
    "passage_rise": (r"1 / relative rise of $b$ meanwhile", 3, "^"),
}
_SHOWN = (-0.6, 0.85)


@styled
def draw(
    metrics: pd.DataFrame, runs: pd.DataFrame, entropies: pd.DataFrame, loss_slope: pd.DataFrame
) -> Figure:
    """Mean phi of each size against the step over its own time of phi = 1/2; and three measures of sharpness.

    Sizes whose mean never passes 1/2 are left out. Right: a dot for each run, markers with Student's 95%
    intervals for the means, all over the mean of the smallest width. Raises RecordError without rows.
    """
    require_rows(metrics, "metrics")
    styles = assign_styles(metrics["size"])
    levels = {size: Levels(*find_entropies(entropies, (2, 3), size).values()) for size in styles}
    widths = {str(size): float(width) for size, width in zip(runs["size"], runs["d_model"], strict=True)}
    entries = [
        legend_line(label, color=COLOURS[colour], marker=marker, linewidth=0, markersize=4.5)
        for label, colour, marker in _QUANTITIES.values()
    ]
    entries.append(legend_line(r"$d^{\,0.2}$: sharpening would rise faster", **REFERENCE))
    shown = {
        size: look for size, look in styles.items() if _passes(metrics[metrics["size"] == size], levels[size])
    }
    legend = [*([name_sizes(shown)] if shown else []), LegendGroup(entries)]
    measured = {
        widths[size]: _measure(
            metrics[metrics["size"] == size], loss_slope[loss_slope["size"] == size], levels[size]
        )
        for size in shown
    }
    seeds = describe_seeds(metrics["seed"])
    figure = start_figure(PAGE_WIDTH, 2.7, seeds, legend, title=_finding(measured))
    left, right = figure.subplots(1, 2)
    for size, look in shown.items():
        _draw_curve(left, metrics[metrics["size"] == size], levels[size], look)
    _finish_curves(left)
    _draw_sharpness(right, measured)
    return figure


def _finding(measured: dict[float, dict[str, list[float]]]) -> str:
    """How the steepest progress changes from the smallest width to the largest."""
    steepest = {width: found["steepest_progress"] for width, found in measured.items()}
    means = {width: float(np.mean(values)) for width, values in sorted(steepest.items()) if values}
    if len(means) < 2:
        return "Progress from each width's own time"
    small, large = min(means), max(means)
    return (
        f"The steepest progress is {means[large] / means[small]:.2f} times as steep at width {large:g} as at "
        f"width {small:g}"
    )


def _mean_progress(of_size: pd.DataFrame, levels: Levels) -> tuple[Vector, Vector, Vector]:
    """Steps, mean phi over seeds, and its standard error."""
    loss = (
        of_size[of_size["step"] > 0].pivot_table(index="step", columns="seed", values="train_loss").dropna()
    )
    phi = levels.progress(loss.to_numpy())
    error = phi.std(axis=1, ddof=1) / np.sqrt(phi.shape[1]) if phi.shape[1] > 1 else np.zeros(len(phi))
    return loss.index.to_numpy(dtype=float), phi.mean(axis=1), error


def _passes(of_size: pd.DataFrame, levels: Levels) -> bool:
    return transition_step(*_mean_progress(of_size, levels)[:2]) is not None


def _measure(of_size: pd.DataFrame, slopes: pd.DataFrame, levels: Levels) -> dict[str, list[float]]:
    """Each of the quantities of every run that has it."""
    found: dict[str, list[float]] = {name: [] for name in _QUANTITIES}
    for seed, run in of_size.groupby("seed"):
        passages = measure_passages(run.sort_values("step"), levels)
        values = {name: 1 / passages[name] for name in passages if name in found}
        steepest = steepest_progress(slopes[slopes["seed"] == seed].reset_index(drop=True), levels)
        values |= {} if steepest is None else {"steepest_progress": steepest}
        for name, value in values.items():
            found[name].append(value)
    return found


def _draw_curve(axes: Axes, of_size: pd.DataFrame, levels: Levels, look: SizeStyle) -> None:
    """The mean over seeds with a band of two standard errors."""
    steps, mean, error = _mean_progress(of_size, levels)
    near = (mean > _SHOWN[0]) & (mean < _SHOWN[1])
    own = transition_step(steps, mean)
    assert own is not None
    x = steps[near] / own
    axes.plot(x, mean[near], color=look.colour, gid=f"phi-{of_size['size'].iloc[0]}")
    band = (mean - 2 * error)[near], (mean + 2 * error)[near]
    axes.fill_between(x, *band, color=look.colour, alpha=0.25, linewidth=0)


def _finish_curves(axes: Axes) -> None:
    axes.set_title("(a) progress, from each width's own time")
    axes.set_xlabel(r"step / step at which $\varphi=1/2$")
    axes.set_ylabel(r"$\varphi = (H_2 - L)\,/\,(H_2 - H_3)$")
    if not axes.lines:
        note_empty(axes, r"no size whose mean $\varphi$ passes 1/2")
        return
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    for level in (0.0, 0.5):
        axes.axhline(level, zorder=0, **REFERENCE)


def _draw_sharpness(axes: Axes, measured: dict[float, dict[str, list[float]]]) -> None:
    axes.set_title("(b) sharpness against width")
    axes.set_xlabel(r"$d_\mathrm{model}$")
    axes.set_ylabel("over that of the smallest width")
    if len(measured) < 2:
        note_empty(axes, "fewer than two widths")
        return
    smallest = min(measured)
    mark: dict[str, Any] = {"linewidth": 0, "elinewidth": 0.9, "capsize": 2, "markersize": 4.5}
    for shift, (name, (_, colour, marker)) in zip((0.95, 1.0, 1.05), _QUANTITIES.items(), strict=True):
        base = np.mean(measured[smallest][name]) if measured[smallest][name] else np.nan
        for width, found in measured.items():
            values = np.array(found[name]) / base
            if values.size:
                x = shift * width
                axes.plot([x] * values.size, values, ".", color=COLOURS[colour], alpha=0.35, markersize=2.5)
                mean = values.mean()
                lower, upper = student_interval(values)
                spread = [[mean - lower], [upper - mean]] if values.size > 2 else None
                axes.errorbar(x, mean, yerr=spread, color=COLOURS[colour], marker=marker, **mark)
    ends = np.array([smallest, max(measured)])
    axes.plot(ends, (ends / smallest) ** 0.2, zorder=0, **REFERENCE)
    axes.set_xscale("log", base=2)
    axes.set_xticks(sorted(measured), [f"{width:g}" for width in sorted(measured)])
