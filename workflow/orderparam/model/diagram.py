"""The model as a list of boxes, read off the modules that were built, and as Mermaid source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Literal

TIMES = "\N{MULTIPLICATION SIGN}"

Kind = Literal["data", "layer", "operation"]


@dataclass(frozen=True)
class Node:
    """A box of the diagram, with arrows from the nodes `inputs`.

    `parameters` counts the trainable scalars of one copy of it. `kind` is "data" for what goes in and out,
    "layer" for what may hold parameters, "operation" for additions and dropout. `residual` is the node whose
    output skips a branch and is added here. `group` is the place of its group among the graph's `repeats`.
    """

    id: str
    label: str
    detail: str = ""
    parameters: int = 0
    kind: Kind = "layer"
    inputs: tuple[str, ...] = ()
    residual: str | None = None
    group: int | None = None

    def details(self) -> list[str]:
        """What its box says below the label."""
        count = f"{self.parameters:,} parameters" if self.parameters else ""
        return [part for part in (self.detail, count) if part]


@dataclass(frozen=True)
class Architecture:
    """Nodes from input to output; nodes of group i stand for `repeats[i]` consecutive blocks."""

    name: str
    nodes: tuple[Node, ...]
    repeats: tuple[int, ...] = ()

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Architecture:
        """The inverse of `dataclasses.asdict`, also where lists stand for tuples."""
        return cls(values["name"], tuple(Node(**node) for node in values["nodes"]), tuple(values["repeats"]))

    @property
    def parameter_count(self) -> int:
        """Sum of the nodes' own counts, each as often as its group repeats."""
        return sum(
            node.parameters * (1 if node.group is None else self.repeats[node.group]) for node in self.nodes
        )

    @property
    def title(self) -> str:
        """The name and the number of parameters."""
        return f"{self.name}: {self.parameter_count:,} parameters"

    def headings(self) -> list[str]:
        """What stands above each group: how often it repeats."""
        return [f"block {TIMES} {repeat}" for repeat in self.repeats]


def describe_architecture(model: Any, name: str = "GPT") -> Architecture:
    """Describe a `model.GPT` by walking its modules: shapes, counts, rates and scales are theirs.

    Consecutive blocks that are described alike become one group with its number of repeats. Raises
    ValueError when the nodes' parameter counts do not add up to the model's, that is, when the model
    has a part that the diagram would leave out.
    """
    context = model.position_embedding.num_embeddings
    nodes = [
        Node("tokens", "token ids", f"context of up to {context}", kind="data"),
        Node("positions", "positions", f"0 to {context - 1}", kind="data"),
        *_chain("tokens", _layer("token_embedding", "token embedding", model.token_embedding)),
        *_chain("positions", _layer("position_embedding", "position embedding", model.position_embedding)),
        Node("embedding_sum", "+", kind="operation", inputs=("token_embedding", "position_embedding")),
    ]
    repeats: list[int] = []
    for _, alike in groupby(model.blocks, key=lambda block: _describe_block(block, 0, "")):
        copies = list(alike)
        nodes += _describe_block(copies[0], len(repeats), nodes[-1].id)
        repeats.append(len(copies))
    nodes += _chain(
        nodes[-1].id,
        _layer("final_norm", "LayerNorm", model.final_norm),
        _layer("head", "LM head", model.head),
        Node("logits", "logits", f"{model.head.out_features} per position", kind="data"),
    )
    found = Architecture(name, tuple(nodes), tuple(repeats))
    if found.parameter_count != (held := _count(model)):
        raise ValueError(f"the diagram accounts for {found.parameter_count:,} of {held:,} parameters")
    return found


