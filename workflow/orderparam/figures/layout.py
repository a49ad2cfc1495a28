"""The frame of a figure: subtitle above, panels, legend below, each in a strip of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.textpath import text_to_path

from orderparam.figures.style import GREY, POINTS_PER_INCH, WARNING_COLOUR, current_context, literal

MARGIN = 0.06
_PAD = 0.04
_LINE_SPACING = 1.3
_TITLE_SIZE, _PROVENANCE_SIZE = 8.5, 6.5

LegendEntry = tuple[Artist, str]


@dataclass(frozen=True)
class LegendGroup:
    """Entries that start a new row of the legend; `handle_length` is in units of the font size."""

    entries: Sequence[LegendEntry]
    handle_length: float = 2.0


def legend_line(label: str, **look: Any) -> LegendEntry:
    """An entry of the legend: a line or marker of this look."""
    return Line2D([], [], **look), label


def start_figure(
    width: float,
    panels_height: float,
    subtitle: str,
    legend: Sequence[LegendGroup] = (),
    own_results: bool = True,
    title: str = "",
) -> Figure:
    """A figure of `width` inches with room of `panels_height` inches for panels.

    Above the panels stands the title, which states the finding, below it in small the subtitle and, in a
    warning colour, the notice of a stand-in corpus;
    below them the legend, each group in as many rows as its labels need. The figure is as high as all
    of this requires, so nothing covers data and nothing is cut. The subtitle of a figure that is drawn
    within `style.drawn_from` and shows the experiment's `own_results` names experiment and corpus first.
    """
    context = current_context()
    if context and own_results:
        subtitle = f"Experiment {literal(context.experiment)}; corpus {literal(context.corpus)}; {subtitle}"
    size = matplotlib.rcParams["legend.fontsize"]
    room = width - 2 * MARGIN
    small = _PROVENANCE_SIZE if title else size
    lines = [(line, "black", "bold", _TITLE_SIZE) for line in wrap(title, room, _TITLE_SIZE, "bold")]
    # Small letters are set wider than they are, in pixels.
    lines += [(line, GREY, "normal", small) for line in wrap(subtitle, 0.94 * room, small)]
    if context and context.notice:
        notice = wrap(literal(context.notice), room, size, "bold")
        lines += [(line, WARNING_COLOUR, "bold", size) for line in notice]
    line_height = _LINE_SPACING * size / POINTS_PER_INCH
    rows = [row for group in legend for row in _pack(group, room, size)]
    row_heights = [max(label.count("\n") + 1 for _, label in row.entries) * 1.1 * line_height for row in rows]
    heights = [_LINE_SPACING * points / POINTS_PER_INCH for _, _, _, points in lines]
    top = MARGIN + sum(heights)
    bottom = MARGIN + sum(row_heights)
    height = top + panels_height + bottom
    engine = ConstrainedLayoutEngine(
        w_pad=_PAD, h_pad=_PAD, rect=(0, bottom / height, 1, panels_height / height)
    )
    figure = Figure(figsize=(width, height), layout=engine)
    figure.set_label(plain(title))
    y = height - MARGIN
    for (line, colour, weight, points), line_drop in zip(lines, heights, strict=True):
        look: dict[str, Any] = {"size": points, "color": colour, "weight": weight, "va": "top"}
        figure.text(MARGIN / width, y / height, line, in_layout=False, **look)
        y -= line_drop
    y = bottom
    for row, row_height in zip(rows, row_heights, strict=True):
        _add_legend_row(figure, row, (y - row_height / 2) / height)
        y -= row_height
    return figure


def plain(text: str) -> str:
    """A title without the marks of mathematics: `dL/db` for `$\\mathrm{d}L/\\mathrm{d}b$`."""
    text = re.sub(r"\\mathrm\{(\w+)\}", r"\1", text.replace(r"\$", "\0"))
    return re.sub(r"[$\\{}]", "", text.replace(r"\gamma", "\N{GREEK SMALL LETTER GAMMA}")).replace("\0", "$")


def text_width(text: str, size: float, weight: str = "normal") -> float:
    """Width in inches of one line of text set at `size` points; `$...$` is mathematics."""
    font = FontProperties(family=matplotlib.rcParams["font.family"], size=size, weight=weight)
    mathematics = text.replace(r"\$", "").count("$") >= 2
    width, _, _ = text_to_path.get_text_width_height_descent(text, font, mathematics)
    return float(width) / POINTS_PER_INCH


def wrap(text: str, width: float, size: float, weight: str = "normal") -> list[str]:
    """Break text into lines of at most `width` inches, between words where possible.

    Mathematics must hold no spaces; a word of plain text wider than the line is broken anywhere.
    """
    lines: list[str] = []
    current = ""
    for word in filter(None, re.split(r"[ \n\t]", text)):
        longer = f"{current} {word}" if current else word
        if text_width(longer, size, weight) <= width:
            current = longer
            continue
        if current:
            lines.append(current)
        while "$" not in word and len(word) > 1 and text_width(word, size, weight) > width:
            fitting = next(n for n in range(len(word) - 1, 0, -1) if _fits(word[:n], width, size, weight))
            lines.append(word[:fitting])
            word = word[fitting:]
        current = word
    return [*lines, current] if current else lines


def _fits(text: str, width: float, size: float, weight: str) -> bool:
    return len(text) == 1 or text_width(text, size, weight) <= width


def shorten(text: str, width: float, size: float) -> str:
    """Cut text to `width` inches, with an ellipsis in place of what is cut."""
    if text_width(text, size) <= width:
        return text
    lengths = range(len(text) - 1, 0, -1)
    return next((f"{text[:n]}…" for n in lengths if text_width(f"{text[:n]}…", size) <= width), "…")


def _pack(group: LegendGroup, room: float, size: float) -> list[LegendGroup]:
    """Split a group into rows of at most `room` inches."""
    em = size / POINTS_PER_INCH
    handle = (group.handle_length + matplotlib.rcParams["legend.handletextpad"]) * em
    gap = matplotlib.rcParams["legend.columnspacing"] * em
    rows: list[list[LegendEntry]] = []
    used = room
    for artist, label in group.entries:
        lines = wrap(label, room - handle, size)
        width = handle + max(text_width(line, size) for line in lines)
        if used + gap + width > room:
            rows.append([])
            used = -gap
        rows[-1].append((artist, "\n".join(lines)))
        used += gap + width
    return [LegendGroup(row, group.handle_length) for row in rows]


def _add_legend_row(figure: Figure, row: LegendGroup, centre: float) -> None:
    legend = Legend(
        figure,
        [handle for handle, _ in row.entries],
        [str(i) for i in range(len(row.entries))],
        loc="center",
        bbox_to_anchor=(0.5, centre),
        ncols=len(row.entries),
        handlelength=row.handle_length,
    )
    legend.set_in_layout(False)
    figure.add_artist(legend)
    # Labels are set afterwards, since matplotlib drops entries whose label starts with an underscore.
    for text, (_, label) in zip(legend.get_texts(), row.entries, strict=True):
        text.set_text(label)
