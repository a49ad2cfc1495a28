"""The diagram's nodes, the Mermaid source and the drawing against the model that was built."""

from __future__ import annotations

import html
import re
from dataclasses import asdict

import pytest
from runs import build_model

from orderparam.figures import fig2_architecture
from orderparam.model.diagram import (
    TIMES,
    ArchitectureGraph,
    Edge,
    Node,
    describe_architecture,
    describe_group,
    describe_node,
    to_mermaid,
)
from orderparam.model.gpt import count_parameters

NODE = re.compile(r'^ +(\w+)(?:\(\[|\[|\()"(.*)"(?:\]\)|\]|\))$', re.MULTILINE)
EDGE = re.compile(r"^ +(\w+) -->(\|residual\|)? (\w+)$", re.MULTILINE)
SUBGRAPH = re.compile(r'^ +subgraph (\w+)\["(.*)"\]$', re.MULTILINE)


def make_model(n_layer=3, attention="causal"):
    shape = {"context": 7, "d_model": 12, "n_head": 2, "n_layer": n_layer}
    return build_model(1, **shape, dropout=0.15, attention=attention)


def decode(text):
    return html.unescape(
        re.sub(r"#(\d+);", r"&#\1;", text).replace("#lt;", "<").replace("#gt;", ">")
    ).replace("#quot;", '"')


@pytest.mark.parametrize(("n_layer", "attention"), [(1, "causal"), (3, "causal"), (3, "ablated")])
def test_drawing_mermaid_and_model_agree(n_layer, attention):
    model = make_model(n_layer, attention=attention)
    graph = describe_architecture(model, "tiny")
    total = count_parameters(model)
    assert graph.parameter_count == total

    mermaid = to_mermaid(graph)
    mermaid_nodes = {identity: decode(text).split("<br/>") for identity, text in NODE.findall(mermaid)}
    mermaid_edges = {(source, target) for source, _, target in EDGE.findall(mermaid)}
    assert f"{total:,} parameters" in mermaid
    assert mermaid.count("|residual|") == (2 if attention == "causal" else 1)

    figure = fig2_architecture.draw(asdict(graph))
    drawn: dict[str, list[str]] = {}
    for text in figure.axes[0].texts:
        if (text.get_gid() or "").startswith("node-"):
            drawn.setdefault(text.get_gid().removeprefix("node-").rpartition("-")[0], []).append(
                text.get_text()
            )
    arrows = {patch.get_gid() for patch in figure.axes[0].patches if patch.get_gid()}

    identities = [node.id for node in graph.nodes]
    assert len(set(identities)) == len(identities)
    assert set(mermaid_nodes) == set(drawn) == set(identities)
    for identity, lines in mermaid_nodes.items():
        assert words(lines) == words(drawn[identity]), identity
    assert mermaid_edges == {(edge.source, edge.target) for edge in graph.edges}
    assert arrows == {f"edge-{source}-{target}" for source, target in mermaid_edges}
    headings = {t.get_text() for t in figure.axes[0].texts if (t.get_gid() or "").startswith("group-")}
    assert headings == {decode(text) for _, text in SUBGRAPH.findall(mermaid)} == {f"block {TIMES} {n_layer}"}
    assert f"{total:,} parameters" in " ".join(text.get_text() for text in figure.texts)


def words(lines):
    return " ".join(lines).replace(",", " ").split()


def test_nodes_hold_the_shapes_counts_and_rates_of_their_modules():
    model = make_model()
    nodes = {node.id: node for node in describe_architecture(model).nodes}
    assert nodes["token_embedding"].parameters == 11 * 12
    assert nodes["position_embedding"].parameters == 7 * 12
    assert nodes["block_1_qkv"].parameters == 3 * 12 * 12
    assert describe_node(nodes["block_1_qkv"]) == ["12 to 36, no bias", "432 parameters"]
    assert nodes["block_1_expand"].parameters == 12 * 48 + 48
    assert nodes["head"].parameters == 12 * 11 + 11
    assert "2 heads of 6" in nodes["block_1_attention"].detail
    assert f"{12**-0.5:.4g}" in nodes["block_1_attention"].detail
    dropout = [node.detail for node in nodes.values() if "dropout" in node.label]
    assert dropout == ["p = 0.15"] * 3


def test_residual_edges_skip_their_branch():
    graph = describe_architecture(make_model())
    residual = {(edge.source, edge.target) for edge in graph.edges if edge.residual}
    assert residual == {
        ("embedding_sum", "block_1_attention_sum"),
        ("block_1_attention_sum", "block_1_mlp_sum"),
    }


def test_only_blocks_that_are_alike_are_collapsed():
    model = make_model(n_layer=3)
    model.blocks[2].mlp.dropout.p = 0.5
    graph = describe_architecture(model)
    assert [describe_group(group) for group in graph.groups] == [f"block {TIMES} 2", f"block {TIMES} 1"]
    assert graph.parameter_count == count_parameters(model)
    assert Edge("block_1_mlp_sum", "block_2_attention_norm") in graph.edges
    fig2_architecture.draw(asdict(graph))


def test_a_part_that_the_diagram_would_leave_out_is_an_error():
    model = make_model()
    model.unseen = type(model.head)(3, 2)
    with pytest.raises(ValueError, match=r"accounts for [\d,]+ of [\d,]+ parameters"):
        describe_architecture(model)


def test_labels_cannot_break_the_mermaid_source():
    graph = ArchitectureGraph(
        "it's: #1", (Node("a", 'say "x" <b> #9'), Node("b", "+")), (Edge("a", "b"),), ()
    )
    mermaid = to_mermaid(graph)
    assert "title: 'it''s: #1: 0 parameters'" in mermaid
    assert {k: decode(v) for k, v in NODE.findall(mermaid)} == {"a": 'say "x" <b> #9', "b": "+"}
    assert '"+"' not in mermaid


def test_a_cycle_cannot_be_drawn():
    graph = ArchitectureGraph("loop", (Node("a", "a"), Node("b", "b")), (Edge("a", "b"), Edge("b", "a")), ())
    with pytest.raises(ValueError, match="cycle"):
        fig2_architecture.draw(asdict(graph))
