"""Figure 2: the model that was built, drawn from the same nodes and edges as its Mermaid source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from orderparam.figures.layout import MARGIN, start_figure, wrap
from orderparam.figures.style import COLUMN_WIDTH, GREY, literal, styled
from orderparam.model.diagram import ArchitectureGraph, Kind, Node, describe_group, describe_node

FILLS: dict[Kind, str] = {"data": "#F2F2F2", "layer": "#D6E8F4", "operation": "#FFFFFF"}
_GAP = 0.11
_HEADING = 0.2
_SIDE = 0.42
_SIZE = 7.0
_LINE = 0.125
_ARROW = "-|>,head_length=2.2,head_width=1.3"


@dataclass(frozen=True)
class Box:
    """Centre and extent of a drawn node, in inches from the panel's lower left corner."""

    x: float
    y: float
    width: float
    height: float


@styled
def draw(architecture: Mapping[str, Any]) -> Figure:
    """Boxes from input (top) to output (bottom), repeated groups framed, residual paths at the side.

    `architecture` holds the plain values of an ArchitectureGraph.
    Every line of a node's text bears the gid `node-<id>-<line>`, every edge is an arrow with the gid
    `edge-<source>-<target>`. Raises ValueError when the edges have a cycle.
    """
    graph = ArchitectureGraph.from_dict(architecture)
    rows = _arrange_in_rows(graph)
    starts = {_first_row(rows, group.id) for group in graph.groups}
    gaps = [_GAP + (_HEADING + 0.06 if i in starts else 0) for i in range(len(rows))]
    texts = {node.id: _lay_out_text(node, _room(row), len(row) > 1) for row in rows for node in row}
    heights = [max(_box_height(node, texts[node.id]) for node in row) for row in rows]
    panel = sum(heights) + sum(gaps) + _GAP
    subtitle = f"{literal(graph.title)}: {graph.parameter_count:,} parameters"
    figure = start_figure(COLUMN_WIDTH, panel, subtitle)
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, MARGIN / figure.get_figheight(), 1, panel / figure.get_figheight()))
    axes.set(xlim=(0, COLUMN_WIDTH), ylim=(0, panel))
    axes.set_axis_off()
    boxes: dict[str, Box] = {}
    top = panel
    for row, height, gap in zip(rows, heights, gaps, strict=True):
        top -= gap
        left = (COLUMN_WIDTH - _room(row) * len(row)) / 2
        for column, node in enumerate(row):
            x = left + _room(row) * (column + 0.5)
            box_width = _LINE * 1.5 if node.label == "+" else _room(row) - 0.08
            boxes[node.id] = Box(x, top - height / 2, box_width, _box_height(node, texts[node.id]))
        top -= height
    _draw_groups(axes, graph, boxes)
    for node in graph.nodes:
        _draw_node(axes, node, boxes[node.id], texts[node.id])
    _draw_edges(axes, graph, boxes)
    return figure


def _arrange_in_rows(graph: ArchitectureGraph) -> list[list[Node]]:
    """Nodes by their longest path from an input."""
    depth = {node.id: 0 for node in graph.nodes}
    for _ in graph.nodes:
        deeper = {e.target: depth[e.source] + 1 for e in graph.edges if depth[e.target] <= depth[e.source]}
        if not deeper:
            break
        depth.update(deeper)
    else:
        raise ValueError("the edges of the graph have a cycle")
    rows: list[list[Node]] = [[] for _ in range(max(depth.values()) + 1)]
    for node in graph.nodes:
        rows[depth[node.id]].append(node)
    return rows


def _first_row(rows: list[list[Node]], group: str) -> int:
    return next(i for i, row in enumerate(rows) if any(node.group == group for node in row))


def _room(row: list[Node]) -> float:
    """Width in inches for each node of a row; a row beside residual paths leaves the sides free."""
    side = _SIDE if any(node.group for node in row) or len(row) == 1 else 0.08
    return (COLUMN_WIDTH - 2 * side) / len(row)


def _lay_out_text(node: Node, room: float, narrow: bool) -> list[str]:
    """The lines of text in a node's box, the label first."""
    details = describe_node(node)
    if node.kind == "operation":
        return [", ".join([node.label, *details])]
    lines = details if narrow else [", ".join(details)]
    return [node.label, *(part for line in lines for part in wrap(line, room - 0.16, _SIZE))]


def _box_height(node: Node, lines: list[str]) -> float:
    return _LINE * len(lines) + (0.06 if node.kind == "operation" else 0.05)


def _draw_node(axes: Axes, node: Node, box: Box, lines: list[str]) -> None:
    rounding = 0.03 if node.kind == "layer" else min(box.height, 0.26) / 2
    axes.add_patch(
        FancyBboxPatch(
            (box.x - box.width / 2, box.y - box.height / 2),
            box.width,
            box.height,
            boxstyle=f"round,pad=0,rounding_size={rounding}",
            facecolor=FILLS[node.kind],
            edgecolor="black",
            linewidth=0.6,
            zorder=3,
        )
    )
    for i, line in enumerate(lines):
        text = axes.text(box.x, box.y + _LINE * ((len(lines) - 1) / 2 - i), literal(line), zorder=4)
        text.set(size=_SIZE, ha="center", va="center_baseline", gid=f"node-{node.id}-{i}")
        text.set(color="black" if i == 0 else "0.3")


def _draw_groups(axes: Axes, graph: ArchitectureGraph, boxes: Mapping[str, Box]) -> None:
    for group in graph.groups:
        inside = [boxes[node.id] for node in graph.nodes if node.group == group.id]
        bottom = min(box.y - box.height / 2 for box in inside) - 0.06
        top = max(box.y + box.height / 2 for box in inside) + _HEADING
        axes.add_patch(
            FancyBboxPatch(
                (MARGIN, bottom),
                COLUMN_WIDTH - 2 * MARGIN,
                top - bottom,
                boxstyle="round,pad=0,rounding_size=0.06",
                facecolor="#F7F7F7",
                edgecolor=GREY,
                linewidth=0.6,
                linestyle=(0, (4, 2)),
                zorder=1,
            )
        )
        heading = axes.text(0.14, top - 0.04, literal(describe_group(group)), va="top", zorder=4)
        heading.set(size=_SIZE, weight="bold", gid=f"group-{group.id}")


def _draw_edges(axes: Axes, graph: ArchitectureGraph, boxes: Mapping[str, Box]) -> None:
    side = COLUMN_WIDTH - _SIDE / 2 - 0.03
    for edge in graph.edges:
        source, target = boxes[edge.source], boxes[edge.target]
        leave = source.y - source.height / 2
        if edge.residual:
            start = leave - _GAP / 3
            end = target.x + target.width / 2
            corners = [(source.x, start), (side, start), (side, target.y), (end + 0.04, target.y)]
            axes.plot(
                *zip(*corners, strict=True), color="black", linewidth=0.7, solid_joinstyle="miter", zorder=2
            )
            path = ((end + 0.1, target.y), (end, target.y))
        else:
            path = ((source.x, leave), (target.x + _lean(source, target), target.y + target.height / 2))
        arrow = FancyArrowPatch(*path, arrowstyle=_ARROW, shrinkA=0, shrinkB=0, linewidth=0.7, zorder=2)
        arrow.set(facecolor="black", edgecolor="black", gid=f"edge-{edge.source}-{edge.target}")
        axes.add_patch(arrow)


def _lean(source: Box, target: Box) -> float:
    """Shift of an arrow's head towards a source that is not straight above, within the target's box."""
    reach = target.width / 4
    return max(-reach, min(reach, source.x - target.x))
