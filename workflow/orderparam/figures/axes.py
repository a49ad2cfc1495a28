"""Axes that several figures use: the order parameter, the training step, slopes, and labelled levels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from orderparam.errors import RecordError
from orderparam.figures.layout import LegendGroup, legend_line
from orderparam.figures.placing import places_along
from orderparam.figures.style import GREY, NAMES, POINTS_PER_INCH, REFERENCE, SizeStyle, literal

ORDER_PARAMETER_LABEL = r"order parameter $b = \|W_\mathrm{head}\|_F\,/\,d_\mathrm{model}$"
STEP_LABEL = "training step (updates)"
TRAIN_LOSS_LABEL = "training loss (nats per character)"
# Least distance of labelled ticks of b, inches; and which multiples of a power of ten are labelled.
_TICK_ROOM = 0.36
_SUBS = (
    (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0),
    (1.0, 1.5, 2.0, 3.0, 5.0, 7.0),
    (1.0, 2.0, 3.0, 5.0),
    (1.0, 2.0, 5.0),
)
NGRAM_NAMES = {1: "unigram", 2: "bigram", 3: "trigram"}


def require_rows(table: pd.DataFrame, name: str) -> None:
    """Raise RecordError when there is nothing to draw."""
    if table.empty:
        raise RecordError(f"the table of {name} holds no rows; there is nothing to draw")


def plot_runs(
    axes: Axes,
    table: pd.DataFrame,
    y: str,
    styles: Mapping[str, SizeStyle],
    name: str,
    linewidth: float = 0,
) -> None:
    """Draw column `y` against the order parameter, one line per size and seed, all rows of `table`.

    Lines bear the gid `<name>-<place of the size>-<seed>`; rows with a NaN are gaps.
    """
    places = {size: place for place, size in enumerate(styles)}
    for (size, seed), run in table.groupby(["size", "seed"], sort=False):
        ordered = run.sort_values("step")
        axes.plot(
            ordered["order_parameter"],
            ordered[y],
            markersize=2.6,
            markeredgewidth=0,
            linewidth=linewidth,
            alpha=0.75,
            label=f"{size}, seed {seed}",
            gid=f"{name}-{places[str(size)]}-{seed}",
            **styles[str(size)].look,
        )


def name_sizes(styles: Mapping[str, SizeStyle], as_lines: bool = False) -> LegendGroup:
    """Legend entries that name the sizes, by their markers or, where none are drawn, by lines."""
    names = {size: literal(NAMES.get(size, size)) for size in styles}
    if as_lines:
        return LegendGroup([legend_line(names[size], color=style.colour) for size, style in styles.items()])
    look = {"markersize": 4, "markeredgewidth": 0, "linewidth": 0}
    entries = [legend_line(names[size], **look, **style.look) for size, style in styles.items()]
    return LegendGroup(entries, handle_length=0.8)


def set_order_parameter_axis(
    axes: Axes, values: Sequence[float] | np.ndarray, axes_width: float = 2.6
) -> None:
    """Log-scaled x axis for the order parameter; linear where a value is not positive.

    It has as many labelled ticks as stand apart on `axes_width` inches.
    """
    axes.set_xlabel(ORDER_PARAMETER_LABEL)
    if len(values) == 0:
        axes.set_xticks([])
        return
    low, high = float(np.min(values)), float(np.max(values))
    if low > 0:
        axes.set_xscale("log")
        margin = max((high / low) ** 0.05, 1.002)
        axes.set_xlim(low / margin, high * margin)
        ratio = high / low
        if ratio < 4:
            ticks = max(2, int(axes_width / _TICK_ROOM / 1.5))
            axes.xaxis.set_major_locator(MaxNLocator(ticks, steps=[1, 2, 2.5, 5, 10]))
            axes.xaxis.set_minor_locator(NullLocator())
        else:
            room = _TICK_ROOM * np.log10(ratio * margin**2) / axes_width
            subs = next((each for each in _SUBS if np.diff(np.log10([*each, 10])).min() >= room), (1.0,))
            axes.xaxis.set_major_locator(LogLocator(subs=subs, numticks=20))
            axes.xaxis.set_minor_locator(LogLocator(subs=tuple(range(1, 10)), numticks=60))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def set_symlog_axis(
    axes: Axes,
    which: Literal["x", "y"],
    values: np.ndarray,
    threshold: float,
    apart: float = 0.0,
    limits: tuple[float, float] | None = None,
) -> None:
    """Axis that is linear up to +-`threshold`, logarithmic beyond, with `limits`, or such around `values`.

    Labelled ticks are powers of ten; over less than two and a half decades of one sign their multiples
    by 2 and 5 too. Ticks are left out until they are at least `apart` of the axis's length apart.
    """
    axis = axes.xaxis if which == "x" else axes.yaxis
    set_scale = axes.set_xscale if which == "x" else axes.set_yscale
    set_limits = axes.set_xlim if which == "x" else axes.set_ylim
    set_scale("symlog", linthresh=threshold, linscale=0.4)
    low, high = float(np.min(values)), float(np.max(values))
    bounds = limits or (_move_outwards(low, threshold, -1), _move_outwards(high, threshold, 1))
    set_limits(*bounds)
    largest = max(abs(low), abs(high), threshold)
    smallest = threshold if low * high <= 0 else max(min(abs(low), abs(high)), threshold)
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}".replace("-", "\N{MINUS SIGN}")))
    axis.set_minor_formatter(NullFormatter())
    if low * high > 0 and largest < 5 * smallest:
        axis.set_major_locator(MaxNLocator(5))
        axis.set_minor_locator(NullLocator())
        return

    def fit(ticks: list[float]) -> bool:
        visible = sorted(tick for tick in ticks if bounds[0] <= tick <= bounds[1])
        return len(visible) < 2 or bool(np.diff(places_along(axis, visible)).min() >= apart)

    exponents = range(int(np.floor(np.log10(smallest))), int(np.ceil(np.log10(largest))) + 1)
    every = 1
    major = _mirror([10.0**n for n in exponents if 10.0**n >= threshold])
    finer = _mirror([m * 10.0**n for n in exponents for m in (1, 2, 5) if m * 10.0**n >= threshold])
    if low * high >= 0 and np.log10(largest / smallest) < 2.5 and fit([0.0, *finer]):
        major = finer
    else:
        # Label the outermost decade, and of those further in only every second, third, ...
        top = int(np.floor(np.log10(largest)))
        while not fit(major) and every < len(exponents):
            every += 1
            major = _mirror([10.0**n for n in exponents if 10.0**n >= threshold and (top - n) % every == 0])
    from_zero = np.abs(places_along(axis, major) - places_along(axis, [0.0]))
    major = [tick for tick, distance in zip(major, from_zero, strict=True) if distance >= apart]
    axis.set_major_locator(FixedLocator(sorted([0.0, *major])))
    multiples = range(1, 10) if every == 1 else (1,)
    axis.set_minor_locator(FixedLocator(sorted(_mirror([m * 10.0**n for n in exponents for m in multiples]))))


def _mirror(ticks: list[float]) -> list[float]:
    return [*ticks, *(-tick for tick in ticks)]


def _move_outwards(limit: float, threshold: float, direction: int) -> float:
    """A limit a little below (`direction` -1) or above (1) the outermost value, on a symlog axis."""
    if abs(limit) <= threshold:
        return limit + direction * 0.15 * threshold
    return limit * 1.25 if limit * direction > 0 else limit / 1.25


def set_slope_axis(
    axes: Axes, slopes: np.ndarray, axes_height: float, limits: tuple[float, float] | None = None
) -> None:
    """Symmetric log scale on y: slopes of the sizes differ by orders of magnitude and may change sign.

    `axes_height` in inches keeps the labels of the ticks apart. The limits are those around the slopes, if
    none are given.
    """
    if slopes.size == 0:
        if limits is None:
            note_empty(axes, "no interval to draw")
        axes.set_yticks([])
        return
    magnitudes = np.abs(slopes[slopes != 0])
    threshold = 10.0 ** np.floor(np.log10(np.quantile(magnitudes, 0.05))) if magnitudes.size else 1.0
    apart = 1.15 * matplotlib.rcParams["ytick.labelsize"] / POINTS_PER_INCH / axes_height
    set_symlog_axis(axes, "y", slopes, threshold, apart, limits)
    if slopes.max() > -threshold and limits is None:
        axes.axhline(0, color=GREY, linewidth=0.5, zorder=0)


def note_empty(axes: Axes, note: str) -> None:
    """Say in the middle of axes why they are empty."""
    axes.text(0.5, 0.5, note, transform=axes.transAxes, ha="center", color=GREY)


def extend_to_levels(axes: Axes, levels: Sequence[float]) -> None:
    """Set the y limits so that they hold the data drawn so far and every level."""
    data = axes.dataLim
    low, high = min([data.ymin, *levels]), max([data.ymax, *levels])
    margin = 0.04 * (high - low)
    axes.set_ylim(low - margin, high + margin)


def label_levels(
    axes: Axes,
    levels: Mapping[str, tuple[str, float]],
    axes_height: float,
    x: float = 1.015,
    spacing: float = 1.15,
) -> None:
    """Horizontal lines at `levels`, a label and a value by gid, labelled to the right of the axes at `x`.

    Labels are kept `spacing` lines apart on axes of `axes_height` inches: where two levels coincide, one
    label above the other would name neither.
    """
    for gid, (_, value) in levels.items():
        axes.axhline(value, zorder=1, gid=gid, **REFERENCE)
    labels = {gid: (label, value, GREY) for gid, (label, value) in levels.items()}
    label_beside(axes, labels, axes_height, x, spacing)


def label_beside(
    axes: Axes,
    labels: Mapping[str, tuple[str, float, str]],
    axes_height: float,
    x: float = 1.015,
    spacing: float = 1.15,
) -> None:
    """Labels to the right of the axes at `x`: a text, a height in units of y and a colour, by gid.

    They are kept `spacing` lines apart on axes of `axes_height` inches.
    """
    low, high = axes.get_ylim()
    apart = spacing * matplotlib.rcParams["font.size"] / POINTS_PER_INCH / axes_height * (high - low)
    previous = -np.inf
    for gid, (label, value, colour) in sorted(labels.items(), key=lambda item: item[1][1]):
        previous = max(value, previous + apart)
        place = axes.get_yaxis_transform()
        axes.text(x, previous, label, transform=place, va="center", color=colour, gid=f"{gid}-label")
