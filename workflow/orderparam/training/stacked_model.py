"""Several models of one architecture as one: every parameter gains a leading dimension, a place per seed.

The forward pass is that of `orderparam.model.gpt`, in batched operations that keep the seeds apart, so that
a GPU is given one large kernel where the models one by one would give it many small ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.nn import functional as F

from orderparam.errors import TrainingError
from orderparam.measuring.losses import TOKENS_PER_BATCH, SplitMeasurement
from orderparam.model.gpt import GPT, hidden_positions
from orderparam.settings.experiment import Run

# Windows of all seeds together: with dropout, PyTorch's memory-efficient attention fails on more.
ATTENDED_AT_ONCE = 65_535


class StackedGPT:
    """The models of S seeds; `weights` has a GPT's parameters by name, each of shape (S, ...)."""

    def __init__(self, run: Run, models: Sequence[GPT]) -> None:
        """Raises TrainingError unless the stack computes what each of the models, on one device, does."""
        self.run = run
        self.training = True
        parameters = [dict(model.named_parameters()) for model in models]
        self.weights = {
            name: Parameter(torch.stack([own[name].detach() for own in parameters])) for name in parameters[0]
        }
        self._check(models)

    @property
    def seeds(self) -> int:
        """S, the number of models."""
        return len(self.weights["head.weight"])

    @torch.no_grad()
    def copy_to(self, models: Sequence[GPT]) -> None:
        """Give each of S models the weights of its seed."""
        for seed, model in enumerate(models):
            for name, parameter in model.named_parameters():
                parameter.copy_(self.weights[name][seed])

    def losses(self, windows: Tensor) -> tuple[Tensor, Tensor]:
        """Each position's cross-entropy in nats, and the residual stream before the final LayerNorm.

        `windows` are token ids, int64 (S, B, T + 1); the results have shapes (S, B * T), float32, and
        (S, B * T, d_model).
        """
        inputs, targets = windows[..., :-1], windows[..., 1:]
        residual = self.residual_stream(inputs)
        logits = self.logits(residual)
        losses = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
        return losses.view(self.seeds, -1), residual

    def residual_stream(self, tokens: Tensor) -> Tensor:
        """The residual stream before the final LayerNorm: (S, B, T) in, (S, B * T, d_model) out."""
        seeds, _, length = tokens.shape
        table = self.weights["token_embedding.weight"]
        first = torch.arange(seeds, device=tokens.device).view(seeds, 1, 1) * table.shape[1]
        positions = self.weights["position_embedding.weight"][:, None, :length]
        x = (F.embedding(tokens + first, table.flatten(0, 1)) + positions).flatten(1, 2)
        for layer in range(self.run.n_layer):
            block = f"blocks.{layer}"
            if self.run.attention != "ablated":
                normed = self._layer_norm(x, f"{block}.attention_norm")
                x = x + self._attention(normed, f"{block}.attention", length)
            hidden = F.relu(self._linear(self._layer_norm(x, f"{block}.mlp_norm"), f"{block}.mlp.expand"))
            x = x + self._dropout(self._linear(hidden, f"{block}.mlp.contract"))
        return x

    def logits(self, residual: Tensor) -> Tensor:
        """Logits (S, N, vocabulary) of a residual stream (S, N, d_model)."""
        return self._linear(self._layer_norm(residual, "final_norm"), "head")

    def _linear(self, x: Tensor, name: str) -> Tensor:
        weight, bias = self.weights[f"{name}.weight"], self.weights.get(f"{name}.bias")
        if bias is None:
            return torch.bmm(x, weight.mT)
        return torch.baddbmm(bias[:, None], x, weight.mT)

    def _layer_norm(self, x: Tensor, name: str) -> Tensor:
        normed = F.layer_norm(x, x.shape[-1:])
        if not self.run.norm_parameters:
            return normed
        weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        return torch.addcmul(bias[:, None], normed, weight[:, None])

    def _attention(self, x: Tensor, name: str, length: int) -> Tensor:
        d_model, n_head = self.run.d_model, self.run.n_head
        qkv = self._linear(x, f"{name}.qkv").view(-1, length, 3, n_head, d_model // n_head)
        if len(qkv) <= ATTENDED_AT_ONCE:
            heads = self._attend(qkv)
        else:
            heads = torch.cat([self._attend(part) for part in qkv.split(ATTENDED_AT_ONCE)])
        joined = heads.transpose(1, 2).reshape(x.shape)
        output = self._linear(joined, f"{name}.projection")
        return self._dropout(output) if self.run.output_dropout else output

    def _attend(self, qkv: Tensor) -> Tensor:
        """(W, T, 3, heads, head size) in, (W, heads, T, head size) out."""
        query, key, value = (each.transpose(1, 2) for each in qkv.unbind(2))
        if self.run.attention == "uniform":
            query = torch.zeros_like(query)
        kind, visible = self.run.attention, None
        if kind == "not_previous":
            visible = ~hidden_positions(kind, query.shape[-2], query.device)
        return F.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=visible,
            dropout_p=self.run.dropout if self.training and self.run.attention_dropout else 0.0,
            is_causal=visible is None,
            scale=self.run.logit_factor * self.run.d_model**-0.5,
        )

    def _dropout(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.run.dropout) if self.training and self.run.dropout else x

    @torch.no_grad()
    def _check(self, models: Sequence[GPT]) -> None:
        """The stack has an architecture of its own, and must refuse a model that has come to differ."""
        vocabulary_size = self.weights["token_embedding.weight"].shape[1]
        device = self.weights["head.weight"].device
        tokens = torch.arange(self.run.context, device=device).remainder(vocabulary_size)[None]
        expected = torch.stack([model.eval()(tokens)[0] for model in models])
        self.training = False
        found = self.logits(self.residual_stream(tokens.expand(self.seeds, 1, -1)))
        self.training = True
        if not torch.allclose(found, expected, rtol=1e-3, atol=1e-3):
            raise TrainingError(
                f"{self.run.experiment} {self.run.size}: the stacked engine does not compute this model, "
                "which has an option that only the sequential one knows; set seeds_per_job to 1"
            )


@torch.no_grad()
def measure_stack(
    model: StackedGPT,
    tokens: Tensor,
    starts: Tensor,
    between_batches: Callable[[], None] = lambda: None,
) -> list[SplitMeasurement]:
    """What `measure_split` measures, for each seed, over the windows of `tokens` (on the device) at `starts`.

    Sums are in float64 on the device, which is read once.
    """
    seeds, context = model.seeds, model.run.context
    per_batch = max(1, TOKENS_PER_BATCH[tokens.device.type] // (context * seeds))
    offsets = torch.arange(context + 1, device=tokens.device)
    sums = torch.zeros(2, seeds, dtype=torch.float64, device=tokens.device)
    model.training = False
    for part in starts.split(per_batch):
        between_batches()
        windows = tokens[part[:, None] + offsets].long()
        losses, residual = model.losses(windows.expand(seeds, -1, -1))
        sums[0] += losses.sum(1, dtype=torch.float64)
        sums[1] += residual.abs().mean(-1).sum(1, dtype=torch.float64)
    model.training = True
    means = (sums / (len(starts) * context)).T.tolist()
    return [SplitMeasurement(loss, magnetization) for loss, magnetization in means]
