"""Text sampled from a model, one character after the other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from orderparam.model.gpt import GPT
from orderparam.text.vocabulary import Vocabulary, load_vocabulary
from orderparam.training.checkpoints import checkpoint_path, load_model
from orderparam.training.device import resolve_device

FIRST_TOKEN = 0


@dataclass(frozen=True)
class TextSampler:
    """The model of one checkpoint, on the device that samples, and its vocabulary."""

    model: GPT
    vocabulary: Vocabulary

    @classmethod
    def load(cls, checkpoints: Path, seed: int, step: int, vocabulary: Path, device: str) -> TextSampler:
        """Load both; raises RecordError for files, TrainingError for a device that cannot be used."""
        model = load_model(checkpoint_path(checkpoints, seed, step))
        return cls(model.to(resolve_device(device)), load_vocabulary(vocabulary))

    def sample(
        self, characters: int, temperature: float, seed: int, *, dropout: bool = False
    ) -> tuple[str, list[int]]:
        """A text of so many characters, and its token ids; see `sample_tokens`."""
        tokens = sample_tokens(self.model, characters, temperature, seed, dropout=dropout)
        return self.vocabulary.decode(tokens), tokens


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