def _describe_block(block: Any, group: int, stream: str) -> list[Node]:
    """Nodes of one block that reads the residual stream from node `stream`."""
    attention, mlp = block.attention if block.attends else None, block.mlp
    branches: list[list[Node]] = []
    if attention:
        width = attention.projection.in_features // attention.n_head
        heads = f"{attention.n_head} heads of {width}, logits scaled by {attention.scale:.4g}"
        on_weights = [
            _layer("attention_dropout", "dropout on attention weights", attention.attention_dropout)
        ]
        on_output = [_layer("output_dropout", "dropout", attention.output_dropout)]
        branches.append(
            [
                _layer("attention_norm", "LayerNorm", block.attention_norm),
                _layer("qkv", "query, key, value maps", attention.qkv),
                Node("attention", "causal softmax attention", heads),
                *(on_weights if attention.attention_dropout.p else []),
                _layer("projection", "attention output map", attention.projection),
                *(on_output if attention.output_dropout.p else []),
                Node("attention_sum", "+", kind="operation"),
            ]
        )
    branches.append(
        [
            _layer("mlp_norm", "LayerNorm", block.mlp_norm),
            _layer("expand", "MLP first map", mlp.expand),
            *([Node("activation", "ReLU", kind="operation")] if mlp.expand.relu else []),
            _layer("contract", "MLP second map", mlp.contract),
            _layer("mlp_dropout", "dropout", mlp.dropout),
            Node("mlp_sum", "+", kind="operation"),
        ]
    )
    nodes: list[Node] = []
    for branch in branches:
        named = [replace(node, id=f"block_{group + 1}_{node.id}", group=group) for node in branch]
        *inner, total = _chain(stream, *named)
        nodes += [*inner, replace(total, residual=stream)]
        stream = total.id
    return nodes


def _chain(source: str, *nodes: Node) -> list[Node]:
    """The nodes, each the input of the next, the first one fed by `source`."""
    sources = [source, *(node.id for node in nodes)]
    return [replace(node, inputs=(source,)) for source, node in zip(sources, nodes, strict=False)]


def _layer(name: str, label: str, module: Any) -> Node:
    kind: Kind = "layer"
    if hasattr(module, "num_embeddings"):
        detail = f"{module.num_embeddings} {TIMES} {module.embedding_dim}"
    elif hasattr(module, "normalized_shape"):
        detail = "width " + f" {TIMES} ".join(map(str, module.normalized_shape))
    elif hasattr(module, "in_features"):
        bias = "no bias" if module.bias is None else "with bias"
        detail = f"{module.in_features} to {module.out_features}, {bias}"
    else:
        kind, detail = "operation", f"p = {module.p:g}"
    return Node(name, label, detail, _count(module), kind)


def _count(module: Any) -> int:
    return sum(int(parameter.numel()) for parameter in module.parameters())


def to_mermaid(architecture: Architecture) -> str:
    """Mermaid flowchart source, top to bottom; node ids are the architecture's own."""
    title = architecture.title.replace("'", "''")
    lines = ["---", f"title: '{title}'", "---", "flowchart TD"]
    for group, nodes in groupby(architecture.nodes, key=lambda node: node.group):
        boxes = [f"    {_mermaid_node(node)}" for node in nodes]
        if group is not None:
            heading = _escape(architecture.headings()[group])
            boxes = [
                f'    subgraph block_{group + 1}["{heading}"]',
                *(f"    {box}" for box in boxes),
                "    end",
            ]
        lines += boxes
    for node in architecture.nodes:
        lines += [f"    {source} --> {node.id}" for source in node.inputs]
        if node.residual:
            lines.append(f"    {node.residual} -->|residual| {node.id}")
    return "\n".join(lines) + "\n"


def _mermaid_node(node: Node) -> str:
    text = "<br/>".join(_escape(line) for line in (node.label, ", ".join(node.details())) if line)
    opening, closing = {"data": ("([", "])"), "layer": ("[", "]"), "operation": ("(", ")")}[node.kind]
    return f'{node.id}{opening}"{text}"{closing}'


def _escape(text: str) -> str:
    # Mermaid reads #name; as an entity, a bare quote would end the label, a lone + would be a list.
    entities = {"#": "#35;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "+": "#43;"}
    return "".join(entities.get(character, character) for character in text)
