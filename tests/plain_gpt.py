"""The oracle: the same transformer written the plain way, one head at a time, and slow."""

import torch
from torch import nn
from torch.nn import functional as F


class Head(nn.Module):
    def __init__(self, d_model, head_size, context, dropout):
        super().__init__()
        self.key = nn.Linear(d_model, head_size, bias=False)
        self.query = nn.Linear(d_model, head_size, bias=False)
        self.value = nn.Linear(d_model, head_size, bias=False)
        self.register_buffer("visible", torch.ones(context, context).tril().bool())
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        length, d_model = x.shape[-2:]
        logits = self.query(x) @ self.key(x).transpose(-2, -1) * d_model**-0.5
        logits = logits.masked_fill(~self.visible[:length, :length], float("-inf"))
        return self.dropout(F.softmax(logits, dim=-1)) @ self.value(x)


class PlainBlock(nn.Module):
    def __init__(self, d_model, n_head, context, dropout):
        super().__init__()
        heads = [Head(d_model, d_model // n_head, context, dropout) for _ in range(n_head)]
        self.heads = nn.ModuleList(heads)
        self.projection = nn.Linear(d_model, d_model)
        self.expand = nn.Linear(d_model, 4 * d_model)
        self.contract = nn.Linear(4 * d_model, d_model)
        self.attention_norm = nn.LayerNorm(d_model)
        self.mlp_norm = nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        normed = self.attention_norm(x)
        attended = torch.cat([head(normed) for head in self.heads], dim=-1)
        x = x + self.dropout(self.projection(attended))
        return x + self.dropout(self.contract(F.relu(self.expand(self.mlp_norm(x)))))


class PlainGPT(nn.Module):
    def __init__(self, vocabulary_size, context, d_model, n_head, n_layer, dropout):
        super().__init__()
        self.token_embedding = nn.Embedding(vocabulary_size, d_model)
        self.position_embedding = nn.Embedding(context, d_model)
        self.blocks = nn.ModuleList([PlainBlock(d_model, n_head, context, dropout) for _ in range(n_layer)])
        self.final_norm = nn.LayerNorm(d_model)
        self.head = nn.Linear(d_model, vocabulary_size)

    def forward(self, tokens):
        positions = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.token_embedding(tokens) + self.position_embedding(positions)
        for block in self.blocks:
            x = block(x)
        return self.head(self.final_norm(x))


def plain_state(model):
    """The state of a fused model (an orderparam GPT or one of its gradients) under the oracle's names."""
    return rename_to_plain(model.state_dict(), model.blocks[0].attention.n_head)


def rename_to_plain(state, n_head):
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
