"""Figure 2: the model that was built, drawn from the same nodes as its Mermaid source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from orderparam.figures.layout import MARGIN, start_figure, wrap
from orderparam.figures.style import COLOURS, GREY, PAGE_WIDTH, literal, styled
from orderparam.model.diagram import Architecture, Kind, Node

FILLS: dict[Kind, str] = {"data": "#F2F2F2", "layer": "#D6E8F4", "operation": "#FFFFFF"}
# The node whose weights the order parameter is read off, and what its box says of that.
HEAD, ORDER_PARAMETER = "head", r"$b=\|W_\mathrm{head}\|_F\,/\,d_\mathrm{model}$"
HEAD_COLOUR = COLOURS[1]
_GAP, _HEADING = 0.13, 0.36
_SIDE = 0.06  # beside a box
_LANE = 0.2  # left of a branch's boxes, for the way down to the first of them
_SIZE, _LINE = 7.0, 0.125


@dataclass(frozen=True)
class Box:
    """A drawn node: centre and extent in inches, x from the left, y from the stream; and its text."""

    x: float
    y: float
    width: float
    lines: list[str]

    @property
    def height(self) -> float:
        """Enough for the text."""
        return _LINE * len(self.lines) + 0.05

    @property
    def top(self) -> float:
        """The upper edge."""
        return self.y + self.height / 2

    @property
    def bottom(self) -> float:
        """The lower edge."""
        return self.y - self.height / 2

    @property
    def left(self) -> float:
        """The left edge."""
        return self.x - self.width / 2

    @property
    def right(self) -> float:
        """The right edge."""
        return self.x + self.width / 2


@dataclass(frozen=True)
class Column:
    """Rows of nodes between x and x + width, from the stream downwards or, what comes out, below it.

    A branch leaves the stream's way down to it a lane.
    """

    rows: list[list[Node]]
    kind: Literal["input", "branch", "output"]
    x: float = 0.0
    width: float = 0.0


@styled
def draw(architecture: Mapping[str, Any]) -> Figure:
    """The stream of residuals from left to right, branches below it, what repeats framed, the head marked.

    `architecture` holds the plain values of a `model.diagram.Architecture`. Every line of a node's text bears
    the gid `node-<id>-<line>`, every arrow the gid `edge-<source>-<target>`.
    """
    model = Architecture.from_dict(architecture)
    columns = _place_columns(model)
    boxes = {name: box for column in columns for name, box in _place(column).items()}
    depth = _GAP - min(box.bottom for box in boxes.values())
    height = _HEADING + depth
    title = literal(model.title) + (f"; b is read off its {boxes[HEAD].lines[0]}" if HEAD in boxes else "")
    figure = start_figure(PAGE_WIDTH, height, "read off the modules that are trained", title=title)
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, MARGIN / figure.get_figheight(), 1, height / figure.get_figheight()))
    axes.set(xlim=(0, PAGE_WIDTH), ylim=(-depth, _HEADING))
    axes.set_axis_off()
    for group, heading in enumerate(model.headings()):
        own = [column for column in columns if column.rows[0][0].group == group]
        _draw_group(axes, group, heading, own, depth)
    for node in model.nodes:
        _draw_node(axes, node, boxes[node.id])
        for source in node.inputs:
            _draw_edge(axes, source, node, boxes)
        if node.residual:
            _draw_arrow(axes, node.residual, node.id, _along_stream(boxes[node.residual], boxes[node.id]))
    return figure


def _place_columns(model: Architecture) -> list[Column]:
    """What goes in, a column for each branch, what comes out: as wide as the page together."""
    groups = [place for place, node in enumerate(model.nodes) if node.group is not None]
    first, last = (groups[0], groups[-1] + 1) if groups else (len(model.nodes), len(model.nodes))
    columns = [Column(_rows_of(model.nodes[:first])[::-1], "input")]
    branch: list[list[Node]] = []
    for node in model.nodes[first:last]:
        branch.insert(0, [node])
        if node.residual:
            columns.append(Column(branch, "branch"))
            branch = []
    if model.nodes[last:]:
        columns.append(Column([[node] for node in model.nodes[last:]], "output"))
    shares = [
        1.5 if column.kind == "branch" else max(1.2, *(1.08 * len(row) for row in column.rows))
        for column in columns
    ]
    room = (PAGE_WIDTH - 2 * MARGIN) / sum(shares)
    starts = [MARGIN + room * sum(shares[:place]) for place in range(len(shares))]
    return [
        replace(column, x=start, width=room * share)
        for column, start, share in zip(columns, starts, shares, strict=True)
    ]


def _rows_of(nodes: Sequence[Node]) -> list[list[Node]]:
    """Nodes equally far from the inputs in a row each."""
    rows: list[list[Node]] = []
    row_of: dict[str, int] = {}
    for node in nodes:
        row = row_of[node.id] = 1 + max((row_of[source] for source in node.inputs), default=-1)
        if row == len(rows):
            rows.append([])
        rows[row].append(node)
    return rows


def _place(column: Column) -> dict[str, Box]:
    """The boxes of a column by node: the first row on the stream, if it is, the others below."""
    boxes: dict[str, Box] = {}
    left = column.x + (_LANE if column.kind == "branch" else 0)
    y = -_LINE
    for row, nodes in enumerate(column.rows):
        room = (column.x + column.width - left) / len(nodes)
        for place, node in enumerate(nodes):
            lines = _lay_out_text(node, room - 2 * _SIDE - 0.06)
            width = _LINE * 1.5 if node.label == "+" else room - 2 * _SIDE
            box = Box(left + room * (place + 0.5), 0.0, width, lines)
            if row or column.kind == "output":
                box = Box(box.x, y - _GAP - box.height / 2, width, lines)
            boxes[node.id] = box
        y = min(boxes[node.id].bottom for node in nodes)
    return boxes


def _lay_out_text(node: Node, width: float) -> list[str]:
    """The lines of text in a node's box, the label first."""
    lines = [*wrap(node.label, width, _SIZE)]
    if node.kind == "operation":
        return wrap(", ".join([node.label, *node.details()]), width, _SIZE)
    for detail in node.details():
        lines += wrap(detail, width, _SIZE)
    return [*lines, ORDER_PARAMETER] if node.id == HEAD else lines


