"""Places in a figure that nothing else takes: for the names of curves, and for an inset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis

from orderparam.figures.layout import text_width
from orderparam.figures.style import POINTS_PER_INCH, SizeStyle


def label_curves(
    axes: Axes,
    labels: Mapping[str, tuple[str, float, float]],
    styles: Mapping[str, SizeStyle],
    size_inches: tuple[float, float],
    points: np.ndarray,
    below: bool = False,
) -> None:
    """Name each size's curve beside a point: its text, and x and y, by size.

    A name stands above the point (or `below`), beside it, on its other side, or some lines off: the first of
    these places that covers none of the `points` (n, 2) nor another name, or else the least. The y limits
    make room for it. `size_inches` is the axes' width and height.
    """
    font = matplotlib.rcParams["font.size"]
    line = 1.15 * font / POINTS_PER_INCH
    size = np.array(size_inches)

    def in_inches(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.asarray(size * np.column_stack([places_along(axes.xaxis, x), places_along(axes.yaxis, y)]))

    scale = axes.yaxis.get_transform()
    low, high = scale.transform(np.array(axes.get_ylim()))
    taken = in_inches(points[:, 0], points[:, 1])
    placed: list[np.ndarray] = []
    for name, (text, x, y) in sorted(labels.items(), key=lambda item: item[1][1]):
        rows = text.split("\n")
        half = np.array([max(text_width(row, font) for row in rows), line * len(rows)]) / 2
        at = in_inches(np.array([x]), np.array([y]))[0]
        best: tuple[float, np.ndarray] | None = None
        for direction, lines in _directions(-1 if below else 1):
            middle = at + direction * (half + 0.09 + lines * line)
            middle[0] = np.clip(middle[0], half[0], max(size[0] - half[0], half[0]))
            distance = np.abs(taken - middle)
            covered = float(np.sum(np.all(distance < half + 0.04, axis=1)))
            covered += 1000 * sum(
                bool(np.all(np.abs(other[:2] - middle) < half + other[2:])) for other in placed
            )
            if best is None or covered < best[0]:
                best = covered, middle
        assert best is not None
        middle = best[1]
        placed.append(np.append(middle, half))
        axes.annotate(
            text,
            (x, y),
            POINTS_PER_INCH * (middle - at),
            textcoords="offset points",
            color=styles[name].colour,
            ha="center",
            va="center",
            annotation_clip=False,
            gid=f"name-{list(styles).index(name)}",
        )
        # The curve up to its point must leave the height that the name takes beyond it.
        height = scale.transform(np.array([y]))[0]
        for end in (middle[1] + half[1], middle[1] - half[1]):
            beyond = abs(end - at[1]) / size[1]
            if end > size[1]:
                high = max(high, (height - low * beyond) / (1 - beyond))
            elif end < 0:
                low = min(low, (height - high * beyond) / (1 - beyond))
    axes.set_ylim(*scale.inverted().transform(np.array([low, high])))


def _directions(first: int) -> Iterator[tuple[np.ndarray, int]]:
    """Where a name may stand: the direction from its point, and by how many lines farther."""
    for lines in range(4):
        for across, up in ((0, first), (-1, 0), (1, 0), (0, -first)):
            yield np.array([across, up]), lines


def free_corner(axes: Axes, points: np.ndarray, share: tuple[float, float]) -> tuple[float, float]:
    """Lower left corner of a box that covers none of the `points` (n, 2), in shares of the axes.

    The box takes `share` of width and height in that corner of the axes where the y limits must move least
    to make room for it; they are moved.
    """
    across = places_along(axes.xaxis, points[:, 0])
    scale = axes.yaxis.get_transform()
    low, high = scale.transform(np.array(axes.get_ylim()))
    heights, margin = scale.transform(points[:, 1]), 0.03
    best: tuple[float, float, float, float, float] | None = None
    for left in (0.0, 1 - share[0]):
        near = heights[(across >= left - margin) & (across <= left + share[0] + margin)]
        for bottom in (1 - share[1], 0.0):
            ends, taken = [low, high], share[1] + margin
            if near.size and bottom == 0:
                ends[0] = min(low, (near.min() - high * taken) / (1 - taken))
            elif near.size:
                ends[1] = max(high, (near.max() - low * taken) / (1 - taken))
            moved = ends[1] - ends[0] - (high - low)
            if best is None or moved < best[0] - 1e-9:
                best = (moved, left, bottom, *ends)
    assert best is not None
    axes.set_ylim(*scale.inverted().transform(np.array(best[3:])))
    return best[1], best[2]


def places_along(axis: Axis, values: Sequence[float] | np.ndarray) -> np.ndarray:
    """Where values lie along an axis, from 0 at its beginning to 1 at its end."""
    first, last = axis.get_transform().transform(np.array(axis.get_view_interval()))
    places: np.ndarray = axis.get_transform().transform(np.asarray(values, dtype=float))
    return np.asarray((places - first) / (last - first))
