"""Text sampled from a model, one character after the other."""

from __future__ import annotations

import torch

from orderparam.model import GPT

FIRST_TOKEN = 0


@torch.no_grad()
def sample_tokens(model: GPT, count: int, temperature: float, seed: int, *, dropout: bool) -> list[int]:
    """`count` token ids drawn after token 0, each from the softmax of logits / temperature.

    The context is cropped to the model's last `context` tokens. With `dropout`, dropout stays active
    while sampling. The model is left in evaluation mode; draws come from a generator of their own,
    dropout masks from PyTorch's default one, both seeded with `seed`.
    """
    generator = torch.Generator().manual_seed(seed)
    device = model.head.weight.device
    model.train(dropout)
    tokens = [FIRST_TOKEN]
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for _ in range(count):
            window = torch.tensor([tokens[-model.context :]], device=device)
            residual = model.residual_stream(window)[:, -1:]
            logits = model.logits(residual)[0, 0].cpu()
            probabilities = torch.softmax(logits / temperature, -1)
            tokens.append(int(torch.multinomial(probabilities, 1, generator=generator)))
    model.eval()
    return tokens[1:]
