"""What a model's attention looks at, and how large its products of weights are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

import torch
from torch import Tensor

from orderparam.model.gpt import GPT, Block, CausalSelfAttention, hidden_positions


def attention_weights(attention: CausalSelfAttention, x: Tensor) -> Tensor:
    """Softmax weights (batch, n_head, length, length), without dropout, of normed inputs.

    The inputs are (batch, length, d_model).
    """
    batch, length, d_model = x.shape
    qkv = attention.qkv(x).view(batch, length, 3, attention.n_head, d_model // attention.n_head)
    query, key, _ = qkv.permute(2, 0, 3, 1, 4)
    hidden = hidden_positions(attention.kind, length, x.device)
    logits = (query * (0.0 if attention.is_uniform else attention.scale)) @ key.mT
    weights: Tensor = logits.masked_fill(hidden, -torch.inf).softmax(-1)
    return weights


def blocks_of(model: GPT) -> Iterable[Block]:
    """The model's blocks, in order."""
    return cast("Iterable[Block]", model.blocks)


def attentions_of(model: GPT) -> Iterator[CausalSelfAttention]:
    """The attention of each block that has one."""
    return (block.attention for block in blocks_of(model) if block.attends)


@torch.no_grad()
def attention_excess(model: GPT, inputs: Tensor) -> float:
    """Mean weight on the previous token less that of uniform attention, of the head that has most.

    `inputs` are token ids (batch, length). The mean is over the positions that have a previous token, where
    uniform attention has the mean of 1/2, 1/3, ... Without attention, or a previous token, it is 0.
    """
    length = inputs.shape[1]
    if length < 2:
        return 0.0
    model.eval()
    uniform = float((1 / torch.arange(2, length + 1, dtype=torch.float64)).mean())
    found = [0.0]
    x = model.token_embedding(inputs) + model.position_embedding.weight[:length]
    for block in blocks_of(model):
        if block.attends:
            weights = attention_weights(block.attention, block.attention_norm(x))
            masses = weights.diagonal(-1, 2, 3).cpu().double().mean((0, 2))
            found.append(float(masses.max()) - uniform)
        x = block(x)
    return max(found, key=abs)


def value_output_norm(model: GPT) -> float:
    """norm_F(O V), O V summed over the heads, of the layer where it is largest; 0 without attention."""
    products = (a.projection.weight.detach().cpu().double() @ _maps(a)[2] for a in attentions_of(model))
    return max((_norm(product) for product in products), default=0.0)


def query_key_norm(model: GPT) -> float:
    """norm_F(Q^T K) / sqrt(d_model) of the head where it is largest, of those that use them."""
    heads = (product for a in attentions_of(model) if not a.is_uniform for product in _query_keys(a))
    return max((_norm(product) for product in heads), default=0.0)


def singular_values(attention: CausalSelfAttention) -> dict[str, Tensor]:
    """Of each head's O V (`value_output`) and Q^T K / sqrt(d_model) (`query_key`), falling.

    (n_head, head size), float64, on the CPU. A penalty gamma (|A|^2 + |B|^2) on the factors of A B is, at its
    least, 2 gamma times the sum of these (Srebro et al. 2004), so that it favours few of them.
    """
    output = attention.projection.weight.detach().cpu().double().chunk(attention.n_head, dim=1)
    values = _maps(attention)[2].chunk(attention.n_head)
    value_outputs = torch.stack([o @ v for o, v in zip(output, values, strict=True)])
    products = {"value_output": value_outputs, "query_key": torch.stack(_query_keys(attention))}
    size = output[0].shape[1]
    return {name: torch.linalg.svdvals(product)[:, :size] for name, product in products.items()}


def _query_keys(attention: CausalSelfAttention) -> list[Tensor]:
    """Q^T K / sqrt(d_model) of each head."""
    query, key, _ = (part.chunk(attention.n_head) for part in _maps(attention))
    return [q.mT @ k * q.shape[1] ** -0.5 for q, k in zip(query, key, strict=True)]


def _maps(attention: CausalSelfAttention) -> tuple[Tensor, Tensor, Tensor]:
    query, key, value = attention.qkv.weight.detach().cpu().double().chunk(3)
    return query, key, value


def _norm(matrix: Tensor) -> float:
    return float(torch.linalg.vector_norm(matrix))
