"""The same transformer written the plain way, one head at a time: what `gpt.py` is checked against."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from orderparam.settings.experiment import Run


class Head(nn.Module):
    """One head of causal attention; its logits are scaled by d_model^-1/2."""

    visible: Tensor

    def __init__(self, d_model: int, head_size: int, context: int, dropout: float) -> None:
        super().__init__()
        self.key = nn.Linear(d_model, head_size, bias=False)
        self.query = nn.Linear(d_model, head_size, bias=False)
        self.value = nn.Linear(d_model, head_size, bias=False)
        self.register_buffer("visible", torch.ones(context, context).tril().bool())
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        length, d_model = x.shape[-2:]
        logits = self.query(x) @ self.key(x).transpose(-2, -1) * d_model**-0.5
        logits = logits.masked_fill(~self.visible[:length, :length], float("-inf"))
        return self.dropout(F.softmax(logits, dim=-1)) @ self.value(x)


class PlainBlock(nn.Module):
    """x + attention(LN(x)), then x + MLP(LN(x))."""

    def __init__(self, d_model: int, n_head: int, context: int, dropout: float) -> None:
        super().__init__()
        heads = [Head(d_model, d_model // n_head, context, dropout) for _ in range(n_head)]
        self.heads = nn.ModuleList(heads)
        self.projection = nn.Linear(d_model, d_model)
        self.expand = nn.Linear(d_model, 4 * d_model)
        self.contract = nn.Linear(4 * d_model, d_model)
        self.attention_norm = nn.LayerNorm(d_model)
        self.mlp_norm = nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        normed = self.attention_norm(x)
        attended = torch.cat([head(normed) for head in self.heads], dim=-1)
        x = x + self.dropout(self.projection(attended))
        return x + self.dropout(self.contract(F.relu(self.expand(self.mlp_norm(x)))))


class PlainGPT(nn.Module):
    """Maps token ids (batch, length) to logits (batch, length, vocabulary_size)."""

    def __init__(
        self, vocabulary_size: int, context: int, d_model: int, n_head: int, n_layer: int, dropout: float
    ) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(vocabulary_size, d_model)
        self.position_embedding = nn.Embedding(context, d_model)
        self.blocks = nn.ModuleList([PlainBlock(d_model, n_head, context, dropout) for _ in range(n_layer)])
        self.final_norm = nn.LayerNorm(d_model)
        self.head = nn.Linear(d_model, vocabulary_size)

    def forward(self, tokens: Tensor) -> Tensor:
        positions = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.token_embedding(tokens) + self.position_embedding(positions)
        for block in self.blocks:
            x = block(x)
        return self.head(self.final_norm(x))


def build_plain(run: Run, vocabulary_size: int) -> PlainGPT:
    """The plain model of a run, with PyTorch's default initial weights."""
    return PlainGPT(vocabulary_size, run.context, run.d_model, run.n_head, run.n_layer, run.dropout)


def rename_to_plain(state: Mapping[str, Tensor], n_head: int) -> dict[str, Tensor]:
    """The state (or gradients) of a `gpt.GPT` under the plain model's names; a view of the same tensors."""
    plain = {}
    for name, tensor in state.items():
        if name.endswith("attention.qkv.weight"):
            block = name.removesuffix("attention.qkv.weight")
            parts = zip(("query", "key", "value"), tensor.chunk(3), strict=True)
            for part, rows in parts:
                for head, weight in enumerate(rows.chunk(n_head)):
                    plain[f"{block}heads.{head}.{part}.weight"] = weight
        else:
            renamed = name.replace("attention.projection", "projection").replace("mlp.", "")
            plain[renamed] = tensor
    return plain
