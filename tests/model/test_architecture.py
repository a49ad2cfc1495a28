"""The diagram's nodes, the Mermaid source and the drawing against the model that was built."""

from __future__ import annotations

import html
import re
from collections import defaultdict
from dataclasses import asdict

import pytest
from figure_tables import check_layout
from runs import build_model

from orderparam.figures import fig2_architecture
from orderparam.model.diagram import TIMES, Architecture, Node, describe_architecture, to_mermaid
from orderparam.model.gpt import count_parameters

NODE = re.compile(r'^ +(\w+)(?:\(\[|\[|\()"(.*)"(?:\]\)|\]|\))$', re.MULTILINE)
EDGE = re.compile(r"^ +(\w+) -->(?:\|residual\|)? (\w+)$", re.MULTILINE)
SUBGRAPH = re.compile(r'^ +subgraph \w+\["(.*)"\]$', re.MULTILINE)


def make_model(n_layer=3, attention="causal"):
    shape = {"context": 7, "d_model": 12, "n_head": 2, "n_layer": n_layer}
    return build_model(1, **shape, dropout=0.15, attention=attention)


def decode(text):
    return html.unescape(re.sub(r"#(\d+);", r"&#\1;", re.sub(r"#(quot|lt|gt);", r"&\1;", text)))


def words(lines):
    return " ".join(lines).replace(",", " ").split()


@pytest.mark.parametrize(("n_layer", "attention"), [(1, "causal"), (3, "causal"), (3, "ablated")])
def test_drawing_mermaid_and_model_agree(n_layer, attention):
    model = make_model(n_layer, attention=attention)
    found = describe_architecture(model, "tiny")
    total = count_parameters(model)
    assert found.parameter_count == total
    identities = [node.id for node in found.nodes]
    assert len(set(identities)) == len(identities)

    mermaid = to_mermaid(found)
    assert f"{total:,} parameters" in mermaid
    assert mermaid.count("|residual|") == (2 if attention == "causal" else 1)
    figure = fig2_architecture.draw(asdict(found))
    assert f"{total:,} parameters" in " ".join(text.get_text() for text in figure.texts)

    assert fig2_architecture.ORDER_PARAMETER in [text.get_text() for text in figure.axes[0].texts]
    assert figure.get_figwidth() > figure.get_figheight()
    texts = defaultdict(list)
    for text in figure.axes[0].texts:
        kind, _, name = text.get_gid().partition("-")
        if text.get_text() != fig2_architecture.ORDER_PARAMETER:
            texts[name.rpartition("-")[0] if kind == "node" else kind].append(text.get_text())
    assert texts.pop("group") == [decode(text) for text in SUBGRAPH.findall(mermaid)]
    nodes = {identity: decode(text).split("<br/>") for identity, text in NODE.findall(mermaid)}
    assert set(nodes) == set(texts) == set(identities)
    assert all(words(lines) == words(texts[identity]) for identity, lines in nodes.items())

    edges = {(source, node.id) for node in found.nodes for source in (*node.inputs, node.residual) if source}
    assert set(EDGE.findall(mermaid)) == edges
    arrows = {patch.get_gid() for patch in figure.axes[0].patches if patch.get_gid()}
    assert arrows == {f"edge-{source}-{target}" for source, target in edges}


def test_nodes_hold_the_shapes_counts_and_rates_of_their_modules():
    found = describe_architecture(make_model())
    assert found.headings() == [f"block {TIMES} 3"]
    nodes = {node.id: node for node in found.nodes}
    assert nodes["token_embedding"].parameters == 11 * 12
    assert nodes["position_embedding"].parameters == 7 * 12
    assert nodes["block_1_qkv"].details() == ["12 to 36, no bias", "432 parameters"]
    assert nodes["block_1_expand"].parameters == 12 * 48 + 48
    assert nodes["head"].parameters == 12 * 11 + 11
    assert nodes["block_1_attention"].detail == f"2 heads of 6, logits scaled by {12**-0.5:.4g}"
    assert [node.detail for node in nodes.values() if "dropout" in node.label] == ["p = 0.15"] * 3
    assert {node.id: node.residual for node in nodes.values() if node.residual} == {
        "block_1_attention_sum": "embedding_sum",
        "block_1_mlp_sum": "block_1_attention_sum",
    }


def test_only_blocks_that_are_alike_are_collapsed():
    model = make_model(n_layer=3)
    model.blocks[2].mlp.dropout.p = 0.5
    found = describe_architecture(model)
    assert found.repeats == (2, 1)
    assert found.parameter_count == count_parameters(model)
    (second,) = [node for node in found.nodes if node.id == "block_2_attention_norm"]
    assert second.inputs == ("block_1_mlp_sum",)
    check_layout(fig2_architecture.draw(asdict(found)), "four branches")


def test_a_part_that_the_diagram_would_leave_out_is_an_error():
    model = make_model()
    model.unseen = type(model.head)(3, 2)
    with pytest.raises(ValueError, match=r"accounts for [\d,]+ of [\d,]+ parameters"):
        describe_architecture(model)


def test_labels_cannot_break_the_mermaid_source():
    nodes = (Node("a", 'say "x" <b> #9'), Node("b", "+", inputs=("a",)))
    mermaid = to_mermaid(Architecture("it's: #1", nodes))
    assert "title: 'it''s: #1: 0 parameters'" in mermaid
    assert {k: decode(v) for k, v in NODE.findall(mermaid)} == {"a": 'say "x" <b> #9', "b": "+"}
    assert '"+"' not in mermaid
