"""The model as a graph of nodes and edges, read off the modules that were built, and as Mermaid source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any, Literal

TIMES = "\N{MULTIPLICATION SIGN}"

Kind = Literal["data", "layer", "operation"]


@dataclass(frozen=True)
class Node:
    """A box of the diagram; `parameters` counts the trainable scalars of one copy of it.

    `kind` is "data" for what goes in and out, "layer" for what may hold parameters, "operation" for
    additions and dropout. `group` is the id of the repeated group that it belongs to, if any.
    """

    id: str
    label: str
    detail: str = ""
    group: str | None = None
    kind: Kind = "layer"
    parameters: int = 0


@dataclass(frozen=True)
class Edge:
    """An arrow; `residual` marks the ones that skip a branch and are added back."""

    source: str
    target: str
    residual: bool = False


@dataclass(frozen=True)
class Group:
    """Nodes that stand for `repeat` consecutive copies."""

    id: str
    label: str
    repeat: int


@dataclass(frozen=True)
class ArchitectureGraph:
    """Nodes from input to output, the edges between them, and the groups that repeat."""

    title: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    groups: tuple[Group, ...]

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ArchitectureGraph:
        """The inverse of `dataclasses.asdict`, also where lists stand for tuples."""
        parts = {"nodes": Node, "edges": Edge, "groups": Group}
        return cls(
            title=values["title"],
            **{name: tuple(part(**item) for item in values[name]) for name, part in parts.items()},
        )

    @property
    def parameter_count(self) -> int:
        """Sum of the nodes' own counts, each as often as its group repeats."""
        repeat = {group.id: group.repeat for group in self.groups}
        return sum(node.parameters * (repeat[node.group] if node.group else 1) for node in self.nodes)


def describe_node(node: Node) -> list[str]:
    """What a node's box says below its label: its detail and its parameter count, where it has them."""
    count = f"{node.parameters:,} parameters" if node.parameters else ""
    return [part for part in (node.detail, count) if part]


def describe_architecture(model: Any, title: str = "GPT") -> ArchitectureGraph:
    """Describe a `model.GPT` by walking its modules: shapes, counts, rates and scales are theirs.

    Consecutive blocks that are described alike become one group with its number of repeats. Raises
    ValueError when the nodes' parameter counts do not add up to the model's, that is, when the model
    has a part that the diagram would leave out.
    """
    nodes = [
        Node(
            "tokens", "token ids", f"context of up to {model.position_embedding.num_embeddings}", kind="data"
        ),
        Node("positions", "positions", f"0 to {model.position_embedding.num_embeddings - 1}", kind="data"),
        _embedding("token_embedding", "token embedding", model.token_embedding),
        _embedding("position_embedding", "position embedding", model.position_embedding),
        Node("embedding_sum", "+", kind="operation"),
    ]
    edges = [
        Edge("tokens", "token_embedding"),
        Edge("positions", "position_embedding"),
        Edge("token_embedding", "embedding_sum"),
        Edge("position_embedding", "embedding_sum"),
    ]
    groups: list[Group] = []
    stream = "embedding_sum"
    for _, alike in groupby(model.blocks, key=lambda block: _describe_block(block, "", "")):
        copies = list(alike)
        group = Group(f"block_{len(groups) + 1}", "block", len(copies))
        block_nodes, block_edges = _describe_block(copies[0], group.id, stream)
        groups.append(group)
        nodes += block_nodes
        edges += block_edges
        stream = block_nodes[-1].id
    nodes += [
        _norm("final_norm", model.final_norm),
        _linear("head", "LM head", model.head),
        Node("logits", "logits", f"{model.head.out_features} per position", kind="data"),
    ]
    edges += [Edge(stream, "final_norm"), Edge("final_norm", "head"), Edge("head", "logits")]
    graph = ArchitectureGraph(title, tuple(nodes), tuple(edges), tuple(groups))
    held = _count(model)
    if graph.parameter_count != held:
        raise ValueError(f"the diagram accounts for {graph.parameter_count:,} of {held:,} parameters")
    return graph


