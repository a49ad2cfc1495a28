"""The decoder-only transformer under study: pre-LayerNorm, learned positions, ReLU, an untied head with bias.

Two choices differ from common practice and are part of the protocol: attention logits are scaled by
d_model^-1/2 (not head_size^-1/2), and parameters keep PyTorch's default initialisation.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from orderparam.model.linear import Linear, LinearReLU
from orderparam.settings.experiment import Attention, Run

QUERY_CHUNKS = 4


class Dropout(nn.Module):
    """Inverted dropout whose CPU masks come from 16 random bits an element.

    On a CPU, `bernoulli_` costs more than the layers around it; 16 bits give the drop probability
    to within 2^-17, and survivors are scaled by the exact inverse of the share kept. Masks are drawn
    from PyTorch's default generator. In evaluation mode this is the identity.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self._dropped = round(p * 2**16)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        if not x.is_cpu:
            return F.dropout(x, self.p)
        bits = torch.empty((x.numel() + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
        kept = bits.view(torch.int16)[: x.numel()].view(x.shape) >= self._dropped - 2**15
        return x * kept.to(x.dtype).mul_(2**16 / (2**16 - self._dropped))


def hidden_positions(kind: Attention, length: int, device: torch.device) -> Tensor:
    """Whether a query (row) may not attend to a key (column), bool (length, length).

    Later keys are hidden, and with `not_previous` the one just before; a query sees itself always.
    """
    everything = torch.ones(length, length, dtype=torch.bool, device=device)
    hidden = everything.triu(1)
    return hidden | (everything.tril(-1) & everything.triu(-1)) if kind == "not_previous" else hidden


class CausalSelfAttention(nn.Module):
    """Multi-head causal attention with one fused, bias-free map for queries, keys and values.

    `qkv.weight` has shape (3 * d_model, d_model): all heads' queries, then keys, then values.
    """

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.n_head = run.n_head
        self.kind = run.attention
        self.is_uniform = run.attention == "uniform"
        self.scale = run.logit_factor * run.d_model**-0.5
        self.qkv = nn.utils.skip_init(Linear, run.d_model, 3 * run.d_model, bias=False)
        self._draw_head_by_head(run.d_model, run.n_head)
        self.projection = Linear(run.d_model, run.d_model)
        with torch.no_grad():
            for weight in (self.qkv.weight[2 * run.d_model :], self.projection.weight):
                weight.mul_(run.value_output_scale)
        self.attention_dropout = Dropout(run.dropout if run.attention_dropout else 0.0)
        self.output_dropout = Dropout(run.dropout if run.output_dropout else 0.0)

    @torch.no_grad()
    def _draw_head_by_head(self, d_model: int, n_head: int) -> None:
        # As if each head's maps were built apart, key, query, value: so a seed gives the article's weights.
        query, key, value = self.qkv.weight.view(3, n_head, d_model // n_head, d_model)
        for head in range(n_head):
            for weight in (key[head], query[head], value[head]):
                nn.init.kaiming_uniform_(weight, a=math.sqrt(5))

    def forward(self, x: Tensor) -> Tensor:
        batch, length, d_model = x.shape
        qkv = self.qkv(x).view(batch, length, 3, self.n_head, d_model // self.n_head)
        query, key, value = (each.transpose(1, 2) for each in qkv.unbind(2))
        if self.is_uniform:
            query = torch.zeros_like(query)
        if self.training and self.attention_dropout.p > 0 and x.is_cpu:
            heads = self._attend_in_chunks(query, key, value)
        else:
            visible = ~hidden_positions(self.kind, length, x.device) if self.kind == "not_previous" else None
            heads = F.scaled_dot_product_attention(
                query,
                key,
                value,
                attn_mask=visible,
                dropout_p=self.attention_dropout.p if self.training else 0.0,
                is_causal=visible is None,
                scale=self.scale,
            )
        return self.output_dropout(self.projection(heads.transpose(1, 2).reshape(x.shape)))

    def _attend_in_chunks(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        # PyTorch has no fused CPU kernel with dropout. Chunks of queries see only the keys they may
        # attend to, so that most of the masked half is never computed.
        batch, n_head, length, head_size = query.shape
        query, key, value = (t.reshape(batch * n_head, length, head_size) for t in (query, key, value))
        query = query * self.scale
        key = key.transpose(1, 2)
        hidden = hidden_positions(self.kind, length, query.device)
        mask = query.new_zeros(length, length).masked_fill_(hidden, -math.inf)
        chunk = -(-length // QUERY_CHUNKS)
        outputs = []
        for start in range(0, length, chunk):
            end = min(start + chunk, length)
            logits = torch.baddbmm(mask[start:end, :end], query[:, start:end], key[:, :, :end])
            weights = self.attention_dropout(logits.softmax(-1))
            outputs.append(weights @ value[:, :end])
        return torch.cat(outputs, 1).view(batch, n_head, length, head_size)


class MLP(nn.Module):
    """d_model -> 4 d_model -> d_model with ReLU between and dropout at the end."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.expand = LinearReLU(run.d_model, 4 * run.d_model)
        self.contract = Linear(4 * run.d_model, run.d_model)
        self.dropout = Dropout(run.dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.contract(self.expand(x)))


def layer_norm(run: Run) -> nn.LayerNorm:
    """A LayerNorm over channels, with gain and bias if `run` has them."""
    return nn.LayerNorm(run.d_model, elementwise_affine=run.norm_parameters)


class Block(nn.Module):
    """x + attention(LN(x)), then x + MLP(LN(x)); the first step is left out if attention is ablated."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        # Drawn even if ablated, so that all other initial weights are those of the whole model.
        drawn = CausalSelfAttention(run)
        self.attends = run.attention != "ablated"
        if self.attends:
            self.attention_norm = layer_norm(run)
            self.attention = drawn
        self.mlp_norm = layer_norm(run)
        self.mlp = MLP(run)

    def forward(self, x: Tensor) -> Tensor:
        if self.attends:
            x = x + self.attention(self.attention_norm(x))
        return x + self.mlp(self.mlp_norm(x))


class GPT(nn.Module):
    """The language model; token ids (batch, length) int64 in, logits (batch, length, vocabulary) out.

    Construction draws the initial weights from PyTorch's default CPU generator, in the order token
    embedding, position embedding, blocks, head. `build_model_of_run` does so from a seed.
    """

    def __init__(self, run: Run, vocabulary_size: int) -> None:
        super().__init__()
        self.context = run.context
        self.token_embedding = nn.Embedding(vocabulary_size, run.d_model)
        self.position_embedding = nn.Embedding(run.context, run.d_model)
        self.blocks = nn.ModuleList(Block(run) for _ in range(run.n_layer))
        self.final_norm = layer_norm(run)
        self.head = Linear(run.d_model, vocabulary_size)

    def residual_stream(self, tokens: Tensor) -> Tensor:
        """The residual stream before the final LayerNorm, (batch, length, d_model)."""
        x: Tensor = self.token_embedding(tokens) + self.position_embedding.weight[: tokens.shape[1]]
        for block in self.blocks:
            x = block(x)
        return x

    def logits(self, residual: Tensor) -> Tensor:
        """Logits (batch, length, vocabulary) of a residual stream."""
        output: Tensor = self.head(self.final_norm(residual))
        return output

    def forward(self, tokens: Tensor) -> Tensor:
        return self.logits(self.residual_stream(tokens))


def build_model_of_run(run: Run, seed: int, vocabulary_size: int) -> GPT:
    """The GPT of `run` on the CPU, with the initial weights of `seed`.

    PyTorch's default generator is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return GPT(run, vocabulary_size)


def count_parameters(model: nn.Module) -> int:
    """Number of trainable scalars."""
    return sum(p.numel() for p in model.parameters())
