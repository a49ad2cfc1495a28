"""What all figures share: the style file, the look of each size, what a figure must say, and saving."""

from __future__ import annotations

import functools
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar
from xml.sax.saxutils import escape

import matplotlib
import numpy as np
from matplotlib import style
from matplotlib.figure import Figure

from orderparam.files import atomic_write

STYLE_FILE = Path(__file__).with_name("orderparam.mplstyle")
COLUMN_WIDTH = 3.4
PAGE_WIDTH = 7.0
GREY = "0.35"
WARNING_COLOUR = "#B23A00"
# The style file's colours, in its order.
_CYCLE = matplotlib.rc_params_from_file(STYLE_FILE, use_default_template=False)["axes.prop_cycle"]
COLOURS: tuple[str, ...] = tuple(_CYCLE.by_key()["color"])
# The look of lines that mark a known or published value.
REFERENCE: dict[str, Any] = {"color": GREY, "linewidth": 0.7, "linestyle": (0, (4, 2))}

POINTS_PER_INCH = 72
# What legends call the entries of the controls.
NAMES = {
    "whole": "the text itself",
    "order-1": "Markov text, order 1",
    "order-2": "Markov text, order 2",
    "order-3": "Markov text, order 3",
    "moby-dick": "Moby-Dick",
    "context-1": "context of one character",
    "ablated": "attention taken out",
}
# A marker in matplotlib's SVGs.
_MARKER = re.compile(r'(<use xlink:href="#\w+" x="(?P<x>[-\d.]+)" y="(?P<y>[-\d.]+)"[^>]*?)/>')
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h", "*")

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class FigureContext:
    """What a figure says of its origin: the experiment, its corpora, and the notice of a stand-in corpus.

    `entropy_sizes` are the sizes trained on the corpus whose n-gram entropies are shown; None means all.
    """

    experiment: str
    corpus: str
    notice: str | None = None
    entropy_sizes: tuple[str, ...] | None = None


_context: ContextVar[FigureContext | None] = ContextVar("figure_context", default=None)


@contextmanager
def drawn_from(context: FigureContext | None) -> Iterator[None]:
    """Figures drawn within the block name the experiment and corpus of `context`; others name none."""
    token = _context.set(context)
    try:
        yield
    finally:
        _context.reset(token)


def current_context() -> FigureContext | None:
    """What `drawn_from` was given, if a figure is drawn within it."""
    return _context.get()


@dataclass(frozen=True)
class SizeStyle:
    """Colour and marker of one model size."""

    colour: str
    marker: str

    @property
    def look(self) -> dict[str, Any]:
        """Both as arguments of matplotlib's plotting functions."""
        return {"color": self.colour, "marker": self.marker}


def styled(function: Callable[P, T]) -> Callable[P, T]:
    """Run `function` under matplotlib's defaults and the package's style file."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        with style.context(STYLE_FILE, after_reset=True):
            return function(*args, **kwargs)

    return run


def assign_styles(sizes: Iterable[str]) -> dict[str, SizeStyle]:
    """A colour and a marker for each size by its place in the experiment, the same in every figure.

    Seven colours and twelve markers cycle apart, so that no two of the first 84 sizes look alike.
    """
    return {
        size: SizeStyle(COLOURS[i % len(COLOURS)], _MARKERS[i % len(_MARKERS)])
        for i, size in enumerate(dict.fromkeys(sizes))
    }


def describe_seeds(seeds: Iterable[int]) -> str:
    """Name the seeds, in one unbreakable phrase: all of them up to four, else their number and range."""
    named: Sequence[int] = sorted({int(seed) for seed in seeds})
    if len(named) == 1:
        phrase = f"seed {named[0]}"
    elif len(named) <= 4:
        phrase = f"seeds {', '.join(map(str, named))}"
    else:
        phrase = f"{len(named)} seeds, {named[0]} to {named[-1]}"
    return phrase.replace(" ", "\N{NO-BREAK SPACE}")


def literal(text: str) -> str:
    """Keep matplotlib from reading a name as mathematics."""
    return text.replace("$", r"\$")


@styled
def save_figure(figure: Figure, svg_path: str | Path, png_path: str | Path) -> None:
    """Write a figure as SVG and PNG (300 dpi), atomically; the same figure gives the same bytes.

    Points in the SVG bear their values as titles. Neither file holds a date or a version of matplotlib.
    """
    # What the figure shows, where its module says so.
    named = {"Title": str(figure.get_label())} if figure.get_label() else {}
    rendered = {}
    for path, kind, metadata in (
        (svg_path, "svg", {"Date": None, "Creator": None, **named}),
        (png_path, "png", {"Software": None}),
    ):
        buffer = io.BytesIO()
        figure.savefig(buffer, format=kind, metadata=metadata)
        rendered[path] = buffer.getvalue()
    # Verdana has DejaVu's widths, and is there where that is not.
    svg = rendered[svg_path].replace(b"'DejaVu Sans'", b"'DejaVu Sans', Verdana, sans-serif")
    rendered[svg_path] = name_points(svg.decode(), figure).encode()
    for path, content in rendered.items():
        with atomic_write(path, "wb") as file:
            file.write(content)


def name_points(svg: str, figure: Figure) -> str:
    """The SVG of a figure where each marker of a line with a gid has a title: the line's label, x and y.

    A label that begins with an underscore, which is none, is left out. Where panels have lines of one gid,
    the first of them in the SVG is the first panel's, and so on.
    """
    found: dict[str, int] = {}
    for axes in figure.axes:
        for line in axes.get_lines():
            gid = str(line.get_gid())
            start = svg.find(f'<g id="{gid}"', found.get(gid, 0)) if line.get_gid() else -1
            if start < 0:
                continue
            found[gid] = start + 1
            points = np.asarray(line.get_xydata(), dtype=float)
            if line.get_marker() in ("None", None, "") or not points.size:
                continue
            label = str(line.get_label())
            head = "" if label.startswith("_") else f"{escape(label)}: "
            places = line.get_transform().transform(points) / figure.dpi * POINTS_PER_INCH
            places[:, 1] = figure.get_figheight() * POINTS_PER_INCH - places[:, 1]
            values = [f"{head}{x:.5g}, {y:.5g}" for x, y in points]
            end = svg.find("<g id=", start + 1)
            add_title = functools.partial(_add_title, places=places, values=values)
            part = _MARKER.sub(add_title, svg[start:end])
            svg = svg[:start] + part + svg[end:]
    return svg


def _add_title(use: re.Match[str], *, places: np.ndarray, values: Sequence[str]) -> str:
    """A marker with the value of the point that lies where it does."""
    distances = np.abs(places - [float(use["x"]), float(use["y"])]).sum(axis=1)
    nearest = int(np.nanargmin(distances))
    return f"{use[1]}><title>{values[nearest]}</title></use>"