def _draw_node(axes: Axes, node: Node, box: Box) -> None:
    rounding = 0.03 if node.kind == "layer" else min(box.height, 0.26) / 2
    style = f"round,pad=0,rounding_size={rounding}"
    patch = FancyBboxPatch(
        (box.left, box.bottom), box.width, box.height, boxstyle=style, facecolor=FILLS[node.kind]
    )
    axes.add_patch(patch).set(edgecolor="black", linewidth=0.6, zorder=3)
    if node.id == HEAD:
        patch.set(edgecolor=HEAD_COLOUR, linewidth=1.6)
    for i, line in enumerate(box.lines):
        is_parameter = line == ORDER_PARAMETER
        height = box.y + _LINE * ((len(box.lines) - 1) / 2 - i)
        text = axes.text(box.x, height, line if is_parameter else literal(line), zorder=4)
        text.set(size=_SIZE, ha="center", va="center_baseline", gid=f"node-{node.id}-{i}")
        text.set(color=HEAD_COLOUR if is_parameter else "black" if i == 0 else "0.3")


def _draw_group(axes: Axes, group: int, heading: str, columns: Sequence[Column], depth: float) -> None:
    left, right = columns[0].x, columns[-1].x + columns[-1].width
    bottom, top = -depth + 0.02, _HEADING - 0.03
    style = "round,pad=0,rounding_size=0.06"
    frame = FancyBboxPatch((left, bottom), right - left, top - bottom, boxstyle=style, facecolor="#F7F7F7")
    axes.add_patch(frame).set(edgecolor=GREY, linewidth=0.6, linestyle=(0, (4, 2)), zorder=1)
    text = axes.text(left + 0.08, top - 0.05, literal(heading), va="top", zorder=4)
    text.set(size=_SIZE, weight="bold", gid=f"group-{group}")


def _along_stream(start: Box, end: Box) -> list[tuple[float, float]]:
    return [(start.right, start.y), (end.left, end.y)]


def _draw_edge(axes: Axes, source: str, target: Node, boxes: Mapping[str, Box]) -> None:
    """An arrow to the next box, up or down; or from the stream to a branch or to what comes out."""
    start, end = boxes[source], boxes[target.id]
    if start.y == 0 and end.y < 0:
        enters_side = target.group is not None
        x = end.left - _LANE / 2 if enters_side else end.x
        corner = [(start.right, 0.0), (x, 0.0)]
        path = [*corner, (x, end.y), (end.left, end.y)] if enters_side else [*corner, (end.x, end.top)]
    else:
        # From a source that is not straight below, the head leans towards it.
        lean = max(-end.width / 4, min(end.width / 4, start.x - end.x))
        ends = (start.top, end.bottom) if end.y > start.y else (start.bottom, end.top)
        path = [(start.x, ends[0]), (end.x + lean, ends[1])]
    _draw_arrow(axes, source, target.id, path)


def _draw_arrow(axes: Axes, source: str, target: str, path: list[tuple[float, float]]) -> None:
    """A line through the points, with a head at the last."""
    if len(path) > 2:
        across, up = zip(*path[:-1], strict=True)
        axes.plot(across, up, color="black", linewidth=0.7, solid_joinstyle="miter", zorder=2)
    style = "-|>,head_length=2.2,head_width=1.3"
    arrow = FancyArrowPatch(*path[-2:], arrowstyle=style, shrinkA=0, shrinkB=0, linewidth=0.7, zorder=2)
    axes.add_patch(arrow).set(facecolor="black", edgecolor="black", gid=f"edge-{source}-{target}")