def _describe_block(block: Any, group: str, stream: str) -> tuple[tuple[Node, ...], tuple[Edge, ...]]:
    """Nodes and edges of one block that reads the residual stream from node `stream`."""
    mlp = block.mlp
    attention_rows = _describe_attention(block, group) if block.attends else ()
    mlp_rows = (
        _norm("mlp_norm", block.mlp_norm, group),
        _linear("expand", "MLP first map", mlp.expand, group),
        *([Node(f"{group}_activation", "ReLU", group=group, kind="operation")] if mlp.expand.relu else []),
        _linear("contract", "MLP second map", mlp.contract, group),
        _dropout("mlp_dropout", "dropout", mlp.dropout, group),
        Node(f"{group}_mlp_sum", "+", group=group, kind="operation"),
    )
    rows = attention_rows + mlp_rows
    chain = [stream, *(row.id for row in rows)]
    edges = [Edge(source, target) for source, target in pairwise(chain)]
    sums = [stream, *(part[-1].id for part in (attention_rows, mlp_rows) if part)]
    edges += [Edge(source, target, residual=True) for source, target in pairwise(sums)]
    return rows, tuple(edges)


def _describe_attention(block: Any, group: str) -> tuple[Node, ...]:
    attention = block.attention
    d_model = attention.projection.in_features
    heads = (
        f"{attention.n_head} heads of {d_model // attention.n_head}, logits scaled by {attention.scale:.4g}"
    )
    return (
        _norm("attention_norm", block.attention_norm, group),
        _linear("qkv", "query, key, value maps", attention.qkv, group),
        Node(f"{group}_attention", "causal softmax attention", heads, group),
        _dropout("attention_dropout", "dropout on attention weights", attention.attention_dropout, group),
        _linear("projection", "attention output map", attention.projection, group),
        *(
            [_dropout("output_dropout", "dropout", attention.output_dropout, group)]
            if attention.output_dropout.p
            else []
        ),
        Node(f"{group}_attention_sum", "+", group=group, kind="operation"),
    )


def _count(module: Any) -> int:
    return sum(int(parameter.numel()) for parameter in module.parameters())


def _embedding(name: str, label: str, module: Any) -> Node:
    return Node(
        name, label, f"{module.num_embeddings} {TIMES} {module.embedding_dim}", parameters=_count(module)
    )


def _norm(name: str, module: Any, group: str | None = None) -> Node:
    shape = "width " + f" {TIMES} ".join(str(length) for length in module.normalized_shape)
    return Node(_identity(name, group), "LayerNorm", shape, group, parameters=_count(module))


def _linear(name: str, label: str, module: Any, group: str | None = None) -> Node:
    bias = "with bias" if module.bias is not None else "no bias"
    shape = f"{module.in_features} to {module.out_features}, {bias}"
    return Node(_identity(name, group), label, shape, group, parameters=_count(module))


def _dropout(name: str, label: str, module: Any, group: str) -> Node:
    return Node(_identity(name, group), label, f"p = {module.p:g}", group, "operation", _count(module))


def _identity(name: str, group: str | None) -> str:
    return f"{group}_{name}" if group else name


def to_mermaid(graph: ArchitectureGraph) -> str:
    """Mermaid flowchart source of the graph, top to bottom; node ids are the graph's own."""
    lines = ["---", f"title: {_yaml_text(_title(graph))}", "---", "flowchart TD"]
    lines += [f"    {_mermaid_node(node)}" for node in graph.nodes if node.group is None]
    for group in graph.groups:
        lines.append(f'    subgraph {group.id}["{_escape(describe_group(group))}"]')
        lines += [f"        {_mermaid_node(node)}" for node in graph.nodes if node.group == group.id]
        lines.append("    end")
    for edge in graph.edges:
        arrow = "-->|residual|" if edge.residual else "-->"
        lines.append(f"    {edge.source} {arrow} {edge.target}")
    return "\n".join(lines) + "\n"


def describe_group(group: Group) -> str:
    """The heading of a group: its label and how often it repeats."""
    return f"{group.label} {TIMES} {group.repeat}"


def _title(graph: ArchitectureGraph) -> str:
    return f"{graph.title}: {graph.parameter_count:,} parameters"


def _mermaid_node(node: Node) -> str:
    text = "<br/>".join(_escape(line) for line in (node.label, ", ".join(describe_node(node))) if line)
    opening, closing = {"data": ("([", "])"), "layer": ("[", "]"), "operation": ("(", ")")}[node.kind]
    return f'{node.id}{opening}"{text}"{closing}'


def _escape(text: str) -> str:
    # Mermaid reads #name; as an entity, a bare quote would end the label, a lone + would be a list.
    for character, entity in (("#", "#35;"), ('"', "#quot;"), ("<", "#lt;"), (">", "#gt;"), ("+", "#43;")):
        text = text.replace(character, entity)
    return text


def _yaml_text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
