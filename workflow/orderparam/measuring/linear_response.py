r"""At which penalty a one-layer model's attention loses its first foothold: linear response of the loss.

The output map and the values of the heads enter a model with uniform attention as one product: position t is
given M u_t, with M = sum_h O_h V_h and u_t the mean of the normed inputs up to t. To first order the loss is

    L(M) = L(0) + <G, M> + O(|M|^2),    G = E[g_t u_t^T],

with g_t the gradient of the loss by what attention adds at t. Of all factors with the product M, the
smallest |O|^2 + |V|^2 is 2 |M|_*, twice the sum of M's singular values; balanced factors have it. So along M
= -m a b^T, with a and b the first singular vectors of G, the least penalised loss is L(0) + (2 gamma -
sigma_max(G)) m + O(m^2), and

    O = V = 0 is stable if and only if gamma > gamma_c = sigma_max(G) / 2.

What else is trained may follow M. At M = 0 it is at its own optimum, so its gradient vanishes there, and so
do its mixed second derivatives with O or V, each of which has a factor V or O. It changes the terms of
second order in M, that is whether the transition is continuous, but not gamma_c. For a linear net with the
loss E|y - O V u|^2, gamma_c is |E[y u^T]|, that of Ziyin and Ueda (2022), arXiv:2205.12510, for one hidden
layer.

With attention left uniform, the same holds of the logits' form: a head's logits are x_t^T B x_s / sqrt(d)
with B = Q^T K, and B = 0 is stable if and only if gamma > sigma_max(dL/dB) / 2. That gradient is
proportional to the head's own O V, which must be there first: the product of all four has no linear term.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from orderparam.measuring.attention import blocks_of
from orderparam.measuring.losses import TOKENS_PER_BATCH
from orderparam.model.gpt import GPT, CausalSelfAttention, hidden_positions


def critical_penalty(gradient: Tensor) -> float:
    """gamma_c of the product of two penalised factors by the mean gradient of the loss by the product.

    `gradient` is (..., rows, columns); the largest of a stack counts. Half its largest singular value.
    """
    return float(torch.linalg.matrix_norm(gradient, 2).max()) / 2


def product_gradients(model: GPT, windows: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of the mean loss (nats per character) of a one-layer model, by O V and by each head's Q^T K.

    The first, (d_model, d_model), is taken at O V = 0, the second, (heads, d_model, d_model), at the model's
    own O V, both with uniform attention; float64. `windows` are token ids (count, context + 1). A model
    without attention has no heads. Raises ValueError for more than one layer.
    """
    blocks = list(blocks_of(model))
    if len(blocks) != 1:
        raise ValueError(f"linear response is for one layer, not for {len(blocks)}")
    (block,) = blocks
    d_model = model.head.in_features
    heads = block.attention.n_head if block.attends else 0
    device = model.head.weight.device
    by_product = torch.zeros(d_model, d_model, dtype=torch.float64)
    by_form = torch.zeros(heads, d_model, d_model, dtype=torch.float64)
    model.eval()
    for part in windows.split(max(1, TOKENS_PER_BATCH[device.type] // model.context)):
        inputs, targets = part[:, :-1].to(device), part[:, 1:].to(device)
        x = model.token_embedding(inputs) + model.position_embedding.weight[: inputs.shape[1]]
        x = x.detach()
        normed = block.attention_norm(x).detach() if block.attends else F.layer_norm(x, (d_model,))
        share = len(part) / len(windows)
        product = torch.zeros(d_model, d_model, dtype=x.dtype, device=device, requires_grad=True)
        added = _uniform(normed) @ product.T
        if block.attends:
            added = added + block.attention.projection.bias
        (found,) = torch.autograd.grad(_loss(model, x + added, targets), product)
        by_product += share * found.cpu().double()
        if heads:
            form = torch.zeros(heads, d_model, d_model, dtype=x.dtype, device=device, requires_grad=True)
            added = _attend(block.attention, normed, form)
            (found,) = torch.autograd.grad(_loss(model, x + added, targets), form)
            by_form += share * found.cpu().double()
    return by_product, by_form


def _uniform(normed: Tensor) -> Tensor:
    """The mean of (batch, length, d_model) over the positions up to each."""
    return normed.cumsum(1) / torch.arange(1, normed.shape[1] + 1, device=normed.device)[:, None]


def _attend(attention: CausalSelfAttention, normed: Tensor, form: Tensor) -> Tensor:
    """The attention's output where the logits of head h are x_t^T form[h] x_s, scaled as the model's."""
    length, d_model = normed.shape[1:]
    logits = torch.einsum("btc,hcd,bsd->bhts", normed, form, normed) * attention.scale
    hidden = hidden_positions(attention.kind, length, normed.device)
    weights = logits.masked_fill(hidden, -torch.inf).softmax(-1)
    value = normed @ attention.qkv.weight[2 * d_model :].detach().T
    heads = weights @ value.unflatten(-1, (attention.n_head, -1)).transpose(1, 2)
    return attention.projection(heads.transpose(1, 2).flatten(2))


def _loss(model: GPT, x: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy with the residual stream `x` after attention."""
    (block,) = blocks_of(model)
    residual = x + block.mlp(block.mlp_norm(x))
    return F.cross_entropy(model.logits(residual).flatten(0, 1), targets.flatten())
