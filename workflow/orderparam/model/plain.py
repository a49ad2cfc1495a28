"""The same transformer written the plain way, one head at a time, in PyTorch's own layers.

`gpt.py` is checked against it, training is timed against it, and measurements are recomputed with it.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from orderparam.settings.experiment import Run


class Head(nn.Module):
    """One head of causal attention; its logits are scaled by d_model^-1/2, times a factor."""

    visible: Tensor

    def __init__(self, run: Run) -> None:
        super().__init__()
        head_size = run.d_model // run.n_head
        self.is_uniform = run.attention == "uniform"
        self.key = nn.Linear(run.d_model, head_size, bias=False)
        self.query = nn.Linear(run.d_model, head_size, bias=False)
        self.value = nn.Linear(run.d_model, head_size, bias=False)
        self.logit_factor = run.logit_factor
        visible = torch.ones(run.context, run.context).tril().bool()
        if run.attention == "not_previous":
            visible.diagonal(-1).fill_(False)
        self.register_buffer("visible", visible, persistent=False)
        self.dropout = nn.Dropout(run.dropout if run.attention_dropout else 0.0)

    def forward(self, x: Tensor) -> Tensor:
        length, d_model = x.shape[-2:]
        logits = self.query(x) @ self.key(x).transpose(-2, -1) * (self.logit_factor * d_model**-0.5)
        if self.is_uniform:
            logits = logits * 0.0
        logits = logits.masked_fill(~self.visible[:length, :length], float("-inf"))
        return self.dropout(F.softmax(logits, dim=-1)) @ self.value(x)


class PlainBlock(nn.Module):
    """x + attention(LN(x)), then x + MLP(LN(x)); the first step is left out if attention is ablated."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.attends = run.attention != "ablated"
        if self.attends:
            self.heads = nn.ModuleList(Head(run) for _ in range(run.n_head))
            self.projection = nn.Linear(run.d_model, run.d_model)
            self.output_dropout = nn.Dropout(run.dropout if run.output_dropout else 0.0)
        self.expand = nn.Linear(run.d_model, 4 * run.d_model)
        self.contract = nn.Linear(4 * run.d_model, run.d_model)
        if self.attends:
            self.attention_norm = nn.LayerNorm(run.d_model, elementwise_affine=run.norm_parameters)
        self.mlp_norm = nn.LayerNorm(run.d_model, elementwise_affine=run.norm_parameters)
        self.dropout = nn.Dropout(run.dropout)

    def forward(self, x: Tensor) -> Tensor:
        if self.attends:
            normed = self.attention_norm(x)
            attended = torch.cat([head(normed) for head in self.heads], dim=-1)
            x = x + self.output_dropout(self.projection(attended))
        return x + self.dropout(self.contract(F.relu(self.expand(self.mlp_norm(x)))))


class PlainGPT(nn.Module):
    """Maps token ids (batch, length) to logits (batch, length, vocabulary_size).

    Construction draws PyTorch's default initial weights from its default generator.
    """

    def __init__(self, run: Run, vocabulary_size: int) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(vocabulary_size, run.d_model)
        self.position_embedding = nn.Embedding(run.context, run.d_model)
        self.blocks = nn.ModuleList(PlainBlock(run) for _ in range(run.n_layer))
        self.final_norm = nn.LayerNorm(run.d_model, elementwise_affine=run.norm_parameters)
        self.head = nn.Linear(run.d_model, vocabulary_size)

    def residual_stream(self, tokens: Tensor) -> Tensor:
        """The residual stream before the final LayerNorm, (batch, length, d_model)."""
        positions = torch.arange(tokens.shape[1], device=tokens.device)
        x: Tensor = self.token_embedding(tokens) + self.position_embedding(positions)
        for block in self.blocks:
            x = block(x)
        return x

    def logits(self, residual: Tensor) -> Tensor:
        """Logits (batch, length, vocabulary_size) of a residual stream."""
        output: Tensor = self.head(self.final_norm(residual))
        return output

    def forward(self, tokens: Tensor) -> Tensor:
        return self.logits(self.residual_stream(tokens))


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
