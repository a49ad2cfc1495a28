"""Figure 2: the model that was built, drawn from the same nodes as its Mermaid source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from orderparam.figures.layout import MARGIN, start_figure, wrap
from orderparam.figures.style import COLUMN_WIDTH, GREY, literal, styled
from orderparam.model.diagram import Architecture, Kind, Node

FILLS: dict[Kind, str] = {"data": "#F2F2F2", "layer": "#D6E8F4", "operation": "#FFFFFF"}
_GAP = 0.11
_HEADING = 0.26
_SIDE = 0.42  # left and right of single boxes, for the residual paths
_SIZE = 7.0
_LINE = 0.125


@dataclass(frozen=True)
class Box:
    """A drawn node: centre and extent in inches from the panel's lower left corner, and its text."""

    x: float
    top: float
    width: float
    height: float
    lines: list[str]

    @property
    def y(self) -> float:
        """The centre."""
        return self.top - self.height / 2

    @property
    def bottom(self) -> float:
        """The lower edge."""
        return self.top - self.height


@styled
def draw(architecture: Mapping[str, Any]) -> Figure:
    """Boxes from input (top) to output (bottom), repeated groups framed, residual paths at the side.

    `architecture` holds the plain values of a `model.diagram.Architecture`. Every line of a node's text bears
    the gid `node-<id>-<line>`, every arrow the gid `edge-<source>-<target>`.
    """
    model = Architecture.from_dict(architecture)
    boxes = _place(model)
    depth = _GAP - min(box.bottom for box in boxes.values())
    figure = start_figure(
        COLUMN_WIDTH, depth, "read off the modules that are trained", title=literal(model.title)
    )
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, MARGIN / figure.get_figheight(), 1, depth / figure.get_figheight()))
    axes.set(xlim=(0, COLUMN_WIDTH), ylim=(-depth, 0))
    axes.set_axis_off()
    for group, heading in enumerate(model.headings()):
        _draw_group(axes, group, heading, [boxes[node.id] for node in model.nodes if node.group == group])
    for node in model.nodes:
        _draw_node(axes, node, boxes[node.id])
        for source in node.inputs:
            _draw_edge(axes, source, node.id, boxes)
        if node.residual:
            _draw_edge(axes, node.residual, node.id, boxes, residual=True)
    return figure


def _place(model: Architecture) -> dict[str, Box]:
    """Boxes by node, from 0 downwards: nodes equally far from the inputs are side by side."""
    rows: list[list[Node]] = []
    row_of: dict[str, int] = {}
    for node in model.nodes:
        row = row_of[node.id] = 1 + max((row_of[source] for source in node.inputs), default=-1)
        if row == len(rows):
            rows.append([])
        rows[row].append(node)
    boxes: dict[str, Box] = {}
    y, group = 0.0, None
    for nodes in rows:
        y -= _GAP
        if nodes[0].group not in (None, group):
            y -= _HEADING
        group = nodes[0].group
        side = _SIDE if len(nodes) == 1 else 0.08
        room = (COLUMN_WIDTH - 2 * side) / len(nodes)
        for column, node in enumerate(nodes):
            lines = _lay_out_text(node, room - 0.16, len(nodes) > 1)
            width = _LINE * 1.5 if node.label == "+" else room - 0.08
            boxes[node.id] = Box(side + room * (column + 0.5), y, width, _LINE * len(lines) + 0.05, lines)
        y = min(boxes[node.id].bottom for node in nodes)
    return boxes


def _lay_out_text(node: Node, width: float, narrow: bool) -> list[str]:
    """The lines of text in a node's box, the label first."""
    if node.kind == "operation":
        return [", ".join([node.label, *node.details()])]
    lines = node.details() if narrow else [", ".join(node.details())]
    return [node.label, *(part for line in lines for part in wrap(line, width, _SIZE))]


def _draw_node(axes: Axes, node: Node, box: Box) -> None:
    rounding = 0.03 if node.kind == "layer" else min(box.height, 0.26) / 2
    corner, style = (box.x - box.width / 2, box.bottom), f"round,pad=0,rounding_size={rounding}"
    patch = FancyBboxPatch(corner, box.width, box.height, boxstyle=style, facecolor=FILLS[node.kind])
    axes.add_patch(patch).set(edgecolor="black", linewidth=0.6, zorder=3)
    for i, line in enumerate(box.lines):
        text = axes.text(box.x, box.y + _LINE * ((len(box.lines) - 1) / 2 - i), literal(line), zorder=4)
        text.set(size=_SIZE, ha="center", va="center_baseline", gid=f"node-{node.id}-{i}")
        text.set(color="black" if i == 0 else "0.3")


def _draw_group(axes: Axes, group: int, heading: str, boxes: list[Box]) -> None:
    top, bottom = boxes[0].top + _HEADING - 0.06, boxes[-1].bottom - 0.06
    width, style = COLUMN_WIDTH - 2 * MARGIN, "round,pad=0,rounding_size=0.06"
    frame = FancyBboxPatch((MARGIN, bottom), width, top - bottom, boxstyle=style, facecolor="#F7F7F7")
    axes.add_patch(frame).set(edgecolor=GREY, linewidth=0.6, linestyle=(0, (4, 2)), zorder=1)
    text = axes.text(0.14, top - 0.04, literal(heading), va="top", zorder=4)
    text.set(size=_SIZE, weight="bold", gid=f"group-{group}")


def _draw_edge(
    axes: Axes, source: str, target: str, boxes: Mapping[str, Box], residual: bool = False
) -> None:
    """An arrow straight down, or, for a residual path, round the right side of the branch."""
    start, end = boxes[source], boxes[target]
    if residual:
        leave, side, right = start.bottom - _GAP / 3, COLUMN_WIDTH - _SIDE / 2 - 0.03, end.x + end.width / 2
        x, y = (start.x, side, side, right + 0.04), (leave, leave, end.y, end.y)
        axes.plot(x, y, color="black", linewidth=0.7, solid_joinstyle="miter", zorder=2)
        path = ((right + 0.1, end.y), (right, end.y))
    else:
        # From a source that is not straight above, the head leans towards it.
        lean = max(-end.width / 4, min(end.width / 4, start.x - end.x))
        path = ((start.x, start.bottom), (end.x + lean, end.top))
    style = "-|>,head_length=2.2,head_width=1.3"
    arrow = FancyArrowPatch(*path, arrowstyle=style, shrinkA=0, shrinkB=0, linewidth=0.7, zorder=2)
    axes.add_patch(arrow).set(facecolor="black", edgecolor="black", gid=f"edge-{source}-{target}")
